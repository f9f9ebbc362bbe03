// Streams that more than one reads, readers that fail, and places to save to.
import fs from 'fs';
import path from 'path';
import { Readable } from 'stream';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { failure, once, recorder, tempDir } from '../support/helpers.cjs';
import { MIB, arrival, bothWays, hash, noise, pair } from '../support/streams.mjs';

bothWays(test, 'who listens beside pipeStreamToFile takes nothing from the file', async (t, { receiver, send }) => {
  const file = path.join(tempDir(t), 'file');
  const bytes = noise(4 * MIB);
  let heard = 0;
  let saved: any;
  receiver.on('stream', (_info: any, readable: any) => {
    readable.on('data', (piece: Buffer) => (heard += piece.length));
    saved = SmartIpc.pipeStreamToFile(readable, file);
  });
  await send([bytes]);
  await saved;
  t.is(heard, bytes.length);
  t.is(hash(fs.readFileSync(file)), hash(bytes));
});

bothWays(test, 'a saved stream that nobody else read has an end and no data', async (t, { receiver, send }) => {
  const file = path.join(tempDir(t), 'file');
  const arrived = arrival(receiver);
  const sent = send([noise(MIB)]);
  const [, readable] = await arrived;
  const saved = SmartIpc.pipeStreamToFile(readable, file);
  const data = recorder();
  const end = once(readable, 'end');
  readable.on('data', data);
  await saved;
  await end;
  await sent;
  t.is(data.calls.length, 0);
  t.is(fs.statSync(file).size, MIB);
});

bothWays(test, 'a source that fails without a reason is no success', async (t, { receiver, send }) => {
  receiver.on('stream', (_info: any, readable: any) => readable.resume());
  const error = await failure(() => send(new ReadableStream({ start: (controller) => controller.error() })));
  t.is(error.code, 'IPC_ERR_STREAM_CANCELLED');
});

test('a peer that gives up before its stream is saved is no fault of the listener', async (t) => {
  const { server, client } = await pair(t);
  const file = path.join(tempDir(t), 'file');
  const errors = recorder();
  server.on('error', errors);
  let opened: any;
  const lost = new Promise<void>((resolve) => (opened = resolve));
  const tried = new Promise<any>((resolve) => {
    server.on('stream', async (_info: any, readable: any) => {
      await once(readable, 'close');
      opened();
      const saving = SmartIpc.pipeStreamToFile(readable, file);
      resolve(await failure(() => saving));
      await saving;
    });
  });
  const source = (async function* () {
    yield 'begun';
    throw Object.assign(new Error('gave up'), { code: 'E_UP' });
  })();
  await failure(() => client.sendStream(source));
  await lost;
  t.is((await tried).message, 'gave up');
  t.false(fs.existsSync(file));
});

test('a link is followed, and the mode of the file is kept', async (t) => {
  const { server, client } = await pair(t);
  const dir = tempDir(t);
  const [real, link] = [path.join(dir, 'real'), path.join(dir, 'link')];
  fs.writeFileSync(real, 'old', { mode: 0o600 });
  fs.symlinkSync(real, link);
  server.on('stream', (_info: any, readable: any) => SmartIpc.pipeStreamToFile(readable, link));
  await client.sendStream(['new']);
  t.true(fs.lstatSync(link).isSymbolicLink());
  t.is(fs.readFileSync(real, 'utf8'), 'new');
  t.is(fs.statSync(real).mode & 0o777, 0o600);
});

test('nothing but a regular file is replaced', async (t) => {
  const { server, client } = await pair(t);
  server.on('error', () => {});
  server.on('stream', (_info: any, readable: any) => SmartIpc.pipeStreamToFile(readable, '/dev/null'));
  const error = await failure(() => client.sendStream(['discard me']));
  t.is(error.code, 'IPC_ERR_NOT_A_FILE');
  t.true(fs.statSync('/dev/null').isCharacterDevice());
});

test('meta has a limit', async (t) => {
  const { client } = await pair(t);
  t.true((await failure(() => client.sendStream(['x'], { meta: { text: 'x'.repeat(65_536) } }))) instanceof RangeError);
});

test('a source of an old kind, which does not say that it has ended, is saved whole', async (t) => {
  const file = path.join(tempDir(t), 'file');
  const pieces = Array.from({ length: 64 }, () => noise(64 * 1024));
  const readable = Readable.from(pieces, { objectMode: false });
  Object.defineProperty(readable, 'readableEnded', { value: undefined });
  await SmartIpc.pipeStreamToFile(readable, file);
  t.is(hash(fs.readFileSync(file)), hash(Buffer.concat(pieces)));
});
