import test from 'ava';
import { startChild, tempDir } from '../support/helpers.cjs';
import { hasProc, rounds, seed } from '../support/children/measure.cjs';

const ROUNDS = rounds('WORKERS', 10);
const WORKERS = 8;
/** Whatever the number of endpoints: one for I/O, one for calls that block. */
const MOST_THREADS = 2;
const PATIENCE = 30_000 + ROUNDS * 5000;

function host(t: any, scenario: string, more: object = {}) {
  const drawn = seed();
  t.log(`seed ${drawn}`);
  t.timeout(2 * PATIENCE);
  const config = { scenario, directory: tempDir(t), rounds: ROUNDS, workers: WORKERS, seed: drawn, ...more };
  return startChild(t, 'worker-host', config, { nodeArgs: ['--expose-gc'] });
}

async function endsWell(t: any, child: any) {
  await child.report('finished', PATIENCE);
  const { code, signal, stderr } = await child.exited();
  t.is(signal, null, stderr);
  t.is(code, 0, stderr);
}

test.serial(`N10: ${ROUNDS} × ${WORKERS} threads in traffic are ended at random moments; the main thread's server serves`, async (t) => {
  const child = host(t, 'beside the main thread');
  const { served, most, baseline, descriptors } = await child.report('served', PATIENCE);
  if (hasProc) {
    t.true(most > 0 && most <= MOST_THREADS, `${most} threads of the library`);
    t.is(descriptors, baseline);
  }
  await endsWell(t, child);
  t.log(`${served} requests answered on the main thread meanwhile, at most ${most} threads of the library`);
});

test.serial(`N11: ${ROUNDS} × loaded only in threads that end; the main thread lives on, the library's threads don't`, async (t) => {
  const child = host(t, 'only in threads');
  const { most } = await child.report('lived on', PATIENCE);
  if (hasProc) t.true(most > 0 && most <= MOST_THREADS, `${most} threads of the library`);
  await endsWell(t, child);
});

test.serial('N17: at most two more threads, whatever the number of endpoints', async (t) => {
  const child = host(t, 'many endpoints', { workers: 30 });
  const { names } = await child.report('open', PATIENCE);
  if (hasProc) t.true(names.length > 0 && names.length <= MOST_THREADS, names.join(', '));
  await endsWell(t, child);
});
