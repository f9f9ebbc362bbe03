// How far a sender gets ahead of its reader. Counted, never timed.
import { Readable } from 'stream';
import test from 'ava';
import { failure, once, within } from '../support/helpers.cjs';
import { KIB, MIB, MEMORY, WINDOW, arrival, bothWays, directions, nothingKept, pair, way } from '../support/streams.mjs';

/** What a source may be asked for beyond the window: what waits at the sender. */
const AHEAD = 256 * KIB;
const PIECE = 16 * KIB;

/** An endless source that counts what was taken. */
function counted() {
  const source = { taken: 0, [Symbol.iterator]: () => source, next: () => ((source.taken += PIECE), { done: false, value: Buffer.alloc(PIECE) }) };
  return source;
}

/** Waits until a number has stayed the same over several round trips. */
async function still({ client, server }: any, number: () => number) {
  let same = 0;
  for (let last = -1; same < 20; ) {
    await client.request('nobody listens').catch(() => {});
    await server.requestClient(client.getClientId(), 'nobody listens').catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    same = number() === last ? same + 1 : 0;
    last = number();
  }
  return number();
}

for (const serialization of ['json', 'advanced']) {
  for (const direction of directions) {
    test(`${direction}, ${serialization}: a reader that reads nothing holds the source back`, async (t) => {
      const ends = await pair(t, { both: { serialization } });
      const { receiver, send } = way(direction, ends);
      const arrived = arrival(receiver);
      const source = counted();
      const sent = failure(() => send(source));
      const [, readable] = await arrived;

      const taken = await still(ends, () => source.taken);

      t.log(`${taken / KIB} KiB taken`);
      t.true(taken >= WINDOW, `${taken} bytes taken: the window is not used`);
      t.true(taken <= WINDOW + AHEAD, `${taken} bytes taken`);
      readable.destroy();
      await sent;
      nothingKept(t, ends);
    });
  }
}

bothWays(test, 'a reader that stops in the middle holds the source back again', async (t, { receiver, send }, ends) => {
  const arrived = arrival(receiver);
  const source = counted();
  const sent = failure(() => send(source));
  const [, readable] = await arrived;
  let read = 0;
  readable.on('data', (piece: Buffer) => (read += piece.length));
  for (let round = 1; round <= 5; round++) {
    while (read < round * 3 * MIB) await once(readable, 'data');
    readable.pause();
    const ahead = (await still(ends, () => source.taken)) - read;
    t.true(ahead <= MEMORY + AHEAD, `${ahead} bytes ahead in round ${round}`);
    readable.resume();
  }
  readable.destroy();
  await sent;
});

bothWays(test, 'a slow writable behind a pipe holds the source back', async (t, { receiver, send }, ends) => {
  const { Writable } = await import('stream');
  const arrived = arrival(receiver);
  const source = counted();
  const sent = failure(() => send(source));
  const [, readable] = await arrived;
  // Takes one piece and never says that it is done.
  const stuck = new Writable({ write() {} });
  readable.pipe(stuck);
  const taken = await still(ends, () => source.taken);
  t.true(taken <= WINDOW + AHEAD + 2 * 64 * KIB, `${taken} bytes taken`);
  readable.destroy();
  await sent;
});

bothWays(test, 'a Readable as source is paused, not drained', async (t, { receiver, send }, ends) => {
  const arrived = arrival(receiver);
  let taken = 0;
  const source = new Readable({
    read() {
      taken += PIECE;
      this.push(Buffer.alloc(PIECE));
    },
  });
  const sent = failure(() => send(source));
  const [, readable] = await arrived;
  await still(ends, () => taken);
  // Its own buffer comes on top.
  t.true(taken <= WINDOW + AHEAD + source.readableHighWaterMark + PIECE, `${taken} bytes taken`);
  readable.destroy();
  await sent;
});

bothWays(test, 'each stream has a window of its own: one that stands still does not stop another', async (t, { receiver, send }, ends) => {
  const readables: any[] = [];
  receiver.on('stream', (info: any, readable: any) => {
    if (info.meta === 'stuck') readables.push(readable);
    else readable.resume();
  });
  const stuck = Array.from({ length: 8 }, () => failure(() => send(counted(), { meta: 'stuck' })));
  await within(send([Buffer.alloc(10 * MIB)]), 'the one that is read', 30_000);
  t.is(readables.length, 8);
  for (const readable of readables) readable.destroy();
  await Promise.all(stuck);
  nothingKept(t, ends);
});

bothWays(test, 'a piece larger than the window is held back within the piece', async (t, { receiver, send }, ends) => {
  const arrived = arrival(receiver);
  let handed = 0;
  const sent = failure(() => send([Buffer.alloc(16 * MIB)], { onProgress: ({ bytes }: any) => (handed = bytes) }));
  const [, readable] = await arrived;
  await still(ends, () => handed);
  t.true(handed >= WINDOW, `${handed} bytes handed over`);
  t.true(handed <= WINDOW + AHEAD, `${handed} bytes handed over`);
  readable.destroy();
  await sent;
});
