// Files that can't be sent or saved, and what both ends hear and keep of it.
import { execFileSync, spawnSync } from 'child_process';
import fs from 'fs';
import path from 'path';
import test from 'ava';
import * as smartipc from '@push.rocks/smartipc';
import { failure, recorder, startChild, tempDir, within } from '../support/helpers.cjs';
import { KIB, MIB, arrival, arrivals, bothWays, directions, hash, noise, nothingKept, pair, way } from '../support/streams.mjs';

const { IpcError, SmartIpc } = smartipc as any;
const onLinux = process.platform === 'linux';
const isRoot = process.getuid?.() === 0;

/** Saves what comes in; gives each save's failure. */
function savesTo(receiver: any, target: string) {
  const failures = recorder();
  receiver.on('stream', (_info: any, readable: any) => {
    SmartIpc.pipeStreamToFile(readable, target).then(
      () => failures(undefined),
      (error: any) => failures(error),
    );
  });
  return failures;
}

/** Paths of a directory that are open in this process. */
function openUnder(dir: string) {
  if (!onLinux) return [];
  return fs
    .readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch (_) {
        return '';
      }
    })
    .filter((target) => target.startsWith(dir));
}

/** Closing a file takes a turn of the thread that does it. */
async function nothingOpen(t: any, dir: string) {
  for (let turn = 0; turn < 200 && openUnder(dir).length > 0; turn++) await fs.promises.stat(dir);
  t.deepEqual(openUnder(dir), []);
}

// Sending ----------------------------------------------------------------------------

bothWays(test, 'T11: what is no file is refused before anything is opened at the receiver', async (t, { receiver, sendFile }, ends) => {
  const dir = tempDir(t);
  const streams = arrivals(receiver);
  const cases: [string, string][] = [
    [path.join(dir, 'missing'), 'ENOENT'],
    [path.join(dir, 'missing', 'deeper'), 'ENOENT'],
    [dir, 'EISDIR'],
  ];
  if (process.platform !== 'win32') {
    fs.writeFileSync(path.join(dir, 'file'), 'x');
    fs.symlinkSync('loop', path.join(dir, 'loop'));
    execFileSync('mkfifo', [path.join(dir, 'fifo')]);
    cases.push(
      [path.join(dir, 'file', 'deeper'), 'ENOTDIR'],
      [path.join(dir, 'loop'), 'ELOOP'],
      [path.join(dir, 'n'.repeat(300)), 'ENAMETOOLONG'],
      // Nobody writes to it: opening it must not wait.
      [path.join(dir, 'fifo'), 'IPC_ERR_NOT_A_FILE'],
      ['/dev/null', 'IPC_ERR_NOT_A_FILE'],
      ['/dev/zero', 'IPC_ERR_NOT_A_FILE'],
      [ends.socketPath, 'ENXIO'],
    );
  }
  for (const [file, code] of cases) {
    const error = await failure(() => sendFile(file));
    t.is(error.code, code, file);
    t.true(error instanceof IpcError, file);
    t.true(error.message.includes(file), error.message);
    t.is(error.origin, code.startsWith('IPC_') ? 'local' : 'io', file);
  }
  t.is(streams.calls.length, 0);
  await nothingOpen(t, dir);
  nothingKept(t, ends);
});

bothWays(test, 'a link to a file is followed', async (t, { receiver, sendFile }) => {
  const dir = tempDir(t);
  fs.writeFileSync(path.join(dir, 'real.txt'), 'content');
  fs.symlinkSync('real.txt', path.join(dir, 'alias.txt'));
  const arrived = arrival(receiver);
  const sent = sendFile(path.join(dir, 'alias.txt'));
  const [info, readable] = await arrived;
  t.deepEqual(info.meta, { type: 'file', basename: 'alias.txt', size: 7 });
  readable.resume();
  await sent;
});

