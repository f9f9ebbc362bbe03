import fs from 'fs';
import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, settlesSoon, silentServer, startChild, tempSocket } from '../support/helpers.cjs';

test('a client waits for a server that starts later', async (t) => {
  const socketPath = tempSocket(t);
  const client = closeAfter(
    t,
    SmartIpc.createClient({
      id: 'patient',
      socketPath,
      connectRetry: {
        enabled: true,
        initialDelay: 100,
        maxDelay: 1500,
        maxAttempts: 20,
        totalTimeout: 15000,
      },
      registerTimeoutMs: 8000,
    }),
  );

  const connecting = client.connect({
    waitForReady: true,
    waitTimeout: 10000,
  });
  connecting.catch(() => {});
  t.false(await settlesSoon(connecting));
  // A new process takes far longer to serve than the first attempt to fail.
  const child = startChild(t, 'server', { server: { id: 'patient', socketPath } });
  const { pid } = await child.report('ready');
  await connecting;

  t.true(client.getIsConnected());
  t.deepEqual(await client.request('whoami', {}), { pid });
});

test('X7: connectRetry alone bridges the same gap', async (t) => {
  const socketPath = tempSocket(t);
  const client = closeAfter(
    t,
    SmartIpc.createClient({ id: 'patient', socketPath, connectRetry: { enabled: true, initialDelay: 50 } }),
  );

  const connecting = client.connect();
  connecting.catch(() => {});
  const child = startChild(t, 'server', { server: { id: 'patient', socketPath } });
  const { pid } = await child.report('ready');
  await connecting;

  t.deepEqual(await client.request('whoami', {}), { pid });
});

test('waitForReady alone bridges it too', async (t) => {
  const socketPath = tempSocket(t);
  const client = closeAfter(t, SmartIpc.createClient({ id: 'patient', socketPath }));

  const connecting = client.connect({ waitForReady: true, waitTimeout: 10000 });
  connecting.catch(() => {});
  const child = startChild(t, 'server', { server: { id: 'patient', socketPath } });
  const { pid } = await child.report('ready');
  await connecting;

  t.deepEqual(await client.request('whoami', {}), { pid });
});

test('X7: a spent totalTimeout ends the attempts', async (t) => {
  const socketPath = tempSocket(t);
  const client = closeAfter(
    t,
    SmartIpc.createClient({
      id: 'patient',
      socketPath,
      connectRetry: { enabled: true, initialDelay: 50, maxDelay: 100, totalTimeout: 400 },
    }),
  );

  const started = Date.now();
  const error = await failure(() => client.connect());

  t.regex(error.message, /^Connection timeout after/);
  t.true(error instanceof IpcError);
  t.true(Date.now() - started >= 350, 'gave up early');
  t.false(client.getIsConnected());
  t.false(fs.existsSync(socketPath), 'a retrying client must not become the server');
});

test('X7: maxAttempts ends the attempts', async (t) => {
  const socketPath = tempSocket(t);
  const client = closeAfter(
    t,
    SmartIpc.createClient({
      id: 'patient',
      socketPath,
      connectRetry: { enabled: true, initialDelay: 200, maxDelay: 400, maxAttempts: 3, totalTimeout: 60000 },
    }),
  );

  const started = Date.now();
  const error = await failure(() => client.connect());

  t.is(error.code, 'ENOENT');
  t.true(error instanceof IpcError);
  t.true(Date.now() - started >= 100, 'there was no second attempt');
});

test('waitTimeout ends the wait for a server that never comes', async (t) => {
  const socketPath = tempSocket(t);
  const client = closeAfter(t, SmartIpc.createClient({ id: 'patient', socketPath }));

  const started = Date.now();
  const error = await failure(() => client.connect({ waitForReady: true, waitTimeout: 400 }));

  t.true(error instanceof IpcError);
  t.true(Date.now() - started >= 350, 'gave up early');
  t.false(fs.existsSync(socketPath));
});

test('registerTimeoutMs bounds the handshake with a server that stays silent', async (t) => {
  const socketPath = tempSocket(t);
  await silentServer(t, socketPath);
  const client = closeAfter(
    t,
    SmartIpc.createClient({ id: 'patient', socketPath, clientOnly: true, registerTimeoutMs: 200 }),
  );

  const error = await failure(() => client.connect());

  t.regex(error.message, /Failed to register/);
  t.true(error instanceof IpcError);
  t.false(client.getIsConnected());
});
