// Bytes that are no protocol, before and after the registration, to either role.
// Only the connection they came on may suffer.

import { caseTest, closedWith, heavyCaseTest } from '../support/conformance.mjs';
import { failure } from '../support/helpers.cjs';
import { hostileIn, ofStrangers } from '../support/hostile.mjs';
import { frame } from '../support/raw-peer.mjs';
import { subject, WAYS } from '../support/subject.mjs';
import { REASONS } from '../support/talker.mjs';
import { wireServer } from '../support/wire.mjs';

const PROMPTLY = 1000;
const ALL = 'F1, F2, F3, F4, F10, F11, F12, F14';

for (const way of WAYS) {
  for (const [number, what, bytes, reason] of hostileIn(way.profile)) {
    const title = `${what} closes its connection`;
    heavyCaseTest(number, title, async (t) => {
      const one = await subject(t, way);
      const left = one.left(PROMPTLY);
      await one.talker.write(bytes);

      t.is(await left, reason);
      await one.talker.closed({ timeout: PROMPTLY });
      const [goodbye, ...others] = one.talker.frames;
      t.is(REASONS[goodbye.reason], reason, 'it is told why');
      t.deepEqual(others, []);
      t.is(one.metrics.closeReasons[reason], 1);
      t.deepEqual(one.notes.calls, [], 'no handler was called');
      closedWith(t, reason);
      await one.unharmed();
    }, way);
  }
}

for (const transport of ['unix', 'tcp'] as const) {
  heavyCaseTest(ALL, 'the same from strangers: closed, nothing echoed', async (t) => {
    const wire = await wireServer(t, { tcp: transport === 'tcp' });
    const expected: Record<string, number> = {};
    for (const { what, bytes, reason } of ofStrangers()) {
      const peer = await wire.raw();
      await peer.write(bytes);
      const { bytesReceived } = await peer.closed({ what: `the connection with ${what}`, timeout: PROMPTLY });
      t.is(bytesReceived, 0, what);
      expected[reason] = (expected[reason] || 0) + 1;
      await wire.untilCloses(reason, expected[reason]);
    }
    t.deepEqual(wire.server.getStats().metrics.closeReasons, expected);
    t.deepEqual(wire.calls.calls, []);
    await wire.admits();
    await wire.unharmed();
  }, { role: 'server', profile: 'json', transport });
}

heavyCaseTest(ALL, 'the same in place of the answer to our registration', async (t) => {
  const one: any = await subject(t, { role: 'client', profile: 'json' });
  for (const { what, bytes, error: expected } of ofStrangers()) {
    await one.endpoint.disconnect();
    const refused = failure(() => one.endpoint.connect());
    const talker = await one.accept();
    await talker.write(bytes);
    const error = await refused;
    t.regex(error.message, /^Failed to register: /, what);
    t.deepEqual([error.code, error.origin], expected, what);
    await talker.closed({ what: `the connection with ${what}`, timeout: PROMPTLY });
  }
  t.deepEqual(one.notes.calls, []);
  await one.unharmed();
}, { role: 'client', profile: 'json' });

for (const way of WAYS) {
  caseTest('F13', 'what a later version may add is skipped', async (t) => {
    const one = await subject(t, way);
    if (way.profile === 'json') {
      await one.talker.send({ type: 'note', payload: 'known', version: 9, deep: { a: [null] }, payload2: 'no', 'x-list': [1] });
      await one.talker.send({ type: '__from_the_future__', payload: { a: 1 }, priority: 1 });
    } else {
      for (let kind = 0x1a; kind <= 0x1f; kind++) await one.talker.write(frame(Buffer.from([kind, 1, 2, 3])));
      // Numbers may be written longer than they need be.
      await one.talker.write(frame(Buffer.from([0x0e, 0x85, 0x00])));
      await one.talker.expect('PONG', ({ id }: any) => id === 5);
      await one.talker.say({ kind: 'MESSAGE', type: 'note', body: { payload: 'known' } });
    }
    t.deepEqual(await one.notes.until(1), [['known']]);
    await one.works();
    t.is(one.notes.calls.length, 1);
  }, way);

  caseTest('F14', 'a type of 256 bytes is delivered', async (t) => {
    const one = await subject(t, way);
    for (const type of ['x'.repeat(256), 'ü'.repeat(128)]) {
      one.onMessage(type, (payload: unknown) => payload);
      t.is(await one.talker.ask(7, type, 'in full'), 'in full');
      const asked = one.request(type, 'the other way');
      const request = await one.talker.expect('REQUEST');
      t.is(request.type, type);
      await one.talker.say({ kind: 'RESPONSE', id: request.id, body: { payload: 1 } });
      t.is(await asked, 1);
      t.is((await failure(() => one.request(`${type}x`, 1))).name, 'RangeError');
    }
    await one.works();
  }, way);
}
