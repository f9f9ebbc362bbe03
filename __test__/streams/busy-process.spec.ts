// A process whose event loop is busy with other things still takes what is streamed to it.
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, startChild, tempSocket, within } from '../support/helpers.cjs';
import { MIB, arrival, bothWays, hash, collect, noise } from '../support/streams.mjs';

/** How long each turn of the event loop takes, in milliseconds. */
const TURN = 50;
/** With a share of 64 KiB a turn this would take 128 turns. */
const SIZE = 8 * MIB;
const TURNS = 100;
/** How long a client may be silent; long enough for its process to get a CPU. */
const IDLE = 1000;

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

// With the tokio driver another thread reads, whatever JavaScript does.
if (process.env.SMARTIPC_DRIVER !== 'tokio') test.serial('whose bytes have come is not idle, although nobody could read them', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'streaming', socketPath, clientIdleTimeout: IDLE }));
  await server.start();
  const arrived = arrival(server);
  const child = startChild(t, 'streaming', { scenario: 'sending', socketPath, size: 3 * MIB });
  const [, readable] = await arrived;
  let received = 0;
  readable.on('data', (piece: Buffer) => {
    const before = received;
    received += piece.length;
    // Twice, for longer than a client may be idle. It goes on sending meanwhile.
    if (received > 2.5 * MIB || Math.floor(received / MIB) === Math.floor(before / MIB)) return;
    for (const until = Date.now() + 2 * IDLE; Date.now() < until; );
  });
  t.is((await child.report('sent', 30_000)).error, undefined);
  t.is(received, 3 * MIB);
});
