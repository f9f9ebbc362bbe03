// sendFile, sendFileToClient and pipeStreamToFile: what arrives, under which name.
import fs from 'fs';
import path from 'path';
import { Readable } from 'stream';
import test from 'ava';
import * as smartipc from '@push.rocks/smartipc';
import { failure, once, tempDir } from '../support/helpers.cjs';
import { descriptors, hasProc } from '../support/children/measure.cjs';
import { KIB, MIB, arrival, arrivals, bothWays, hash, noise, nothingKept, pair } from '../support/streams.mjs';

const { SmartIpc } = smartipc as any;

/** Saves what comes in under `target`; gives what the promise of each save did. */
function savesTo(receiver: any, target: (info: any) => string, options?: object): Promise<any>[] {
  const saves: Promise<any>[] = [];
  receiver.on('stream', (info: any, readable: any) => {
    const saving = SmartIpc.pipeStreamToFile(readable, target(info), options);
    saving.catch(() => {});
    saves.push(saving);
  });
  return saves;
}

function fileOf(dir: string, bytes: Buffer, name = 'source.bin') {
  const file = path.join(dir, name);
  fs.writeFileSync(file, bytes);
  return file;
}

const sizes = [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 128 * KIB, 256 * KIB, MIB, 2 * MIB + 1];
for (const serialization of ['json', 'advanced']) {
  bothWays(test, `files of ${sizes.length} sizes arrive as they are, ${serialization}`, async (t, { receiver, sendFile }, ends) => {
    const dir = tempDir(t);
    const saves = savesTo(receiver, (info) => path.join(dir, `saved-${info.meta.size}`));
    for (const size of sizes) {
      const bytes = noise(size);
      t.is(await sendFile(fileOf(dir, bytes)), undefined);
      // The file is there when the sender's promise resolves.
      t.is(hash(fs.readFileSync(path.join(dir, `saved-${size}`))), hash(bytes), `${size} bytes`);
    }
    t.deepEqual(await Promise.all(saves), sizes.map(() => undefined));
    t.deepEqual(fs.readdirSync(dir).sort(), ['source.bin', ...sizes.map((size) => `saved-${size}`)].sort());
    nothingKept(t, ends);
  }, { both: { serialization } });
}

bothWays(test, 'a file of 40 MiB, and any chunk size', async (t, { receiver, sendFile }) => {
  const dir = tempDir(t);
  savesTo(receiver, (info) => path.join(dir, info.streamId));
  const large = noise(40 * MIB);
  await sendFile(fileOf(dir, large), { streamId: 'large' });
  t.is(hash(fs.readFileSync(path.join(dir, 'large'))), hash(large));
  const small = fileOf(dir, large.subarray(0, 300_001), 'small.bin');
  for (const chunkSize of [777, 4096.5, 65_536, 10 * MIB, Infinity]) {
    await sendFile(small, { streamId: `s${chunkSize}`, chunkSize });
    t.is(hash(fs.readFileSync(path.join(dir, `s${chunkSize}`))), hash(large.subarray(0, 300_001)), `chunkSize ${chunkSize}`);
  }
});

test('T11: many files one after the other leave no descriptor', async (t) => {
  const ends = await pair(t);
  const dir = tempDir(t);
  savesTo(ends.server, (info) => path.join(dir, 'saved'));
  savesTo(ends.client, (info) => path.join(dir, 'saved-too'));
  const file = fileOf(dir, noise(200_000));
  for (let round = 0; round < 30; round++) {
    await ends.client.sendFile(file);
    await ends.server.sendFileToClient('courier', file);
  }
  // Not the whole process's count: other tests run in it at the same time.
  if (hasProc) t.deepEqual(openUnder(dir), []);
  t.true(descriptors() === undefined || descriptors()! > 0);
  nothingKept(t, ends);
});

/** Open files of this process under a directory. */
function openUnder(dir: string) {
  const open = fs.readdirSync('/proc/self/fd').map((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch (_) {
      return '';
    }
  });
  return open.filter((target) => target.startsWith(dir));
}

// Metadata ---------------------------------------------------------------------------

