// Loads: every answer is right, nobody is starved, memory stays bounded.
// SMARTIPC_LOAD multiplies the sizes; 10 gives those of the programme.
import { monitorEventLoopDelay } from 'perf_hooks';
import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { memoryLimit } from '../support/cgroup.cjs';
import { notRun } from '../support/conformance.mjs';
import { closeAfter, failure, once, recorder, startChild, tempSocket, within } from '../support/helpers.cjs';
import { mebibytes, rounds } from '../support/children/measure.cjs';

const SCALE = rounds('LOAD', 1);
const MIB = 1024 * 1024;
const PATIENCE = 60_000 * SCALE;
const nodeArgs = ['--expose-gc', '--max-semi-space-size=2'];

async function load(t: any, config: object, command?: string[]) {
  t.timeout(2 * PATIENCE);
  const child = startChild(t, 'load', { socketPath: tempSocket(t), ...config }, { nodeArgs, command });
  const outcome = await child.report('loaded', PATIENCE);
  const { code, signal, stderr } = await child.exited(PATIENCE);
  t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
  t.is(outcome.wrong, 0);
  t.like(outcome, { errors: 0, requestsPending: 0, queuedBytes: 0 });
  return outcome;
}

async function pair(t: any, options: object = {}) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'load', socketPath, ...options }));
  server.on('error', () => {});
  await server.start();
  const connect = async (more: object = {}) => {
    const client = closeAfter(t, SmartIpc.createClient({ id: 'load', socketPath, ...more }));
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  return { socketPath, server, connect };
}

/** The time below which that share of the calls stayed. */
function percentile(times: number[], share: number) {
  return times.sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))];
}

const crowd = { scenario: 'crowd', clients: 100, count: 100 * SCALE, size: 1024 };

test.serial(`L1: 100 clients, ${crowd.count} requests each: every answer is its own, memory comes back`, async (t) => {
  const { baseline, settled } = await load(t, crowd);
  t.true(settled <= Math.max(baseline * 1.1, baseline + 16 * MIB), `${mebibytes(baseline)}, then ${mebibytes(settled)}`);
  t.log(`${mebibytes(baseline)}, then ${mebibytes(settled)}`);
});

test.serial('X17: the same inside 256 MiB', async (t) => {
  const command = memoryLimit(256);
  if (command === undefined) return notRun(t, 'no control group can be made');
  await load(t, crowd, command);
});

test.serial(`L2: ${5000 * SCALE} requests of one client, 1,000 at once: all settle, messages keep their order`, async (t) => {
  const { notes, ordered } = await load(t, { scenario: 'window', clients: 1, count: 5000 * SCALE, size: 0 });
  t.is(notes, 500 * SCALE);
  t.true(ordered);
});

// So many that what does not grow with them, such as memory kept for reuse, is small beside them.
const large = Math.min(128, 64 * SCALE);

test.serial(`L4: ${large} requests of 4 MiB from 8 clients at once`, async (t) => {
  // Both ends are in this process, and a request is in flight at either.
  const [count, size] = [large, 4 * MIB];
  const { baseline, peak } = await load(t, { scenario: 'large', clients: 8, count, size });
  const inFlight = count * size;
  t.true(peak - baseline <= 2.5 * inFlight, `${mebibytes(peak - baseline)} for ${mebibytes(inFlight)} in flight`);
  t.log(`${mebibytes(peak - baseline)} for ${mebibytes(inFlight)} in flight`);
});

test.serial(`L5: ${20_000 * SCALE} messages of 1 KiB, each thousandth awaited, arrive in order`, async (t) => {
  t.timeout(2 * PATIENCE);
  const { socketPath, server } = await pair(t, { id: 'gated' });
  let next = 0;
  let disordered = 0;
  server.onMessage('load', ({ index }: any) => {
    if (index !== next++) disordered++;
  });
  server.onMessage('passed', () => next);
  const child = startChild(t, 'sender', { id: 'gated', socketPath, count: 20_000 * SCALE, size: 1024 }, { nodeArgs });
  const { rejected, grown } = await child.report('sent', PATIENCE);
  t.is(rejected, 0);
  t.is(next, 20_000 * SCALE);
  t.is(disordered, 0);
  t.true(grown <= 16 * MIB + 64 * MIB, `the sender grew by ${mebibytes(grown)}`);
  t.log(`the sender grew by ${mebibytes(grown)}`);
  t.is((await child.exited()).code, 0);
});

