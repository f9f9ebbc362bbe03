'use strict';

const test = require('ava');
const smartipc = require('@push.rocks/smartipc');
const { closeAfter, failure, recorder, tempSocket } = require('../support/helpers.cjs');

const { IpcError, SmartIpc } = smartipc;

async function pair(t) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'required', socketPath, autoCleanupSocketFile: true }));
  server.onMessage('echo', (payload) => payload);
  await server.start({ readyWhen: 'accepting' });
  const client = closeAfter(
    t,
    SmartIpc.createClient({ id: 'required', socketPath, connectRetry: { enabled: true, maxAttempts: 10 } }),
  );
  await client.connect();
  return { socketPath, server, client };
}

test('require and import give the same classes', async (t) => {
  const imported = await import('@push.rocks/smartipc');

  for (const name of ['SmartIpc', 'IpcServer', 'IpcClient', 'IpcError']) {
    t.is(typeof smartipc[name], 'function', name);
    t.is(imported[name], smartipc[name], name);
  }
});

test('quick start', async (t) => {
  const { server, client } = await pair(t);
  server.onMessage('check-in', async (guest, clientId) => {
    t.is(clientId, client.getClientId());
    return { welcome: `Room ${guest.room} for ${guest.name}` };
  });

  t.deepEqual(await client.request('check-in', { name: 'Grace', room: 7 }), { welcome: 'Room 7 for Grace' });
});

test('request and response', async (t) => {
  const { server, client } = await pair(t);
  server.onMessage('sum', (numbers) => numbers.reduce((sum, number) => sum + number, 0));
  server.onMessage('hang', () => new Promise(() => {}));

  t.is(await client.request('sum', [1, 2, 3], { timeout: 5000 }), 6);
  const error = await failure(() => client.request('hang', {}, { timeout: 100 }));
  t.is(error.message, 'Request timeout for hang');
});

test('publish and subscribe', async (t) => {
  const { socketPath, client } = await pair(t);
  const seen = recorder();
  const subscriber = closeAfter(t, SmartIpc.createClient({ id: 'required', socketPath }));
  await subscriber.connect();
  await subscriber.subscribe('user.*', (data, details) => seen(data, details.topic));

  await client.publish('user.login', { userId: 1 });
  await client.publish('other.login', { userId: 2 });
  await client.publish('user.logout', { userId: 3 });

  t.deepEqual(await seen.until(2), [
    [{ userId: 1 }, 'user.login'],
    [{ userId: 3 }, 'user.logout'],
  ]);
});

test('errors', async (t) => {
  const { server, client } = await pair(t);
  server.onMessage('fail', () => {
    throw Object.assign(new RangeError('out of stock'), { code: 'E_STOCK' });
  });

  const failed = await failure(() => client.request('fail', {}));
  t.deepEqual([failed.message, failed.name, failed.code, failed.origin], ['out of stock', 'RangeError', 'E_STOCK', 'peer']);

  const missing = await failure(() => client.request('missing', {}));
  t.true(missing instanceof IpcError);
  t.is(missing.message, 'No handler registered for message type: missing');

  const alone = SmartIpc.createClient({
    id: 'required',
    socketPath: tempSocket(t),
    clientOnly: true,
    connectRetry: { enabled: false },
  });
  const refused = await failure(() => alone.connect());
  t.true(refused instanceof IpcError);
  t.is(refused.code, 'ENOENT');
  t.is(refused.message, 'Server not available (ENOENT); clientOnly prevents auto-start');
});
