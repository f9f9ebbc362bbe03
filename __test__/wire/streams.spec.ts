// Streams between our ends and plain sockets that know docs/protocol.md.

import { randomBytes } from 'crypto';
import { Readable } from 'stream';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { decodeBinary, encodeBinary } from '../support/binary-frames.mjs';
import { closeAfter, deferred, failure, once, recorder, tempSocket, within } from '../support/helpers.cjs';
import { frame, ofType, RawServer } from '../support/raw-peer.mjs';
import { about, chunk, OURS, receiveBytes, say, sendBytes, WINDOW } from '../support/raw-streams.mjs';
import { wireServer } from '../support/wire.mjs';

const PROTOCOL = { version: 1, features: [] as string[], maxMessageSize: 8388608, windowMessages: 1024, windowBytes: 8388608 };

/** Reads every stream of an endpoint to its end. */
function collected(endpoint: any) {
  const streams = recorder();
  endpoint.on('stream', async (info: any, readable: any) => {
    const pieces = [];
    for await (const piece of readable) pieces.push(piece);
    streams(info, Buffer.concat(pieces));
  });
  return streams;
}

/** The raw server of one native client. */
async function rawServer(t: any, clientOptions: object = {}) {
  const socketPath = tempSocket(t);
  const server = await RawServer.listen({ path: socketPath });
  t.teardown(() => server.close());
  const client = closeAfter(t, SmartIpc.createClient({ id: 'raw', socketPath, clientOnly: true, autoReconnect: false, ...clientOptions }));
  client.on('error', () => {});
  const connecting = client.connect();
  const peer = await within(server.accept(), 'the connection');
  return { client, peer, letIn: (welcome = {}) => Promise.all([peer.letIn({ role: 'server', ...welcome }), connecting]) };
}

test('a raw client streams to the server', async (t) => {
  const wire = await wireServer(t);
  const streams = collected(wire.server);
  const peer = await wire.client();
  const bytes = randomBytes(3 * 1048576 + 7);
  await say(peer, 'init', { streamId: 'a b "c"', meta: { size: bytes.length } }, { trace: 't-1' });
  const last = await sendBytes(peer, 'a b "c"', bytes);

  t.is(last.type, '__stream_done__');
  const [[info, received]] = await streams.until(1);
  t.deepEqual(info, { streamId: 'a b "c"', meta: { size: bytes.length }, headers: { trace: 't-1' }, clientId: 'raw' });
  t.true(bytes.equals(received));
  await wire.unharmed();
});

test('the name stands for the id towards the owner', async (t) => {
  const wire = await wireServer(t);
  const streams = collected(wire.server);
  const peer = await wire.client();
  await say(peer, 'init', { streamId: '1', name: 'log' });
  t.is((await sendBytes(peer, '1', Buffer.from('x'))).type, '__stream_done__');
  const [[info]] = await streams.until(1);
  t.deepEqual(info, { streamId: 'log', meta: undefined, headers: {}, clientId: 'raw' });
});

test('done is said when the reader has read, not before', async (t) => {
  const wire = await wireServer(t);
  const opened = once(wire.server, 'stream');
  const peer = await wire.client();
  await say(peer, 'init', { streamId: 'a' });
  const last = sendBytes(peer, 'a', Buffer.from('hello'));
  const [, readable] = await opened;
  t.is(await peer.request('echo', 'all was received'), 'all was received');
  t.deepEqual(peer.frames, []);
  readable.resume();
  t.is((await last).type, '__stream_done__');
});

test('a chunk has no more bytes than chunkSize, 64 KiB by default', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  for (const [chunkSize, longest] of [[20_000, 20_000], [50_000.9, 50_000], [undefined, 65_536], [200_000, 200_000]] as [number | undefined, number][]) {
    const sent = wire.server.sendStreamToClient('raw', Readable.from([randomBytes(WINDOW)]), { chunkSize });
    const { streamId } = (await peer.expectFrame(ofType('__stream_init__'))).payload;
    const lengths = [];
    for (;;) {
      const { type, payload } = await peer.expectFrame(about(streamId, 'chunk', 'end'));
      if (type === '__stream_end__') break;
      lengths.push(Buffer.from(payload.chunk, 'base64').length);
    }
    await say(peer, 'done', { streamId });
    t.is(Math.max(...lengths), longest);
    t.is(lengths.reduce((sum, length) => sum + length), WINDOW);
    await within(sent, 'the promise of the sender');
  }
});