bothWays(test, "a file's meta is type, basename and size, under what the user says", async (t, { receiver, sendFile }) => {
  const dir = tempDir(t);
  const streams = arrivals(receiver);
  receiver.on('stream', (_info: any, readable: any) => readable.resume());
  const file = fileOf(dir, noise(12_345), 'holiday photo.jpg');
  const own = { type: 'file', basename: 'holiday photo.jpg', size: 12_345 };

  await sendFile(file);
  await sendFile(file, { meta: { album: 'Rome', basename: 'cover.jpg' }, headers: { lang: 'it' } });
  await sendFile(file, { meta: { type: 'photo', size: -1 } });
  await sendFile(file, { meta: 'only text' });
  await sendFile(file, { meta: ['a', 'list'] });
  await sendFile(file, { meta: null });

  const metas = streams.calls.map(([info]: any) => info.meta);
  t.deepEqual(metas.slice(0, 3), [own, { ...own, album: 'Rome', basename: 'cover.jpg' }, { ...own, type: 'photo', size: -1 }]);
  t.is(metas[3], 'only text');
  t.deepEqual(metas[4], ['a', 'list']);
  t.is(streams.calls[1][0].headers.lang, 'it');
});

const names: [any, any][] = [
  ['../../etc/passwd', 'passwd'],
  ['/etc/passwd', 'passwd'],
  ['C:\\windows\\system.ini', 'system.ini'],
  ['..\\..\\boot.ini', 'boot.ini'],
  ['mixed/..\\name', 'name'],
  ['..', 'file'],
  ['.', 'file'],
  ['', 'file'],
  ['folder/', 'file'],
  ['folder/..', 'file'],
  ['.\0.', 'file'],
  ['a\0b.txt', 'ab.txt'],
  ['..\0/x', 'x'],
  ['.hidden', '.hidden'],
  ['two words é 漢.txt', 'two words é 漢.txt'],
  ['C:drive-relative', process.platform === 'win32' ? 'drive-relative' : 'C:drive-relative'],
  [42, 42],
  [null, null],
  [{ basename: '../x' }, { basename: '../x' }],
];
bothWays(test, "a received basename can't lead to another folder", async (t, { receiver, send }) => {
  const streams = arrivals(receiver);
  receiver.on('stream', (_info: any, readable: any) => readable.resume());
  for (const [given, wanted] of names) {
    await send(['x'], { meta: { basename: given } });
    t.deepEqual(streams.calls.pop()[0].meta.basename, wanted, JSON.stringify(given));
  }
});

// Saving -----------------------------------------------------------------------------

bothWays(test, 'an existing file is replaced at once, and never seen half', async (t, { receiver, sendFile }) => {
  const dir = tempDir(t);
  const target = path.join(dir, 'report.txt');
  const old = Buffer.alloc(1000, 'o');
  fs.writeFileSync(target, old);
  const next = noise(8 * MIB);
  let looks = 0;
  receiver.on('stream', (_info: any, readable: any) => {
    readable.on('progress', () => {
      looks++;
      t.true(fs.readFileSync(target).equals(old));
    });
    SmartIpc.pipeStreamToFile(readable, target);
  });
  await sendFile(fileOf(dir, next));
  t.true(looks > 8, `${looks} looks`);
  t.true(fs.readFileSync(target).equals(next));
  t.deepEqual(fs.readdirSync(dir).sort(), ['report.txt', 'source.bin']);
});

bothWays(test, 'while it is written, only a temporary file is there', async (t, { receiver, sendFile }) => {
  const dir = tempDir(t);
  const folder = path.join(dir, 'in');
  fs.mkdirSync(folder);
  const seen = new Set<string>();
  receiver.on('stream', (_info: any, readable: any) => {
    readable.on('progress', () => fs.readdirSync(folder).forEach((name) => seen.add(name)));
    SmartIpc.pipeStreamToFile(readable, path.join(folder, 'whole.bin'));
  });
  await sendFile(fileOf(dir, noise(4 * MIB)));
  t.is(seen.size, 1);
  t.regex([...seen][0], /^\.smartipc-[0-9a-f]+\.part$/);
  t.deepEqual(fs.readdirSync(folder), ['whole.bin']);
});

if (process.platform !== 'win32') {
  bothWays(test, 'mode and fsync', async (t, { receiver, sendFile }) => {
    const dir = tempDir(t);
    const file = fileOf(dir, noise(1000));
    const options: any = { mode: 0o600 };
    savesTo(receiver, (info) => path.join(dir, info.streamId), options);
    await sendFile(file, { streamId: 'private' });
    t.is(fs.statSync(path.join(dir, 'private')).mode & 0o777, 0o600);
    options.mode = 0o640;
    options.fsync = true;
    await sendFile(file, { streamId: 'group' });
    t.is(fs.statSync(path.join(dir, 'group')).mode & 0o777, 0o640 & ~process.umask());
    delete options.mode;
    await sendFile(file, { streamId: 'default' });
    t.is(fs.statSync(path.join(dir, 'default')).mode & 0o777, 0o666 & ~process.umask());
    t.is(hash(fs.readFileSync(path.join(dir, 'default'))), hash(fs.readFileSync(file)));
  });
}

