import net from 'net';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { childEnv, childScript, failure, once, tempSocket, within } from '../support/helpers.cjs';

test('spawns a server and connects a client to it', async (t) => {
  const socketPath = tempSocket(t);

  const { client, serverProcess } = await SmartIpc.spawnAndConnect({
    serverScript: childScript('server'),
    socketPath,
    clientId: 'the-driver',
    connectRetry: {
      enabled: true,
      maxAttempts: 10,
    },
    spawnOptions: { env: childEnv({ server: { id: 'driven', socketPath } }) },
  });
  t.teardown(() => serverProcess.kill('SIGKILL'));

  t.is(client.getClientId(), 'the-driver');
  t.true(client.getIsConnected());
  t.deepEqual(await client.request('whoami', {}), { pid: serverProcess.pid });

  const exit = once(serverProcess, 'exit');
  await client.disconnect();
  serverProcess.kill();
  const [, signal] = await exit;
  t.is(signal, 'SIGTERM');
});

test('the retry options of spawnAndConnect have defaults', async (t) => {
  const socketPath = tempSocket(t);
  const { client, serverProcess } = await SmartIpc.spawnAndConnect({
    serverScript: childScript('server'),
    socketPath,
    spawnOptions: { env: childEnv({ server: { id: 'driven', socketPath } }) },
  });
  t.teardown(() => serverProcess.kill('SIGKILL'));

  t.is(await client.request('echo', 'by default'), 'by default');
  await client.disconnect();
});

test('a server program that ends early is reported with its exit code and its words', async (t) => {
  const started = Date.now();
  const error = await failure(() =>
    SmartIpc.spawnAndConnect({
      serverScript: childScript('exit-early'),
      socketPath: tempSocket(t),
      timeoutMs: 9000,
      spawnOptions: { env: childEnv({ exitCode: 37, complaint: 'the configuration is missing' }) },
    }),
  );

  t.regex(error.message, /\b37\b/);
  t.regex(error.message, /the configuration is missing/);
  t.true(Date.now() - started < 8000, 'must not wait for the time-out');
});

test('a server program that never serves is killed when the time is up', async (t) => {
  const leashPath = tempSocket(t, 'leash.sock');
  const leash = net.createServer();
  await new Promise<void>((resolve) => leash.listen(leashPath, () => resolve()));
  const tied = once(leash, 'connection');

  const error = await failure(() =>
    SmartIpc.spawnAndConnect({
      serverScript: childScript('never-ready'),
      socketPath: tempSocket(t),
      connectRetry: { enabled: true, totalTimeout: 2000 },
      timeoutMs: 2000,
      spawnOptions: { env: childEnv({ leash: leashPath }) },
    }),
  );
  t.true(error instanceof Error);

  const [socket] = await tied;
  t.teardown(() => {
    socket.destroy();
    return new Promise((resolve) => leash.close(() => resolve(undefined)));
  });
  // The other end closes when the program dies.
  socket.resume();
  await within(once(socket, 'end'), 'the death of the spawned program');
});

test('without an address no program is started', async (t) => {
  let started = false;
  const spawnOptions = {
    get env() {
      started = true;
      return childEnv({});
    },
  };
  const error = await failure(() => SmartIpc.spawnAndConnect({ serverScript: childScript('never-ready'), spawnOptions } as any));
  t.true(error instanceof TypeError, error.message);
  t.false(started);
});
