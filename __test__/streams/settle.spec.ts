// Many streams with every kind of end at random: each settles, and nothing is
// left of any. SMARTIPC_STREAMS sets how many, SMARTIPC_SEED repeats a run.
import test from 'ava';
import { startChild, tempSocket } from '../support/helpers.cjs';
import { hasProc, mebibytes, rounds, seed } from '../support/children/measure.cjs';

const STREAMS = rounds('STREAMS', 300);
const PATIENCE = 60_000 + 40 * STREAMS;
/** What RSS may grow by between the middle of the run and its end, if that is long enough to tell. */
const NOISE = 32 * 1024 * 1024;
const LONG_ENOUGH = 1000;
/** Far below the grace that streams which have been forgotten would cost. */
const NO_GRACE = 2500;

test(`T4: ${STREAMS} streams of random size and fate: all settle, nothing is left`, async (t) => {
  t.timeout(2 * PATIENCE);
  const drawn = seed();
  // A failure is repeated with it.
  t.log(`seed ${drawn}`);
  const child = startChild(t, 'settle', { socketPath: tempSocket(t), streams: STREAMS, seed: drawn }, { nodeArgs: ['--expose-gc'] });

  const { counts, codes, left, descriptors, rss, closing } = await child.report('settled', PATIENCE);

  t.is(counts.resolved + counts.rejected, STREAMS);
  t.is(counts.closed, counts.readables);
  t.true(counts.resolved > STREAMS / 10 && counts.rejected > STREAMS / 10, JSON.stringify(counts));
  t.deepEqual(left, { client: 0, server: 0 });
  t.true(closing < NO_GRACE, `closing took ${closing} ms`);
  // The peer that was there before has been killed.
  if (hasProc) t.true(descriptors.after < descriptors.before, JSON.stringify(descriptors));
  if (STREAMS >= LONG_ENOUGH) t.true(rss.end - rss.warm < NOISE, `${mebibytes(rss.end - rss.warm)} more`);
  t.log(JSON.stringify({ ...counts, ...codes }));
  t.log(`RSS ${mebibytes(rss.warm)}, then ${mebibytes(rss.end)}; descriptors ${descriptors.before}, then ${descriptors.after}`);
  // No timer, socket or thread keeps the process.
  const { code, signal, stderr } = await child.exited();
  t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
});
