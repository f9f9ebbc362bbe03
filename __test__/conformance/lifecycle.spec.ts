// The addon in a process: loaded twice, forgotten, called at bad moments, under
// a collector that never rests.
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, once, recorder, startChild, tempSocket } from '../support/helpers.cjs';
import { PROMPTLY, rounds } from '../support/children/measure.cjs';

const REQUESTS = rounds('GC_REQUESTS', 20_000);
const FORGOTTEN = rounds('FORGOTTEN', 200);
const PATIENCE = 60_000;
const nodeArgs = ['--expose-gc'];

/** Runs a scenario to an orderly end; gives what it reported last. */
async function runs(t: any, scenario: string, config: object = {}, options: object = {}) {
  t.timeout(2 * PATIENCE);
  const child = startChild(t, 'odd-moments', { scenario, socketPath: tempSocket(t), ...config }, { nodeArgs, ...options });
  const outcome = await child.report('outcome', PATIENCE);
  const { code, signal, stderr } = await child.exited(PATIENCE);
  t.deepEqual({ code, signal }, { code: 0, signal: null }, stderr);
  return outcome;
}

for (const [what, thrown] of [['an Error', new RangeError('thrown')], ['a string', 'thrown'], ['null', null], ['a Symbol', Symbol('thrown')]] as const) {
  test(`N9: a listener that throws ${what} costs nobody else anything`, async (t) => {
    const socketPath = tempSocket(t);
    const server = closeAfter(t, SmartIpc.createServer({ id: 'odd', socketPath }));
    const errors = recorder();
    server.on('error', errors);
    server.onMessage('bad', () => {
      throw thrown;
    });
    server.onMessage('echo', (payload) => payload);
    await server.start();
    const [one, other] = await Promise.all(
      [0, 1].map(async () => {
        const client = closeAfter(t, SmartIpc.createClient({ id: 'odd', socketPath }));
        await client.connect();
        return client;
      }),
    );
    await one.sendMessage('bad', {});
    // As it was thrown, with the client whose message it was.
    t.deepEqual(await errors.until(1), [[thrown, one.getClientId()]]);
    const asked: any = await one.request('bad', {}).catch((error) => error);
    t.true(asked instanceof Error);
    t.is(await other.request('echo', 1), 1);
    t.is(await one.request('echo', 2), 2);
  });
}

test('N9: what a listener of an event throws is uncaught, and stops nothing', async (t) => {
  const { caught, answered } = await runs(t, 'throwing listeners');
  t.deepEqual(caught, ['an Error', 'a string', 'null', 'Symbol(odd)']);
  t.is(answered, 'still here');
});

test('N12: the package is loaded twice in one process, through a fresh module cache', async (t) => {
  const { answers, threads } = await runs(t, 'loaded twice');
  t.deepEqual(answers, ['first', 'second', 'first', 'second']);
  if (threads !== undefined) t.true(threads <= 2, `${threads} threads`);
});

test(`N13: ${FORGOTTEN} clients that nobody refers to any more are closed, and nothing of them stays`, async (t) => {
  const { left, descriptors, grown } = await runs(t, 'forgotten', { rounds: FORGOTTEN });
  t.is(left, 0);
  if (descriptors) t.true(descriptors.after <= descriptors.before, JSON.stringify(descriptors));
  t.true(grown <= 16 * 1024 * 1024, `${grown} bytes more`);
});

test('N14: calls from exit listeners, finalizers and after the end are harmless', async (t) => {
  const { outcomes } = await runs(t, 'late calls');
  // Whatever each is answered with, it is an error with a code, or nothing happens.
  for (const [call, outcome] of Object.entries(outcomes)) {
    t.true(outcome === 'nothing' || /^IPC_ERR_/.test(outcome as string), `${call}: ${outcome}`);
  }
});

test(`N16: ${REQUESTS} requests, the collector run after each hundred`, async (t) => {
  const { wrong, grown } = await runs(t, 'collected', { rounds: REQUESTS });
  t.is(wrong, 0);
  t.true(grown <= 16 * 1024 * 1024, `${grown} bytes more`);
});

for (const how of ['fork', 'cluster']) {
  test(`N18: a child made by ${how} from a process in traffic works by itself`, async (t) => {
    const { answers } = await runs(t, how);
    t.deepEqual(answers, [0, 1, 2].map((number) => ({ number, by: 'child' })));
  });
}

test('N14: a listener of exit may call everything, and the code stays', async (t) => {
  const child = startChild(t, 'odd-moments', { scenario: 'exit listeners', socketPath: tempSocket(t) }, { nodeArgs });
  const { at } = await child.report('leaving', PATIENCE);
  const { code, signal, stderr } = await child.exited();
  t.deepEqual({ code, signal, stderr }, { code: 3, signal: null, stderr: '' });
  t.true(Date.now() - at <= PROMPTLY, `it took ${Date.now() - at} ms`);
});

test('N7: an unhandled rejection in a handler that nobody awaits ends with its own stack', async (t) => {
  const child = startChild(t, 'odd-moments', { scenario: 'unhandled', socketPath: tempSocket(t) }, { nodeArgs });
  const { code, signal, stderr } = await child.exited(PATIENCE);
  t.deepEqual({ code, signal }, { code: 1, signal: null });
  t.regex(stderr, /Error: on purpose/);
  t.regex(stderr, /odd-moments\.mjs/);
});

test('N5: an unref()ed server still serves while something else keeps the process', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'odd', socketPath }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  server.unref();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'odd', socketPath }));
  await client.connect();
  t.is(await client.request('echo', 1), 1);
  const gone = once(server, 'clientDisconnect');
  await client.disconnect();
  await gone;
});