bothWays(test, 'what has been read before is not saved, what is left is', async (t, { receiver, send }) => {
  const dir = tempDir(t);
  const target = path.join(dir, 'rest');
  const arrived = arrival(receiver);
  const bytes = noise(3 * MIB);
  const sent = send([bytes]);
  const [, readable] = await arrived;
  let head = readable.read(100);
  while (head === null) {
    await once(readable, 'readable');
    head = readable.read(100);
  }
  t.is(head.length, 100);
  await SmartIpc.pipeStreamToFile(readable, target);
  await sent;
  t.true(Buffer.concat([head, fs.readFileSync(target)]).equals(bytes));
});

bothWays(test, 'the saved Readable emits end and close once, and destroy() of it cancels', async (t, { receiver, sendFile }) => {
  const dir = tempDir(t);
  const streams = arrivals(receiver);
  const saves = savesTo(receiver, (info) => path.join(dir, info.streamId));
  const file = fileOf(dir, noise(MIB));
  await sendFile(file, { streamId: 'one' });
  t.like(await streams.calls[0][2], { end: 1, errors: 0, closes: 1 });

  const sent = failure(() => sendFile(file, { streamId: 'two' }));
  const [, readable] = (await streams.until(2))[1];
  readable.destroy();
  t.is((await sent).origin, 'peer');
  await streams.calls[1][2];
  // The save fails, too, once nothing of it stays: its file may only now be opened.
  t.is((await failure(() => saves[1])).code, 'IPC_ERR_STREAM_CANCELLED');
  t.deepEqual(fs.readdirSync(dir).sort(), ['one', 'source.bin']);
});

test('any Readable can be saved', async (t) => {
  const dir = tempDir(t);
  await SmartIpc.pipeStreamToFile(Readable.from(['some ', 'text']), path.join(dir, 'text'));
  t.is(fs.readFileSync(path.join(dir, 'text'), 'utf8'), 'some text');
  await SmartIpc.pipeStreamToFile(Readable.from([]), path.join(dir, 'empty'));
  t.is(fs.statSync(path.join(dir, 'empty')).size, 0);
  const broken = new Readable({ read() { this.destroy(new Error('torn')); } });
  t.is((await failure(() => SmartIpc.pipeStreamToFile(broken, path.join(dir, 'broken')))).message, 'torn');
  t.deepEqual(fs.readdirSync(dir).sort(), ['empty', 'text']);
});

test('wrong arguments of pipeStreamToFile', async (t) => {
  const target = path.join(tempDir(t), 'x');
  const readable = () => Readable.from(['x']);
  const wrong: [any[], any, RegExp][] = [
    [[undefined, target], TypeError, /readable/],
    [[null, target], TypeError, /readable/],
    [['text', target], TypeError, /readable/],
    [[{}, target], TypeError, /readable/],
    [[readable()], TypeError, /filePath/],
    [[readable(), 5], TypeError, /filePath/],
    [[readable(), ''], RangeError, /filePath/],
    [[readable(), `${target}\0`], RangeError, /filePath/],
    [[readable(), target, null], TypeError, /options/],
    [[readable(), target, 'fast'], TypeError, /options/],
    [[readable(), target, { fsync: 1 }], TypeError, /fsync/],
    [[readable(), target, { mode: '0600' }], TypeError, /mode/],
    [[readable(), target, { mode: -1 }], RangeError, /mode/],
    [[readable(), target, { mode: 1.5 }], RangeError, /mode/],
    [[readable(), target, { onProgress: 1 }], TypeError, /onProgress/],
  ];
  for (const [args, type, message] of wrong) {
    const error = await failure(() => SmartIpc.pipeStreamToFile(...args));
    t.true(error instanceof type, `${message}: ${error}`);
    t.regex(error.message, message);
  }
  t.false(fs.existsSync(target));
});

test('wrong arguments of sendFile', async (t) => {
  const { client, server } = await pair(t);
  for (const [given, type] of [[undefined, TypeError], [5, TypeError], [null, TypeError], ['', RangeError], ['a\0b', RangeError]] as [any, any][]) {
    for (const call of [() => client.sendFile(given), () => server.sendFileToClient('courier', given)]) {
      const error = await failure(call);
      t.true(error instanceof type, `${given}: ${error}`);
      t.regex(error.message, /filePath/, String(given));
    }
  }
});
