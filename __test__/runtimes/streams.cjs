'use strict';

// Streams and files on every runtime, beside core.cjs; run by
// scripts/runtimes/run.js. Nothing of it runs while the package has no streams:
// then it reports a plan of none. The syntax stays that of Node 14.

const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const { Readable } = require('stream');

const { IpcClient, IpcError, SmartIpc } = require('@push.rocks/smartipc');
const { failure, once, recorder, run, test } = require('./runner.cjs');

const MIB = 1024 * 1024;

async function pair(t, options) {
  const common = Object.assign({ id: 'streams', socketPath: t.file('streams.sock') }, options);
  const server = t.close(SmartIpc.createServer(common));
  await server.start();
  const client = t.close(SmartIpc.createClient(Object.assign({ clientId: 'one' }, common)));
  await client.connect();
  return { server, client };
}

/** Everything a Readable has to give. */
function collect(readable) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    readable.on('data', (chunk) => chunks.push(chunk));
    readable.on('end', () => resolve(Buffer.concat(chunks)));
    readable.on('error', reject);
  });
}

/** The next stream: its info, and the promise of its bytes. */
function nextStream(endpoint) {
  return new Promise((resolve) => {
    endpoint.once('stream', (info, readable) => resolve({ info, bytes: collect(readable) }));
  });
}

/** Bytes that are the same for nobody else, written to a file of the case. */
function sourceFile(t, name, size) {
  const file = t.file(name);
  const bytes = crypto.randomBytes(size);
  fs.writeFileSync(file, bytes);
  return { file, bytes };
}

/** As equal(), without the megabytes in the message of a failure. */
function sameBytes(found, wanted) {
  assert.strictEqual(found.length, wanted.length);
  assert(found.equals(wanted), 'the bytes differ');
}

