// A stream that is sent as fast as it goes: how much of it one turn of the event loop takes.
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, startChild, tempSocket } from '../support/helpers.cjs';
import { KIB, MIB } from '../support/streams.mjs';

const PIECE = Buffer.alloc(64 * KIB, 'x');
/** Of all streams together, in a turn of a process that has messages to see to. How much of
 * each turn those get is measured, by scripts/measure-streams.js. */
const SHARE = 64 * KIB;
/** Streams so much to a process of its own; gives the most that it took in a turn. */
async function take(t: any, size: number) {
  t.timeout(120_000);
  const socketPath = tempSocket(t);
  const child = startChild(t, 'taking', { socketPath });
  await child.report('ready');
  const client = closeAfter(t, SmartIpc.createClient({ id: 'taking', socketPath }));
  await client.connect();
  await client.sendStream(Array.from({ length: size / PIECE.length }, () => PIECE));
  const { bytes, most } = await child.report('taken');
  t.is(bytes, size);
  return most;
}

test.serial('where nothing else comes, a turn takes more', async (t) => {
  const most = await take(t, 128 * MIB);
  t.true(most >= 3 * SHARE, `${most} bytes in a turn`);
});
