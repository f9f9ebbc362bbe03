// Peers that break the rules of streams, or keep them and mean no good.

import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { encodeBinary } from '../support/binary-frames.mjs';
import { closeAfter, once, recorder, tempSocket, within } from '../support/helpers.cjs';
import { frame, ofType, RawServer } from '../support/raw-peer.mjs';
import { chunk, OURS, say } from '../support/raw-streams.mjs';
import { wireServer } from '../support/wire.mjs';

const PROTOCOL = { version: 1, features: ['binary'], maxMessageSize: 8388608, windowMessages: 1024, windowBytes: 8388608 };

/** The server, with a listener that never reads. */
async function hoarder(t: any, options: object = {}) {
  const wire = await wireServer(t, options);
  const streams = recorder();
  wire.server.on('stream', (info: any, readable: any) => void streams(info, readable));
  return { wire, streams };
}

const open = (streamId: string) => frame({ type: '__stream_init__', payload: { streamId } });
const abort = (streamId: string) => frame({ type: '__stream_error__', payload: { streamId, error: 'gone' } });

test('T6: words about unknown streams are ignored', async (t) => {
  const { wire } = await hoarder(t);
  const peer = await wire.client();
  await chunk(peer, 'nobody', Buffer.alloc(2 * OURS));
  for (const kind of ['end', 'error', 'cancel', 'credit', 'done']) await say(peer, kind, { streamId: 'nobody' });
  t.is(await peer.request('echo', 'still here'), 'still here');
  t.deepEqual(peer.frames, []);
  await wire.unharmed();
});

const broken: [string, (peer: any) => Promise<unknown>, string][] = [
  ['bytes that were not granted', (peer) => chunk(peer, 'a', Buffer.alloc(OURS + 1)), 'protocol_error'],
  ['one byte more than the window', (peer) => Promise.all([chunk(peer, 'a', Buffer.alloc(OURS)), chunk(peer, 'a', Buffer.alloc(1))]), 'protocol_error'],
  ['bytes after the end', (peer) => Promise.all([say(peer, 'end', { streamId: 'a' }), chunk(peer, 'a', Buffer.alloc(1))]), 'protocol_error'],
  ['a second end', (peer) => Promise.all([say(peer, 'end', { streamId: 'a' }), say(peer, 'end', { streamId: 'a' })]), 'protocol_error'],
  ['the id of an open stream', (peer) => say(peer, 'init', { streamId: 'a' }), 'protocol_error'],
  ['a stream of the other profile', (peer) => peer.write(frame(Buffer.from([0x11, 1, 1, 0x62, 0]))), 'protocol_error'],
  ['a piece without bytes', (peer) => say(peer, 'chunk', { streamId: 'a', chunk: '' }), 'bad_envelope'],
  ['a piece that is not base64', (peer) => say(peer, 'chunk', { streamId: 'a', chunk: '%' }), 'bad_envelope'],
  ['a stream without an id', (peer) => say(peer, 'init', {}), 'bad_envelope'],
  ['a credit below zero', (peer) => say(peer, 'credit', { streamId: 'a', bytes: -1 }), 'bad_envelope'],
];

for (const [what, act, reason] of broken) {
  test(`T6: ${what} closes the connection`, async (t) => {
    const { wire, streams } = await hoarder(t);
    const peer = await wire.client();
    await say(peer, 'init', { streamId: 'a' });
    const [[, readable]] = await streams.until(1);
    const failed = once(readable, 'error');
    const left = wire.leaving();
    await act(peer);
    t.is((await peer.expectFrame(ofType('__goaway__'))).payload.reason, reason);
    t.is(await left, reason);
    t.is((await failed)[0].code, 'IPC_ERR_CONNECTION_LOST');
    await peer.closed();
    await wire.unharmed();
  });
}

test('10,000 streams at once', async (t) => {
  const { wire, streams } = await hoarder(t);
  const peer = await wire.client();
  await peer.write(Buffer.concat(Array.from({ length: 10000 }, (_, at) => open(`s${at}`))));
  t.is(await peer.request('echo', 'still here'), 'still here');
  t.is(streams.calls.length, 32);
  t.is(peer.frames.length, 10000 - 32);
  const first = await peer.expectFrame(ofType('__stream_cancel__'));
  t.deepEqual(first.payload, {
    streamId: 's32',
    error: 'Maximum of 32 concurrent streams reached',
    errorName: 'Error',
    errorCode: 'IPC_ERR_TOO_MANY_STREAMS',
  });
  await wire.unharmed();
});

