import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, deferred, failure, once, recorder, settlesSoon, startChild, tempSocket, within } from '../support/helpers.cjs';
import { PROMPTLY, rounds } from '../support/children/measure.cjs';

const KILLS = rounds('CLIENT_KILLS', 10);
const ASKS = 3;

async function shop(t: any, options: object = {}) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'shop', socketPath, ...options }));
  const errors = recorder();
  server.on('error', errors);
  const lasting = recorder();
  const aborted = recorder();
  server.onMessage('last', (payload, clientId, { signal }) => {
    const end = deferred();
    signal.addEventListener('abort', () => {
      aborted(clientId, Date.now());
      end.resolve('too late for anybody');
    });
    lasting(clientId, end);
    return end.promise;
  });
  const gone = recorder();
  server.on('clientDisconnect', (clientId, reason) => gone(clientId, reason, Date.now()));
  await server.start();
  const visit = async (more: object = {}) => {
    const child = startChild(t, 'customer', {
      asks: ASKS,
      client: { id: 'shop', socketPath, clientId: 'customer', reconnectDelay: 20, maxReconnectDelay: 100, ...options, ...more },
    });
    await child.report('asked');
    await lasting.until(lasting.calls.length < ASKS ? ASKS : lasting.calls.length);
    return child;
  };
  return { socketPath, server, errors, lasting, aborted, gone, visit };
}

test(`X2: a client killed in its requests, ${KILLS} times, leaves nothing behind`, async (t) => {
  t.timeout(60_000 + KILLS * 3000);
  const { socketPath, server, errors, lasting, aborted, gone, visit } = await shop(t);
  let slowest = 0;

  for (let round = 1; round <= KILLS; round++) {
    const child = await visit();
    await lasting.until(round * ASKS);
    const waiting = Array.from({ length: 2 }, () => failure(() => server.requestClient('customer', 'wait', {})));
    await child.report('waiting');
    await child.report('waiting');
    t.is(server.getStats().metrics.requestsPending, 2);

    const killed = Date.now();
    child.kill('SIGKILL');

    const [clientId, , at] = (await gone.until(round))[round - 1];
    t.is(clientId, 'customer');
    slowest = Math.max(slowest, at - killed);
    for (const error of await Promise.all(waiting)) {
      t.is(error.code, 'IPC_ERR_CONNECTION_LOST');
      t.is(error.mayHaveRun, true);
    }
    const signals = await aborted.until(round * ASKS);
    t.true(signals.slice(-ASKS).every(([id, time]) => id === 'customer' && time - killed <= PROMPTLY));
    await child.exited();

    const stats = server.getStats();
    t.is(stats.connectedClients, 0);
    t.is(stats.totalConnections, 2 * round - 1);
    t.is(stats.metrics.requestsPending, 0);
    t.is(stats.metrics.queuedBytes, 0);
    t.deepEqual(server.getClientIds(), []);
    t.is(server.getClientInfo('customer'), undefined);

    // Nobody has the topics any more: the next one with that name hears nothing.
    const next = SmartIpc.createClient({ id: 'shop', socketPath, clientId: 'customer' });
    const heard = recorder();
    await next.connect();
    next.onMessage('topic', heard);
    const sentBefore = server.getStats().metrics.messagesSent;
    await server.publish('numbers', round);
    await server.publish('news.today', round);
    t.is(server.getStats().metrics.messagesSent, sentBefore);
    next.onMessage('echo', (payload) => payload);
    t.is(await server.requestClient('customer', 'echo', round), round);
    const left = once(server, 'clientDisconnect');
    await next.disconnect();
    await left;
    gone.calls.splice(round, 1);
    t.is(gone.calls.length, round, 'clientDisconnect once for each');
  }

  t.true(slowest <= PROMPTLY, `told ${slowest} ms after the kill`);
  t.deepEqual(errors.calls, []);
  t.deepEqual(Object.values(server.getStats().metrics.closeReasons || {}).reduce((sum, count) => sum + count, 0), 2 * KILLS);
  t.log(`told within ${slowest} ms`);
});

const INTERVAL = 100;
const TIMEOUT = 600;
const heartbeats = { heartbeatInterval: INTERVAL, heartbeatTimeout: TIMEOUT };

