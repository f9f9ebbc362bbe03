import fs from 'fs';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, staleSocket, startChild, tempSocket } from '../support/helpers.cjs';

const mode = (file: string) => fs.statSync(file).mode & 0o777;

async function killedServer(t: any, socketPath: string) {
  const child = startChild(t, 'server', { server: { id: 'tidy', socketPath } });
  await child.report('ready');
  child.kill('SIGKILL');
  await child.exited();
  t.true(fs.lstatSync(socketPath).isSocket(), 'kill -9 leaves the file behind');
}

test('the file of a killed server is replaced on start', async (t) => {
  const socketPath = tempSocket(t);
  await killedServer(t, socketPath);

  const server = closeAfter(
    t,
    SmartIpc.createServer({
      id: 'tidy',
      socketPath,
      autoCleanupSocketFile: true,
      socketMode: 0o600,
    }),
  );
  server.onMessage('echo', (payload) => payload);
  await server.start();

  t.is(mode(socketPath), 0o600);
  const client = closeAfter(t, SmartIpc.createClient({ id: 'tidy', socketPath }));
  await client.connect();
  t.is(await client.request('echo', 'new server'), 'new server');
});

test('the file of another program that was killed is replaced too', async (t) => {
  const socketPath = tempSocket(t);
  await staleSocket(t, socketPath);

  const server = closeAfter(t, SmartIpc.createServer({ id: 'tidy', socketPath, autoCleanupSocketFile: true }));
  await t.notThrowsAsync(server.start());
});

test('without autoCleanupSocketFile a stale file is EADDRINUSE and stays', async (t) => {
  const socketPath = tempSocket(t);
  await killedServer(t, socketPath);
  const inode = fs.lstatSync(socketPath).ino;

  const server = closeAfter(t, SmartIpc.createServer({ id: 'tidy', socketPath }));
  await t.throwsAsync(server.start(), { code: 'EADDRINUSE' });

  t.is(fs.lstatSync(socketPath).ino, inode);
});

test('a path with a living server is never taken over', async (t) => {
  const socketPath = tempSocket(t);
  const first = closeAfter(t, SmartIpc.createServer({ id: 'tidy', socketPath }));
  first.onMessage('who', () => 'the first');
  await first.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'tidy', socketPath }));
  await client.connect();

  const second = closeAfter(t, SmartIpc.createServer({ id: 'tidy', socketPath, autoCleanupSocketFile: true }));
  await t.throwsAsync(second.start(), { code: 'EADDRINUSE' });

  t.is(await client.request('who', {}), 'the first');
  const newcomer = closeAfter(t, SmartIpc.createClient({ id: 'tidy', socketPath }));
  await newcomer.connect();
  t.is(await newcomer.request('who', {}), 'the first');
});

test('a file that is no socket is never removed', async (t) => {
  const socketPath = tempSocket(t, 'precious.txt');
  fs.writeFileSync(socketPath, 'keep me');

  const server = closeAfter(t, SmartIpc.createServer({ id: 'tidy', socketPath, autoCleanupSocketFile: true }));
  await failure(() => server.start());

  t.is(fs.readFileSync(socketPath, 'utf8'), 'keep me');
});

test('a symbolic link is not followed', async (t) => {
  const socketPath = tempSocket(t);
  const target = `${socketPath}.target`;
  fs.symlinkSync(target, socketPath);

  const server = closeAfter(t, SmartIpc.createServer({ id: 'tidy', socketPath, autoCleanupSocketFile: true }));
  await failure(() => server.start());

  t.is(fs.readlinkSync(socketPath), target);
  t.false(fs.existsSync(target));
});

for (const socketMode of [0o600, 0o660, 0o666, 0o700]) {
  test(`socketMode 0o${socketMode.toString(8)} is set exactly, whatever the umask`, async (t) => {
    const socketPath = tempSocket(t);
    const server = closeAfter(t, SmartIpc.createServer({ id: 'tidy', socketPath, socketMode }));
    await server.start();

    t.is(mode(socketPath), socketMode);
  });
}

test('without socketMode only the owner may connect', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'tidy', socketPath }));
  await server.start();

  t.is(mode(socketPath), 0o600);
});

test('stop() removes the file', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'tidy', socketPath }));
  await server.start();
  t.true(fs.existsSync(socketPath));

  await server.stop();
  t.false(fs.existsSync(socketPath));
});
