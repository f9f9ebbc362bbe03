import { spawn } from 'child_process';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import {
  childEnv,
  childScript,
  closeAfter,
  failure,
  freePort,
  recorder,
  startChild,
  tempSocket,
} from '../support/helpers.cjs';

test('waits for the server of another process', async (t) => {
  const socketPath = tempSocket(t);
  const serverProcess = spawn('node', [childScript('server')], {
    env: childEnv({ server: { id: 'slow-starter', socketPath } }),
    stdio: 'ignore',
  });
  t.teardown(() => serverProcess.kill('SIGKILL'));

  await SmartIpc.waitForServer({
    socketPath,
    timeoutMs: 10000,
  });

  const client = closeAfter(t, SmartIpc.createClient({ id: 'slow-starter', socketPath }));
  await client.connect();
  t.deepEqual(await client.request('whoami', {}), { pid: serverProcess.pid });
});

test('waits for a TCP server', async (t) => {
  const port = await freePort();
  startChild(t, 'server', { server: { id: 'slow-starter', host: '127.0.0.1', port } });

  await SmartIpc.waitForServer({ host: '127.0.0.1', port, timeoutMs: 10000 });

  const client = closeAfter(t, SmartIpc.createClient({ id: 'slow-starter', host: '127.0.0.1', port, clientOnly: true }));
  await t.notThrowsAsync(client.connect());
});

test('resolves at once for a server that is there', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'present', socketPath }));
  await server.start({ readyWhen: 'accepting' });

  await t.notThrowsAsync(SmartIpc.waitForServer({ socketPath }));
});

test('rejects when no server comes', async (t) => {
  const started = Date.now();
  const error = await failure(() => SmartIpc.waitForServer({ socketPath: tempSocket(t), timeoutMs: 400 }));

  t.regex(error.message, /^Server not ready/);
  t.true(Date.now() - started >= 350, 'gave up early');
});

test('leaves no trace on the server', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'unnoticed', socketPath }));
  const noticed = recorder();
  for (const event of ['clientConnect', 'clientDisconnect', 'error'] as const) {
    server.on(event, (...args) => noticed(event, ...args));
  }
  await server.start({ readyWhen: 'accepting' });

  for (let round = 0; round < 5; round++) await SmartIpc.waitForServer({ socketPath });
  const client = closeAfter(t, SmartIpc.createClient({ id: 'unnoticed', socketPath, clientId: 'real' }));
  await client.connect();

  t.deepEqual(await noticed.until(1).then((calls) => calls.map(([event, id]) => [event, id])), [
    ['clientConnect', 'real'],
  ]);
  t.like(server.getStats(), { connectedClients: 1, totalConnections: 1 });
});

test('waiting for a server at no address is a TypeError', async (t) => {
  await t.throwsAsync(SmartIpc.waitForServer({ timeoutMs: 50 } as any), { instanceOf: TypeError, message: /socketPath/ });
});

test('over TCP, host says where to look', async (t) => {
  const port = await freePort();
  // All of 127.0.0.0/8 is this machine on Linux; elsewhere there is the name.
  const host = process.platform === 'linux' ? '127.0.0.2' : 'localhost';
  const server = closeAfter(t, SmartIpc.createServer({ id: 'elsewhere', host, port }));
  await server.start();
  await t.notThrowsAsync(SmartIpc.waitForServer({ host, port }));
  if (host !== 'localhost') await failure(() => SmartIpc.waitForServer({ port, timeoutMs: 200 }));
});
