// Streams of random size and fate, for tests that only ask whether all of them end.
import { Readable } from 'stream';

const KIB = 1024;

/** Mostly small, some larger than the window. */
function randomSize(random) {
  const draw = random();
  if (draw < 0.1) return 0;
  if (draw < 0.7) return Math.floor(random() * 64 * KIB);
  if (draw < 0.95) return Math.floor(random() * 512 * KIB);
  return Math.floor(random() * 3 * KIB * KIB);
}

/** A source of any kind, of which some fail. */
export function randomSource(random) {
  const size = randomSize(random);
  const failsAt = random() < 0.1 ? Math.floor(random() * size) : Infinity;
  const piece = 1 + Math.floor(random() * 100 * KIB);
  const slow = random() < 0.2;
  function* bytes() {
    for (let at = 0; at < size; at += piece) {
      if (at >= failsAt) throw Object.assign(new Error('the source failed'), { code: 'E_SOURCE' });
      yield Buffer.alloc(Math.min(piece, size - at), at);
    }
  }
  async function* slowly() {
    for (const each of bytes()) {
      await new Promise((resolve) => setImmediate(resolve));
      yield each;
    }
  }
  const kind = random();
  if (slow) return kind < 0.5 ? Readable.from(slowly()) : slowly();
  return kind < 0.3 ? Readable.from(bytes()) : kind < 0.9 ? bytes() : [...safely(bytes())];
}

function* safely(pieces) {
  try {
    yield* pieces;
  } catch (error) {
    if (error.code !== 'E_SOURCE') throw error;
  }
}

/** Reads all, a part, or nothing of it; resolves when the Readable is closed. */
export function readAtRandom(readable, random) {
  const closed = new Promise((resolve) => readable.on('close', resolve));
  const fate = random();
  const limit = Math.floor(random() * 200 * KIB);
  if (fate < 0.6) readable.resume();
  else if (fate < 0.7) readable.destroy();
  else if (fate < 0.8) readable.destroy(new Error('not wanted'));
  else if (fate < 0.9) readUntil(readable, limit).catch(() => {});
  else {
    // Only later.
    setImmediate(() => setImmediate(() => readable.resume()));
  }
  return closed;
}

async function readUntil(readable, limit) {
  let bytes = 0;
  for await (const piece of readable) if ((bytes += piece.length) > limit) break;
}
