// When what is queued in one turn of the event loop is written.

import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import mailbox from '../../lib/mailbox.js';

// One after the other: what one test has written takes the other's with it.

/** What happens in which order when `queue` is called in a tick and three promises follow it. */
async function orderAfter(queue: (endpoint: any) => void) {
  const order: unknown[] = [];
  const endpoint = {
    dirty: false,
    flush: () => void order.push('written'),
  };
  process.nextTick(async () => {
    queue(endpoint);
    for (const number of [1, 2, 3]) {
      await undefined;
      order.push(number);
    }
  });
  await nextTurn();
  return order;
}

test.serial('a request is written before promise callbacks run', async (t) => {
  t.deepEqual(await orderAfter((endpoint) => mailbox.markDirty(endpoint)), ['written', 1, 2, 3]);
});

test.serial('one-way messages that are awaited in turn are written together', async (t) => {
  t.deepEqual(await orderAfter((endpoint) => mailbox.markDirtyAtLeisure(endpoint)), [1, 2, 3, 'written']);
});

test.serial('a request takes with it what was at leisure', async (t) => {
  const order = await orderAfter((endpoint) => {
    mailbox.markDirtyAtLeisure(endpoint);
    mailbox.markDirty(endpoint);
  });
  t.deepEqual(order, ['written', 1, 2, 3]);
});
