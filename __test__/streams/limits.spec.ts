// How many at once, under which names, and whether anybody listens.
import fs from 'fs';
import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, once, tempSocket, within } from '../support/helpers.cjs';
import { arrival, arrivals, bothWays, collect, directions, nothingKept, pair, way } from '../support/streams.mjs';

const held = { maxConcurrentStreams: 2 };

// Whichever side has the limit, and whether it sends or receives.
for (const side of ['server', 'client', 'both']) {
  for (const direction of directions) {
    test(`T3: ${direction}: a limit of 2 at the ${side === 'both' ? 'ends' : side} refuses the third and lets two finish`, async (t) => {
      const ends = await pair(t, { [side]: held });
      const { receiver, send } = way(direction, ends);
      const streams = arrivals(receiver);
      const two = [send(['one']), send(['two'])];

      const error = await failure(() => send(['three']));

      t.true(error instanceof IpcError);
      t.is(error.code, 'IPC_ERR_TOO_MANY_STREAMS');
      t.regex(error.message, /\b2\b/);
      const calls = await streams.until(2);
      t.deepEqual(await Promise.all(calls.map(([, readable]: any) => collect(readable).then(String))), ['one', 'two']);
      await Promise.all(two);
      // Their places are free again.
      const next = [send(['four']), send(['five'])];
      for (const [, readable] of (await streams.until(4)).slice(2)) readable.resume();
      await Promise.all(next);
      t.is(streams.calls.length, 4);
      nothingKept(t, ends);
    });
  }
}

test('T3: the limit is one for each direction', async (t) => {
  const ends = await pair(t, { both: { maxConcurrentStreams: 1 } });
  const open = directions.map((direction) => {
    const { receiver, send } = way(direction, ends);
    return { arrived: arrival(receiver), sent: send(['x']), send };
  });
  for (const { arrived, send } of open) {
    await arrived;
    t.is((await failure(() => send(['y']))).code, 'IPC_ERR_TOO_MANY_STREAMS');
  }
  for (const { arrived, sent } of open) {
    (await arrived)[1].resume();
    await sent;
  }
  nothingKept(t, ends);
});

test('T3: the limit is one for each connection', async (t) => {
  const { SmartIpc } = await import('@push.rocks/smartipc');
  const { closeAfter } = await import('../support/helpers.cjs');
  const ends = await pair(t, { both: { maxConcurrentStreams: 1 } });
  const other: any = closeAfter(t, SmartIpc.createClient({ id: 'streams', socketPath: ends.socketPath, maxConcurrentStreams: 1 }));
  const streams = arrivals(ends.server);
  const sent = [ends.client.sendStream(['a']), other.sendStream(['b'])];
  for (const [, readable] of await streams.until(2)) readable.resume();
  await Promise.all(sent);
  t.is(streams.calls.length, 2);
});

for (const finish of ['cancelled by its sender', 'destroyed by its reader', 'failed at its source']) {
  bothWays(test, `a stream that was ${finish} gives its place back`, async (t, { receiver, send, cancelOutgoing }, ends) => {
    const streams = arrivals(receiver);
    for (let round = 1; round <= 50; round++) {
      const fail = new Error('failed');
      let broken = (_error: Error) => {};
      const source = (async function* () {
        yield 'x';
        await new Promise((_resolve, reject) => (broken = reject));
      })();
      const sent = failure(() => send(source, { streamId: 'again' }));
      const [, readable, end] = (await streams.until(round))[round - 1];
      await once(readable.resume(), 'data');
      if (finish.startsWith('cancelled')) t.true(cancelOutgoing('again'));
      else if (finish.startsWith('destroyed')) readable.destroy();
      else broken(fail);
      await sent;
      await end;
    }
    t.is(streams.calls.length, 50);
    nothingKept(t, ends);
  }, { both: { maxConcurrentStreams: 1 } });
}

bothWays(test, '32 at once are the default', async (t, { receiver, send }) => {
  const streams = arrivals(receiver);
  const sent = Array.from({ length: 32 }, () => send(['x']));
  const error = await failure(() => send(['x']));
  t.is(error.code, 'IPC_ERR_TOO_MANY_STREAMS');
  t.regex(error.message, /\b32\b/);
  for (const [, readable] of await streams.until(32)) readable.resume();
  await Promise.all(sent);
});

// Names ------------------------------------------------------------------------------

