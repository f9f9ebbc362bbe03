import net from 'net';
import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, once, startChild, tempSocket } from '../support/helpers.cjs';

test('garbage from outside is an error event, if at all, and disturbs no other client', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'calm', socketPath }));
  const errors: unknown[] = [];
  server.on('error', (error) => errors.push(error));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'calm', socketPath }));
  await client.connect();

  for (const garbage of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from([0, 0, 0, 0]),
    Buffer.from([255, 255, 255, 255, 1]),
    Buffer.from([0, 0, 0, 2, 0x7b, 0x7b]),
    Buffer.from([0, 0, 0, 1, 0xff]),
  ]) {
    const socket = net.connect(socketPath);
    t.teardown(() => socket.destroy());
    socket.on('error', () => {}).resume();
    const closed = once(socket, 'close');
    socket.write(garbage);
    await closed;
    t.is(await client.request('echo', 'fine'), 'fine');
  }
  t.true(errors.every((error) => error instanceof IpcError));
});

test('without a listener, garbage from outside does not end the process', async (t) => {
  const child = startChild(t, 'listener-less', { scenario: 'garbage from a client', socketPath: tempSocket(t) });

  t.is((await child.report('alive')).answer, 'still here');
  const { code, stderr } = await child.exited();
  t.is(code, 0, stderr);
});

test('without a listener, the throw of a one-way handler is uncaught, as from any listener', async (t) => {
  const child = startChild(t, 'listener-less', { scenario: 'throwing listener', socketPath: tempSocket(t) });

  const { code, stderr } = await child.exited();
  t.is(code, 1);
  t.regex(stderr, /nobody listens to this/);
  t.regex(stderr, /listener-less\.mjs/, 'with its own stack');
});

test('the throw of a request handler belongs to its caller alone', async (t) => {
  const child = startChild(t, 'listener-less', { scenario: 'throwing request handler', socketPath: tempSocket(t) });

  t.is((await child.report('rejected')).message, 'only the caller gets this');
  t.is((await child.exited()).code, 0);
});

test('the failure of a call nobody awaits is an error event, not an unhandled rejection', async (t) => {
  const child = startChild(t, 'listener-less', { scenario: 'calls nobody awaits', socketPath: tempSocket(t) });

  t.is((await child.report('error')).code, 'ENOENT');
  await child.report('finished');
  const { code, stdout } = await child.exited();
  t.is(code, 0);
  t.notRegex(stdout, /unhandledRejection/);
});

test('a client without a listener survives the death of its server', async (t) => {
  const socketPath = tempSocket(t);
  const first = startChild(t, 'server', { server: { id: 'calm', socketPath } });
  await first.report('ready');
  const client = closeAfter(t, SmartIpc.createClient({ id: 'calm', socketPath, reconnectDelay: 50 }));
  await client.connect();
  const reconnecting = once(client, 'reconnecting');
  first.kill('SIGKILL');
  await reconnecting;

  const back = once(client, 'connect');
  const second = startChild(t, 'server', { server: { id: 'calm', socketPath, autoCleanupSocketFile: true } });
  const { pid } = await second.report('ready');
  await back;
  t.deepEqual(await client.request('whoami', {}), { pid });
});
