// One list of behaviours over every way a message can go.

import test from 'ava';
import { scenarios } from '../support/scenarios.mjs';
import { wireServer } from '../support/wire.mjs';

const ways: [string, boolean, (wire: any) => Promise<any>][] = [
  ['native, binary profile, Unix socket', false, (wire) => wire.native({ clientId: 'subject' })],
  ['native, binary profile, TCP', true, (wire) => wire.native({ clientId: 'subject' })],
  ['raw peer, JSON profile, Unix socket', false, (wire) => wire.client({ clientId: 'subject' })],
  ['raw peer, JSON profile, TCP', true, (wire) => wire.client({ clientId: 'subject' })],
];

for (const [way, tcp, join] of ways) {
  for (const { name, run } of scenarios) {
    test(`${name} (${way})`, async (t) => {
      const wire = await wireServer(t, { tcp });
      await run(t, { server: wire.server, client: await join(wire), id: 'subject' });
      await wire.unharmed();
    });
  }
}
