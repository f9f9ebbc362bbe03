// What can be sent, and how its own failures reach both ends.
import { Readable } from 'stream';
import test from 'ava';
import { deferred, failure, once, within } from '../support/helpers.cjs';
import { MIB, arrival, arrivals, bothWays, collect, hash, noise, nothingKept, outcome, pair, way } from '../support/streams.mjs';

const content = 'The quick brown fox — 漢字 — '.repeat(9000);
const bytes = Buffer.from(content);

async function* generated() {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

const sources: Record<string, () => any> = {
  'a Readable': () => Readable.from([bytes.subarray(0, 7), bytes.subarray(7)], { objectMode: false }),
  'a Readable of strings': () => {
    const readable = new Readable({ read() {} });
    readable.setEncoding('utf8');
    readable.push(bytes);
    readable.push(null);
    return readable;
  },
  'an asynchronous generator': generated,
  'an array of strings': () => [content.slice(0, 5), content.slice(5)],
  'an array of Uint8Arrays': () => [new Uint8Array(bytes.subarray(0, 9)), bytes.subarray(9)],
  'an array of ArrayBuffers': () => [new Uint8Array(bytes).buffer],
  'an array of views': () => [new DataView(new Uint8Array(bytes).buffer)],
  'a Set': () => new Set([bytes]),
  'one Buffer': () => bytes,
  'pieces with empty ones between': () => ['', bytes.subarray(0, 1), new Uint8Array(0), bytes.subarray(1), Buffer.alloc(0)],
};
const { ReadableStream } = globalThis as any;
if (ReadableStream !== undefined) {
  sources['a web stream'] = () => {
    let at = 0;
    return new ReadableStream({
      pull(controller: any) {
        if (at >= bytes.length) controller.close();
        else controller.enqueue(new Uint8Array(bytes.subarray(at, (at += 50_000))));
      },
    });
  };
}

for (const serialization of ['json', 'advanced']) {
  for (const [name, make] of Object.entries(sources)) {
    test(`${name} arrives as it is, both directions, ${serialization}`, async (t) => {
      const ends = await pair(t, { both: { serialization } });
      for (const direction of ['client to server', 'server to client']) {
        const { receiver, send } = way(direction, ends);
        const arrived = arrival(receiver);
        const sent = send(make(), { meta: { of: name }, headers: { lang: 'en' } });

        const [info, readable] = await arrived;
        t.is(hash(await collect(readable)), hash(bytes));
        t.is(await within(sent, 'the sender'), undefined);
        t.deepEqual(info.meta, { of: name });
        t.deepEqual(info.headers, { lang: 'en' });
      }
      nothingKept(t, ends);
    });
  }
}

bothWays(test, 'one piece of 20 MiB arrives whole', async (t, { receiver, send }) => {
  const huge = noise(20 * MIB);
  const arrived = arrival(receiver);
  const sent = send([huge]);
  t.is(hash(await collect((await arrived)[1])), hash(huge));
  await sent;
});

bothWays(test, 'empty streams of every kind end at once', async (t, { receiver, send }, ends) => {
  const streams = arrivals(receiver);
  const empty = [[], [''], Buffer.alloc(0), Readable.from([]), (async function* () {})()];
  const sent = empty.map((source) => send(source));

  const calls = await streams.until(empty.length);
  for (const [, readable] of calls) t.is((await collect(readable)).length, 0);
  await Promise.all(sent);
  nothingKept(t, ends);
});

bothWays(test, 'without meta and headers the info has none', async (t, { receiver, send }) => {
  const arrived = arrival(receiver);
  const sent = send(['x']);
  const [info, readable] = await arrived;
  readable.resume();
  await sent;
  t.is(info.meta, undefined);
  t.deepEqual(info.headers, {});
  t.is(info.streamId, sent.streamId);
});

// Failures of a source ----------------------------------------------------------

const fault = Object.assign(new Error('the drive fell off'), { code: 'EDRIVE', name: 'DriveError' });

const failing: Record<string, () => any> = {
  'a Readable destroyed in the middle': () => {
    let pieces = 0;
    return new Readable({
      read() {
        if (pieces++ < 3) this.push(Buffer.alloc(1000, 1));
        else this.destroy(fault);
      },
    });
  },
  'a generator that throws': async function* () {
    yield 'some';
    throw fault;
  },
  'a synchronous generator that throws': function* () {
    yield 'some';
    throw fault;
  },
};
if (ReadableStream !== undefined) {
  failing['a web stream that errors'] = () => {
    let pieces = 0;
    return new ReadableStream({
      pull(controller: any) {
        if (pieces++ < 3) controller.enqueue(new Uint8Array(100));
        else controller.error(fault);
      },
    });
  };
}

for (const [name, make] of Object.entries(failing)) {
  bothWays(test, `${name}: its own error for the sender, the same words for the receiver`, async (t, { receiver, send }, ends) => {
    const arrived = arrival(receiver);
    const sent = send(make());
    sent.catch(() => {});
    const [, readable, end] = await arrived;
    readable.resume();

    t.is(await failure(() => sent), fault);
    const { error, errors, end: ends_, closes } = await within(end, 'the Readable');
    t.like(error, { message: fault.message, name: fault.name, code: fault.code, origin: 'peer' });
    t.deepEqual([errors, ends_, closes], [1, 0, 1]);
    nothingKept(t, ends);
    t.deepEqual(ends.errors.calls, []);
  });
}

const wrongPieces: [string, () => any][] = [
  ['objects', () => Readable.from([{ not: 'bytes' }])],
  ['numbers', () => [1, 2, 3]],
  ['null among bytes', () => ['fine', null]],
  ['undefined', () => (async function* () { yield undefined; })()],
];
for (const [name, make] of wrongPieces) {
  bothWays(test, `a source of ${name} is a TypeError, and the receiver hears of it`, async (t, { receiver, send }, ends) => {
    const arrived = arrival(receiver);
    const sent = send(make());
    sent.catch(() => {});
    const [, readable, end] = await arrived;
    readable.resume();

    const error = await failure(() => sent);

    t.true(error instanceof TypeError, String(error));
    t.regex(error.message, /bytes or strings/);
    const seen = await within(end, 'the Readable');
    t.like(seen, { end: 0, errors: 1, closes: 1 });
    t.is(seen.error.message, error.message);
    nothingKept(t, ends);
  });
}

bothWays(test, 'a Readable that is destroyed already settles both ends', async (t, { receiver, send }, ends) => {
  const streams = arrivals(receiver);
  const plain = new Readable({ read() {} });
  plain.destroy();
  const erred = new Readable({ read() {} });
  erred.on('error', () => {}).destroy(fault);
  await once(erred, 'close');

  t.is((await failure(() => send(plain))).code, 'ERR_STREAM_PREMATURE_CLOSE');
  t.is(await failure(() => send(erred)), fault);

  for (const [, , end] of await streams.until(2)) t.like(await within<any>(end, 'the Readable'), { end: 0, errors: 1, closes: 1 });
  nothingKept(t, ends);
});

bothWays(test, 'a Readable destroyed without an error in the middle is not taken for a whole one', async (t, { receiver, send }, ends) => {
  const arrived = arrival(receiver);
  const source = new Readable({ read() {} });
  source.push('half of ');
  const sent = failure(() => send(source));
  const [, readable, end] = await arrived;
  await once(readable.resume(), 'data');
  source.destroy();
  t.is((await sent).code, 'ERR_STREAM_PREMATURE_CLOSE');
  t.like(await within<any>(end, 'the Readable'), { end: 0, errors: 1, closes: 1 });
  nothingKept(t, ends);
});

bothWays(test, 'a Readable that was read to its end gives an empty stream or an error, no hang', async (t, { receiver, send }, ends) => {
  receiver.on('stream', (_info: any, readable: any) => readable.resume());
  const source = Readable.from(['read by somebody else']);
  await collect(Readable.from((async function* () { for await (const piece of source) yield Buffer.from(piece); })()));
  await within(outcome(send(source)), 'the promise');
  nothingKept(t, ends);
});

test('a Readable that errors while the client is still connecting', async (t) => {
  const ends = await pair(t, { connect: false });
  const streams = arrivals(ends.server);
  const source = new Readable({ read() {} });

  const sent = ends.client.sendStream(source);
  source.destroy(fault);

  t.is(await failure(() => sent), fault);
  // Only then is there a connection; the server may have heard of the stream, but of no more.
  await ends.client.connect();
  await ends.client.request('anything').catch(() => {});
  for (const [, readable] of streams.calls) if (!readable.closed) await once(readable, 'close');
  nothingKept(t, ends);
});

test('a Readable that had an error before there is a server rejects with it, and ends the process of nobody', async (t) => {
  const { client } = await pair(t, { connect: false, client: { connectRetry: { enabled: true, maxAttempts: 1 } } });
  const source = new Readable({ read() {} });
  const sent = client.sendStream(source);
  source.emit('error', fault);
  t.is(await failure(() => sent), fault);
});

bothWays(test, 'a generator runs its finally when the stream is cancelled', async (t, { receiver, send, cancelOutgoing }, ends) => {
  const finished = deferred();
  async function* source() {
    try {
      for (;;) yield Buffer.alloc(10_000);
    } finally {
      finished.resolve('cleaned up');
    }
  }
  const arrived = arrival(receiver);
  const sent = send(source(), { streamId: 'endless' });
  const cancelled = failure(() => sent);
  const [, , end] = await arrived;

  t.true(cancelOutgoing('endless'));

  t.is(await within(finished.promise, 'finally'), 'cleaned up');
  t.is((await cancelled).code, 'IPC_ERR_STREAM_CANCELLED');
  await within(end, 'the Readable');
  nothingKept(t, ends);
});

bothWays(test, 'every kind of source is given up when the receiver cancels', async (t, { receiver, send }, ends) => {
  receiver.on('stream', (_info: any, readable: any) => readable.destroy());
  const given = [];
  const readable = new Readable({ read() { this.push(Buffer.alloc(5000)); } });
  given.push(once(readable, 'close'));
  const sent = [send(readable)];
  const returned = deferred();
  sent.push(send({ [Symbol.iterator]: () => ({ next: () => ({ done: false, value: 'x' }), return: () => (returned.resolve(), { done: true, value: undefined }) }) }));
  given.push(returned.promise);
  if (ReadableStream !== undefined) {
    const cancelled = deferred();
    sent.push(send(new ReadableStream({ pull: (controller: any) => controller.enqueue(new Uint8Array(9000)), cancel: cancelled.resolve })));
    given.push(cancelled.promise);
  }

  for (const promise of sent) t.is((await failure(() => promise)).code, 'IPC_ERR_STREAM_CANCELLED');
  await within(Promise.all(given), 'the sources');
  t.true(readable.destroyed);
  nothingKept(t, ends);
});

bothWays(test, 'a source that never gives anything can be cancelled', async (t, { receiver, send, cancelOutgoing }, ends) => {
  const arrived = arrival(receiver);
  async function* silent() {
    await new Promise(() => {});
    yield 'never';
  }
  const sent = send(silent(), { streamId: 'silent' });
  const rejected = failure(() => sent);
  const [, readable, end] = await arrived;
  t.true(cancelOutgoing('silent'));
  t.is((await rejected).code, 'IPC_ERR_STREAM_CANCELLED');
  t.is((await within(end, 'the Readable')).errors, 1);
  nothingKept(t, ends);
});

// Wrong arguments ------------------------------------------------------------------

const wrong: [string, any, any, any, RegExp][] = [
  ['no source', undefined, undefined, TypeError, /readable/],
  ['null', null, undefined, TypeError, /readable/],
  ['a string', 'text', undefined, TypeError, /readable/],
  ['a number', 5, undefined, TypeError, /readable/],
  ['an object', {}, undefined, TypeError, /readable/],
  ['options that are none', ['x'], 'fast', TypeError, /options/],
  ['a streamId that is no string', ['x'], { streamId: 7 }, TypeError, /streamId/],
  ['an empty streamId', ['x'], { streamId: '' }, RangeError, /streamId/],
  ['a long streamId', ['x'], { streamId: 's'.repeat(300) }, RangeError, /streamId/],
  ['a chunkSize that is no number', ['x'], { chunkSize: '64k' }, TypeError, /chunkSize/],
  ['a chunkSize of 0', ['x'], { chunkSize: 0 }, RangeError, /chunkSize/],
  ['a negative chunkSize', ['x'], { chunkSize: -1 }, RangeError, /chunkSize/],
  ['a chunkSize of NaN', ['x'], { chunkSize: NaN }, RangeError, /chunkSize/],
  ['headers that are none', ['x'], { headers: 'h' }, TypeError, /headers/],
  ['an onProgress that is none', ['x'], { onProgress: true }, TypeError, /onProgress/],
  ['a signal that is none', ['x'], { signal: {} }, TypeError, /signal/],
  ['meta that is no JSON', ['x'], { meta: { big: BigInt(1) } }, TypeError, /BigInt/],
];
bothWays(test, 'wrong arguments reject with an error that names them, and nothing is sent', async (t, { receiver, send }, ends) => {
  const streams = arrivals(receiver);
  for (const [what, source, options, type, message] of wrong) {
    const error = await failure(() => send(source, options));
    t.true(error instanceof type, `${what}: ${error}`);
    t.regex(error.message, message, what);
  }
  const sent = send(['after all']);
  const [[, readable]] = await streams.until(1);
  t.is(String(await collect(readable)), 'after all');
  await sent;
  t.is(streams.calls.length, 1);
  nothingKept(t, ends);
});

test('a client that does not exist: the promise rejects and the source is given up', async (t) => {
  const ends = await pair(t);
  const source = new Readable({ read() {} });
  const error = await failure(() => ends.server.sendStreamToClient('nobody', source));
  t.is(error.code, 'IPC_ERR_UNKNOWN_CLIENT');
  t.true(source.destroyed);
  t.true((await failure(() => ends.server.sendStreamToClient(5, ['x']))) instanceof TypeError);
  t.true((await failure(() => ends.server.sendStreamToClient(undefined, ['x']))) instanceof TypeError);
  nothingKept(t, ends);
});