for (const change of ['grows', 'shrinks', 'is emptied']) {
  bothWays(test, `T11: a file that ${change} while it is sent is IPC_ERR_FILE_CHANGED at both ends`, async (t, { receiver, sendFile }, ends) => {
    const dir = tempDir(t);
    const file = path.join(dir, 'log.bin');
    fs.writeFileSync(file, noise(4 * MIB));
    const target = path.join(dir, 'saved');
    const arrived = arrival(receiver);
    const sent = failure(() => sendFile(file));
    const [, readable] = await arrived;
    // Far from all of it has been read: the window is smaller than the file.
    if (change === 'grows') fs.appendFileSync(file, 'one more line');
    else fs.truncateSync(file, change === 'shrinks' ? 4 * MIB - 1 : 0);

    const saving = await failure(() => SmartIpc.pipeStreamToFile(readable, target));

    const error = await sent;
    t.like(error, { code: 'IPC_ERR_FILE_CHANGED', origin: 'local' });
    t.like(saving, { code: 'IPC_ERR_FILE_CHANGED', origin: 'peer', message: error.message });
    t.false(error.message.includes(dir));
    t.deepEqual(fs.readdirSync(dir), ['log.bin']);
    await nothingOpen(t, dir);
    nothingKept(t, ends);
  });
}

bothWays(test, 'a file that is deleted or renamed while it is sent arrives whole', async (t, { receiver, sendFile }) => {
  const dir = tempDir(t);
  const bytes = noise(3 * MIB);
  const file = path.join(dir, 'gone.bin');
  fs.writeFileSync(file, bytes);
  const arrived = arrival(receiver);
  const sent = sendFile(file);
  const [, readable] = await arrived;
  fs.unlinkSync(file);
  fs.writeFileSync(file, 'another');
  await SmartIpc.pipeStreamToFile(readable, path.join(dir, 'saved'));
  await sent;
  t.is(hash(fs.readFileSync(path.join(dir, 'saved'))), hash(bytes));
});

bothWays(test, 'a file given up in the middle is closed', async (t, { receiver, sendFile, cancelOutgoing, cancelIncoming }, ends) => {
  const dir = tempDir(t);
  const file = path.join(dir, 'large.bin');
  fs.writeFileSync(file, noise(8 * MIB));
  const streams = arrivals(receiver);
  for (const [round, how] of ['sender', 'receiver', 'destroy'].entries()) {
    const sent = failure(() => sendFile(file, { streamId: how }));
    const [, readable, end] = (await streams.until(round + 1))[round];
    if (how === 'sender') t.true(cancelOutgoing(how));
    else if (how === 'receiver') t.true(cancelIncoming(how));
    else readable.destroy();
    t.is((await sent).code, 'IPC_ERR_STREAM_CANCELLED');
    await end;
  }
  await nothingOpen(t, dir);
  nothingKept(t, ends);
});

test('a file cancelled before it was opened is not sent', async (t) => {
  const dir = tempDir(t);
  const file = path.join(dir, 'file.bin');
  fs.writeFileSync(file, 'x');
  const ends = await pair(t);
  const streams = arrivals(ends.server);
  const sent = failure(() => ends.client.sendFile(file, { streamId: 'early' }));
  t.true(ends.client.cancelOutgoingStream('early'));
  t.is((await sent).code, 'IPC_ERR_STREAM_CANCELLED');
  await ends.client.request('nobody listens').catch(() => {});
  t.is(streams.calls.length, 0);
  await nothingOpen(t, dir);
  nothingKept(t, ends);
});

// Saving -----------------------------------------------------------------------------

const targets: [string, (dir: string) => string, string][] = [
  ['in a folder that is missing', (dir) => path.join(dir, 'private-folder', 'x'), 'ENOENT'],
  ['that is a folder', (dir) => (fs.mkdirSync(path.join(dir, 'private-folder')), path.join(dir, 'private-folder')), 'EISDIR'],
  ['below a file', (dir) => (fs.writeFileSync(path.join(dir, 'private-folder'), ''), path.join(dir, 'private-folder', 'x')), 'ENOTDIR'],
  ['with too long a name', (dir) => path.join(dir, 'private-folder'.repeat(30)), 'ENAMETOOLONG'],
];
for (const [what, make, code] of targets) {
  for (const size of [0, 3 * MIB]) {
    bothWays(test, `a target ${what}, ${size / MIB} MiB: the sender hears ${code}, but no path`, async (t, { receiver, send }, ends) => {
      const dir = tempDir(t);
      const target = make(dir);
      const before = fs.readdirSync(dir);
      const saves = savesTo(receiver, target);
      const error = await failure(() => send([noise(size)]));
      const [[own]] = await saves.until(1);

      t.is(own.code, code);
      t.like(error, { code, origin: 'peer' });
      t.true(error.message.includes(code), error.message);
      t.false(/private|\/|\\|part/.test(error.message), error.message);
      t.deepEqual(fs.readdirSync(dir), before);
      await nothingOpen(t, dir);
      nothingKept(t, ends);
    });
  }
}

