import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, once, recorder, startChild, tempSocket } from '../support/helpers.cjs';

async function pair(t: any, clientOptions: object = {}) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'phone', socketPath }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'phone', socketPath, ...clientOptions }));
  return { socketPath, server, client };
}

test('connect and disconnect', async (t) => {
  const { client } = await pair(t);
  const events = recorder();
  client.on('connect', () => events('connect'));
  client.on('disconnect', (reason) => events('disconnect', typeof reason));
  t.false(client.getIsConnected());

  await client.connect();
  await events.until(1);
  t.true(client.getIsConnected());

  await client.disconnect();
  t.false(client.getIsConnected());
  t.deepEqual(await events.until(2), [['connect'], ['disconnect', 'string']]);
});

test('reconnecting counts its attempts from 1 and names the delay', async (t) => {
  const { server, client } = await pair(t, { reconnectDelay: 20, maxReconnectDelay: 60, reconnectMultiplier: 1.5 });
  const attempts = recorder();
  client.on('reconnecting', (attempt, delayMs) => attempts(attempt, delayMs));
  client.on('error', () => {});
  await client.connect();
  const lost = once(client, 'disconnect');

  await server.stop();
  await lost;
  const calls = await attempts.until(4);

  t.deepEqual(calls.slice(0, 4).map(([attempt]) => attempt), [1, 2, 3, 4]);
  for (const [, delayMs] of calls) {
    t.is(typeof delayMs, 'number');
    t.true(delayMs >= 0 && delayMs <= 120, `delay ${delayMs}`);
  }
});

test('the attempts are counted from 1 again after a success', async (t) => {
  const { server, client } = await pair(t, { reconnectDelay: 20 });
  client.on('error', () => {});
  await client.connect();

  for (let round = 0; round < 2; round++) {
    const reconnecting = once(client, 'reconnecting');
    const back = once(client, 'connect');
    await server.stop();
    t.is((await reconnecting)[0], 1);
    await server.start();
    await back;
  }
});

test('disconnect with a reason when the server dies', async (t) => {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'server', { server: { id: 'phone', socketPath } });
  await child.report('ready');
  const client = closeAfter(t, SmartIpc.createClient({ id: 'phone', socketPath, autoReconnect: false }));
  client.on('error', () => {});
  const reconnecting = recorder();
  client.on('reconnecting', reconnecting);
  await client.connect();

  const lost = once(client, 'disconnect');
  child.kill('SIGKILL');
  const [reason] = await lost;

  t.is(typeof reason, 'string');
  t.not(reason, '');
  t.false(client.getIsConnected());
  t.deepEqual(reconnecting.calls, []);
});

test('error when a listener throws', async (t) => {
  const { server, client } = await pair(t, { clientId: 'listener' });
  client.onMessage('news', () => {
    throw new SyntaxError('cannot read this');
  });
  await client.connect();
  await client.subscribe('weather.today', async () => {
    throw new SyntaxError('nor that');
  });

  const first = once(client, 'error');
  await server.sendToClient('listener', 'news', {});
  t.is((await first)[0].message, 'cannot read this');

  const second = once(client, 'error');
  await server.publish('weather.today', {});
  t.is((await second)[0].message, 'nor that');
  t.is(await client.request('echo', 'still connected'), 'still connected');
});

test('a second connect() is harmless', async (t) => {
  const { server, client } = await pair(t);
  const connects = recorder();
  client.on('connect', connects);
  await client.connect();
  await client.connect();
  await Promise.all([client.connect(), client.connect()]);

  await client.request('echo', 1);
  t.is(connects.calls.length, 1);
  t.is(server.getStats().totalConnections, 1);
});
