import fs from 'fs';
import net from 'net';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, freePort, tempSocket } from '../support/helpers.cjs';

test('TCP with a host name and a port', async (t) => {
  const port = await freePort();
  const server = closeAfter(t, SmartIpc.createServer({ id: 'tcp-clock', host: 'localhost', port }));
  server.onMessage('twice', (number: number) => number * 2);
  await server.start();

  const client = closeAfter(t, SmartIpc.createClient({ id: 'tcp-clock', host: 'localhost', port }));
  await client.connect();

  t.is(await client.request('twice', 21), 42);
});

test('TCP with a port alone listens on the loopback address', async (t) => {
  const port = await freePort();
  const server = closeAfter(t, SmartIpc.createServer({ id: 'tcp-default', port }));
  server.onMessage('echo', (payload) => payload);
  await server.start({ readyWhen: 'accepting' });

  const client = closeAfter(t, SmartIpc.createClient({ id: 'tcp-default', host: '127.0.0.1', port }));
  await client.connect();
  t.is(await client.request('echo', 'local'), 'local');

  // The whole of 127/8 is this machine on Linux: a server bound to every address would answer here.
  if (process.platform === 'linux') {
    const code = await new Promise((resolve) => {
      const socket = net.connect({ host: '127.0.0.2', port });
      socket.on('connect', () => resolve('connected')).on('error', (error: any) => resolve(error.code));
      t.teardown(() => socket.destroy());
    });
    t.is(code, 'ECONNREFUSED');
  }
});

test('a TCP port in use is reported with its errno', async (t) => {
  const port = await freePort();
  const first = closeAfter(t, SmartIpc.createServer({ id: 'first', port }));
  await first.start();

  const second = closeAfter(t, SmartIpc.createServer({ id: 'second', port }));
  await t.throwsAsync(second.start(), { code: 'EADDRINUSE' });
});

test('a Unix domain socket', async (t) => {
  const socketPath = tempSocket(t, 'my-app.sock');
  const server = closeAfter(t, SmartIpc.createServer({ id: 'unix-clock', socketPath }));
  server.onMessage('twice', (number: number) => number * 2);
  await server.start();
  if (process.platform !== 'win32') t.true(fs.statSync(socketPath).isSocket());

  const client = closeAfter(t, SmartIpc.createClient({ id: 'unix-clock', socketPath }));
  await client.connect();

  t.is(await client.request('twice', 4), 8);
});

test('a Windows pipe name is accepted by the constructor, which opens nothing', (t) => {
  const server = SmartIpc.createServer({ id: 'pipe-clock', socketPath: '\\\\.\\pipe\\clock-of-the-tests' });
  const client = SmartIpc.createClient({ id: 'pipe-clock', socketPath: '\\\\.\\pipe\\clock-of-the-tests' });

  t.false(server.getIsReady());
  t.false(server.getStats().isRunning);
  t.false(client.getIsConnected());
});

test('constructors touch neither the file system nor the network', async (t) => {
  const socketPath = tempSocket(t);
  const port = await freePort();
  SmartIpc.createServer({ id: 'idle', socketPath });
  SmartIpc.createClient({ id: 'idle', socketPath });
  SmartIpc.createServer({ id: 'idle', port });

  t.false(fs.existsSync(socketPath));
  const probe = net.createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  await new Promise((resolve) => probe.close(() => resolve(undefined)));
});

test('server and client with the same id and no address meet', async (t) => {
  const id = `default-place-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const server = closeAfter(t, SmartIpc.createServer({ id }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id }));
  await client.connect();

  t.is(await client.request('echo', 'found you'), 'found you');
});

test('a socket path that is too long is an error, never cut', async (t) => {
  if (process.platform !== 'linux') return t.pass();
  const socketPath = tempSocket(t, `${'x'.repeat(120)}.sock`);
  const cut = socketPath.slice(0, 107);

  // Refused when constructed or when started: either way nothing appears.
  await t.throwsAsync(async () => {
    const server = closeAfter(t, SmartIpc.createServer({ id: 'long', socketPath }));
    await server.start();
  });
  t.false(fs.existsSync(socketPath));
  t.false(fs.existsSync(cut));
});
