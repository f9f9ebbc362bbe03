import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, once, recorder, tempSocket } from '../support/helpers.cjs';

const newEnd = (t: any, options: any): any => closeAfter(t, SmartIpc.createChannel({ id: 'pair', ...options }));

/** An end that listens, and whose other side is still to come. */
async function alone(t: any, options: any = {}) {
  const socketPath = tempSocket(t);
  const first = newEnd(t, { socketPath, ...options });
  await first.connect();
  return { first, second: newEnd(t, { socketPath, ...options }) };
}

test('what is sent before the other side is there waits for it, in order', async (t) => {
  const { first, second } = await alone(t);
  const seen = recorder((payload: any) => payload);
  second.on('note', seen);
  const changing = { value: 'as it was' };
  const sent = [first.sendMessage('note', changing), first.sendMessage('note', Buffer.from('bytes'))];
  const answer = first.request('note', 'a question');
  sent.push(first.sendMessage('note', undefined));
  changing.value = 'changed afterwards';

  await second.connect();
  await Promise.all(sent);

  t.is(await answer, 'a question');
  t.deepEqual(
    (await seen.until(4)).map(([payload]) => payload),
    [{ value: 'as it was' }, Buffer.from('bytes'), 'a question', undefined],
  );
});

test('a call connects first', async (t) => {
  const socketPath = tempSocket(t);
  const [first, second] = [newEnd(t, { socketPath }), newEnd(t, { socketPath })];
  second.on('echo', (payload: any) => payload);
  const answer = first.request('echo', 'hello');
  await once(first, 'ready');
  await second.connect();
  t.is(await answer, 'hello');
});

test('what waits is bounded, and told so', async (t) => {
  const { first, second } = await alone(t);
  const handler = recorder();
  second.on('note', handler);
  const sent = Array.from({ length: 1000 }, (_, index) => first.sendMessage('note', index));
  const error = await failure(() => first.sendMessage('note', 'one too many'));
  t.is(error.code, 'IPC_ERR_BACKPRESSURE');
  await second.connect();
  await Promise.all(sent);
  t.is((await handler.until(1000)).length, 1000);

  const large = await alone(t);
  const megabytes = Buffer.alloc(3 * 1024 * 1024);
  const taken = [large.first.sendMessage('note', megabytes), large.first.sendMessage('note', megabytes)];
  t.is((await failure(() => large.first.request('note', megabytes))).code, 'IPC_ERR_BACKPRESSURE');
  await large.second.connect();
  await Promise.all(taken);
});

test("a waiting request's time runs from the call", async (t) => {
  const { first } = await alone(t);
  const error = await failure(() => first.request('slow', {}, { timeout: 60 }));
  t.is(error.message, 'Request timeout for slow');
  t.is(error.code, 'IPC_ERR_TIMEOUT');
  t.falsy(error.mayHaveRun);
});

test('a waiting request can be given up, and is not made then', async (t) => {
  const { first, second } = await alone(t);
  const handler = recorder();
  second.on('note', handler);
  const controller = new AbortController();
  const given = failure(() => first.request('note', 'given up', { signal: controller.signal }));
  const kept = first.request('note', 'kept');
  controller.abort();
  const error = await given;
  t.is(error.code, 'IPC_ERR_ABORTED');
  t.is(error.name, 'AbortError');
  await second.connect();
  await kept;
  t.deepEqual(handler.calls.map(([payload]: any) => payload), ['kept']);
  t.is((await failure(() => first.request('note', {}, { signal: controller.signal }))).code, 'IPC_ERR_ABORTED');
});

test('disconnect() rejects what waits, and what comes later', async (t) => {
  const { first } = await alone(t);
  const waiting = failure(() => first.request('echo', {}));
  const message = failure(() => first.sendMessage('echo', {}));
  await first.disconnect();
  t.is((await waiting).code, 'IPC_ERR_DISCONNECTED');
  t.is((await message).code, 'IPC_ERR_DISCONNECTED');
  t.is((await failure(() => first.request('echo', {}))).code, 'IPC_ERR_DISCONNECTED');
  t.is((await failure(() => first.sendMessage('echo', {}))).code, 'IPC_ERR_DISCONNECTED');
  // Nobody awaits this one.
  const failed = once(first, 'error');
  first.sendMessage('echo', {});
  t.is((await failed)[0].code, 'IPC_ERR_DISCONNECTED');
});

test('what waits for a connection that can\'t be made fails with its error', async (t) => {
  const end = newEnd(t, { socketPath: `${tempSocket(t)}/missing/x.sock` });
  t.is((await failure(() => end.request('echo', {}))).code, 'ENOENT');
  t.is((await failure(() => end.sendMessage('echo', {}))).code, 'ENOENT');
});

test('a pause longer than a timer can be is long', async (t) => {
  const socketPath = tempSocket(t);
  const first = newEnd(t, { socketPath });
  await first.connect();
  const warned = recorder();
  process.on('warning', warned);
  t.teardown(() => process.off('warning', warned));
  const far = newEnd(t, { socketPath, clientOnly: true, reconnectDelay: 2 ** 31, maxReconnectDelay: 2 ** 31 });
  await far.connect();
  const lost = once(far, 'reconnecting');
  await first.disconnect();
  await lost;
  // A warning comes in a tick.
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(warned.calls.map(([{ name }]: any) => name), []);
});