bothWays(test, 'a name that is in use is refused, and free after the end', async (t, { receiver, send }, ends) => {
  const streams = arrivals(receiver);
  const sent = send(['first'], { streamId: 'unique' });
  let given = false;
  const source = (function* () {
    given = true;
    yield 'second';
  })();

  const error = await failure(() => send(source, { streamId: 'unique' }));

  t.true(error instanceof IpcError);
  t.like(error, { code: 'IPC_ERR_STREAM_IN_USE', origin: 'local' });
  t.regex(error.message, /unique/);
  t.false(given);
  const [[, readable]] = await streams.until(1);
  t.is(String(await collect(readable)), 'first');
  await sent;
  const next = send(['third'], { streamId: 'unique' });
  t.is(String(await collect((await streams.until(2))[1][1])), 'third');
  await next;
  nothingKept(t, ends);
});

bothWays(test, 'the source of a stream that is refused before it begins is destroyed, whatever it does then', async (t, { receiver, send }, ends) => {
  const arrived = arrival(receiver);
  const first = send(['x'], { streamId: 'taken' });
  for (const options of [{ streamId: 'taken' }, { chunkSize: 0 }]) {
    const source = fs.createReadStream('/nowhere/at/all');
    await failure(() => send(source, options));
    t.true(source.destroyed);
    // Nobody else listens: it would be uncaught.
    source.emit('error', new Error('late'));
  }
  (await arrived)[1].resume();
  await first;
  nothingKept(t, ends);
});

test('a name may be in use while the client connects', async (t) => {
  const ends = await pair(t, { connect: false });
  const streams = arrivals(ends.server);
  const sent = ends.client.sendStream(['first'], { streamId: 'unique' });
  t.is((await failure(() => ends.client.sendStream(['second'], { streamId: 'unique' }))).code, 'IPC_ERR_STREAM_IN_USE');
  (await streams.until(1))[0][1].resume();
  await sent;
});

test('both directions and different clients may use the same name', async (t) => {
  const { SmartIpc } = await import('@push.rocks/smartipc');
  const { closeAfter } = await import('../support/helpers.cjs');
  const ends = await pair(t);
  const other: any = closeAfter(t, SmartIpc.createClient({ id: 'streams', socketPath: ends.socketPath, clientId: 'other' }));
  await other.connect();
  const endpoints = [ends.server, ends.client, other].map(arrivals);
  const sent = [
    ends.client.sendStream(['a'], { streamId: 'same' }),
    other.sendStream(['b'], { streamId: 'same' }),
    ends.server.sendStreamToClient('courier', ['c'], { streamId: 'same' }),
    ends.server.sendStreamToClient('other', ['d'], { streamId: 'same' }),
  ];
  const calls = [...(await endpoints[0].until(2)), ...(await endpoints[1].until(1)), ...(await endpoints[2].until(1))];
  const texts = await Promise.all(calls.map(([, readable]: any) => collect(readable).then(String)));
  t.deepEqual(texts.sort(), ['a', 'b', 'c', 'd']);
  await Promise.all(sent);
});

// Nobody listens ----------------------------------------------------------------------

bothWays(test, 'T8: without a listener a stream is refused at once', async (t, { receiver, send, sendFile }, ends) => {
  for (const call of [() => send(['x']), () => sendFile(new URL(import.meta.url).pathname)]) {
    const error = await failure(call);
    t.true(error instanceof IpcError);
    t.like(error, { code: 'IPC_ERR_STREAM_REFUSED', origin: 'peer' });
  }
  const streams = arrivals(receiver);
  const sent = send(['y']);
  const [[, readable]] = await streams.until(1);
  t.is(String(await collect(readable)), 'y');
  await within(sent, 'the sender');
  receiver.removeAllListeners('stream');
  t.is((await failure(() => send(['z']))).code, 'IPC_ERR_STREAM_REFUSED');
  nothingKept(t, ends);
  t.deepEqual(ends.errors.calls, []);
});

test('as many streams may wait for a connection as calls may', async (t) => {
  const client = closeAfter(t, SmartIpc.createClient({ id: 'streams', socketPath: tempSocket(t), connectRetry: { enabled: true } }));
  client.on('error', () => {});
  const waiting = Array.from({ length: 1000 }, () => client.sendStream(['later']));
  const error = await failure(() => client.sendStream(['too many']));
  t.is(error.code, 'IPC_ERR_BACKPRESSURE');
  await client.disconnect();
  const codes = await Promise.all(waiting.map((promise) => promise.catch((each: any) => each.code)));
  t.deepEqual([...new Set(codes)], ['IPC_ERR_DISCONNECTED']);
});
