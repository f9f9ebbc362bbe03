import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, once, recorder, startChild, tempSocket } from '../support/helpers.cjs';

const COUNTERS = [
  'messagesSent',
  'messagesReceived',
  'bytesSent',
  'bytesReceived',
  'reconnects',
  'heartbeatTimeouts',
  'errors',
  'requestTimeouts',
  'streamsOpened',
  'requestsPending',
  'queuedBytes',
];

async function pair(t: any, clientOptions: object = {}) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'meter', socketPath, heartbeat: false }));
  server.onMessage('echo', (payload) => payload);
  server.onMessage('hang', () => new Promise(() => {}));
  await server.start();
  const client = closeAfter(
    t,
    SmartIpc.createClient({ id: 'meter', socketPath, clientId: 'client-123', heartbeat: false, ...clientOptions }),
  );
  return { socketPath, server, client };
}

test('server stats', async (t) => {
  const { server, client } = await pair(t);
  t.like(server.getStats(), { isRunning: true, isReachable: true, connectedClients: 0, totalConnections: 0 });

  await client.connect();
  await client.request('echo', 'hello');

  const stats = server.getStats();
  t.like(stats, { isRunning: true, connectedClients: 1, totalConnections: 1 });
  for (const name of COUNTERS) t.is(typeof (stats.metrics as any)[name], 'number', name);

  const left = once(server, 'clientDisconnect');
  await client.disconnect();
  await left;
  t.like(server.getStats(), { isRunning: true, connectedClients: 0, totalConnections: 1 });

  await client.connect();
  t.like(server.getStats(), { connectedClients: 1, totalConnections: 2 });

  await server.stop();
  t.like(server.getStats(), { isRunning: false, connectedClients: 0 });
});

test('client stats', async (t) => {
  const { client } = await pair(t);
  t.like(client.getStats(), { connected: false, reconnectAttempts: 0 });

  const before = Date.now();
  await client.connect();
  const after = Date.now();

  const stats = client.getStats();
  t.like(stats, { connected: true, reconnectAttempts: 0 });
  for (const name of COUNTERS) t.is(typeof (stats.metrics as any)[name], 'number', name);
  const { connectedAt } = stats.metrics as any;
  t.true(connectedAt >= before - 1 && connectedAt <= after + 1, String(connectedAt));

  await client.disconnect();
  t.false(client.getStats().connected);
});

test('messages and bytes are counted on both sides', async (t) => {
  const { server, client } = await pair(t);
  const got = recorder();
  server.onMessage('load', got);
  client.onMessage('load', got);
  await client.connect();
  const serverBefore = { ...server.getStats().metrics };
  const clientBefore = { ...client.getStats().metrics };

  const load = 'x'.repeat(10000);
  for (let count = 0; count < 10; count++) await client.sendMessage('load', load);
  await got.until(10);
  await server.sendToClient('client-123', 'load', load);
  await got.until(11);

  const serverNow = server.getStats().metrics;
  const clientNow = client.getStats().metrics;
  t.true(clientNow.messagesSent - clientBefore.messagesSent >= 10);
  t.true(clientNow.bytesSent - clientBefore.bytesSent >= 100000);
  t.true(clientNow.messagesReceived - clientBefore.messagesReceived >= 1);
  t.true(clientNow.bytesReceived - clientBefore.bytesReceived >= 10000);
  t.true(serverNow.messagesReceived - serverBefore.messagesReceived >= 10);
  t.true(serverNow.bytesReceived - serverBefore.bytesReceived >= 100000);
  t.true(serverNow.messagesSent - serverBefore.messagesSent >= 1);
  t.true(serverNow.bytesSent - serverBefore.bytesSent >= 10000);
});

test('pending and timed-out requests are counted', async (t) => {
  const { client } = await pair(t);
  await client.connect();
  t.is(client.getStats().metrics.requestsPending, 0);

  const pending = failure(() => client.request('hang', {}, { timeout: 300 }));
  await client.request('echo', 1);
  t.is(client.getStats().metrics.requestsPending, 1);
  await pending;

  const { requestsPending, requestTimeouts } = client.getStats().metrics;
  t.is(requestsPending, 0);
  t.is(requestTimeouts, 1);
});

test('an emitted error is counted', async (t) => {
  const { server, client } = await pair(t);
  server.onMessage('boom', () => {
    throw new Error('boom');
  });
  const emitted = once(server, 'error');
  t.is(server.getStats().metrics.errors, 0);
  await client.connect();
  await client.sendMessage('boom', {});
  await emitted;

  t.is(server.getStats().metrics.errors, 1);
});

test('a reconnect is counted', async (t) => {
  const { server, client } = await pair(t, { reconnectDelay: 50 });
  await client.connect();
  const reconnecting = once(client, 'reconnecting');
  const back = once(client, 'connect');
  await server.stop();
  await reconnecting;
  t.true(client.getStats().reconnectAttempts >= 1);
  t.false(client.getStats().connected);
  await server.start();
  await back;

  t.is(client.getStats().metrics.reconnects, 1);
  t.true(client.getStats().connected);
});

test('closed connections are counted by their reason', async (t) => {
  const { server, client } = await pair(t);
  await client.connect();
  const before = JSON.stringify(server.getStats());
  const left = once(server, 'clientDisconnect');
  await client.disconnect();
  const [, reason] = await left;

  const text = JSON.stringify(server.getStats());
  t.true(text.includes(`"${reason}":1`), `no count of ${reason} in ${text}`);
  t.false(before.includes(`"${reason}":1`), before);
});

test('information about one client', async (t) => {
  const { socketPath, server } = await pair(t);
  const before = Date.now();
  const child = startChild(t, 'client', {
    client: { id: 'meter', socketPath, clientId: 'the-child', metadata: { role: 'worker', cores: 4 }, heartbeat: false },
  });
  const { pid } = await child.report('connected');
  const after = Date.now();

  const info = server.getClientInfo('the-child')!;
  t.true(info.connectedAt >= before - 1 && info.connectedAt <= after + 1);
  t.true(info.lastActivity >= info.connectedAt && info.lastActivity <= after + 1);
  t.false(Number.isNaN(new Date(info.connectedAt).getTime()));
  t.deepEqual(info.metadata, { role: 'worker', cores: 4 });
  t.is(info.peer.pid, pid);
  t.is(info.peer.uid, process.getuid!());
  t.is(info.peer.gid, process.getgid!());
});

test('lastActivity moves with the traffic', async (t) => {
  const { server, client } = await pair(t);
  await client.connect();
  const first = server.getClientInfo('client-123')!.lastActivity;

  let latest = first;
  const deadline = Date.now() + 10000;
  while (latest === first && Date.now() < deadline) {
    await client.request('echo', 1);
    latest = server.getClientInfo('client-123')!.lastActivity;
  }
  t.true(latest > first);
});

test('there is no information about an unknown client', async (t) => {
  const { server } = await pair(t);
  t.is(server.getClientInfo('nobody'), undefined);
});
