// Every byte arrives as it was, in pieces of any size, within the smallest frames too.
import test from 'ava';
import { within } from '../support/helpers.cjs';
import { KIB, MIB, arrival, collect, directions, hash, nothingKept, pair, way } from '../support/streams.mjs';

/** All values of a byte, over and over, never aligned to a power of two. */
const bytes = Buffer.from(Array.from({ length: 257 * 12 * KIB + 1 }, (_, at) => at % 257 & 0xff));
const SIZES = [1, 3, 65_535, 65_536, MIB];

function* inPieces(content: Buffer, size: number) {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

for (const maxMessageSize of [1024, 8 * MIB]) {
  for (const direction of directions) {
    for (const size of SIZES) {
      test.serial(`T10: ${direction}: every byte value in pieces of ${size} bytes, frames of at most ${maxMessageSize}`, async (t) => {
        // Each piece is a turn for both ends: of single bytes fewer will do.
        const content = size < KIB ? bytes.subarray(0, 10 * 257 + 1) : bytes;
        const ends = await pair(t, { both: { maxMessageSize } });
        const { receiver, send } = way(direction, ends);
        const arrived = arrival(receiver);
        const sent = send(inPieces(content, size));
        const [, readable] = await arrived;
        const received = await within(collect(readable), 'the reader', 30_000);
        t.is(received.length, content.length);
        t.is(hash(received), hash(content));
        await within(sent, 'the sender');
        // A frame above the limit would have ended the connection.
        t.deepEqual(ends.errors.calls, []);
        t.true(ends.client.getIsConnected());
        nothingKept(t, ends);
      });
    }
  }
}