bothWays(test, 'an old file survives every way a new one can fail', async (t, { receiver, send, cancelOutgoing, cancelIncoming, sendFile }, ends) => {
  const dir = tempDir(t);
  const target = path.join(dir, 'settings.json');
  fs.writeFileSync(target, 'the old ones');
  const source = path.join(dir, 'source.bin');
  const saves = savesTo(receiver, target);
  const endless = () => fs.createReadStream('/dev/zero');
  const moving = () => new Promise<any>((resolve) => receiver.prependOnceListener('stream', (_info: any, readable: any) => readable.once('progress', () => resolve(readable))));
  const ways: Record<string, () => Promise<any>> = {
    'the source fails': () => failure(() => send((function* () { yield noise(2 * MIB); throw new Error('torn'); })())),
    'the sender cancels': async () => {
      const begun = moving();
      const sent = failure(() => send(endless(), { streamId: 'x' }));
      await begun;
      cancelOutgoing('x');
      return sent;
    },
    'the receiver cancels': async () => {
      const begun = moving();
      const sent = failure(() => send(endless(), { streamId: 'x' }));
      await begun;
      cancelIncoming('x');
      return sent;
    },
    'the Readable is destroyed': async () => {
      const begun = moving();
      const sent = failure(() => send(endless()));
      (await begun).destroy(new Error('stop it'));
      return sent;
    },
    'the file shrinks': async () => {
      fs.writeFileSync(source, noise(8 * MIB));
      // Before the save begins: until then the window, which is smaller, is all that can have been sent.
      receiver.prependOnceListener('stream', () => fs.truncateSync(source, 10));
      return failure(() => sendFile(source));
    },
    'the connection ends': async () => {
      const begun = moving();
      const sent = failure(() => send(endless()));
      await begun;
      await ends.server.disconnectClient('courier');
      return sent;
    },
  };
  let round = 0;
  for (const [name, fail] of Object.entries(ways)) {
    const error = await fail();
    t.truthy(error.message, name);
    const [own] = (await saves.until(++round))[round - 1];
    t.truthy(own, `${name}: the save rejects`);
    t.is(fs.readFileSync(target, 'utf8'), 'the old ones', name);
    t.deepEqual(fs.readdirSync(dir).filter((file) => file !== 'source.bin'), ['settings.json'], name);
  }
  await nothingOpen(t, dir);
  nothingKept(t, ends);
});

test('a Readable that is over already is not saved', async (t) => {
  const ends = await pair(t);
  const dir = tempDir(t);
  const arrived = arrival(ends.server);
  const sent = ends.client.sendStream(['x']);
  const [, readable, end] = await arrived;
  readable.resume();
  await end;
  await sent;
  const error = await failure(() => SmartIpc.pipeStreamToFile(readable, path.join(dir, 'x')));
  t.is(error.code, 'IPC_ERR_STREAM_CANCELLED');
  t.deepEqual(fs.readdirSync(dir), []);
});

// Limits of the system -----------------------------------------------------------------

const runsIf = (possible: boolean, why: string) => (title: string, body: (t: any) => Promise<any>) =>
  test(title, async (t) => {
    if (possible) return body(t);
    t.log(`not run: ${why}`);
    t.pass();
  });

const mountable = onLinux && isRoot && spawnSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs -o size=64k none "$d" && umount "$d"; s=$?; rmdir "$d"; exit $s']).status === 0;

