// Giving up: from each side, by each way, at each moment.
import { Readable } from 'stream';
import test from 'ava';
import { IpcError } from '@push.rocks/smartipc';
import { deferred, failure, once, recorder, settlesSoon, within } from '../support/helpers.cjs';
import { arrival, arrivals, bothWays, collect, nothingKept, pair } from '../support/streams.mjs';

/** A source that never ends, and tells when it was given up. */
function endless() {
  return new Readable({
    read() {
      this.push(Buffer.alloc(16 * 1024));
    },
  });
}

bothWays(test, 'T4: the sender cancels: the receiver gets an error of the peer', async (t, { receiver, send, cancelOutgoing }, ends) => {
  const arrived = arrival(receiver);
  const source = endless();
  const sent = failure(() => send(source, { streamId: 'tape' }));
  const [info, readable, end] = await arrived;
  readable.resume();
  await once(readable, 'data');

  t.is(info.streamId, 'tape');
  t.is(cancelOutgoing('tape'), true);

  const error = await sent;
  t.true(error instanceof IpcError);
  t.like(error, { code: 'IPC_ERR_STREAM_CANCELLED', origin: 'local' });
  const seen = await within(end, 'the Readable');
  t.like(seen, { end: 0, errors: 1, closes: 1 });
  t.like(seen.error, { code: 'IPC_ERR_STREAM_CANCELLED', origin: 'peer' });
  t.true(source.destroyed);
  t.is(cancelOutgoing('tape'), false);
  nothingKept(t, ends);
});

bothWays(test, 'T4: the receiver cancels by id: the sender gets an error of the peer', async (t, { receiver, send, cancelIncoming }, ends) => {
  const arrived = arrival(receiver);
  const source = endless();
  const sent = failure(() => send(source));
  const [info, readable, end] = await arrived;

  t.is(cancelIncoming(info.streamId), true);

  t.like(await sent, { code: 'IPC_ERR_STREAM_CANCELLED', origin: 'peer' });
  const seen = await within(end, 'the Readable');
  t.like(seen, { end: 0, errors: 1, closes: 1 });
  t.like(seen.error, { code: 'IPC_ERR_STREAM_CANCELLED', origin: 'local' });
  t.true(source.destroyed);
  t.is(cancelIncoming(info.streamId), false);
  nothingKept(t, ends);
});

for (const flowing of [false, true]) {
  const when = flowing ? 'in the middle' : 'unread';
  bothWays(test, `T4: destroy() of a Readable ${when} ends the sender's promise`, async (t, { receiver, send }, ends) => {
    const arrived = arrival(receiver);
    const source = endless();
    const sent = failure(() => send(source));
    const [, readable, end] = await arrived;
    if (flowing) await once(readable.resume(), 'data');
      readable.destroy();
    t.like(await sent, { code: 'IPC_ERR_STREAM_CANCELLED', origin: 'peer' });
    t.like(await within(end, 'the Readable'), { end: 0, errors: 0, closes: 1 });
    t.true(source.destroyed);
    nothingKept(t, ends);
  });

  bothWays(test, `T4: destroy(error) of a Readable ${when} tells the sender the error`, async (t, { receiver, send }, ends) => {
    const arrived = arrival(receiver);
    const sent = failure(() => send(endless()));
    const [, readable, end] = await arrived;
    if (flowing) await once(readable.resume(), 'data');
    const reason = Object.assign(new RangeError('enough is enough'), { code: 'E_ENOUGH' });
      readable.destroy(reason);
    t.like(await sent, { message: 'enough is enough', name: 'RangeError', code: 'E_ENOUGH', origin: 'peer' });
    t.is((await within(end, 'the Readable')).error, reason);
    nothingKept(t, ends);
  });
}

bothWays(test, 'a stream cancelled while its reader pauses', async (t, { receiver, send, cancelOutgoing }, ends) => {
  const arrived = arrival(receiver);
  const sent = failure(() => send(endless(), { streamId: 'held' }));
  const [, readable, end] = await arrived;
  await once(readable.resume(), 'data');
  readable.pause();
  t.true(cancelOutgoing('held'));
  t.is((await sent).code, 'IPC_ERR_STREAM_CANCELLED');
  t.is((await within(end, 'the Readable')).errors, 1);
  nothingKept(t, ends);
});

bothWays(test, 'a paused stream cancelled by its reader', async (t, { receiver, send, cancelIncoming }, ends) => {
  const arrived = arrival(receiver);
  const sent = failure(() => send(endless(), { streamId: 'held' }));
  const [, readable] = await arrived;
  await once(readable.resume(), 'data');
  readable.pause();
  t.true(cancelIncoming('held'));
  t.is((await sent).code, 'IPC_ERR_STREAM_CANCELLED');
  t.true(readable.destroyed);
  nothingKept(t, ends);
});

bothWays(test, 'cancelling one leaves the others alone', async (t, { receiver, send, cancelOutgoing, cancelIncoming }, ends) => {
  const streams = arrivals(receiver);
  const gone = deferred();
  const slow = (async function* () {
    yield 'a';
    await gone.promise;
    yield 'b';
  })();
  const others = [failure(() => send(endless(), { streamId: 'x' })), failure(() => send(endless(), { streamId: 'y' }))];
  Promise.all(others).then(gone.resolve);
  const sent = send(slow, { streamId: 'z' });
  const calls = await streams.until(3);
  cancelOutgoing('x');
  cancelIncoming('y');
  const [, readable] = calls.find(([info]: any) => info.streamId === 'z');
  t.is(String(await collect(readable)), 'ab');
  await sent;
  nothingKept(t, ends);
});

