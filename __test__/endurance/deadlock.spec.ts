import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, startChild, tempSocket } from '../support/helpers.cjs';
import { rounds } from '../support/children/measure.cjs';

/** Handlers that one side may keep running for the other. */
const WINDOW = 4096;
const HIGH_WATER = 1024 * 1024;
const PATIENCE = 60_000;
const COUNT = rounds('MESSAGES', 8000);

for (const { count, depth, size } of [
  // More bytes than the queue's mark, and with the messages more than the window.
  { count: 2000, depth: 1, size: 3000 },
  // With what their handlers ask, more than the window.
  { count: 3000, depth: 1, size: 16 },
  { count: 3000, depth: 2, size: 16 },
  { count: 3000, depth: 2, size: 1024 },
]) {
  const title = `handlers that ask back, ${count} at once in both directions, nested ${depth} deep, ${size} bytes`;
  test.serial(title, async (t) => {
    t.timeout(3 * PATIENCE);
    const socketPath = tempSocket(t);
    const config = { socketPath, count, depth, size, tell: 1000 };
    const server = startChild(t, 'nesting', { ...config, role: 'server' });
    await server.report('ready');
    const client = startChild(t, 'nesting', { ...config, role: 'client' });

    const all = await Promise.all([server, client].map((side) => side.report('settled', PATIENCE)));
    for (const { answered, wrong, failures } of all) {
      t.is(answered, count, failures.join('\n'));
      t.is(wrong, 0);
    }
    // Who begins first meets one that reads already.
    const queued = Math.max(...all.map((side) => side.queued));
    if (count * size > 4 * HIGH_WATER) t.true(queued > HIGH_WATER, `queued at most ${queued} bytes`);
    await Promise.all([server, client].map((side) => side.report('told', PATIENCE)));
    t.log(`settled after ${all.map(({ millis }) => `${millis} ms`).join(' and ')}, ` +
      `at most ${all.map(({ most }) => most).join(' and ')} requests in handlers, ` +
      `${all.map(({ queued }) => queued).join(' and ')} bytes queued`);
  });
}

for (const receiver of ['server', 'client'] as const) {
  test.serial(`L9: a ${receiver} with slow handlers holds back the sender`, async (t) => {
    t.timeout(3 * PATIENCE);
    const socketPath = tempSocket(t);
    const gatePath = tempSocket(t, 'gate.sock');
    const receiving = { role: receiver, socketPath, gatePath, expected: COUNT };
    const sending = { role: receiver === 'server' ? 'client' : 'server', socketPath, count: COUNT, size: 1024 };
    let slow;
    let sender;
    if (receiver === 'server') {
      slow = startChild(t, 'gated', receiving);
      await slow.report('ready');
      sender = startChild(t, 'flooder', sending);
    } else {
      sender = startChild(t, 'flooder', sending);
      await sender.report('ready');
      slow = startChild(t, 'gated', receiving);
      await slow.report('ready');
    }

    const flooded = await sender.report('flooded', PATIENCE);
    const gate = closeAfter(t, SmartIpc.createClient({ id: 'gate', socketPath: gatePath }));
    const state = await gate.request('state', {});
    t.is(state.most, WINDOW, 'handlers running before the gate is open');
    t.is(state.handled, 0);
    t.true(flooded.queuedBytes > HIGH_WATER, `queued: ${flooded.queuedBytes}`);
    t.true(flooded.held > 0, 'promises of calls above the mark wait');
    // Above the mark it has to wait, and until half of it is left.
    t.true(flooded.heldSince > HIGH_WATER / 2, `the first waits at ${flooded.heldSince} bytes`);
    t.is(flooded.rejected, 0);

    await gate.request('open', {});
    const { handled, most, inOrder } = await slow.report('handled', PATIENCE);
    t.is(handled, COUNT);
    t.is(most, WINDOW, 'handlers running at once');
    t.true(inOrder);
    t.like(await sender.report('settled', PATIENCE), { resolved: COUNT, rejected: 0, queuedBytes: 0 });
    t.log(`held back ${flooded.held} of ${COUNT} promises from ${flooded.heldSince} queued bytes on`);
  });
}
