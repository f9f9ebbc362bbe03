// A reader that waits takes bytes off the socket itself; what its peer does meanwhile is
// seen all the same.

import test from 'ava';
import { encodeBinary } from '../support/binary-frames.mjs';
import { once, recorder, within } from '../support/helpers.cjs';
import { frame } from '../support/raw-peer.mjs';
import { wireServer } from '../support/wire.mjs';

const PROTOCOL = { version: 1, features: ['binary'], maxMessageSize: 8388608, windowMessages: 1024, windowBytes: 8388608 };
const CHUNK = Buffer.from(Array.from({ length: 60_000 }, (_, at) => at % 251));

/** A stream whose reader has found nothing, and that of a chunk the first bytes have come. */
async function begun(t: any) {
  const wire = await wireServer(t, { server: { heartbeat: false } });
  const streams = recorder();
  wire.server.on('stream', (info: any, readable: any) => void streams(info, readable));
  const peer = await wire.raw();
  await wire.register(peer, { protocol: PROTOCOL });
  const bytes = (fields: object) => frame(encodeBinary(fields as any));
  await peer.write(bytes({ kind: 'STREAM_OPEN', id: 1, name: 'a', body: {} }));
  const [[, readable]] = await streams.until(1);
  const chunk = bytes({ kind: 'STREAM_DATA', id: 1, data: CHUNK });
  const got: Buffer[] = [];
  readable.on('data', (piece: Buffer) => got.push(piece));
  await peer.write(bytes({ kind: 'PING', id: 1 }));
  await peer.expectFrame(({ kind }: any) => kind === 0x0f);
  await peer.write(chunk.subarray(0, 20_000));
  return { wire, peer, bytes, readable, got, rest: chunk.subarray(20_000) };
}

test('chunks in parts arrive whole, and what stands between them as well', async (t) => {
  const { wire, peer, bytes, readable, got, rest } = await begun(t);
  const ended = once(readable, 'end');
  await peer.write(rest);
  const wanted = [CHUNK];
  for (let size = 16_000; size <= 60_000; size += 4000) {
    const data = CHUNK.subarray(60_000 - size);
    wanted.push(data);
    const all = Buffer.concat([bytes({ kind: 'STREAM_DATA', id: 1, data }), bytes({ kind: 'PING', id: size })]);
    // The head alone; then the bytes in two parts, with the next frame behind the second.
    for (const [from, to] of [[0, 6], [6, size - 9000], [size - 9000, all.length]]) await peer.write(all.subarray(from, to));
    await peer.expectFrame(({ kind }: any) => kind === 0x0f);
  }
  await peer.write(bytes({ kind: 'STREAM_END', id: 1 }));
  await within(ended, 'the end');
  t.true(Buffer.concat(got).equals(Buffer.concat(wanted)));
  await wire.unharmed();
});

test('a peer that goes in the middle of a chunk is seen to have gone', async (t) => {
  const { wire, peer, readable } = await begun(t);
  const failed = once(readable, 'error');
  const left = wire.leaving();
  peer.socket.end();
  t.is(await within(left, 'the end'), 'truncated_frame');
  t.is((await failed)[0].code, 'IPC_ERR_CONNECTION_LOST');
  await wire.unharmed();
});

test('who stops reading in the middle of a chunk holds up no message behind it', async (t) => {
  const { wire, peer, bytes, readable, got, rest } = await begun(t);
  readable.pause();
  await peer.write(rest);
  for (const id of [1, 2, 3]) {
    await peer.write(Buffer.concat([bytes({ kind: 'STREAM_DATA', id: 1, data: CHUNK }), bytes({ kind: 'PING', id })]));
    await peer.expectFrame(({ kind }: any) => kind === 0x0f);
  }
  const ended = once(readable, 'end');
  readable.resume();
  await peer.write(bytes({ kind: 'STREAM_END', id: 1 }));
  await within(ended, 'the end');
  t.true(Buffer.concat(got).equals(Buffer.concat([CHUNK, CHUNK, CHUNK, CHUNK])));
  await wire.unharmed();
});
