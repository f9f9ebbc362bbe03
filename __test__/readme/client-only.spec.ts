import fs from 'fs';
import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, staleSocket, startChild, tempSocket } from '../support/helpers.cjs';

test('a client-only client fails at once when there is no socket', async (t) => {
  const socketPath = tempSocket(t);
  const client = closeAfter(
    t,
    SmartIpc.createClient({
      id: 'daemon',
      socketPath,
      clientId: 'the-cli',
      clientOnly: true,
      connectRetry: { enabled: false },
    }),
  );

  let caught: any;
  try {
    await client.connect();
  } catch (error) {
    caught = error;
  }

  t.true(caught instanceof IpcError);
  t.is(caught.message, 'Server not available (ENOENT); clientOnly prevents auto-start');
  t.is(caught.code, 'ENOENT');
  t.false(client.getIsConnected());
  t.false(fs.existsSync(socketPath));
});

test('a socket file nobody listens on is ECONNREFUSED', async (t) => {
  const socketPath = tempSocket(t);
  await staleSocket(t, socketPath);
  const inode = fs.lstatSync(socketPath).ino;
  const client = closeAfter(t, SmartIpc.createClient({ id: 'daemon', socketPath, clientOnly: true }));

  const error = await failure(() => client.connect());

  t.is(error.message, 'Server not available (ECONNREFUSED); clientOnly prevents auto-start');
  t.is(error.code, 'ECONNREFUSED');
  t.is(fs.lstatSync(socketPath).ino, inode, 'a client-only client leaves the file alone');
});

test('a client-only client connects to a server that is there', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'daemon', socketPath }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = closeAfter(
    t,
    SmartIpc.createClient({ id: 'daemon', socketPath, clientId: 'the-cli', clientOnly: true }),
  );

  await client.connect();

  t.is(await client.request('echo', 'hello'), 'hello');
  t.is(client.getClientId(), 'the-cli');
});

test('a call that would connect first fails the same way', async (t) => {
  const client = closeAfter(t, SmartIpc.createClient({ id: 'daemon', socketPath: tempSocket(t), clientOnly: true }));

  const error = await failure(() => client.request('echo', {}));

  t.is(error.message, 'Server not available (ENOENT); clientOnly prevents auto-start');
});

for (const value of ['1', 'true', 'TRUE']) {
  test(`SMARTIPC_CLIENT_ONLY=${value} forces it`, async (t) => {
    const socketPath = tempSocket(t);
    const config = { client: { id: 'daemon', socketPath, clientOnly: false } };
    const child = startChild(t, 'connect-once', config, { env: { SMARTIPC_CLIENT_ONLY: value } });

    const { message, code } = await child.report('refused');

    t.is(message, 'Server not available (ENOENT); clientOnly prevents auto-start');
    t.is(code, 'ENOENT');
    t.is((await child.exited()).code, 0);
    t.false(fs.existsSync(socketPath));
  });
}
