import fs from 'fs';
import path from 'path';
import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, freePort, once, recorder, staleSocket, startChild, tempSocket } from '../support/helpers.cjs';

const files = (socketPath: string) => fs.readdirSync(path.dirname(socketPath)).sort();

function newClient(t: any, options: any) {
  const client = closeAfter(t, SmartIpc.createClient({ id: 'modest', ...options }));
  const hosting = recorder();
  client.on('hosting', hosting);
  return { client, hosting };
}

const refusals: [string, any, any][] = [
  ['clientOnly', { clientOnly: true }, {}],
  ['connectRetry', { connectRetry: { enabled: true, initialDelay: 10, maxAttempts: 3 } }, {}],
  ['waitForReady', {}, { waitForReady: true, waitTimeout: 200 }],
];
for (const [name, options, connectOptions] of refusals) {
  test(`${name} rules hosting out`, async (t) => {
    const socketPath = tempSocket(t);
    const { client, hosting } = newClient(t, { socketPath, ...options });
    t.true((await failure(() => client.connect(connectOptions))) instanceof IpcError);
    t.is(hosting.calls.length, 0);
    t.deepEqual(files(socketPath), []);
  });
}

test('connectRetry that is not enabled does not', async (t) => {
  const socketPath = tempSocket(t);
  const { client, hosting } = newClient(t, { socketPath, connectRetry: { enabled: false } });
  await client.connect({ waitForReady: false });
  t.is(hosting.calls.length, 1);
});

for (const [name, env, refused] of [
  ['SMARTIPC_CLIENT_ONLY=TRUE rules hosting out', { SMARTIPC_CLIENT_ONLY: 'TRUE' }, true],
  ['any other value does not', { SMARTIPC_CLIENT_ONLY: '0' }, false],
] as const) {
  test(name, async (t) => {
    const socketPath = tempSocket(t);
    const child = startChild(t, 'connect-once', { client: { id: 'modest', socketPath } }, { env });
    await child.report(refused ? 'refused' : 'connected');
    t.is((await child.exited()).code, 0);
    t.deepEqual(files(socketPath), refused ? [] : ['test.sock.lock']);
  });
}

for (const [name, call] of [
  ['request', (client: any) => client.request('echo', {})],
  ['sendMessage', (client: any) => client.sendMessage('note', {})],
  ['subscribe', (client: any) => client.subscribe('topic', () => {})],
  ['publish', (client: any) => client.publish('topic', {})],
] as const) {
  test(`${name}() connects first, but never hosts`, async (t) => {
    const socketPath = tempSocket(t);
    const { client, hosting } = newClient(t, { socketPath });
    t.is((await failure(() => call(client))).code, 'ENOENT');
    t.is(hosting.calls.length, 0);
    t.deepEqual(files(socketPath), []);
  });
}

test('connect() right after a call hosts for both', async (t) => {
  const { client, hosting } = newClient(t, { socketPath: tempSocket(t) });
  // On a busy machine the attempt of the call may have failed before connect() is heard of.
  const subscribed = client.subscribe('topic', () => {}).catch((error) => t.is(error.code, 'ENOENT'));
  await client.connect();
  await subscribed;
  t.is(hosting.calls.length, 1);
});

test('over TCP nobody hosts', async (t) => {
  const { client, hosting } = newClient(t, { host: '127.0.0.1', port: await freePort() });
  t.is((await failure(() => client.connect())).code, 'ECONNREFUSED');
  t.is(hosting.calls.length, 0);
});

test('a lost server is waited for, by connect() too', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'modest', socketPath }));
  await server.start();
  const waiting = newClient(t, { socketPath, reconnectDelay: 5, maxReconnectDelay: 5 });
  const lost = newClient(t, { socketPath, autoReconnect: false });
  await Promise.all([waiting.client.connect(), lost.client.connect()]);
  const attempts = recorder();
  waiting.client.on('reconnecting', attempts);
  const gone = once(lost.client, 'disconnect');
  await server.stop();
  await gone;

  await attempts.until(5);
  t.is((await failure(() => lost.client.connect())).code, 'ENOENT');
  t.is(waiting.hosting.calls.length + lost.hosting.calls.length, 0);
  t.deepEqual(files(socketPath), ['test.sock.lock']);
});

for (const [name, leave] of [
  ['a killed server', async (t: any, socketPath: string) => {
    const child = startChild(t, 'server', { server: { id: 'modest', socketPath } });
    await child.report('ready');
    child.kill('SIGKILL');
    await child.exited();
  }],
  ['another program', staleSocket],
] as const) {
  test(`the socket file of ${name} is left alone`, async (t) => {
    const socketPath = tempSocket(t);
    await leave(t, socketPath);
    const inode = fs.lstatSync(socketPath).ino;
    const { client, hosting } = newClient(t, { socketPath });

    const error = await failure(() => client.connect());

    t.is(error.code, 'ECONNREFUSED');
    t.is(
      error.message,
      `Server not available (ECONNREFUSED) at ${socketPath}; no hub can be started: ` +
        `Cannot listen on ${socketPath}: EADDRINUSE: address already in use`,
    );
    t.is(hosting.calls.length, 0);
    t.is(fs.lstatSync(socketPath).ino, inode);
  });
}

test('a folder that is not there is told as it is', async (t) => {
  const { client } = newClient(t, { socketPath: `${tempSocket(t)}/missing/x.sock` });
  const error = await failure(() => client.connect());
  t.is(error.code, 'ENOENT');
  t.regex(error.message, /no hub can be started/);
});
