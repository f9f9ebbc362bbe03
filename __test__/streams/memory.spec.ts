// Streams between two processes of one machine pass through memory that both have mapped,
// and nothing of it is left when they are over.
import test from 'ava';
import { freePort, startChild, tempSocket } from '../support/helpers.cjs';
import { hasProc } from '../support/children/measure.cjs';
import { KIB, MEMORY, MIB } from '../support/streams.mjs';

const SIZE = 8 * MIB + 4321;
const NOTHING = { mapped: 0, resident: [], open: 0 };
/** All of it is in use by the middle of the stream. */
const ONE = { mapped: 1, resident: [MEMORY / KIB], open: 0 };

const over = hasProc ? test : test.skip;

/** A server and a client that are connected, each a process. */
async function start(t: any, address: object, roles: (role: string) => object) {
  const ends: any = {};
  for (const role of ['server', 'client']) {
    ends[role] = startChild(t, 'memory-end', { address, role, size: SIZE, ...roles(role) }, { channel: true });
    await ends[role].report('ready');
  }
  return ends;
}

/** Two processes whose stream has come to its middle. */
async function halfway(t: any, sender: string, address: object) {
  const ends = await start(t, address, (role) => ({ sends: role === sender, receives: role !== sender }));
  const receiver = sender === 'client' ? 'server' : 'client';
  await ends[receiver].report('half');
  return { from: ends[sender], to: ends[receiver] };
}

/** What a process has of memory for streams. */
async function look(end: any) {
  end.process.send('look');
  const { mapped, resident, open, driver } = await end.report('looked');
  return { found: { mapped, resident, open }, driver };
}

/** Whether both have what they should have, which depends on the driver. */
async function shares(t: any, ends: any[], expected = ONE) {
  for (const end of ends) {
    const { found, driver } = await look(end);
    t.deepEqual(found, driver === 'loop' ? expected : NOTHING);
  }
}

for (const sender of ['client', 'server']) {
  over(`the bytes of a long stream of the ${sender} pass through memory, and arrive as they are`, async (t) => {
    const { from, to } = await halfway(t, sender, { socketPath: tempSocket(t) });
    await shares(t, [from, to]);
    to.process.send('go');
    const received = await to.report('received');
    const { hash } = await from.report('sent');
    t.deepEqual(received, { event: 'received', hash, bytes: SIZE });
    for (const end of [from, to]) t.deepEqual((await look(end)).found, NOTHING);
  });

  for (const killed of ['from', 'to'] as const) {
    over(`of a stream of the ${sender} whose ${killed === 'from' ? 'sender' : 'receiver'} is killed nothing is left`, async (t) => {
      const ends = await halfway(t, sender, { socketPath: tempSocket(t) });
      await shares(t, [ends.from, ends.to]);
      const other = killed === 'from' ? ends.to : ends.from;
      ends[killed].kill('SIGKILL');
      const { error } = await other.report(killed === 'from' ? 'received' : 'sent');
      t.truthy(error);
      t.deepEqual((await look(other)).found, NOTHING);
    });
  }
}

over('streams both ways at once have one each', async (t) => {
  const { server, client } = await start(t, { socketPath: tempSocket(t) }, () => ({ sends: true, receives: true }));
  for (const end of [server, client]) await end.report('half');
  await shares(t, [server, client], { mapped: 2, resident: [MEMORY / KIB, MEMORY / KIB], open: 0 });
  for (const end of [server, client]) end.process.send('go');
  for (const [from, to] of [[server, client], [client, server]]) {
    const { hash } = await from.report('sent');
    t.deepEqual(await to.report('received'), { event: 'received', hash, bytes: SIZE });
  }
  for (const end of [server, client]) t.deepEqual((await look(end)).found, NOTHING);
});

over('streams over TCP have none', async (t) => {
  const { from, to } = await halfway(t, 'client', { host: '127.0.0.1', port: await freePort() });
  for (const end of [from, to]) t.deepEqual((await look(end)).found, NOTHING);
  to.process.send('go');
  const { hash } = await to.report('received');
  t.is((await from.report('sent')).hash, hash);
});
