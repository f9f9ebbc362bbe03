// A stream that is sent as fast as it goes: how much of it one turn of the event loop takes.
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, startChild, tempSocket } from '../support/helpers.cjs';
import { KIB, MIB } from '../support/streams.mjs';

const PIECE = Buffer.alloc(64 * KIB, 'x');
/** Of all streams together, in a turn of a process that has messages to see to. How much of
 * each turn those get is measured, by scripts/measure-streams.js. */
const SHARE = 64 * KIB;
/** Streams so much to a process of its own; gives the most that it took in a turn, and at once. */
async function take(t: any, size: number, reads: 'flowing' | 'awaiting' = 'flowing') {
  t.timeout(120_000);
  const socketPath = tempSocket(t);
  const child = startChild(t, 'taking', { socketPath, reads });
  await child.report('ready');
  const client = closeAfter(t, SmartIpc.createClient({ id: 'taking', socketPath }));
  await client.connect();
  await client.sendStream(Array.from({ length: size / PIECE.length }, () => PIECE));
  const taken = await child.report('taken');
  t.is(taken.bytes, size);
  return { ...taken, driver: client.getStats().driver };
}

test.serial('where nothing else comes, a turn takes more', async (t) => {
  const { most, longest, driver } = await take(t, 128 * MIB);
  t.true(most >= 3 * SHARE, `${most} bytes in a turn`);
  // From memory, in few pieces.
  if (driver === 'loop' && process.platform === 'linux') t.true(longest > SHARE, `${longest} bytes at once`);
});

test.serial('a reader that takes one piece after the other has little in store', async (t) => {
  const { longest } = await take(t, 64 * MIB, 'awaiting');
  t.true(longest <= 2 * SHARE, `${longest} bytes at once`);
});
