// The socket file, and who is let in.
import { spawnSync } from 'child_process';
import fs from 'fs';
import net from 'net';
import path from 'path';
import { inspect } from 'util';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { notRun } from '../support/conformance.mjs';
import { GUESTS, NOBODY, openSocket, startAs, withOtherUser } from '../support/other-user.mjs';
import { RawPeer } from '../support/raw-peer.mjs';
import { closeAfter, failure, once, recorder, staleSocket, startChild, tempDir, tempSocket, within } from '../support/helpers.cjs';

const own = process.getuid ? process.getuid() : -1;

async function serve(t: any, socketPath: string, options: object = {}) {
  const server = closeAfter(t, SmartIpc.createServer({ id: 'access', socketPath, ...options }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  return server;
}

function client(t: any, socketPath: string, options: object = {}) {
  return closeAfter(t, SmartIpc.createClient({ id: 'access', socketPath, clientOnly: true, ...options }));
}

/** How another user's attempt to connect goes. */
async function attempt(t: any, socketPath: string, options: object = {}, who: object = {}) {
  const child = startAs(t, 'connect-once', { client: { id: 'access', socketPath, clientOnly: true, ...options } }, who);
  const outcome = await Promise.race([child.report('connected'), child.report('refused')]);
  await child.exited();
  return outcome.event === 'connected' ? 'connected' : outcome.code;
}

/** The reasons for which connections were closed, once there are some. */
async function closeReasons(server: any) {
  for (;;) {
    const reasons = server.getStats().metrics.closeReasons;
    if (Object.keys(reasons).length > 0) return reasons;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const modeOf = (file: string) => fs.lstatSync(file).mode & 0o777;

test('S1: the socket has its mode exactly, whatever the umask', async (t) => {
  const socketPath = tempSocket(t);
  const server = await serve(t, socketPath);
  t.is(modeOf(socketPath), 0o600);
  await server.stop();
  const config = { server: { id: 'access', socketPath, socketMode: 0o660 } };
  const child = startChild(t, 'server', config, { command: ['sh', '-c', 'umask 077; exec "$0" "$@"'] });
  await child.report('ready');
  t.is(modeOf(socketPath), 0o660);
});

test('S1: the socket is born with its mode: no umask, and nothing at its path before it listens', async (t) => {
  if (spawnSync('strace', ['-o', '/dev/null', 'true']).status !== 0) return notRun(t, 'needs strace');
  const socketPath = tempSocket(t);
  const trace = path.join(tempDir(t), 'trace');
  const calls = 'bind,listen,chmod,fchmod,fchmodat,umask,link,linkat,rename,renameat,renameat2';
  const config = { server: { id: 'access', socketPath, socketMode: 0o660 } };
  const child = startChild(t, 'server', config, { command: ['strace', '-D', '-f', '-o', trace, '-e', `trace=${calls}`] });
  await child.report('ready');
  const traced = async () => {
    while (!/linkat\(.*\) += 0$/m.test(fs.readFileSync(trace, 'utf8'))) await new Promise((resolve) => setImmediate(resolve));
  };
  await within(traced(), 'the last call in the trace');
  const lines = fs.readFileSync(trace, 'utf8').split('\n').map((line) => line.replace(/^\d+ +/, ''));
  t.deepEqual(lines.filter((line) => line.startsWith('umask')), []);
  const steps = lines.filter((line) => /^(bind|listen|fchmodat|linkat|chmod)\(/.test(line));
  const index = (pattern: RegExp) => steps.findIndex((line) => pattern.test(line));
  const [made, mode, linked] = [index(/^bind\(.*AF_UNIX.*\/s"/), index(/^fchmodat\(.*0660/), index(/^linkat\(.*test\.sock"/)];
  t.true(made >= 0 && made < mode && mode < linked, steps.join('\n'));
  t.is(steps.slice(linked).filter((line) => /^f?chmod/.test(line)).length, 0, steps.join('\n'));
  // The only other mode that is set is that of the folder nobody else can enter.
  t.deepEqual(steps.filter((line) => /^chmod\(/.test(line) && !/, 0700\) = 0/.test(line)), []);
});

test('S2: another user is kept out by the mode, let in by a wider one, and by neither against allowedUids', withOtherUser(async (t) => {
  const socketPath = openSocket(t);
  const strict = await serve(t, socketPath);
  t.is(await attempt(t, socketPath), 'EACCES');
  await strict.stop();

  const open = await serve(t, socketPath, { socketMode: 0o666 });
  t.is(await attempt(t, socketPath), 'connected');
  await open.stop();

  const listing = SmartIpc.createServer({ id: 'access', socketPath, socketMode: 0o666, allowedUids: [own] });
  const [connected, handled] = [recorder(), recorder()];
  closeAfter(t, listing).on('clientConnect', connected);
  listing.onMessage('echo', handled);
  await listing.start();
  t.is(await attempt(t, socketPath), 'IPC_ERR_UNAUTHORIZED');
  t.deepEqual(await within(closeReasons(listing), 'a closed connection'), { unauthorized: 1 });
  t.deepEqual([connected.calls, handled.calls], [[], []]);
  const self = client(t, socketPath);
  await self.connect();
}));

test('S2: allowedGids lets a group in, and on Linux whoever was added to it', withOtherUser(async (t) => {
  const socketPath = openSocket(t);
  await serve(t, socketPath, { socketMode: 0o666, allowedGids: [GUESTS] });
  t.is(await attempt(t, socketPath), 'IPC_ERR_UNAUTHORIZED');
  t.is(await attempt(t, socketPath, {}, { gid: GUESTS }), 'connected');
  if (process.platform !== 'linux') return;
  t.is(await attempt(t, socketPath, {}, { groups: [GUESTS] }), 'connected');
  // More of them than are expected.
  const many = Array.from({ length: 200 }, (_, at) => GUESTS - 200 + at);
  t.is(await attempt(t, socketPath, {}, { groups: many }), 'IPC_ERR_UNAUTHORIZED');
  t.is(await attempt(t, socketPath, {}, { groups: [...many, GUESTS] }), 'connected');
}));

test('S2: with a mode for the group the kernel counts all groups of a user', withOtherUser(async (t) => {
  const socketPath = openSocket(t);
  await serve(t, socketPath, { socketMode: 0o660 });
  fs.chownSync(socketPath, own, GUESTS);
  t.is(await attempt(t, socketPath), 'EACCES');
  t.is(await attempt(t, socketPath, {}, { groups: [GUESTS] }), 'connected');
}));

test("S2: a client can insist on its server's user", withOtherUser(async (t) => {
  const socketPath = openSocket(t);
  const heard = recorder();
  const server = await serve(t, socketPath, { authToken: 'it must not be told' });
  server.on('clientConnect', heard);
  const wrong = await failure(() => client(t, socketPath, { expectServerUid: own + 1, authToken: 'it must not be told' }).connect());
  t.is(wrong.code, 'IPC_ERR_SERVER_IDENTITY');
  t.is(wrong.origin, 'local');
  t.regex(wrong.message, new RegExp(`runs as user ${own}, not as ${own + 1}`));
  t.deepEqual(heard.calls, []);
  await client(t, socketPath, { expectServerUid: own, authToken: 'it must not be told' }).connect();

  // One that was faster than ours, in a folder where that is possible.
  const taken = path.join(worldFolder(t), 'taken.sock');
  const child = startAs(t, 'server', { server: { id: 'access', socketPath: taken, socketMode: 0o666 } });
  await child.report('ready');
  t.is((await failure(() => client(t, taken, { expectServerUid: own }).connect())).code, 'IPC_ERR_SERVER_IDENTITY');
}));

/** A folder in which everybody may make files of their own. */
function worldFolder(t: any) {
  const folder = tempDir(t);
  fs.chmodSync(folder, 0o1777);
  return folder;
}

test('S3: a stale file is replaced if that is asked for, and untouched if it is not', async (t) => {
  const socketPath = tempSocket(t);
  await staleSocket(t, socketPath);
  const before = fs.lstatSync(socketPath).ino;
  const careful = SmartIpc.createServer({ id: 'access', socketPath });
  t.is((await failure(() => careful.start())).code, 'EADDRINUSE');
  t.is(fs.lstatSync(socketPath).ino, before);
  const begun = Date.now();
  await serve(t, socketPath, { autoCleanupSocketFile: true });
  t.true(Date.now() - begun < 1000);
  await client(t, socketPath).connect();
});

test('S4: a living server keeps its path, and loses nothing', async (t) => {
  const socketPath = tempSocket(t);
  await serve(t, socketPath);
  const asking = client(t, socketPath);
  await asking.connect();
  const answers = Promise.all(Array.from({ length: 100 }, (_, at) => asking.request('echo', at)));
  const begun = Date.now();
  const second = SmartIpc.createServer({ id: 'access', socketPath, autoCleanupSocketFile: true });
  t.is((await failure(() => second.start())).code, 'EADDRINUSE');
  t.true(Date.now() - begun < 2000);
  t.deepEqual(await answers, Array.from({ length: 100 }, (_, at) => at));
  t.is(await asking.request('echo', 'still here'), 'still here');
});

test('S5: stop() leaves what somebody else has put on the path', async (t) => {
  const socketPath = tempSocket(t);
  const server = await serve(t, socketPath);
  fs.unlinkSync(socketPath);
  const other = net.createServer().listen(socketPath);
  t.teardown(() => new Promise<void>((resolve) => void other.close(() => resolve())));
  await once(other, 'listening');
  const inode = fs.lstatSync(socketPath).ino;
  await server.stop();
  t.is(fs.lstatSync(socketPath).ino, inode);
});

for (const target of ['nothing', 'a socket', 'a file', 'a folder']) {
  test(`S6: a symbolic link to ${target} is refused and left alone`, async (t) => {
    const folder = tempDir(t);
    const [link, aim] = [path.join(folder, 'link.sock'), path.join(folder, 'aim')];
    if (target === 'a socket') await staleSocket(t, aim);
    if (target === 'a file') fs.writeFileSync(aim, 'precious');
    if (target === 'a folder') fs.mkdirSync(aim);
    fs.symlinkSync(aim, link);
    const server = SmartIpc.createServer({ id: 'access', socketPath: link, autoCleanupSocketFile: true });
    t.is((await failure(() => server.start())).code, 'IPC_ERR_NOT_A_SOCKET');
    t.is(fs.readlinkSync(link), aim);
    t.is(fs.existsSync(aim), target !== 'nothing');
    if (target === 'a file') t.is(fs.readFileSync(aim, 'utf8'), 'precious');
  });
}

for (const [what, make] of [
  ['file', (at: string) => fs.writeFileSync(at, 'precious')],
  ['folder', (at: string) => fs.mkdirSync(at)],
] as const) {
  test(`S6: a ${what} on the path is refused and left alone`, async (t) => {
    const socketPath = tempSocket(t);
    make(socketPath);
    const server = SmartIpc.createServer({ id: 'access', socketPath, autoCleanupSocketFile: true });
    t.is((await failure(() => server.start())).code, 'IPC_ERR_NOT_A_SOCKET');
    t.true(fs.existsSync(socketPath));
  });
}

test('S7: a folder in which others can replace the socket is warned of once; the server runs', async (t) => {
  const folder = tempDir(t);
  fs.chmodSync(folder, 0o777);
  const socketPath = path.join(folder, 'x.sock');
  const server = SmartIpc.createServer({ id: 'access', socketPath });
  const warned = recorder();
  closeAfter(t, server).on('error', (error: any) => warned(error.code));
  for (let time = 0; time < 2; time++) {
    await server.start();
    await client(t, socketPath).connect();
    await server.stop();
  }
  t.deepEqual(warned.calls, [['IPC_ERR_INSECURE_DIRECTORY']]);

  fs.chmodSync(folder, 0o1777);
  const fine = await serve(t, socketPath);
  fine.on('error', warned);
  t.is(warned.calls.length, 1);
});

test('S8: a program that is run inherits no socket', async (t) => {
  if (!fs.existsSync('/proc/self/fd')) return notRun(t, 'needs /proc');
  const socketPath = tempSocket(t);
  const child = startChild(t, 'fds', { server: { id: 'access', socketPath } });
  const { names } = await child.report('inherited');
  t.true(names.length > 0, 'something is listed');
  t.deepEqual(names.filter((name: string) => name.startsWith('socket:') || name.includes(path.dirname(socketPath))), []);
});

test('S9: an abstract name, which has no permissions, is refused by both ends', async (t) => {
  for (const socketPath of ['@abstract', '\0abstract']) {
    const server = SmartIpc.createServer({ id: 'access', socketPath });
    t.is((await failure(() => server.start())).code, 'IPC_ERR_INVALID_PATH', JSON.stringify(socketPath));
    const error = await failure(() => client(t, socketPath).connect());
    t.is(error.code, 'IPC_ERR_INVALID_PATH', error.message);
  }
  if (fs.existsSync('/proc/net/unix')) t.notRegex(fs.readFileSync('/proc/net/unix', 'latin1'), /@abstract/);
});

test('S10: getClientInfo() names process, user and group', withOtherUser(async (t) => {
  const socketPath = openSocket(t);
  const server = await serve(t, socketPath, { socketMode: 0o666 });
  const self = client(t, socketPath, { clientId: 'self' });
  await self.connect();
  t.deepEqual(server.getClientInfo('self')?.peer, { pid: process.pid, uid: own, gid: (process as any).getgid() });
  const child = startAs(t, 'client', { client: { id: 'access', socketPath, clientId: 'other' } });
  const { pid } = await child.report('connected');
  t.deepEqual(server.getClientInfo('other')?.peer, { pid, uid: NOBODY, gid: NOBODY });
}));

test.serial('S11: a wrong, missing or late token is refused within a second, and told to nobody', async (t) => {
  const secret = 'correct horse battery staple';
  const socketPath = tempSocket(t);
  const server = await serve(t, socketPath, { authToken: secret });
  const connected = recorder();
  server.on('clientConnect', connected);
  for (const authToken of ['correct horse battery stable', 'correct', `${secret}s`, undefined]) {
    const begun = Date.now();
    const error = await failure(() => client(t, socketPath, { authToken }).connect());
    t.is(error.code, 'IPC_ERR_UNAUTHORIZED');
    t.is(error.origin, 'peer');
    t.true(Date.now() - begun < 1000);
    t.notRegex(`${error.message} ${JSON.stringify(error)} ${error.stack}`, /horse/);
  }
  // Shown after a registration without it.
  const late = await RawPeer.connect({ path: socketPath });
  await late.register({ clientId: 'late' });
  await late.register({ clientId: 'late', token: secret }).catch(() => {});
  await within(late.ending, 'the end of the connection', 1000);
  t.deepEqual(connected.calls, []);
  t.deepEqual(server.getStats().metrics.closeReasons, { unauthorized: 5 });
  t.notRegex(inspect(server), /horse/);
  const right = client(t, socketPath, { authToken: secret });
  await right.connect();
  t.notRegex(inspect(right), /horse/);
});

// Serial: descriptors are those of the process, and other tests have theirs.
test.serial('S11: 1,000 wrong tokens leave nothing behind', async (t) => {
  const socketPath = tempSocket(t);
  const server = await serve(t, socketPath, { authToken: 'right' });
  const tries = async (count: number) => {
    for (let at = 0; at < count; at++) {
      const peer = await RawPeer.connect({ path: socketPath });
      await peer.register({ clientId: `guess-${at}`, token: 'wrong' });
      await peer.ending;
    }
  };
  const counted = () => (fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd').length : 0);
  await tries(100);
  const descriptors = counted();
  await tries(900);
  // The last ones may not be closed yet; what leaked would be 900.
  t.true(counted() <= descriptors + 100, `${counted()} descriptors after ${descriptors}`);
  t.is(server.getStats().metrics.closeReasons.unauthorized, 1000);
  t.deepEqual(server.getClientIds(), []);
});

test('S12: the name of a received file leads to no other folder', async (t) => {
  const socketPath = tempSocket(t);
  const server = await serve(t, socketPath);
  const names: any[] = [];
  server.on('stream', (info, readable) => {
    names.push(info.meta?.basename);
    readable.resume();
  });
  const sender = client(t, socketPath);
  await sender.connect();
  const hostile = ['../../x', '/etc/passwd', '..', '.', '..\\..\\x', 'a/../../b', 'x\0.txt', ''];
  for (const basename of hostile) await sender.sendStream([Buffer.from('x')], { meta: { basename } });
  for (const name of names) {
    t.is(path.basename(path.join('/data', name)), name, JSON.stringify(name));
    t.is(path.dirname(path.join('/data', name)), '/data', JSON.stringify(name));
  }
  t.is(names.length, hostile.length);
});

test('L12: a user of others has a quota, and ours none', withOtherUser(async (t) => {
  const socketPath = openSocket(t);
  const server = await serve(t, socketPath, { socketMode: 0o666, maxClientsPerUid: 64 });
  const child = startAs(t, 'crowd', { client: { id: 'access', socketPath, clientOnly: true }, most: 100 });
  const { connected, refused } = await child.report('crowd', 30_000);
  t.is(connected, 64);
  t.is(refused.code, 'IPC_ERR_MAX_CONNECTIONS');
  t.regex(refused.message, /^Failed to register: user 65534 has 64 clients here already/);
  for (let at = 0; at < 70; at++) await client(t, socketPath).connect();
  t.is(server.getStats().connectedClients, 134);
  // One that goes makes room.
  await server.disconnectClient('crowd-0');
  t.is(await attempt(t, socketPath), 'connected');
}));

test('L12: a client of a user whose quota is spent can come back', withOtherUser(async (t) => {
  const socketPath = openSocket(t);
  const server = await serve(t, socketPath, { socketMode: 0o666, maxClientsPerUid: 1 });
  const registrations = [{ clientId: 'one' }, { clientId: 'one', resume: true }, { clientId: 'two' }];
  const child = startAs(t, 'foreigner', { socketPath, registrations });
  t.true((await child.report('answer')).success);
  t.true((await child.report('answer')).success, 'over a new connection');
  t.is((await child.report('answer')).reason, 'max_connections');
  t.deepEqual(server.getClientIds(), ['one']);
}));

test('S2: a hub gives its path to nobody but its own user', withOtherUser(async (t) => {
  const socketPath = openSocket(t);
  const host = closeAfter(t, SmartIpc.createClient({ id: 'access', socketPath, socketMode: 0o666 }));
  const hosting = once(host, 'hosting');
  await host.connect();
  await hosting;
  const left = recorder();
  host.on('disconnect', left);
  const child = startAs(t, 'foreigner', { socketPath, registrations: [{ probe: true, yield: true }, { clientId: 'guest' }] });
  t.is((await child.report('answer')).role, 'hub');
  t.true((await child.report('answer')).success, 'it is still there');
  t.true(fs.existsSync(socketPath));
  await client(t, socketPath).connect();
  t.is(left.calls.length, 0);
}));
