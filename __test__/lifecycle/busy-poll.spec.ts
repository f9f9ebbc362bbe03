import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, tempSocket } from '../support/helpers.cjs';

// One process is both ends here, so that the loop which stays awake is our own.
// Serial: whatever else runs in this process would keep it awake as well.
const LONG = 20e3;
const driver = process.env.SMARTIPC_DRIVER || (process.platform === 'win32' ? 'tokio' : 'loop');

async function pair(t: any, options: { server?: object; client?: object }) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'busy', socketPath, ...options.server }));
  server.onMessage('echo', (payload: unknown) => payload);
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'busy', socketPath, clientOnly: true, ...options.client }));
  await client.connect();
  return { server, client };
}

/** How many turns the loop makes while it has nothing to do for 5 ms but wait. */
async function turns() {
  const { uvMetricsInfo } = performance.nodeTiming as any;
  const before = uvMetricsInfo.loopCount;
  await pause(5);
  return (performance.nodeTiming as any).uvMetricsInfo.loopCount - before;
}

/** A loop that sleeps makes a handful: for timers, and for the messages of the test runner. */
const FEW = 100;

/**
 * Whether the loop stays awake after traffic. Asked for some time, as it gives up by
 * itself where other programs want the CPU, and takes it up again now and then.
 */
async function staysAwake(client: any) {
  const until = performance.now() + 60_000;
  while (performance.now() < until) {
    for (let n = 0; n < 100; n++) await client.request('echo', n);
    if ((await turns()) > FEW) return true;
  }
  return false;
}

/** Whether the loop mostly sleeps: on a busy machine a pause of 5 ms may be long, and much may happen in it. */
async function mostlySleeps(client: any) {
  let asleep = 0;
  for (let round = 0; round < 21; round++) {
    for (let n = 0; n < 20; n++) await client.request('echo', n);
    if ((await turns()) <= FEW) asleep++;
  }
  return asleep > 10;
}

test.serial('busyPoll of a client keeps its loop awake after traffic; the tokio driver sleeps', async (t) => {
  const { client } = await pair(t, { client: { busyPoll: LONG } });
  if (driver === 'loop') t.true(await staysAwake(client));
  else t.true(await mostlySleeps(client));
});

test.serial('busyPoll of a server does as well', async (t) => {
  const { client } = await pair(t, { server: { busyPoll: LONG } });
  if (driver === 'loop') t.true(await staysAwake(client));
  else t.true(await mostlySleeps(client));
});

test.serial('without it the loop sleeps', async (t) => {
  while ((await turns()) > FEW);
  const { client } = await pair(t, {});
  t.true(await mostlySleeps(client));
});

test.serial('while awake timers, other events and other connections have their turns', async (t) => {
  const { server, client } = await pair(t, { server: { busyPoll: LONG }, client: { busyPoll: LONG } });
  const socketPath = server.address() as string;
  await client.request('echo', 1);
  let immediates = 0;
  const ticking = setInterval(() => setImmediate(() => immediates++), 1);
  t.teardown(() => clearInterval(ticking));
  const other = closeAfter(t, SmartIpc.createClient({ id: 'busy', socketPath, clientOnly: true }));
  await other.connect();
  for (let n = 0; n < 50; n++) {
    t.is(await other.request('echo', n), n);
    await pause(1);
  }
  t.true(immediates > 0);
});

test.serial('once its time is over it sleeps', async (t) => {
  const { client } = await pair(t, { server: { busyPoll: 50 }, client: { busyPoll: 50 } });
  for (let n = 0; n < 100; n++) await client.request('echo', n);
  await turns();
  t.true((await turns()) <= FEW);
});
