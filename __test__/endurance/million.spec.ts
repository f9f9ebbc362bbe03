import test from 'ava';
import { startChild, tempSocket } from '../support/helpers.cjs';
import { mebibytes, rounds } from '../support/children/measure.cjs';

const COUNT = rounds('REQUESTS', 50_000);
const AT_ONCE = 128;
const GROWTH = 8 * 1024 * 1024;
/** Many times what it takes. */
const PATIENCE = 60_000 + COUNT;

test(`${COUNT} requests between two processes, ${AT_ONCE} at once: every answer is the right one, memory stays`, async (t) => {
  t.timeout(PATIENCE * 2);
  const socketPath = tempSocket(t);
  // A small young generation: at its usual size it alone grows by more than this for as long as V8 likes.
  const nodeArgs = ['--expose-gc', '--max-semi-space-size=2'];
  const server = startChild(t, 'echo-memory', { socketPath }, { nodeArgs });
  await server.report('ready');
  const client = startChild(t, 'asker', { socketPath, count: COUNT, atOnce: AT_ONCE }, { nodeArgs });

  const warm = await client.report('warm', PATIENCE);
  const finished = await client.report('finished', PATIENCE);

  t.is(finished.asked, COUNT);
  t.is(finished.wrong, 0);
  t.is(finished.requestsPending, 0);
  t.is(finished.queuedBytes, 0);
  for (const child of [client, server]) {
    const { code, signal, stderr } = await child.exited();
    t.is(code, 0, stderr);
    t.is(signal, null);
  }
  for (const [side, key] of [['client', 'own'], ['server', 'servers']]) {
    const change = finished[key] - warm[key];
    t.log(`${side}: ${mebibytes(warm[key])}, then ${mebibytes(finished[key])}`);
    t.true(Math.abs(change) <= GROWTH, `the ${side}'s memory changed by ${mebibytes(change)}`);
  }
  t.log(`${Math.round((COUNT * 0.8) / finished.seconds)} requests/s`);
});