function streamCases() {
  test('a stream from client to server', async (t) => {
    const { server, client } = await pair(t);
    const { file, bytes } = sourceFile(t, 'local.bin', 3 * MIB + 7);
    const arriving = nextStream(server);
    await Promise.all([
      client.sendStream(fs.createReadStream(file), { meta: { type: 'file', basename: 'local.bin' }, chunkSize: 64 * 1024 }),
      arriving.then(async ({ info, bytes: received }) => {
        assert.deepStrictEqual(info.meta, { type: 'file', basename: 'local.bin' });
        assert.strictEqual(info.clientId, 'one');
        assert(info.streamId);
        sameBytes(await received, bytes);
      }),
    ]);
  });

  test('a stream from server to client', async (t) => {
    const { server, client } = await pair(t);
    const { file, bytes } = sourceFile(t, 'server.bin', 3 * MIB + 7);
    const arriving = nextStream(client);
    await Promise.all([
      server.sendStreamToClient(client.getClientId(), fs.createReadStream(file), { meta: { basename: 'server.bin' } }),
      arriving.then(async ({ info, bytes: received }) => {
        assert.strictEqual(info.meta.basename, 'server.bin');
        sameBytes(await received, bytes);
      }),
    ]);
  });

  test('an empty stream, and one of small pieces', async (t) => {
    const { server, client } = await pair(t);
    for (const pieces of [[], ['a', 'b', 'c'], [Buffer.from([0, 255])]]) {
      const arriving = nextStream(server);
      const [, { bytes }] = await Promise.all([client.sendStream(Readable.from(pieces.map((piece) => Buffer.from(piece)))), arriving]);
      sameBytes(await bytes, Buffer.concat(pieces.map((piece) => Buffer.from(piece))));
    }
  });

  test('a slow reader holds the sender back, and messages get through', async (t) => {
    const { server, client } = await pair(t);
    server.onMessage('echo', (payload) => payload);
    let produced = 0;
    const source = new Readable({
      read() {
        produced += MIB;
        this.push(produced > 32 * MIB ? null : Buffer.alloc(MIB, 1));
      },
    });
    const opened = once(server, 'stream');
    const sending = client.sendStream(source);
    const [, readable] = await opened;
    assert.strictEqual(await client.request('echo', 'beside'), 'beside');
    assert(produced < 32 * MIB, 'everything was taken before anything was read');
    const [bytes] = await Promise.all([collect(readable), sending]);
    assert.strictEqual(bytes.length, 32 * MIB);
  });

  test('files in both directions, saved by pipeStreamToFile', async (t) => {
    const { server, client } = await pair(t);
    const { file, bytes } = sourceFile(t, 'there.bin', 2 * MIB + 3);
    for (const [receiver, send] of [
      [server, () => client.sendFile(file)],
      [client, () => server.sendFileToClient('one', file)],
    ]) {
      const target = t.file('received.bin');
      const saved = recorder();
      receiver.once('stream', (info, readable) => SmartIpc.pipeStreamToFile(readable, target).then(() => saved(info)));
      await send();
      const [[info]] = await saved.until(1);
      assert.deepStrictEqual(info.meta, { type: 'file', basename: 'there.bin', size: bytes.length });
      sameBytes(fs.readFileSync(target), bytes);
      fs.unlinkSync(target);
    }
  });

  test('pipeStreamToFile saves a stream that is none of a file', async (t) => {
    const { server, client } = await pair(t);
    const target = t.file('piped.bin');
    const saved = recorder();
    server.once('stream', (_info, readable) => SmartIpc.pipeStreamToFile(readable, target).then(() => saved()));
    await client.sendStream(Readable.from([Buffer.from('one '), Buffer.from('two')]));
    await saved.until(1);
    assert.strictEqual(fs.readFileSync(target, 'utf8'), 'one two');
  });

  test('either side cancels', async (t) => {
    const { server, client } = await pair(t);
    const endless = () => new Readable({ read() { this.push(Buffer.alloc(64 * 1024)); } });

    const cancelled = once(server, 'stream').then(([info, readable]) => {
      readable.on('error', () => {});
      server.cancelIncomingStreamFromClient(info.clientId, info.streamId);
    });
    const byReceiver = await failure(client.sendStream(endless()));
    await cancelled;
    assert(byReceiver instanceof Error && byReceiver.code);

    const opened = once(server, 'stream');
    const sending = client.sendStream(endless());
    const outcome = failure(sending);
    const [, readable] = await opened;
    const broken = once(readable, 'error');
    readable.resume();
    client.cancelOutgoingStream(sending.streamId);
    const [byBoth] = [await outcome, await broken];
    assert(byBoth instanceof Error && byBoth.code);
  });

  test('a source that fails breaks the stream, not the connection', async (t) => {
    const { server, client } = await pair(t);
    server.onMessage('echo', (payload) => payload);
    server.on('stream', (_info, readable) => readable.on('error', () => {}).resume());
    let pushed = false;
    const source = new Readable({
      read() {
        if (pushed) this.destroy(new Error('the disk is gone'));
        else this.push(Buffer.alloc(1024));
        pushed = true;
      },
    });
    const error = await failure(client.sendStream(source));
    assert.strictEqual(error.message, 'the disk is gone');
    assert.strictEqual(await client.request('echo', 'alive'), 'alive');
  });

  test('maxConcurrentStreams is kept', async (t) => {
    const { server, client } = await pair(t, { maxConcurrentStreams: 2 });
    const open = recorder();
    server.on('stream', (_info, readable) => {
      readable.on('error', () => {});
      open();
    });
    const sources = [0, 1].map(() => new Readable({ read() {} }));
    const sending = sources.map((source) => failure(client.sendStream(source)));
    await open.until(2);
    const error = await failure(client.sendStream(Readable.from([Buffer.from('one too many')])));
    assert(error.message.includes('2'), error.message);
    for (const source of sources) source.destroy(new Error('enough'));
    await Promise.all(sending);
  });

  test('a sender that is killed breaks the stream, and nothing else', async (t) => {
    const socketPath = t.file('killed.sock');
    const server = t.close(SmartIpc.createServer({ id: 'killed', socketPath }));
    await server.start();
    const opened = once(server, 'stream');
    const gone = once(server, 'clientDisconnect');
    const child = t.child('endless', { id: 'killed', socketPath, clientId: 'sender' });
    const [, readable] = await opened;
    const broken = once(readable, 'error');
    await once(readable, 'data');
    child.kill('SIGKILL');
    readable.resume();
    const [error] = await broken;
    assert(error instanceof IpcError, String(error));
    const [clientId] = await gone;
    assert.strictEqual(clientId, 'sender');
  });

  // The Node that runs the matrix, as the peer of this runtime.
  const other = process.env.SMARTIPC_OTHER_RUNTIME;
  if (!other) return;
  test('files to and from another runtime', async (t) => {
    const socketPath = t.file('other.sock');
    const theirs = t.child('mirror', { id: 'mirror', socketPath, folder: t.file('') }, { exec: other });
    await theirs.report('ready');
    const client = t.close(SmartIpc.createClient({ id: 'mirror', socketPath }));
    await client.connect();
    const { file, bytes } = sourceFile(t, 'there.bin', 5 * MIB + 1);
    const returning = nextStream(client);
    await client.sendFile(file);
    const { info, bytes: received } = await returning;
    assert.strictEqual(info.meta.basename, 'back-there.bin');
    sameBytes(await received, bytes);
  });
}

if (typeof IpcClient.prototype.sendStream === 'function') streamCases();
run();
