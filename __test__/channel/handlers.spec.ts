import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, once, recorder, tempSocket } from '../support/helpers.cjs';

async function pair(t: any) {
  const socketPath = tempSocket(t);
  const [first, second]: any[] = [0, 1].map(() => closeAfter(t, SmartIpc.createChannel({ id: 'pair', socketPath })));
  await first.connect();
  const found = once(first, 'connect');
  await second.connect();
  await found;
  return { first, second };
}

test('on() keeps its own events to itself, whatever the other side sends', async (t) => {
  const { first, second } = await pair(t);
  const own = recorder();
  for (const name of ['connect', 'disconnect', 'error', 'ready', 'hosting', 'heartbeatTimeout', 'stream']) second.on(name, own);

  for (const name of ['connect', 'disconnect', 'error', 'ready']) {
    t.regex((await failure(() => first.request(name, {}))).message, /^No handler registered for message type/);
  }
  t.deepEqual(own.calls, []);
});

test('any other name is a message type, of which the last handler wins', async (t) => {
  const { first, second } = await pair(t);
  t.is(second.on('start', () => 'old'), second);
  second.addListener('start', () => 'new');
  second.onMessage('stop', () => 'stopped');
  t.is(await first.request('start', {}), 'new');
  t.is(await first.request('stop', {}), 'stopped');
  t.is(second.listenerCount('start'), 0);
});

test('off() takes a handler away if it is the one', async (t) => {
  const { first, second } = await pair(t);
  const handler = () => 'here';
  second.on('work', handler);
  second.off('work', () => 'another');
  t.is(await first.request('work', {}), 'here');
  second.removeListener('work', handler);
  t.is((await failure(() => first.request('work', {}))).code, 'IPC_ERR_NO_HANDLER');
  second.on('work', handler).removeAllListeners('work');
  t.is((await failure(() => first.request('work', {}))).code, 'IPC_ERR_NO_HANDLER');
});

test('once() answers one message', async (t) => {
  const { first, second } = await pair(t);
  second.once('work', () => 'once');
  t.is(await first.request('work', {}), 'once');
  t.is((await failure(() => first.request('work', {}))).code, 'IPC_ERR_NO_HANDLER');
  const handler = () => 'never';
  second.once('work', handler).off('work', handler);
  t.is((await failure(() => first.request('work', {}))).code, 'IPC_ERR_NO_HANDLER');
});

test('once() and off() work for its own events', async (t) => {
  const { first, second } = await pair(t);
  const [one, all, none] = [recorder(), recorder(), recorder()];
  first.once('disconnect', one);
  first.on('disconnect', all);
  first.on('disconnect', none).off('disconnect', none);
  for (let round = 1; round <= 2; round++) {
    await second.disconnect();
    await all.until(round);
    const back = once(first, 'connect');
    await second.connect();
    await back;
  }
  t.is(one.calls.length, 1);
  t.is(none.calls.length, 0);
});

test('a handler gets payload and context, on either side', async (t) => {
  const { first, second } = await pair(t);
  for (const [from, to] of [[first, second], [second, first]]) {
    to.on('about', (payload: any, context: any) => ({ payload, headers: context.headers, pid: context.peer.pid }));
    const answer = await from.request('about', 5, { headers: { lang: 'en' } });
    t.deepEqual(answer, { payload: 5, headers: { lang: 'en' }, pid: process.pid });
  }
});

test("a handler's failure belongs to the caller, a listener's to the channel", async (t) => {
  const { first, second } = await pair(t);
  for (const [from, to] of [[first, second], [second, first]]) {
    to.on('fails', () => {
      throw new RangeError('too far');
    });
    const error = await failure(() => from.request('fails', {}));
    t.is(error.message, 'too far');
    t.is(error.name, 'RangeError');
    const failed = once(to, 'error');
    await from.sendMessage('fails', {});
    t.is((await failed)[0].message, 'too far');
    t.is(to.getMetrics().errors, 1);
  }
});

test('wrong arguments are told at once', async (t) => {
  const { first, second } = await pair(t);
  t.throws(() => first.on('work', 'no function'), { instanceOf: TypeError });
  t.throws(() => first.once('work', undefined), { instanceOf: TypeError });
  await second.disconnect();
  if (first.isConnected()) await once(first, 'disconnect');
  for (const call of [
    () => first.sendMessage('__reserved__', {}),
    () => first.request('topic:reserved', {}),
    () => first.request('work', {}, { timeout: -1 }),
  ]) {
    const error = await failure(call);
    t.true(error instanceof TypeError || error instanceof RangeError, String(error));
  }
});