test('X3: a client that stands still is given up, and comes back when it goes on', async (t) => {
  const { server, aborted, gone, lasting, visit } = await shop(t, heartbeats);
  const timeouts = recorder();
  server.on('heartbeatTimeout', (clientId, error) => timeouts(clientId, error.code, Date.now()));
  const child = await visit();
  await lasting.until(ASKS);
  t.teardown(() => child.kill('SIGCONT'));

  const stopped = Date.now();
  child.kill('SIGSTOP');
  const [[, reason, at]] = await gone.until(1);
  t.is(reason, 'heartbeat_timeout');
  t.true(at - stopped >= TIMEOUT - INTERVAL, `given up after ${at - stopped} ms`);
  t.true(at - stopped <= TIMEOUT + 2 * INTERVAL + PROMPTLY, `given up after ${at - stopped} ms`);
  t.deepEqual(timeouts.calls.map(([clientId, code]) => [clientId, code]), [['customer', 'IPC_ERR_HEARTBEAT_TIMEOUT']]);
  await aborted.until(ASKS);
  t.is(server.getStats().connectedClients, 0);

  const back = once(server, 'clientConnect');
  child.kill('SIGCONT');
  t.is((await back)[0], 'customer');
  for (let ask = 0; ask < ASKS; ask++) {
    // Its first write may fail before it has read why the server went.
    const { code, mayHaveRun } = await child.report('failed');
    t.true(['IPC_ERR_HEARTBEAT_TIMEOUT', 'IPC_ERR_CONNECTION_LOST'].includes(code), code);
    t.true(mayHaveRun);
  }
  await server.publish('news.again', 'subscribed as before');
  t.like(await child.report('heard'), { topic: 'news.again', payload: 'subscribed as before' });
  t.is(gone.calls.length, 1);
});

test('X3: heartbeatThrowOnTimeout: false keeps a client that stands still', async (t) => {
  const { server, errors, gone, lasting, visit } = await shop(t, { ...heartbeats, heartbeatThrowOnTimeout: false });
  const timeout = once(server, 'heartbeatTimeout');
  const child = await visit();
  await lasting.until(ASKS);
  t.teardown(() => child.kill('SIGCONT'));

  child.kill('SIGSTOP');
  t.is((await timeout)[0], 'customer');
  t.is(server.getStats().connectedClients, 1);
  const answer = server.requestClient('customer', 'echo', 'asked while it stood still');
  t.false(await settlesSoon(answer));

  child.kill('SIGCONT');
  t.is(await answer, 'asked while it stood still');
  for (const [, end] of lasting.calls) end.resolve('in the end');
  for (let ask = 0; ask < ASKS; ask++) t.is((await child.report('answered')).answer, 'in the end');
  t.deepEqual(gone.calls, []);
  t.deepEqual(errors.calls, []);
});

test('a client that stands still for less than the timeout loses nothing', async (t) => {
  const { server, gone, lasting, visit } = await shop(t, { heartbeatInterval: INTERVAL, heartbeatTimeout: 8000 });
  const child = await visit();
  await lasting.until(ASKS);
  t.teardown(() => child.kill('SIGCONT'));
  child.kill('SIGSTOP');
  const answers = Array.from({ length: 2000 }, (_, number) => server.requestClient('customer', 'echo', { number }));
  // A whole program starts, is served and ends meanwhile.
  const other = startChild(t, 'customer', { asks: 0, client: { id: 'shop', socketPath: server.address() as string } });
  await other.report('asked');
  other.kill('SIGKILL');
  await gone.until(1);
  t.false(await settlesSoon(Promise.race(answers)));

  child.kill('SIGCONT');
  t.deepEqual((await Promise.all(answers)).map(({ number }: any) => number), answers.map((_, number) => number));
  t.deepEqual(gone.calls.map(([clientId]) => clientId === 'customer'), [false]);
});

test(`killed in a flood of messages both ways, ${KILLS} times`, async (t) => {
  t.timeout(60_000 + KILLS * 3000);
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'gated', socketPath, heartbeat: false }));
  server.on('error', () => {});
  const got = recorder();
  server.onMessage('load', ({ index }) => {
    if (index === 500) got();
  });
  const gone = recorder();
  server.on('clientDisconnect', (...args) => gone(...args));
  await server.start();
  for (let round = 1; round <= KILLS; round++) {
    const child = startChild(t, 'flooder', { role: 'client', socketPath, count: 1_000_000, size: 1000 });
    await got.until(round);
    const [clientId] = server.getClientIds();
    const sends = Array.from({ length: 2000 }, (_, index) =>
      server.sendToClient(clientId, 'anything', { index, filling: 'x'.repeat(1000) }),
    );
    child.kill('SIGKILL');
    await gone.until(round);
    await within(Promise.allSettled(sends), 'the promises of what was sent');
    await child.exited();
    t.like(server.getStats(), { connectedClients: 0 });
    t.like(server.getStats().metrics, { requestsPending: 0, queuedBytes: 0 });
  }
  t.is(gone.calls.length, KILLS);
});
