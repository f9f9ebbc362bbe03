// Every example of the readme's part on streams: the same calls and options in
// the same order, with names of our own.
import fs from 'fs';
import path from 'path';
import test from 'ava';
import * as smartipc from '@push.rocks/smartipc';
import { closeAfter, failure, once, recorder, tempDir, tempSocket, within } from '../support/helpers.cjs';
import { collect, noise, nothingKept } from '../support/streams.mjs';

const SmartIpc: any = smartipc.SmartIpc;

async function studio(t: any, options: object = {}): Promise<any> {
  const socketPath = tempSocket(t);
  const server: any = closeAfter(t, SmartIpc.createServer({ id: 'studio', socketPath, ...options }));
  const client: any = closeAfter(t, SmartIpc.createClient({ id: 'studio', socketPath }));
  await server.start();
  await client.connect();
  return { dir: tempDir(t), server, client };
}

function recording(dir: string, name: string, size = 300_000) {
  const file = path.join(dir, name);
  const bytes = noise(size);
  fs.writeFileSync(file, bytes);
  return { file, bytes };
}

test('client to server: a stream with meta and chunkSize is saved', async (t) => {
  const { dir, server, client } = await studio(t);
  const { file, bytes } = recording(dir, 'take-1.wav');
  const seen = recorder();
  server.on('stream', async (info: any, readable: any) => {
    if (info.meta?.type === 'file') {
      seen('Recording', info.meta.basename, 'of', info.clientId);
    }
    await SmartIpc.pipeStreamToFile(readable, path.join(dir, 'saved.wav'));
  });

  const readable = fs.createReadStream(file);
  await client.sendStream(readable, {
    meta: { type: 'file', basename: 'take-1.wav' },
    chunkSize: 64 * 1024,
  });

  t.deepEqual(seen.calls, [['Recording', 'take-1.wav', 'of', client.getClientId()]]);
  t.true(fs.readFileSync(path.join(dir, 'saved.wav')).equals(bytes));
});

test('server to client: a stream with meta is saved', async (t) => {
  const { dir, server, client } = await studio(t);
  const { file, bytes } = recording(dir, 'mix.wav');
  const seen = recorder();
  client.on('stream', async (info: any, readable: any) => {
    seen('From the server', info.meta);
    await SmartIpc.pipeStreamToFile(readable, path.join(dir, 'heard.wav'));
  });

  await server.sendStreamToClient(client.getClientId(), fs.createReadStream(file), {
    meta: { type: 'file', basename: 'mix.wav' },
  });

  t.deepEqual(seen.calls, [['From the server', { type: 'file', basename: 'mix.wav' }]]);
  t.true(fs.readFileSync(path.join(dir, 'heard.wav')).equals(bytes));
});

test('helpers for files, both directions, saved under the name in the meta', async (t) => {
  const { dir, server, client } = await studio(t);
  const up = recording(dir, 'album.flac', 2_000_000);
  const down = recording(dir, 'cover.png');
  for (const folder of ['uploads', 'downloads']) fs.mkdirSync(path.join(dir, folder));
  server.on('stream', async (info: any, readable: any) => {
    await SmartIpc.pipeStreamToFile(readable, path.join(dir, 'uploads') + '/' + info.meta?.basename);
  });
  client.on('stream', async (info: any, readable: any) => {
    await SmartIpc.pipeStreamToFile(readable, path.join(dir, 'downloads') + '/' + info.meta?.basename);
  });

  await client.sendFile(up.file);
  await server.sendFileToClient(client.getClientId(), down.file);

  t.true(fs.readFileSync(path.join(dir, 'uploads', 'album.flac')).equals(up.bytes));
  t.true(fs.readFileSync(path.join(dir, 'downloads', 'cover.png')).equals(down.bytes));
  t.deepEqual(fs.readdirSync(path.join(dir, 'uploads')), ['album.flac']);
});

test('info has streamId, meta, headers and clientId', async (t) => {
  const { server, client } = await studio(t);
  const infos = recorder();
  for (const endpoint of [server, client]) {
    endpoint.on('stream', (info: any, readable: any) => {
      infos(info);
      readable.resume();
    });
  }

  const options = { meta: { title: 'Blue', size: 3 }, headers: { session: 'b' }, streamId: 'take-7' };
  await client.sendStream(['abc'], options);
  await server.sendStreamToClient(client.getClientId(), ['abc'], { ...options, streamId: 'take-8' });

  const clientId = client.getClientId();
  t.deepEqual(infos.calls, [
    [{ streamId: 'take-7', meta: options.meta, headers: options.headers, clientId }],
    [{ streamId: 'take-8', meta: options.meta, headers: options.headers, clientId }],
  ]);
});