test('the server streams to a raw client, within its window', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client({ protocol: { ...PROTOCOL, streamWindow: 1000 } });
  const bytes = randomBytes(50_000);
  const sent = wire.server.sendStreamToClient('raw', Readable.from([bytes]), { meta: { a: 1 }, headers: { trace: 't-2' }, chunkSize: 300 });
  const opening = await peer.expectFrame(ofType('__stream_init__'));
  t.is(opening.payload.name, (sent as any).streamId);
  t.deepEqual(opening.payload.meta, { a: 1 });
  t.deepEqual(opening.headers, { trace: 't-2' });
  const { streamId } = opening.payload;

  // Nothing is granted yet: a window, and then silence.
  const sizes = [];
  for (let at = 0; at < 4; at++) sizes.push(Buffer.from((await peer.expectFrame(about(streamId, 'chunk'))).payload.chunk, 'base64'));
  t.deepEqual(sizes.map(({ length }) => length), [300, 300, 300, 100]);
  t.is(await peer.request('echo', 'still there'), 'still there');
  t.deepEqual(peer.frames, []);

  await say(peer, 'credit', { streamId, bytes: 2000 });
  const rest = await receiveBytes(peer, streamId, { window: 1000, received: 1000 });
  t.true(bytes.equals(Buffer.concat([...sizes, rest])));
  await within(sent, 'the promise of the sender');
  await wire.unharmed();
});

test('our client streams to a raw server, and the other way', async (t) => {
  const { client, peer, letIn } = await rawServer(t);
  const [{ protocol }] = await letIn();
  t.is(protocol.streamWindow, OURS);
  const bytes = randomBytes(2 * 1048576);
  const sent = client.sendStream(Readable.from([bytes]), { streamId: 'up' });
  const opening = await peer.expectFrame(ofType('__stream_init__'));
  t.is(opening.payload.name, 'up');
  t.true(bytes.equals(await receiveBytes(peer, opening.payload.streamId)));
  await within(sent, 'the promise of the sender');

  const streams = collected(client);
  await say(peer, 'init', { streamId: 'down', meta: [1] });
  t.is((await sendBytes(peer, 'down', bytes)).type, '__stream_done__');
  const [[info, received]] = await streams.until(1);
  t.like(info, { streamId: 'down', meta: [1] });
  t.true(bytes.equals(received));
});

test('a stream that nobody listens for is refused', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  await say(peer, 'init', { streamId: 'a' });
  await chunk(peer, 'a', Buffer.from('x'));
  const { payload } = await peer.expectFrame(ofType('__stream_cancel__'));
  t.like(payload, { streamId: 'a', errorCode: 'IPC_ERR_STREAM_REFUSED' });
  await wire.unharmed();
});

test('a reader that gives up says why', async (t) => {
  const wire = await wireServer(t);
  wire.server.on('stream', (_info: any, readable: any) => readable.destroy(Object.assign(new RangeError('too long'), { code: 'E_LONG' })));
  const peer = await wire.client();
  await say(peer, 'init', { streamId: 'a' });
  const { payload } = await peer.expectFrame(ofType('__stream_cancel__'));
  t.deepEqual(payload, { streamId: 'a', error: 'too long', errorName: 'RangeError', errorCode: 'E_LONG' });
});

test('a receiver that gives up ends the source', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  const source = new Readable({ read() {} });
  const closed = once(source, 'close');
  const sent = failure(() => wire.server.sendStreamToClient('raw', source));
  const { payload } = await peer.expectFrame(ofType('__stream_init__'));
  await say(peer, 'cancel', { streamId: payload.streamId, error: 'no room', errorName: 'RangeError', errorCode: 'E_ROOM' });
  t.like(await sent, { message: 'no room', name: 'RangeError', code: 'E_ROOM', origin: 'peer' });
  await closed;
  t.true(source.destroyed);
});

test('a sender that gives up fails the reader', async (t) => {
  const wire = await wireServer(t);
  const failed = deferred();
  wire.server.on('stream', (_info: any, readable: any) => readable.on('error', failed.resolve));
  const peer = await wire.client();
  await say(peer, 'init', { streamId: 'a' });
  await chunk(peer, 'a', Buffer.from('half'));
  await say(peer, 'error', { streamId: 'a', error: 'disk failed', errorCode: 'EIO' });
  t.like(await within(failed.promise, 'the error of the reader'), { message: 'disk failed', code: 'EIO', origin: 'peer' });
  await wire.unharmed();
});

test('the source of ours that fails is an error to the raw receiver', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  async function* source() {
    yield Buffer.from('half');
    throw new RangeError('no more');
  }
  const sent = failure(() => wire.server.sendStreamToClient('raw', source() as any));
  const { payload } = await peer.expectFrame(ofType('__stream_init__'));
  const error = await failure(() => receiveBytes(peer, payload.streamId));
  t.like(error, { message: 'no more', name: 'RangeError' });
  t.is((await sent).message, 'no more');
});

