import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, once, recorder, startChild, tempSocket } from '../support/helpers.cjs';

async function pair(t: any, clientOptions: object = {}) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'edges', socketPath }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = closeAfter(
    t,
    SmartIpc.createClient({ id: 'edges', socketPath, clientId: 'edgy', reconnectDelay: 10, ...clientOptions }),
  );
  client.on('error', () => {});
  await client.connect();
  return { socketPath, server, client };
}

test('a client that was refused a topic still comes back', async (t) => {
  const { server, client } = await pair(t);
  const topics = Array.from({ length: 1024 }, (_, index) => `topic.${index}`);
  await Promise.all(topics.map((topic) => client.subscribe(topic, () => {})));
  const error = await failure(() => client.subscribe('one.too.many', () => {}));
  t.is(error.code, 'IPC_ERR_TOO_MANY_SUBSCRIPTIONS');

  const lost = once(client, 'disconnect');
  await server.stop();
  await lost;
  const back = once(client, 'connect');
  await server.start();
  await back;
  t.is(await client.request('echo', 1), 1);
});

test('a call made when a lost request fails waits for the connection to come back', async (t) => {
  const socketPath = tempSocket(t);
  const start = async () => {
    const child = startChild(t, 'server', { server: { id: 'edges', socketPath, autoCleanupSocketFile: true } });
    await child.report('ready');
    return child;
  };
  let child = await start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'edges', socketPath, reconnectDelay: 10, maxReconnectDelay: 20 }));
  client.on('error', () => {});
  await client.connect();
  const lost = failure(() => client.request('hang', 1));
  await child.report('hanging');
  const retried = lost.then(() => client.request('echo', 'again'));
  child.kill('SIGKILL');
  await child.exited();
  child = await start();
  t.is(await retried, 'again');
});

test("a server's own stop is not blamed on its clients", async (t) => {
  const { server, client } = await pair(t);
  const asked = recorder();
  client.onMessage('ask', () => {
    asked();
    return new Promise(() => {});
  });
  const call = failure(() => server.requestClient('edgy', 'ask', {}), 8000);
  await asked.until(1);
  await server.stop();
  const error = await call;
  t.is(error.code, 'IPC_ERR_SERVER_STOPPING');
  t.is(error.origin, 'local');
  t.true(error.mayHaveRun);
});

test('broadcasts of a stopped server that nobody awaits are error events', async (t) => {
  const server = SmartIpc.createServer({ id: 'edges', socketPath: tempSocket(t) });
  const errors = recorder();
  server.on('error', (error) => errors((error as IpcError).code));
  server.broadcast('news', 1);
  server.broadcastTo(['nobody'], 'news', 1);
  server.publish('news', 1);
  t.deepEqual(await errors.until(3), [['IPC_ERR_NOT_CONNECTED'], ['IPC_ERR_NOT_CONNECTED'], ['IPC_ERR_NOT_CONNECTED']]);
});

test('a path that is too long, or has a NUL in it, is refused before it is tried', async (t) => {
  const long = SmartIpc.createClient({ id: 'edges', socketPath: `/tmp/${'x'.repeat(200)}.sock` });
  t.is((await failure(() => long.connect())).code, 'IPC_ERR_PATH_TOO_LONG');
  const abstract = SmartIpc.createClient({ id: 'edges', socketPath: '\0edges' });
  t.is((await failure(() => abstract.connect())).code, 'IPC_ERR_INVALID_PATH');
});

test('a topic with more segments than can be matched is a RangeError', async (t) => {
  const { server, client } = await pair(t);
  const topic = 'x.'.repeat(127) + 'x';
  t.true((await failure(() => client.publish(topic, 1))) instanceof RangeError);
  t.true((await failure(() => client.subscribe(topic, () => {}))) instanceof RangeError);
  t.true((await failure(() => server.publish(topic, 1))) instanceof RangeError);
});

test('a client is not slow because its server is busy, nor because a burst is long', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'edges', socketPath, writeTimeout: 200 }));
  await server.start();
  const arrived = once(server, 'clientConnect');
  const child = startChild(t, 'counter', { client: { id: 'edges', socketPath, clientId: 'healthy' }, expected: 151 });
  await arrived;
  await child.report('connected');

  server.sendToClient('healthy', 'x', 'waits for the end of this turn');
  const until = Date.now() + 600;
  while (Date.now() < until);
  // 30 MB in one turn, twice what may be queued for one client.
  const bulk = 'x'.repeat(200_000);
  for (let round = 0; round < 150; round++) await server.broadcast('x', bulk);

  t.is((await child.report('counted')).count, 151);
  t.deepEqual(server.getStats().metrics.closeReasons, {});
});