test('all calls of the summary are there', async (t) => {
  const { server, client } = await studio(t);

  const own = { client: ['sendStream', 'sendFile', 'cancelOutgoingStream', 'cancelIncomingStream'] };
  for (const name of own.client) t.is(typeof client[name], 'function', name);
  for (const name of ['sendStreamToClient', 'sendFileToClient', 'cancelIncomingStreamFromClient', 'cancelOutgoingStreamToClient']) {
    t.is(typeof server[name], 'function', name);
  }
  t.is(typeof SmartIpc.pipeStreamToFile, 'function');
});

test('maxConcurrentStreams: 2 lets two in and refuses the third', async (t) => {
  const { server, client } = await studio(t, { maxConcurrentStreams: 2 });
  const readables = recorder();
  server.on('stream', (_info: any, readable: any) => readables(readable));
  const first = client.sendStream(['one']);
  const second = client.sendStream(['two']);

  const error = await failure(() => client.sendStream(['three']));

  t.regex(error.message, /\b2\b/);
  t.is(error.code, 'IPC_ERR_TOO_MANY_STREAMS');
  for (const [readable] of await readables.until(2)) readable.resume();
  await Promise.all([first, second]);
  t.is(readables.calls.length, 2);
});

test('the receiver cancels through primaryChannel', async (t) => {
  const { server, client } = await studio(t);
  const cancelled = recorder();
  server.on('stream', (info: any, readable: any) => {
    if (info.meta?.shouldCancel) {
      (server as any).primaryChannel.cancelIncomingStream(info.streamId, { clientId: info.clientId });
      cancelled(readable.destroyed);
    } else {
      readable.resume();
    }
  });

  const error = await failure(() => client.sendStream(fs.createReadStream('/dev/zero'), { meta: { shouldCancel: true } }));
  await client.sendStream(['wanted'], { meta: { shouldCancel: false } });

  t.is(error.code, 'IPC_ERR_STREAM_CANCELLED');
  t.deepEqual(cancelled.calls, [[true]]);
  nothingKept(t, { server, client });
});

test('all four ways to cancel', async (t) => {
  const { server, client } = await studio(t);
  const clientId = client.getClientId();
  const arrived = recorder();
  server.on('stream', arrived);
  client.on('stream', arrived);
  const endless = () => fs.createReadStream('/dev/zero');

  const out = client.sendStream(endless(), { streamId: 'a' });
  const into = client.sendStream(endless(), { streamId: 'b' });
  const outToClient = server.sendStreamToClient(clientId, endless(), { streamId: 'c' });
  const intoClient = server.sendStreamToClient(clientId, endless(), { streamId: 'd' });
  await arrived.until(4);
  t.true(client.cancelOutgoingStream('a'));
  t.true(server.cancelIncomingStreamFromClient(clientId, 'b'));
  t.true(server.cancelOutgoingStreamToClient(clientId, 'c'));
  t.true(client.cancelIncomingStream('d'));

  for (const promise of [out, into, outToClient, intoClient]) {
    t.is((await failure(() => promise)).code, 'IPC_ERR_STREAM_CANCELLED');
  }
  for (const [, readable] of arrived.calls) if (!readable.closed) await once(readable, 'close');
  nothingKept(t, { server, client });
});

test('back-pressure: a stream far larger than every buffer arrives whole', async (t) => {
  const { server, client } = await studio(t);
  const total = 24 * 1024 * 1024;
  async function* produce() {
    for (let sent = 0; sent < total; sent += 65536) yield Buffer.alloc(65536, sent / 65536);
  }
  const received = new Promise<Buffer>((resolve) => server.on('stream', (_info: any, readable: any) => resolve(collect(readable))));

  await client.sendStream(produce());

  const bytes = await within(received, 'the bytes');
  t.is(bytes.length, total);
  for (let at = 0; at < total; at += 65536) if (bytes[at] !== ((at / 65536) & 255)) t.fail(`wrong byte at ${at}`);
});