for (const direction of directions) {
  runsIf(mountable, 'no right to mount')(`X13: ${direction}: a full disk is ENOSPC at both ends, and nothing of it stays`, async (t) => {
    const disk = tempDir(t);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', disk]);
    t.teardown(() => execFileSync('umount', [disk]));
    fs.writeFileSync(path.join(disk, 'old'), 'old content');
    const ends = await pair(t);
    const { receiver, send } = way(direction, ends);
    const saves = savesTo(receiver, path.join(disk, 'old'));

    const error = await failure(() => send([noise(10 * MIB)]));

    t.like(error, { code: 'ENOSPC', origin: 'peer' });
    t.true(error.message.includes('ENOSPC'));
    t.false(error.message.includes(disk));
    t.is((await saves.until(1))[0][0].code, 'ENOSPC');
    t.deepEqual(fs.readdirSync(disk), ['old']);
    t.is(fs.readFileSync(path.join(disk, 'old'), 'utf8'), 'old content');
    await nothingOpen(t, disk);
    // There is room for a smaller one.
    await send([noise(500 * KIB)]);
    t.is(fs.statSync(path.join(disk, 'old')).size, 500 * KIB);
    nothingKept(t, ends);
  });
}

/** A child of the test under a program that limits it. */
const limited = (t: any, command: string[], config: object) => startChild(t, 'filing', config, { command });

const hasPrlimit = onLinux && spawnSync('prlimit', ['--version']).status === 0;
runsIf(hasPrlimit, 'no prlimit')('a file larger than a process may write is EFBIG at both ends', async (t) => {
  const ends = await pair(t);
  const dir = tempDir(t);
  const child = limited(t, ['prlimit', `--fsize=${MIB}`], { socketPath: ends.socketPath, target: path.join(dir, 'x') });
  await child.report('ready');

  const error = await failure(() => ends.server.sendStreamToClient('filing', [noise(4 * MIB)]));

  t.like(error, { code: 'EFBIG', origin: 'peer' });
  t.is((await child.report('failed')).error.code, 'EFBIG');
  t.deepEqual(fs.readdirSync(dir), []);
  // The process is as good as before.
  await ends.server.sendStreamToClient('filing', [noise(100 * KIB)]);
  await child.report('saved');
  t.is(fs.statSync(path.join(dir, 'x')).size, 100 * KIB);
});

const otherUser = isRoot && spawnSync('setpriv', ['--version']).status === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
runsIf(process.platform !== 'win32' && (!isRoot || otherUser.length > 0), 'root without setpriv')('T11: a file that may not be read is EACCES, and so is a folder that may not be written to', async (t) => {
  const ends = await pair(t, { server: { socketMode: 0o666 } });
  const streams = arrivals(ends.server);
  const dir = tempDir(t);
  const file = path.join(dir, 'secret');
  fs.writeFileSync(file, 'x', { mode: 0 });
  fs.mkdirSync(path.join(dir, 'closed'), { mode: 0o555 });
  for (const folder of [dir, path.dirname(ends.socketPath)]) fs.chmodSync(folder, 0o755);
  t.teardown(() => fs.chmodSync(path.join(dir, 'closed'), 0o755));

  const sender = limited(t, otherUser, { socketPath: ends.socketPath, file });
  await sender.report('ready');
  t.like((await sender.report('failed')).error, { code: 'EACCES', origin: 'io' });
  t.is(streams.calls.length, 0);
  t.is((await sender.exited()).code, 0);

  const saver = limited(t, otherUser, { socketPath: ends.socketPath, target: path.join(dir, 'closed', 'x') });
  await saver.report('ready');
  const error = await failure(() => ends.server.sendStreamToClient('filing', ['x']));
  t.like(error, { code: 'EACCES', origin: 'peer' });
  t.false(error.message.includes(dir));
  t.is((await saver.report('failed')).error.code, 'EACCES');
});

test('a stream that is being saved is not saved a second time', async (t) => {
  const ends = await pair(t);
  const dir = tempDir(t);
  const bytes = noise(2 * MIB);
  const arrived = arrival(ends.server);
  const sent = ends.client.sendStream([bytes]);
  const [, readable] = await arrived;
  const saved = SmartIpc.pipeStreamToFile(readable, path.join(dir, 'one'));
  const error = await failure(() => SmartIpc.pipeStreamToFile(readable, path.join(dir, 'two')));
  t.is(error.code, 'IPC_ERR_STREAM_IN_USE');
  await within(Promise.all([saved, sent]), 'the first');
  t.is(hash(fs.readFileSync(path.join(dir, 'one'))), hash(bytes));
  t.deepEqual(fs.readdirSync(dir), ['one']);
  nothingKept(t, ends);
});