test('900 streams that are given up at once', async (t) => {
  const { wire, streams } = await hoarder(t);
  const peer = await wire.client();
  await peer.write(Buffer.concat(Array.from({ length: 900 }, (_, at) => Buffer.concat([open(`s${at}`), abort(`s${at}`)]))));
  t.is(await peer.request('echo', 'still here'), 'still here');
  // Each listener that was called has been told of the end, and nothing is left.
  t.is(streams.calls.length + peer.frames.length, 900);
  t.is(wire.server.getStats().metrics.streamsOpened, streams.calls.length);
  t.true(streams.calls.every(([, readable]: any) => readable.destroyed));
  const next = streams.calls.length + 1;
  await say(peer, 'init', { streamId: 'good' });
  const [, readable] = (await streams.until(next)).pop()!;
  const piece = once(readable, 'data');
  await chunk(peer, 'good', Buffer.from('x'));
  t.is((await piece)[0].toString(), 'x');
  await wire.unharmed();
});

test('T6: 100,000 single bytes that nobody reads', async (t) => {
  const { wire, streams } = await hoarder(t);
  const peer = await wire.raw();
  await wire.register(peer, { protocol: PROTOCOL });
  const send = (fields: object) => peer.write(frame(encodeBinary(fields as any)));
  const byte = frame(encodeBinary({ kind: 'STREAM_DATA', id: 1, data: Buffer.from('x') } as any));
  const all = Buffer.concat(Array(100000).fill(byte));
  await send({ kind: 'STREAM_OPEN', id: 1, name: 'a', body: {} });
  const [[, readable]] = await streams.until(1);
  const before = process.memoryUsage().rss;
  await peer.write(all);
  await send({ kind: 'PING', id: 1 });
  await peer.expectFrame(({ kind }: any) => kind === 0x0f);
  const more = process.memoryUsage().rss - before;
  t.true(more < 32 * 1048576, `${more} bytes more`);

  let length = 0;
  readable.on('data', (piece: Buffer) => (length += piece.length));
  const ended = once(readable, 'end');
  await send({ kind: 'STREAM_END', id: 1 });
  await ended;
  t.is(length, 100000);
  await wire.unharmed();
});

test('a few bytes behind large frames keep no large memory', async (t) => {
  const { wire, streams } = await hoarder(t);
  const peer = await wire.raw();
  await wire.register(peer, { protocol: PROTOCOL });
  const skipped = frame(Buffer.concat([Buffer.from([0x1a]), Buffer.alloc(8388000)]));
  const piece = frame(encodeBinary({ kind: 'STREAM_DATA', id: 1, data: Buffer.alloc(16384, 1) } as any));
  const both = Buffer.concat([skipped, piece]);
  await peer.write(frame(encodeBinary({ kind: 'STREAM_OPEN', id: 1, name: 'a', body: {} } as any)));
  await streams.until(1);
  const before = process.memoryUsage().rss;
  // A quarter of a window; with its frames it would be 128 MiB.
  for (let at = 0; at < 16; at++) await peer.write(both);
  await peer.write(frame(encodeBinary({ kind: 'PING', id: 1 } as any)));
  await peer.expectFrame(({ kind }: any) => kind === 0x0f);
  const more = process.memoryUsage().rss - before;
  t.true(more < 64 * 1048576, `${more} bytes more`);
  await wire.unharmed();
});

test('a server that opens streams and never reads the refusals is left', async (t) => {
  const socketPath = tempSocket(t);
  const server = await RawServer.listen({ path: socketPath });
  t.teardown(() => server.close());
  const client = closeAfter(t, SmartIpc.createClient({ id: 'raw', socketPath, clientOnly: true, autoReconnect: false }));
  client.on('error', () => {});
  const connecting = client.connect();
  const peer = await within(server.accept(), 'the connection');
  await peer.letIn({ role: 'server' });
  await connecting;
  peer.socket.pause();
  const left = once(client, 'disconnect');
  const id = 'i'.repeat(200);
  client.on('stream', () => {});
  for (let at = 0; at < 100 && !peer.isClosed; at++) {
    peer.write(Buffer.concat(Array.from({ length: 1000 }, (_, index) => open(`${id}${at}-${index}`))));
  }
  t.is((await left)[0], 'slow_consumer');
});
