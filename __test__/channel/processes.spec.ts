import test from 'ava';
import { newBus } from '../support/bus.mjs';
import { SmartIpc } from '@push.rocks/smartipc';
import { suspend } from '../support/child-process.cjs';
import { closeAfter, once, tempSocket } from '../support/helpers.cjs';

const PROGRAM = 'channel-end';

async function company(t: any) {
  const bus: any = await newBus(t, tempSocket(t));
  const start = async () => {
    const end = await bus.member({}, PROGRAM);
    end.order('connect');
    await end.until('opening', () => end.count('opened') === 1);
    return end;
  };
  return start;
}

/** Each asks the other, and gets the other's answer. */
async function asksBothWays(t: any, one: any, other: any) {
  for (const [from, to] of [[one, other], [other, one]]) {
    const answers = from.count('answer');
    from.order('ask', { type: 'whoami' });
    t.is((await from.next('answer', answers)).answer, to.pid);
  }
}

test('two processes ask each other', async (t) => {
  const start = await company(t);
  const [first, second] = [await start(), await start()];
  await asksBothWays(t, first, second);
  t.is(first.count('hosting'), 1);
  t.is(second.count('hosting'), 0);

  // Both end: nothing of a closed channel keeps a process alive.
  for (const end of [second, first]) {
    end.order('leave');
    t.is((await end.child.exited()).code, 0);
  }
});

test('when either side is killed the other waits for its successor', async (t) => {
  const start = await company(t);
  let listening = await start();
  let connected = await start();
  for (let round = 0; round < 4; round++) {
    const kills = round % 2 === 0 ? 'the one that listens' : 'the one that connected';
    const [victim, survivor] = round % 2 === 0 ? [listening, connected] : [connected, listening];
    const [disconnects, connects] = [survivor.count('disconnect'), survivor.count('connect')];
    await victim.kill();
    await survivor.next('disconnect', disconnects);
    t.is(survivor.count('disconnect'), disconnects + 1, kills);
    // Sent while nobody is there.
    survivor.order('send', { payloads: [1, 2, 3] });
    survivor.order('ask', { type: 'whoami' });
    if (round % 2 === 0) await survivor.until('hosting', () => survivor.count('hosting') === 1);

    const answers = survivor.count('answer');
    const successor = await start();
    await survivor.next('connect', connects);
    await successor.until('notes', () => successor.count('note') === 3);
    t.deepEqual(
      successor.told.filter((line: any) => line.event === 'note').map((line: any) => line.payload),
      [1, 2, 3],
    );
    t.is((await survivor.next('answer', answers)).answer, successor.pid);
    await asksBothWays(t, survivor, successor);
    [listening, connected] = [survivor, successor];
  }
});

test('when the listening side leaves, the other takes its place', async (t) => {
  const start = await company(t);
  const [first, second] = [await start(), await start()];
  const hosting = second.next('hosting', 0);
  first.order('leave');
  t.is((await first.child.exited()).code, 0);
  await hosting;
  const third = await start();
  await asksBothWays(t, second, third);
});

test('an open channel keeps the process alive, unless it is told not to', async (t) => {
  const start = await company(t);
  const [first, second] = [await start(), await start()];
  await asksBothWays(t, first, second);
  second.order('ref');
  await second.until('silence', () => second.count('silent') === 1);
  const answers = first.count('answer');
  first.order('ask', { type: 'whoami' });
  t.is((await first.next('answer', answers)).answer, second.pid);
  first.order('ask', { type: 'end' });
  t.is((await second.child.exited()).code, 0);

  // The end that listens, alone and with somebody connected.
  const third = await start();
  await asksBothWays(t, first, third);
  first.order('unref');
  t.is((await first.child.exited()).code, 0);
  await third.until('hosting', () => third.count('hosting') === 1);
  third.order('unref');
  t.is((await third.child.exited()).code, 0);
});

test('without autoReconnect a loss is final', async (t) => {
  const bus: any = await newBus(t, tempSocket(t));
  const [first, second] = [await bus.member({}, PROGRAM), await bus.member({ autoReconnect: false }, PROGRAM)];
  for (const end of [first, second]) {
    end.order('connect');
    await end.until('opening', () => end.count('opened') === 1);
  }
  await first.kill();
  await second.next('disconnect', 0);
  second.order('ask', { type: 'whoami' });
  t.is((await second.next('answer', 0)).answer.code, 'IPC_ERR_NOT_CONNECTED');
  t.is(second.count('reconnecting'), 0);
});

test('reconnecting: the end that looks for the other says so', async (t) => {
  const start = await company(t);
  const [first, second] = [await start(), await start()];
  await second.until('connect', () => second.count('connect') === 1);
  await first.kill();
  await second.next('reconnecting', 0);
  t.is(first.count('reconnecting'), 0);
});

for (const role of ['listens', 'connected']) {
  test(`heartbeatTimeout: the end that ${role} hears that the other stands still`, async (t) => {
    const socketPath = tempSocket(t);
    const bus: any = await newBus(t, socketPath);
    const here: any = closeAfter(
      t,
      SmartIpc.createChannel({ id: 'pair', socketPath, heartbeatInterval: 100, heartbeatTimeout: 300, heartbeatThrowOnTimeout: false }),
    );
    const there = await bus.member({}, PROGRAM);
    const open = async () => {
      there.order('connect');
      await there.until('opening', () => there.count('opened') === 1);
    };
    const found = once(here, 'connect');
    if (role === 'connected') await open();
    await here.connect();
    if (role === 'listens') await open();
    await found;

    const timeout = once(here, 'heartbeatTimeout');
    await suspend(there.child);
    const [error] = await timeout;
    t.is(error.code, 'IPC_ERR_HEARTBEAT_TIMEOUT');
    there.child.kill('SIGCONT');
  });
}
