import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, deferred, failure, recorder, tempSocket, within } from '../support/helpers.cjs';

async function pair(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'farewell', socketPath }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'farewell', socketPath, clientId: 'leaver' }));
  await client.connect();
  return { server, client };
}

test('calls after disconnect() reject and do not connect again', async (t) => {
  const { server, client } = await pair(t);
  await client.disconnect();

  for (const [name, call] of [
    ['request', () => client.request('echo', {})],
    ['sendMessage', () => client.sendMessage('echo', {})],
    ['publish', () => client.publish('topic', {})],
    ['subscribe', () => client.subscribe('topic', () => {})],
  ] as const) {
    const error = await failure(call);
    t.true(error instanceof IpcError, name);
    t.regex(error.code, /^IPC_ERR_/, name);
    t.is(error.origin, 'local', name);
    t.falsy(error.mayHaveRun, name);
  }
  t.false(client.getIsConnected());
  t.is(server.getStats().totalConnections, 1);
});

test('disconnect() twice is harmless', async (t) => {
  const { client } = await pair(t);
  const disconnects = recorder();
  client.on('disconnect', disconnects);

  await Promise.all([client.disconnect(), client.disconnect()]);
  await client.disconnect();

  t.is(disconnects.calls.length, 1);
});

test('disconnect() of a client that never connected is harmless', async (t) => {
  const client = SmartIpc.createClient({ id: 'farewell', socketPath: tempSocket(t) });
  await t.notThrowsAsync(client.disconnect());
});

test('disconnect() lets a pending request finish', async (t) => {
  const { server, client } = await pair(t);
  const gate = deferred();
  const asked = recorder(() => gate.promise);
  server.onMessage('slow', asked);
  const answer = client.request('slow', {});
  await asked.until(1);

  const leaving = client.disconnect();
  gate.resolve('in time');

  t.is(await answer, 'in time');
  await leaving;
});

test('disconnect() rejects a request that does not finish, within its bound', async (t) => {
  const { server, client } = await pair(t);
  const asked = recorder(() => new Promise(() => {}));
  server.onMessage('forever', asked);
  const answer = failure(() => client.request('forever', {}), 20000);
  await asked.until(1);

  await within(client.disconnect(), 'disconnect()', 9000);
  const error = await answer;

  t.true(error instanceof IpcError);
  t.is(error.mayHaveRun, true);
});

test('disconnect() inside a handler does not deadlock', async (t) => {
  const { server, client } = await pair(t);
  const left = recorder();
  client.onMessage('leave', async () => {
    await client.disconnect();
    left();
  });

  await server.sendToClient('leaver', 'leave', {});

  await left.until(1);
  t.false(client.getIsConnected());
});

test('after disconnect() in a handler nothing more is delivered', async (t) => {
  const { server, client } = await pair(t);
  let leaving: Promise<void> | undefined;
  const seen = recorder(() => {
    leaving ??= client.disconnect();
  });
  client.onMessage('tick', seen);
  const gone = new Promise((resolve) => client.once('disconnect', resolve));

  await Promise.allSettled(Array.from({ length: 50 }, (_, index) => server.sendToClient('leaver', 'tick', index)));
  await within(gone, 'disconnect event');
  await leaving;

  t.is(seen.calls.length, 1);
});
