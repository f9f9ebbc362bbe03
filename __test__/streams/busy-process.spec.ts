// A process whose event loop is busy with other things still takes what is streamed to it.
import test from 'ava';
import { within } from '../support/helpers.cjs';
import { MIB, arrival, bothWays, hash, collect, noise } from '../support/streams.mjs';

/** How long each turn of the event loop takes, in milliseconds. */
const TURN = 50;
/** With a share of 64 KiB a turn this would take 128 turns. */
const SIZE = 8 * MIB;
const TURNS = 100;

bothWays(test.serial, `${SIZE / MIB} MiB take at most ${TURNS} turns of ${TURN} ms`, async (t: any, { receiver, send }: any) => {
  const bytes = noise(SIZE);
  const arrived = arrival(receiver);
  let turns = 0;
  let over = false;
  const block = () => {
    for (const until = Date.now() + TURN; Date.now() < until; );
    turns++;
    if (!over) setImmediate(block);
  };
  block();
  const sent = send(bytes);
  const [, readable] = await arrived;
  const received = await within(collect(readable), 'the bytes', 30_000);
  await sent;
  over = true;
  t.is(hash(received), hash(bytes));
  t.true(turns <= TURNS, `${turns} turns`);
  t.log(`${turns} turns`);
});
