import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, once, recorder, settlesSoon, tempSocket } from '../support/helpers.cjs';

async function pair(t: any, clientOptions: object = {}) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'phoenix', socketPath }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = closeAfter(
    t,
    SmartIpc.createClient({
      id: 'phoenix',
      socketPath,
      clientId: 'faithful',
      metadata: { loyal: true },
      reconnectDelay: 20,
      maxReconnectDelay: 50,
      ...clientOptions,
    }),
  );
  client.on('error', () => {});
  await client.connect();
  const goDown = async () => {
    const lost = once(client, 'disconnect');
    await server.stop();
    await lost;
  };
  const comeBack = async () => {
    const back = once(client, 'connect');
    await server.start();
    await back;
  };
  return { socketPath, server, client, goDown, comeBack };
}

test('same clientId and metadata, subscribed again, handlers kept, connect fires again', async (t) => {
  const { server, client, goDown, comeBack } = await pair(t);
  const seen = recorder();
  await client.subscribe('news.*', (data) => seen(data));
  client.onMessage('ask', () => 'still here');

  await goDown();
  t.false(client.getIsConnected());
  const arrived = once(server, 'clientConnect');
  await comeBack();

  t.deepEqual((await arrived).slice(0, 2), ['faithful', { loyal: true }]);
  t.true(client.getIsConnected());
  t.is(await server.requestClient('faithful', 'ask', {}), 'still here');
  await server.publish('news.today', 'back again');
  t.deepEqual(await seen.until(1), [['back again']]);
});

test('calls made while reconnecting wait and keep their order', async (t) => {
  const { server, client, goDown, comeBack } = await pair(t);
  const got = recorder();
  server.onMessage('line', (number) => got(number));
  await goDown();

  const sends = [0, 1, 2, 3, 4].map((number) => client.sendMessage('line', number));
  const answer = client.request('echo', 'later');
  const subscribed = client.subscribe('late', () => {});
  t.false(await settlesSoon(answer));
  await comeBack();

  await Promise.all([...sends, subscribed]);
  t.is(await answer, 'later');
  t.deepEqual(await got.until(5), [[0], [1], [2], [3], [4]]);
});

test("a request's timeout runs while it waits for the connection", async (t) => {
  const { client, goDown } = await pair(t);
  await goDown();

  const error = await failure(() => client.request('echo', 'too late', { timeout: 150 }));
  t.is(error.message, 'Request timeout for echo');
});

test('the queue holds 1,000 messages and refuses the next', async (t) => {
  const { server, client, goDown, comeBack } = await pair(t);
  const got = recorder();
  server.onMessage('line', (number) => got(number));
  await goDown();

  const sends = Array.from({ length: 1000 }, (_, index) => client.sendMessage('line', index));
  const error = await failure(() => client.sendMessage('line', 1000));
  t.true(error instanceof IpcError);
  t.is(error.code, 'IPC_ERR_BACKPRESSURE');

  await comeBack();
  await Promise.all(sends);
  const calls = await got.until(1000);
  t.deepEqual(calls.map(([index]) => index), sends.map((_, index) => index));
});

test('the queue holds 8 MiB and refuses more', async (t) => {
  const { client, goDown } = await pair(t);
  await goDown();

  const sends = Array.from({ length: 12 }, () => client.sendMessage('load', 'x'.repeat(1024 * 1024)));
  const error = await failure(() => Promise.all(sends));
  t.is(error.code, 'IPC_ERR_BACKPRESSURE');
  for (const send of sends) send.catch(() => {});
});

test('a message that was sent before the connection was lost is not sent again', async (t) => {
  const { server, client, goDown, comeBack } = await pair(t);
  const got = recorder();
  server.onMessage('once', (payload) => got(payload));
  await client.sendMessage('once', 'only once');
  await got.until(1);
  await goDown();
  await comeBack();
  await client.request('echo', 'after anything that could come again');

  t.deepEqual(got.calls, [['only once']]);
});

test('autoReconnect: false stays disconnected', async (t) => {
  const { server, client, goDown } = await pair(t, { autoReconnect: false });
  const attempts = recorder();
  client.on('reconnecting', attempts);
  await goDown();
  await server.start();

  t.false(client.getIsConnected());
  await client.connect();
  t.is(await client.request('echo', 'by hand'), 'by hand');
  t.deepEqual(attempts.calls, []);
});

test('maxReconnectAttempts ends the attempts and what waits for them', async (t) => {
  const { client, goDown } = await pair(t, { maxReconnectAttempts: 3 });
  const attempts = recorder();
  client.on('reconnecting', (attempt) => attempts(attempt));
  await goDown();

  const error = await failure(() => client.request('echo', 'never', { timeout: 9000 }), 8000);

  t.true(error instanceof IpcError);
  t.notRegex(error.message, /Request timeout/);
  t.deepEqual(await attempts.until(3), [[1], [2], [3]]);
});

test('disconnect() while reconnecting ends it', async (t) => {
  const { socketPath, server, client, goDown } = await pair(t);
  await goDown();
  const waiting = failure(() => client.request('echo', 'never'));

  await client.disconnect();
  t.true((await waiting) instanceof IpcError);

  const arrived = recorder();
  server.on('clientConnect', (clientId) => arrived(clientId));
  await server.start();
  // Another client comes and goes; the disconnected one would have come back by then.
  for (let round = 0; round < 10; round++) {
    const other = SmartIpc.createClient({ id: 'phoenix', socketPath, clientId: `other-${round}` });
    await other.connect();
    await other.disconnect();
  }
  t.false(arrived.calls.some(([clientId]) => clientId === 'faithful'));
});
