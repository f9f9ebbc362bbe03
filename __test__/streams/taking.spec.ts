// A stream that is sent as fast as it goes: how much of it one turn of the event loop takes.
import { setImmediate as turn } from 'timers/promises';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, startChild, tempSocket } from '../support/helpers.cjs';
import { KIB, MIB } from '../support/streams.mjs';

const PIECE = Buffer.alloc(64 * KIB, 'x');
/** Of all streams together, in a turn of a process that has messages to see to. */
const SHARE = 64 * KIB;
/** A turn in the eyes of this test may be the end of one and the start of the next, and
 * the last piece of either may begin just below its share. */
const MOST_BESIDE_MESSAGES = 2 * (SHARE + PIECE.length);

/** Streams so much to a process of its own; gives the most that it took in a turn, and in one soon after a message. */
async function take(t: any, size: number, { chatter = false } = {}) {
  t.timeout(120_000);
  const socketPath = tempSocket(t);
  const child = startChild(t, 'taking', { socketPath });
  await child.report('ready');
  const client = closeAfter(t, SmartIpc.createClient({ id: 'taking', socketPath }));
  await client.connect();
  let over = false;
  const talk = async () => {
    while (chatter && !over) {
      await client.sendMessage('chatter', {});
      await turn();
    }
  };
  const talking = talk();
  await client.sendStream(Array.from({ length: size / PIECE.length }, () => PIECE));
  over = true;
  await talking;
  const { bytes, most, mostBeside } = await child.report('taken');
  t.is(bytes, size);
  return { most, mostBeside };
}

test.serial('beside messages a turn takes one share of a stream', async (t) => {
  const { mostBeside } = await take(t, 128 * MIB, { chatter: true });
  t.true(mostBeside > 0 && mostBeside < MOST_BESIDE_MESSAGES, `${mostBeside} bytes in a turn`);
});

test.serial('where nothing else comes, a turn takes more', async (t) => {
  const { most } = await take(t, 128 * MIB);
  t.true(most >= 3 * SHARE, `${most} bytes in a turn`);
});
