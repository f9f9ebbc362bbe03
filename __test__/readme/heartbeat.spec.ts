import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, once, recorder, startChild, tempSocket } from '../support/helpers.cjs';

const quick = { heartbeat: true, heartbeatInterval: 100, heartbeatTimeout: 500 };

test('the readme options keep a connection between two busy peers', async (t) => {
  const socketPath = tempSocket(t);
  const options = {
    id: 'ward',
    socketPath,
    heartbeat: true,
    heartbeatInterval: 3000,
    heartbeatTimeout: 10000,
    heartbeatInitialGracePeriodMs: 5000,
    heartbeatThrowOnTimeout: false,
  };
  const server = closeAfter(t, SmartIpc.createServer(options));
  const lost = recorder();
  server.on('heartbeatTimeout', lost);
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient(options));
  client.on('heartbeatTimeout', lost);
  await client.connect();

  t.is(await client.request('echo', 'pulse'), 'pulse');
  t.deepEqual(lost.calls, []);
});

test('a server reports a stopped client and keeps it when told not to throw', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(
    t,
    SmartIpc.createServer({
      id: 'ward',
      socketPath,
      ...quick,
      heartbeatInitialGracePeriodMs: 0,
      heartbeatThrowOnTimeout: false,
    }),
  );
  const disconnected = recorder();
  const errors = recorder();
  server.on('clientDisconnect', disconnected);
  server.on('error', errors);
  await server.start();
  const child = startChild(t, 'client', { client: { id: 'ward', socketPath, clientId: 'patient-1', heartbeat: false } });
  await child.report('connected');

  const timeout = once(server, 'heartbeatTimeout');
  child.kill('SIGSTOP');
  const [clientId, error] = await timeout;

  t.is(clientId, 'patient-1');
  t.true(error instanceof IpcError);
  t.deepEqual(server.getClientIds(), ['patient-1']);
  t.true(server.getStats().metrics.heartbeatTimeouts >= 1);

  child.kill('SIGCONT');
  t.is(await server.requestClient('patient-1', 'echo', 'awake'), 'awake');
  t.deepEqual(disconnected.calls, []);
  t.deepEqual(errors.calls, []);
});

test('a server drops a stopped client by default: heartbeatTimeout, error, clientDisconnect', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'ward', socketPath, ...quick }));
  const events: any[] = [];
  server.on('heartbeatTimeout', (clientId) => events.push(['heartbeatTimeout', clientId]));
  server.on('error', (error, clientId) => events.push(['error', clientId, error instanceof IpcError]));
  server.on('clientDisconnect', (clientId) => events.push(['clientDisconnect', clientId]));
  await server.start();
  const child = startChild(t, 'client', { client: { id: 'ward', socketPath, clientId: 'patient-2', heartbeat: false } });
  await child.report('connected');

  const gone = once(server, 'clientDisconnect');
  child.kill('SIGSTOP');
  const [, reason] = await gone;

  t.deepEqual(events, [
    ['heartbeatTimeout', 'patient-2'],
    ['error', 'patient-2', true],
    ['clientDisconnect', 'patient-2'],
  ]);
  t.is(typeof reason, 'string');
  t.deepEqual(server.getClientIds(), []);
});

test('a client reports a stopped server and keeps the connection when told not to throw', async (t) => {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'server', { server: { id: 'ward', socketPath, heartbeat: false } });
  await child.report('ready');
  const client = closeAfter(
    t,
    SmartIpc.createClient({ id: 'ward', socketPath, ...quick, heartbeatThrowOnTimeout: false }),
  );
  const disconnected = recorder();
  client.on('disconnect', disconnected);
  await client.connect();

  const timeout = once(client, 'heartbeatTimeout');
  child.kill('SIGSTOP');
  const [error] = await timeout;
  t.true(error instanceof IpcError);
  t.true(client.getIsConnected());
  t.true(client.getStats().metrics.heartbeatTimeouts >= 1);

  child.kill('SIGCONT');
  t.is(await client.request('echo', 'awake'), 'awake');
  t.deepEqual(disconnected.calls, []);
});