test('a stream over the limit is refused, the others go on', async (t) => {
  const wire = await wireServer(t, { server: { maxConcurrentStreams: 2 } });
  const streams = collected(wire.server);
  const peer = await wire.client();
  for (const streamId of ['a', 'b', 'c']) await say(peer, 'init', { streamId });
  const { payload } = await peer.expectFrame(ofType('__stream_cancel__'));
  t.like(payload, { streamId: 'c', error: 'Maximum of 2 concurrent streams reached', errorCode: 'IPC_ERR_TOO_MANY_STREAMS' });
  for (const streamId of ['a', 'b']) t.is((await sendBytes(peer, streamId, Buffer.from(streamId))).type, '__stream_done__');
  await streams.until(2);
  await say(peer, 'init', { streamId: 'd' });
  t.is((await sendBytes(peer, 'd', Buffer.from('d'))).type, '__stream_done__');
});

test('a binary client sends and receives a stream', async (t) => {
  const wire = await wireServer(t);
  const streams = collected(wire.server);
  const peer = await wire.raw();
  await wire.register(peer, { protocol: { ...PROTOCOL, features: ['binary'], streamWindow: 4 } });
  const send = (fields: object) => peer.write(frame(encodeBinary(fields as any)));
  const expect = async (kind: string) =>
    decodeBinary((await peer.expectFrame(({ body }: any) => body && decodeBinary(body).kind === kind, { what: kind })).body);

  await send({ kind: 'STREAM_OPEN', id: 9, name: 'log', body: { payload: { a: 1 } } });
  await send({ kind: 'STREAM_DATA', id: 9, data: Buffer.from('hello') });
  await send({ kind: 'STREAM_END', id: 9 });
  t.is((await expect('STREAM_DONE')).id, 9);
  const [[info, bytes]] = await streams.until(1);
  t.deepEqual([info.streamId, info.meta, bytes.toString()], ['log', { a: 1 }, 'hello']);

  // The example of the document: five bytes, a window of four.
  const sent = wire.server.sendStreamToClient('raw', Readable.from([Buffer.from('hello')]), { streamId: 'log' });
  const { id, name } = await expect('STREAM_OPEN');
  t.is(name, 'log');
  t.is((await expect('STREAM_DATA')).data.toString(), 'hell');
  await send({ kind: 'STREAM_CREDIT', id, bytes: 8 });
  t.is((await expect('STREAM_DATA')).data.toString(), 'o');
  await expect('STREAM_END');
  await send({ kind: 'STREAM_DONE', id });
  await within(sent, 'the promise of the sender');
  await wire.unharmed();
});

test('a name serves again at once after a stream was given up', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  const first = failure(() => wire.server.sendStreamToClient('raw', new Readable({ read() {} }), { streamId: 'log' }));
  const opening = await peer.expectFrame(ofType('__stream_init__'));
  t.true(wire.server.cancelOutgoingStreamToClient('raw', 'log'));
  t.is((await first).code, 'IPC_ERR_STREAM_CANCELLED');
  const second = wire.server.sendStreamToClient('raw', Readable.from([Buffer.from('x')]), { streamId: 'log' });
  const again = await peer.expectFrame(ofType('__stream_init__'));
  t.deepEqual([opening.payload.name, again.payload.name], ['log', 'log']);
  // A late word about the first is none about the second.
  await say(peer, 'cancel', { streamId: opening.payload.streamId, error: 'late' });
  t.is((await receiveBytes(peer, again.payload.streamId)).toString(), 'x');
  await within(second, 'the second stream');
});

test('more handlers than the window may wait for one stream of the peer', async (t) => {
  const wire = await wireServer(t);
  const whole = deferred();
  collected(wire.server).until(1).then(([[, bytes]]: any) => whole.resolve(bytes.toString()));
  const used = recorder();
  wire.server.onMessage('use', async () => used(await whole.promise));
  const peer = await wire.client();
  await say(peer, 'init', { streamId: 's' });
  // Written as the server reads: nobody waits for that here.
  peer.write(Buffer.concat(Array.from({ length: 3000 }, () => frame({ type: 'use', payload: 'x'.repeat(1000) }))));
  chunk(peer, 's', Buffer.from('at last'));
  say(peer, 'end', { streamId: 's' });
  t.deepEqual(new Set((await used.until(3000)).flat()), new Set(['at last']));
  await wire.unharmed();
});
