// What builds and tests of platforms are done by, two at a time.

import { createRequire } from 'module';
import test from 'ava';

const require = createRequire(import.meta.url);
const { inLanes } = require('../../scripts/platforms/lanes.js');

test('all is done, in order, two at a time, and never two in one lane', async (t) => {
  const taken: boolean[] = [false, false];
  const begun: string[] = [];
  const done = await inLanes(['a', 'b', 'c', 'd', 'e'], async (item: string, lane: number) => {
    t.false(taken[lane]);
    taken[lane] = true;
    begun.push(item);
    // The first takes longer than the others together.
    for (let turn = 0; turn < (item === 'a' ? 100 : 1); turn++) await new Promise(setImmediate);
    taken[lane] = false;
    return item.toUpperCase();
  });
  t.deepEqual(begun, ['a', 'b', 'c', 'd', 'e']);
  t.deepEqual(done, ['A', 'B', 'C', 'D', 'E']);
});

test('a failure is passed on', async (t) => {
  const error = await t.throwsAsync(
    inLanes(['a', 'b'], async (item: string) => {
      if (item === 'b') throw new Error('b fell over');
    })
  );
  t.is(error?.message, 'b fell over');
});