test('a client leaves a stopped server by default and tries to reconnect', async (t) => {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'server', { server: { id: 'ward', socketPath, heartbeat: false } });
  await child.report('ready');
  const client = closeAfter(t, SmartIpc.createClient({ id: 'ward', socketPath, ...quick, reconnectDelay: 50 }));
  const events: string[] = [];
  for (const event of ['heartbeatTimeout', 'error', 'disconnect'] as const) client.on(event, () => events.push(event));
  await client.connect();

  const reconnecting = once(client, 'reconnecting');
  child.kill('SIGSTOP');
  const [attempt] = await reconnecting;
  t.is(attempt, 1);
  t.deepEqual(events.slice(0, 3), ['heartbeatTimeout', 'error', 'disconnect']);

  const connected = once(client, 'connect');
  child.kill('SIGCONT');
  await connected;
  t.is(await client.request('echo', 'again'), 'again');
});

test('the grace period holds the first timeout back', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(
    t,
    SmartIpc.createServer({
      id: 'ward',
      socketPath,
      ...quick,
      heartbeatInitialGracePeriodMs: 2500,
      heartbeatThrowOnTimeout: false,
    }),
  );
  await server.start();
  const connected = once(server, 'clientConnect');
  const child = startChild(t, 'client', { client: { id: 'ward', socketPath, clientId: 'newborn', heartbeat: false } });
  await connected;
  const since = Date.now();
  const timeout = once(server, 'heartbeatTimeout');
  child.kill('SIGSTOP');
  await timeout;

  // Without the grace period this takes about 600 ms.
  t.true(Date.now() - since >= 1800, `timed out after ${Date.now() - since} ms`);
});

test("the strings 'true' and 'false' are accepted for heartbeatThrowOnTimeout", async (t) => {
  const socketPath = tempSocket(t);
  const options: any = { id: 'ward', socketPath, ...quick, heartbeatThrowOnTimeout: 'false' };
  const server = closeAfter(t, SmartIpc.createServer(options));
  await server.start();
  t.notThrows(() => SmartIpc.createServer({ ...options, heartbeatThrowOnTimeout: 'true' }));
  const child = startChild(t, 'client', { client: { id: 'ward', socketPath, clientId: 'patient-3', heartbeat: false } });
  await child.report('connected');

  const timeout = once(server, 'heartbeatTimeout');
  child.kill('SIGSTOP');
  t.is((await timeout)[0], 'patient-3');
  t.deepEqual(server.getClientIds(), ['patient-3']);
});

test('with heartbeat: false nobody is timed out, and the other side still gets its answers', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'ward', socketPath, ...quick, heartbeat: false }));
  const lost = recorder();
  server.on('heartbeatTimeout', lost);
  server.on('clientDisconnect', lost);
  await server.start();
  const still = startChild(t, 'client', { client: { id: 'ward', socketPath, clientId: 'still', heartbeat: false } });
  await still.report('connected');

  // A watched connection beside it shows that several timeouts have passed.
  const otherPath = tempSocket(t);
  const watchful = closeAfter(
    t,
    SmartIpc.createServer({ id: 'ward', socketPath: otherPath, ...quick, heartbeatThrowOnTimeout: false }),
  );
  await watchful.start();
  const watched = startChild(t, 'client', {
    client: { id: 'ward', socketPath: otherPath, clientId: 'watched', heartbeat: false },
  });
  const unwatched = closeAfter(t, SmartIpc.createClient({ id: 'ward', socketPath: otherPath, heartbeat: false }));
  await watched.report('connected');
  await unwatched.connect();

  still.kill('SIGSTOP');
  const timeouts = recorder();
  watchful.on('heartbeatTimeout', (clientId) => timeouts(clientId));
  watched.kill('SIGSTOP');
  await timeouts.until(1);
  t.deepEqual(timeouts.calls, [['watched']]);
  t.deepEqual(lost.calls, []);

  still.kill('SIGCONT');
  t.is(await server.requestClient('still', 'echo', 'fine'), 'fine');
});