/** Publishes to nine that read and, if there is one, one that doesn't. */
async function published(t: any, stuck: boolean, count: number) {
  const { socketPath, server, connect } = await pair(t, { writeTimeout: 1000, heartbeat: false });
  const seen = Array.from({ length: 9 }, () => [] as number[]);
  const all = recorder();
  for (const list of seen) {
    const client = await connect();
    await client.subscribe('load', ({ index }: any) => {
      list.push(index);
      if (index === count - 1) all();
    });
  }
  const gone = recorder();
  server.on('clientDisconnect', (_id, reason) => gone(reason, Date.now()));
  if (stuck) {
    const child = startChild(t, 'customer', { asks: 0, client: { id: 'load', socketPath, clientId: 'stuck', heartbeat: false } });
    await child.report('asked');
    child.kill('SIGSTOP');
    t.teardown(() => child.kill('SIGCONT'));
  }
  const filling = 'x'.repeat(4096);
  const begun = Date.now();
  for (let index = 0; index < count; index++) {
    await server.publish('load', { index, filling });
    if (index % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
  }
  await all.until(9, PATIENCE);
  const took = Date.now() - begun;
  for (const list of seen) t.deepEqual(list, Array.from({ length: count }, (_, index) => index));
  return { took, gone, begun };
}

test.serial(`L7: a subscriber that never reads costs nine others nothing, and is closed`, async (t) => {
  t.timeout(4 * PATIENCE);
  const count = 1000 * SCALE;
  await published(t, false, Math.min(count, 300));
  const alone = await published(t, false, count);
  const beside = await published(t, true, count);
  t.deepEqual(alone.gone.calls, []);
  const [[reason, at]] = await beside.gone.until(1);
  t.is(reason, 'slow_consumer');
  t.true(at - beside.begun <= beside.took + 3000, `closed after ${at - beside.begun} ms`);
  // Half a second for what the machine does beside.
  t.true(beside.took <= 1.5 * alone.took + 500, `${alone.took} ms, then ${beside.took} ms`);
  t.log(`${alone.took} ms, then ${beside.took} ms`);
});

test.serial(`L8: a subscriber that takes 20 MB a second is not closed during ${20 * SCALE} MB`, async (t) => {
  t.timeout(4 * PATIENCE);
  const { server, connect } = await pair(t);
  const client = await connect();
  const filling = Buffer.alloc(100_000, 'x');
  const count = (20 * SCALE * 1_000_000) / filling.length;
  let taken = 0;
  const begun = process.hrtime.bigint();
  const all = recorder();
  client.onMessage('load', async () => {
    taken++;
    // Its handler ends when the bytes are due at that pace.
    const due = (taken * filling.length) / 20_000;
    const now = Number(process.hrtime.bigint() - begun) / 1e6;
    if (due > now) await new Promise((resolve) => setTimeout(resolve, due - now));
    if (taken === count) all();
  });
  const lost = recorder();
  server.on('clientDisconnect', lost);
  for (let index = 0; index < count; index++) await server.sendToClient(client.getClientId(), 'load', filling);
  await all.until(1, PATIENCE);
  t.deepEqual(lost.calls, []);
});

test.serial(`L10: beside a client that floods, another one's requests are answered`, async (t) => {
  t.timeout(2 * PATIENCE);
  const { socketPath, server, connect } = await pair(t, { id: 'gated' });
  server.onMessage('load', () => {});
  server.onMessage('ping', () => 'pong');
  const client = await connect({ id: 'gated' });
  const flood = startChild(t, 'flooder', { role: 'client', socketPath, count: 10_000_000, size: 1024 });
  await once(server, 'clientConnect');
  const times: number[] = [];
  const until = Date.now() + 1000 * Math.min(SCALE * 2, 10);
  const before = server.getStats().metrics.messagesReceived;
  while (Date.now() < until) {
    const asked = process.hrtime.bigint();
    await client.request('ping', {});
    times.push(Number(process.hrtime.bigint() - asked) / 1e6);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const flooded = server.getStats().metrics.messagesReceived - before;
  flood.kill('SIGKILL');
  const p99 = percentile(times, 0.99);
  t.true(flooded > 10 * times.length, `only ${flooded} messages beside ${times.length} requests`);
  t.true(p99 <= 100, `p99 ${p99.toFixed(1)} ms`);
  t.log(`p99 ${p99.toFixed(1)} ms beside ${flooded} messages`);
});

test.serial('L11: 512 idle clients take at most 24 KiB each; one more is told that the house is full', async (t) => {
  t.timeout(2 * PATIENCE);
  const socketPath = tempSocket(t);
  const server = startChild(t, 'idle-server', { socketPath, maxClients: 512 }, { nodeArgs });
  const { rss: empty } = await server.report('ready');
  const asker = closeAfter(t, SmartIpc.createClient({ id: 'idle', socketPath, autoReconnect: false }));
  await asker.connect();
  const clients = [];
  for (let number = 0; number < 511; number++) {
    const client = closeAfter(t, SmartIpc.createClient({ id: 'idle', socketPath, autoReconnect: false }));
    await client.connect();
    clients.push(client);
  }
  const full = await asker.request('rss', {}, { timeout: 30_000 });
  const each = (full - empty) / 512;
  t.true(each <= 24 * 1024, `${Math.round(each)} bytes each`);
  t.log(`${Math.round(each)} bytes each`);

  const extra = closeAfter(t, SmartIpc.createClient({ id: 'idle', socketPath, clientOnly: true }));
  const error = await failure(() => extra.connect());
  t.true(error instanceof IpcError);
  t.is(error.code, 'IPC_ERR_MAX_CONNECTIONS');
  t.regex(error.message, /512/);
  const begun = Date.now();
  await clients[0].disconnect();
  // The server has to hear of it first.
  let refused: any;
  do refused = await extra.connect().then(() => undefined, (reason) => reason);
  while (refused?.code === 'IPC_ERR_MAX_CONNECTIONS' && Date.now() - begun <= 1000);
  t.is(refused, undefined, `not let in within ${Date.now() - begun} ms`);
});

test.serial('L13: both sides send 6 MiB before either reads', async (t) => {
  const { server, connect } = await pair(t);
  const bytes = Buffer.alloc(6 * MIB, 'y');
  const [atServer, atClient] = [recorder(), recorder()];
  server.onMessage('load', (payload: any) => atServer(payload.length));
  const client = await connect();
  client.onMessage('load', (payload: any) => atClient(payload.length));
  const begun = Date.now();
  const sent = [client.sendMessage('load', bytes), server.sendToClient(client.getClientId(), 'load', bytes)];
  await within(Promise.all([...sent, atServer.until(1), atClient.until(1)]), 'both', 5000);
  t.true(Date.now() - begun <= 5000);
  t.deepEqual([atServer.calls, atClient.calls], [[[bytes.length]], [[bytes.length]]]);
});

test.serial('L14: saturated in both directions, no heartbeat is missed', async (t) => {
  t.timeout(2 * PATIENCE);
  const socketPath = tempSocket(t);
  const beats = { heartbeatInterval: 1000, heartbeatTimeout: 3000 };
  const server = closeAfter(t, SmartIpc.createServer({ id: 'beats', socketPath, ...beats }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const child = startChild(t, 'saturating', { millis: 6000 * SCALE, client: { id: 'beats', socketPath, ...beats } });
  const { answered, heartbeatTimeouts, reconnects } = await child.report('saturated', PATIENCE);
  t.true(answered > 1000, `${answered} answers`);
  t.is(heartbeatTimeouts + server.getStats().metrics.heartbeatTimeouts, 0);
  t.is(reconnects, 0);
  t.log(`${answered} answers`);
});

test.serial(`L15: ${100_000 * SCALE} tiny messages come in batches that leave the loop to others`, async (t) => {
  t.timeout(2 * PATIENCE);
  const { socketPath, server } = await pair(t, { id: 'gated' });
  let handled = 0;
  let visits = 0;
  let counted = false;
  server.onMessage('load', () => {
    handled++;
    if (counted) return;
    // Microtasks run when the visit is over.
    counted = true;
    visits++;
    queueMicrotask(() => (counted = false));
  });
  server.onMessage('passed', () => handled);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const child = startChild(t, 'sender', { id: 'gated', socketPath, count: 100_000 * SCALE, size: 1 }, { nodeArgs });
  await child.report('sent', PATIENCE);
  delay.disable();
  t.is(handled, 100_000 * SCALE);
  t.true(visits <= handled / 5, `${visits} visits for ${handled} messages`);
  const p99 = delay.percentile(99) / 1e6;
  t.true(p99 <= 50, `the loop was blocked for ${p99.toFixed(1)} ms`);
  t.log(`${(handled / visits).toFixed(0)} messages a visit, p99 of the loop's delay ${p99.toFixed(1)} ms, at most ${(delay.max / 1e6).toFixed(1)} ms`);
});

test.serial('K5: memory of Buffers outside the heap comes back', async (t) => {
  const child = startChild(t, 'external', { socketPath: tempSocket(t), rounds: 20 * SCALE }, { nodeArgs });
  const { before, after } = await child.report('external', PATIENCE);
  t.true(Math.abs(after - before) <= Math.max(0.05 * before, 256 * 1024), `${before} bytes, then ${after}`);
});