bothWays(test, 'ids nobody knows give false, wrong ones a TypeError', async (t, { cancelOutgoing, cancelIncoming }) => {
  t.is(cancelOutgoing('unheard'), false);
  t.is(cancelIncoming('unheard'), false);
  for (const call of [cancelOutgoing, cancelIncoming]) {
    t.throws(() => call(5), { instanceOf: TypeError, message: /streamId/ });
    t.throws(() => call(undefined), { instanceOf: TypeError, message: /streamId/ });
  }
});

test('cancelling at a client that is not there gives false', async (t) => {
  const { server } = await pair(t);
  t.is(server.cancelIncomingStreamFromClient('nobody', 'x'), false);
  t.is(server.cancelOutgoingStreamToClient('nobody', 'x'), false);
  t.is(server.primaryChannel.cancelIncomingStream('x', { clientId: 'nobody' }), false);
  t.throws(() => server.primaryChannel.cancelIncomingStream('x'), { instanceOf: TypeError, message: /clientId/ });
});

test('one client does not cancel the stream of another by its id', async (t) => {
  const ends = await pair(t);
  const streams = arrivals(ends.server);
  const sent = ends.client.sendStream(endless(), { streamId: 'mine' });
  const rejected = failure(() => sent);
  const [[info, readable]] = await streams.until(1);
  t.is(ends.server.cancelIncomingStreamFromClient('another', 'mine'), false);
  t.false(readable.destroyed);
  t.is(ends.server.primaryChannel.cancelIncomingStream('mine', { clientId: info.clientId }), true);
  await rejected;
});

test('cancelled before the connection is there', async (t) => {
  const ends = await pair(t, { connect: false });
  const streams = arrivals(ends.server);
  const source = endless();
  const sent = failure(() => ends.client.sendStream(source, { streamId: 'early' }));

  t.is(ends.client.cancelOutgoingStream('early'), true);

  t.like(await sent, { code: 'IPC_ERR_STREAM_CANCELLED', origin: 'local' });
  t.true(source.destroyed);
  await ends.client.connect();
  const next = ends.client.sendStream(['next'], { streamId: 'early' });
  const [[, readable]] = await streams.until(1);
  t.is(String(await collect(readable)), 'next');
  await next;
  t.is(streams.calls.length, 1);
  nothingKept(t, ends);
});

// AbortSignal -------------------------------------------------------------------------

bothWays(test, 'a signal that has fired already: nothing is opened, and nothing is kept', async (t, { receiver, send, sendFile }, ends) => {
  const streams = arrivals(receiver);
  const signal = AbortSignal.abort(new Error('changed my mind'));
  const source = endless();

  for (const call of [() => send(source, { streamId: 's', signal }), () => sendFile(import.meta.filename ?? process.execPath, { streamId: 's', signal })]) {
    const error = await failure(call);
    t.like(error, { code: 'IPC_ERR_STREAM_CANCELLED', name: 'AbortError', origin: 'local' });
    t.is(error.cause.message, 'changed my mind');
  }

  t.true(source.destroyed);
  nothingKept(t, ends);
  // The name is free.
  const sent = send(['x'], { streamId: 's' });
  const [[, readable]] = await streams.until(1);
  readable.resume();
  await sent;
  t.is(streams.calls.length, 1);
});

bothWays(test, 'a signal that fires in the middle ends it on both sides', async (t, { receiver, send }, ends) => {
  const controller = new AbortController();
  const arrived = arrival(receiver);
  const sent = failure(() => send(endless(), { signal: controller.signal }));
  const [, readable, end] = await arrived;
  await once(readable.resume(), 'data');

  controller.abort();

  t.like(await sent, { code: 'IPC_ERR_STREAM_CANCELLED', name: 'AbortError' });
  t.like(await within(end, 'the Readable'), { end: 0, errors: 1, closes: 1 });
  nothingKept(t, ends);
});

bothWays(test, 'a signal that fires after the end changes nothing, and is not listened to any more', async (t, { receiver, send }) => {
  const controller = new AbortController();
  const removed = recorder();
  const { signal } = controller;
  const original = signal.removeEventListener.bind(signal);
  signal.removeEventListener = ((...args: [any, any]) => {
    removed(args[0]);
    original(...args);
  }) as any;
  receiver.on('stream', (_info: any, readable: any) => readable.resume());
  const sent = send(['x'], { signal });
  await sent;
  controller.abort();
  t.true(await settlesSoon(sent));
  t.deepEqual(removed.calls, [['abort']]);
});

test('a signal that fires while the client connects', async (t) => {
  const ends = await pair(t, { connect: false });
  const controller = new AbortController();
  const source = endless();
  const sent = failure(() => ends.client.sendStream(source, { signal: controller.signal }));
  controller.abort();
  t.is((await sent).name, 'AbortError');
  t.true(source.destroyed);
  nothingKept(t, ends);
});
