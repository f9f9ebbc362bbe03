// Broadcasts that follow each other faster than they can be written.

import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { Cork, FEW, QUICK } from '../../lib/cork.js';
import { closeAfter, once, recorder, startChild, tempSocket } from '../support/helpers.cjs';

/** Time, turns of the event loop and writing that takes `cost`, all of them virtual. */
function world(cost: number) {
  let now = 1000;
  let looks: (() => void)[] = [];
  const queued: number[] = [];
  const waits: number[][] = [];
  const endpoint = {
    dirty: false,
    receive() {},
    flush() {
      endpoint.dirty = false;
      const begun = now;
      // Each broadcast waits until writing begins.
      waits.push(queued.splice(0).map((at) => begun - at));
      now += cost;
      if (cork.isPending) cork.wrote(begun, now);
    },
  };
  const cork = new Cork(
    endpoint,
    () => now,
    ((look: () => void) => looks.push(look)) as unknown as typeof setImmediate
  );
  return {
    waits,
    looks: () => looks.length,
    flush: endpoint.flush,
    broadcast(receivers = 100) {
      queued.push(now);
      cork.add(receivers);
    },
    /** A turn passes, and what is at leisure is written in it. */
    async turn(takes: number) {
      await nextTurn();
      now += takes;
      const due = looks;
      looks = [];
      for (const look of due) look();
    },
  };
}

test('broadcasts that come slower than they are written are written one by one', async (t) => {
  const { broadcast, turn, waits } = world(0.1);
  for (let i = 0; i < 20; i++) {
    broadcast();
    await turn(0.11);
  }
  t.deepEqual(waits, Array(20).fill([0]));
});

test('those that come faster leave together, and none waits for longer than writing takes', async (t) => {
  const cost = 0.1;
  const { broadcast, turn, waits } = world(cost);
  for (let i = 0; i < 100; i++) {
    broadcast();
    await turn(0.02);
  }
  await turn(0.02);
  t.is(waits.flat().length, 100);
  t.deepEqual(waits.slice(0, QUICK), Array(QUICK).fill([0]), 'a few quick ones prove nothing');
  t.true(waits.length < 30, `${waits.length} times`);
  t.true(Math.max(...waits.flat()) < cost + 0.021, `${Math.max(...waits.flat())} ms`);
});

test('those for a few are not held, unless others are', async (t) => {
  const { broadcast, turn, waits } = world(0.1);
  for (let i = 0; i < 20; i++) {
    broadcast(FEW);
    await turn(0.001);
  }
  t.deepEqual(waits, Array(20).fill([0]));
  for (let i = 0; i <= QUICK; i++) {
    broadcast(FEW + 1);
    await turn(0.001);
  }
  t.is(waits.length, 20 + QUICK, 'held');
  broadcast(1);
  await turn(0.001);
  t.is(waits.length, 20 + QUICK, 'they keep their order');
  await turn(0.001);
  t.is(waits.at(-1)?.length, 2);
});

test('the last of them is written in the turn that brings no other', async (t) => {
  const { broadcast, turn, waits } = world(0.2);
  for (let i = 0; i < QUICK; i++) {
    broadcast();
    await turn(0.001);
  }
  t.is(waits.length, QUICK);
  broadcast();
  await turn(0.001);
  t.is(waits.length, QUICK, 'held');
  await turn(0.001);
  t.is(waits.length, QUICK + 1);
});

test('writing that was interrupted for long does not make it wait as long', async (t) => {
  const { broadcast, turn, waits } = world(50);
  for (let i = 0; i < 1000; i++) {
    broadcast();
    await turn(0.001);
  }
  await turn(0.001);
  t.true(Math.max(...waits.flat()) <= 0.252, `${Math.max(...waits.flat())} ms`);
});

test('what somebody else writes meanwhile is not looked for twice', async (t) => {
  const { broadcast, turn, looks, flush } = world(0.1);
  for (let i = 0; i < 50; i++) {
    broadcast();
    flush();
    broadcast();
    t.true(looks() <= 1);
    await turn(0.01);
  }
});

/** As many clients as it takes for a broadcast to be held; the first is as given. */
async function crowd(t: any, options: object) {
  const clients = Array.from({ length: FEW + 1 }, (_, index) =>
    closeAfter(t, SmartIpc.createClient({ ...(options as any), clientOnly: true, autoReconnect: false, ...(index > 0 && { clientId: `other-${index}` }) }))
  );
  for (const client of clients.slice(1)) await client.connect();
  return clients[0];
}

/** A server whose next broadcasts are held until a turn brings none, and one of its clients. */
async function holding(t: any) {
  const socketPath = tempSocket(t);
  const server: any = closeAfter(t, SmartIpc.createServer({ id: 'cork', socketPath }));
  await server.start();
  const client = await crowd(t, { id: 'cork', socketPath, clientId: 'it' });
  await client.connect();
  const heard = recorder();
  client.onMessage('tick', (number) => heard(number));
  client.onMessage('ask', () => heard.calls.length);
  let written = 0;
  const flush = server.flush.bind(server);
  server.flush = () => {
    written++;
    flush();
  };
  Object.assign(server._cork, { _cost: 1e9, _quick: QUICK, _ended: performance.now() });
  return { server, client, heard, written: () => written };
}

test.serial('a broadcast that is held is written in the turn after the last', async (t) => {
  const { server, heard, written } = await holding(t);
  for (let number = 1; number <= 3; number++) {
    server.broadcast('tick', number);
    await nextTurn();
    t.is(written(), 0, 'held');
  }
  await heard.until(3);
  t.is(written(), 1);
  t.deepEqual(heard.calls, [[1], [2], [3]]);
});

test.serial('a request takes a broadcast that is held along, and does not overtake it', async (t) => {
  const { server } = await holding(t);
  server.broadcast('tick', 1);
  t.is(await server.requestClient('it', 'ask'), 1);
});

test.serial('stop() does not lose a broadcast that is held', async (t) => {
  const { server, client, heard } = await holding(t);
  const gone = once(client, 'disconnect');
  server.broadcast('tick', 1);
  await server.stop();
  await gone;
  t.deepEqual(heard.calls, [[1]]);
});

test.serial('process.exit() does not lose a broadcast that is held', async (t) => {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'ending', { scenario: 'server with a broadcast that is held', socketPath });
  await child.report('started');
  const client = await crowd(t, { id: 'ending', socketPath, clientId: 'last' });
  const heard = recorder();
  client.onMessage('news', (number) => heard(number));
  await client.connect();
  await heard.until(3);
  t.deepEqual(heard.calls, [[1], [2], [3]]);
});
