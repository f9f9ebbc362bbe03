// How a stream is read, and what its sender learns of it.
import { createHash } from 'crypto';
import { Readable, Writable, pipeline } from 'stream';
import { promisify } from 'util';
import test from 'ava';
import { deferred, failure, once, settlesSoon, within } from '../support/helpers.cjs';
import { KIB, MIB, arrival, arrivals, bothWays, collect, directions, ending, hash, noise, nothingKept, pair, way } from '../support/streams.mjs';

const pipe = promisify(pipeline);
const bytes = noise(3 * MIB + 17);

/** Reads in one way, and gives the hash of what it got. */
const readers: Record<string, (readable: any) => Promise<string>> = {
  'pipeline()': async (readable) => {
    const sha = createHash('sha256');
    await pipe(readable, new Writable({
      write(piece, _encoding, done) {
        sha.update(piece);
        setImmediate(done);
      },
    }));
    return sha.digest('hex');
  },
  'pipe()': async (readable) => {
    const sha = createHash('sha256');
    await once(readable.pipe(sha), 'finish');
    return sha.digest('hex');
  },
  'for await': async (readable) => hash(await collect(readable)),
  "'data' events": async (readable) => {
    const sha = createHash('sha256');
    readable.on('data', (piece: Buffer) => sha.update(piece));
    await once(readable, 'end');
    return sha.digest('hex');
  },
  "'readable' events and read(n)": async (readable) => {
    const sha = createHash('sha256');
    readable.on('readable', () => {
      // The last piece is shorter than what is asked for.
      for (let piece; (piece = readable.read(1000)) !== null || (piece = readable.readableEnded ? null : readable.read()) !== null; ) sha.update(piece);
    });
    await once(readable, 'end');
    return sha.digest('hex');
  },
};
if (typeof (Readable as any).toWeb === 'function') {
  readers['Readable.toWeb()'] = async (readable) => {
    const reader = (Readable as any).toWeb(readable).getReader();
    const sha = createHash('sha256');
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return sha.digest('hex');
      sha.update(value);
    }
  };
}

for (const [name, read] of Object.entries(readers)) {
  bothWays(test, `read by ${name}, it ends once and its sender's promise resolves`, async (t, { receiver, send }, ends) => {
    const streams = arrivals(receiver);
    const sent = send([bytes]);
    const [[, readable, end]] = await streams.until(1);
    t.is(await within(read(readable), 'the reader', 30_000), hash(bytes));
    await within(sent, 'the sender');
    t.like(await end, { end: 1, errors: 0, closes: 1 });
    t.is(streams.calls.length, 1);
    nothingKept(t, ends);
    t.deepEqual(ends.errors.calls, []);
  });
}

bothWays(test, 'pieces are Buffers, and setEncoding gives strings', async (t, { receiver, send }) => {
  const streams = arrivals(receiver);
  const sent = [send(['Grüße, 世界']), send([Buffer.from('Grüße, '), Buffer.from('世界').subarray(0, 2), Buffer.from('世界').subarray(2)])];
  const [[, plain], [, decoded]] = await streams.until(2);
  for await (const piece of plain) t.true(Buffer.isBuffer(piece));
  decoded.setEncoding('utf8');
  let text = '';
  for await (const piece of decoded) text += piece;
  t.is(text, 'Grüße, 世界');
  await Promise.all(sent);
});

bothWays(test, 'break out of for await cancels the stream', async (t, { receiver, send }, ends) => {
  const arrived = arrival(receiver);
  const sent = failure(() => send(Readable.from((function* () { for (;;) yield Buffer.alloc(70_000); })())));
  const [, readable, end] = await arrived;
  for await (const piece of readable) {
    t.true(piece.length > 0);
    break;
  }
  t.like(await sent, { code: 'IPC_ERR_STREAM_CANCELLED', origin: 'peer' });
  t.like(await within(end, 'the Readable'), { end: 0, closes: 1 });
  nothingKept(t, ends);
});

bothWays(test, 'a reader that fails in a pipeline tells the sender why', async (t, { receiver, send }, ends) => {
  const arrived = arrival(receiver);
  const sent = failure(() => send([bytes]));
  const [, readable] = await arrived;
  const full = new Writable({ write: (_piece, _encoding, done) => done(Object.assign(new Error('the shelf is full'), { code: 'EFULL' })) });
  t.is((await failure(() => pipe(readable, full))).message, 'the shelf is full');
  const error = await sent;
  // Node's pipeline destroys with the error or without one, depending on its version.
  t.is(error.origin, 'peer');
  t.true(['EFULL', 'IPC_ERR_STREAM_CANCELLED', 'ERR_STREAM_PREMATURE_CLOSE'].includes(error.code), error.code);
  nothingKept(t, ends);
});

bothWays(test, 'the promise waits until the last byte was read, not sent', async (t, { receiver, sender, send }, ends) => {
  const arrived = arrival(receiver);
  // All of it fits into the window: the sender could think that it is done.
  const sent = send([noise(200_000)]);
  const [, readable] = await arrived;
  let read = 0;
  let settled = false;
  sent.then(() => (settled = true));
  // All of it has come, and nothing was read.
  for (let turn = 0; turn < 3; turn++) await ping(ends);
  while (read < 200_000) {
    const piece = readable.read();
    if (piece === null) await once(readable, 'readable');
    else read += piece.length;
    t.false(settled);
  }
  // The end comes by itself, or has to be asked for: that is Node's affair.
  readable.resume();
  await within(sent, 'the sender');
  t.true(readable.readableEnded);
  t.is(sender.getStats().metrics.streamsOpened, 1);
  nothingKept(t, ends);
});

bothWays(test, 'T8: a stream nobody reads stays open until it is destroyed', async (t, { receiver, send }, ends) => {
  const arrived = arrival(receiver);
  const sent = send([noise(5 * MIB)]);
  const [, readable, end] = await arrived;
  await ping(ends);
  t.false(await settlesSoon(sent));
  readable.destroy();
  t.is((await failure(() => sent)).code, 'IPC_ERR_STREAM_CANCELLED');
  await end;
  nothingKept(t, ends);
});

bothWays(test, "the sender's promise has the stream's id at once", async (t, { receiver, send, sendFile }) => {
  const streams = arrivals(receiver);
  const sent = [send(['a']), send(['b'], { streamId: 'chosen' }), sendFile(process.execPath.length ? new URL(import.meta.url).pathname : '')];
  t.is(sent[1].streamId, 'chosen');
  t.regex(sent[0].streamId, /^[0-9a-f-]{36}$/);
  t.not(sent[0].streamId, sent[2].streamId);
  const calls = await streams.until(3);
  t.deepEqual(new Set(calls.map(([info]: any) => info.streamId)), new Set(sent.map((promise) => promise.streamId)));
  for (const [, readable] of calls) readable.resume();
  await Promise.all(sent);
});

bothWays(test, 'no piece is longer than chunkSize, or than what shorter ones may be joined to', async (t, { receiver, send }) => {
  // In memory that both processes have mapped more of them lie behind each other.
  const inMemory = receiver.getStats().driver === 'loop' && process.platform === 'linux';
  const joined = (inMemory ? 512 : 64) * KIB;
  for (const [chunkSize, longest] of [[20_000, joined], [50_000.9, joined], [undefined, joined], [200_000, Math.max(joined, 200_000)]] as [number | undefined, number][]) {
    const arrived = arrival(receiver);
    const sent = send([noise(MIB)], { chunkSize });
    const [, readable] = await arrived;
    const lengths: number[] = [];
    readable.on('data', (piece: Buffer) => lengths.push(piece.length));
    await sent;
    // It may come in parts, as the socket has them; short parts that wait are joined.
    t.true(Math.max(...lengths) <= longest, `${Math.max(...lengths)}`);
    t.is(lengths.reduce((sum, length) => sum + length), MIB);
  }
});

bothWays(test, 'streams beside each other keep their bytes apart', async (t, { receiver, send }, ends) => {
  const wanted = Array.from({ length: 20 }, (_, index) => noise(index * 33_333));
  const got = new Map<string, Promise<string>>();
  receiver.on('stream', (info: any, readable: any) => got.set(info.meta.index, collect(readable).then(hash)));
  await within(Promise.all(wanted.map((each, index) => send([each], { meta: { index }, chunkSize: 1000 + 7000 * index }))), 'all', 30_000);
  for (const [index, each] of wanted.entries()) t.is(await got.get(index as any), hash(each));
  t.is(got.size, 20);
  nothingKept(t, ends);
});

bothWays(test, 'messages and requests go on beside a stream that stands still', async (t, { receiver, send }, ends) => {
  const arrived = arrival(receiver);
  const sent = failure(() => send([noise(8 * MIB)]));
  const [, readable] = await arrived;
  for (let round = 0; round < 20; round++) await ping(ends);
  t.pass();
  readable.destroy();
  await sent;
});

test('streams of both directions at once, and in the meta what JSON can carry', async (t) => {
  const ends = await pair(t);
  const meta = { deep: { list: [1, null, 'ü'], yes: true }, __proto__: { hidden: 1 }, drop: undefined };
  const all = directions.map(async (direction) => {
    const { receiver, send } = way(direction, ends);
    const arrived = arrival(receiver);
    const sent = send([bytes], { meta });
    const [info, readable] = await arrived;
    t.deepEqual(info.meta, { deep: { list: [1, null, 'ü'], yes: true } });
    t.is(hash(await collect(readable)), hash(bytes));
    await sent;
  });
  await within(Promise.all(all), 'both', 30_000);
  for (const meta of [null, 0, 'text', false, [1, 2]]) {
    const arrived = arrival(ends.server);
    const sent = ends.client.sendStream(['x'], { meta });
    const [info, readable] = await arrived;
    t.deepEqual(info.meta, meta);
    readable.resume();
    await sent;
  }
  nothingKept(t, ends);
});

test('over TCP, too', async (t) => {
  const { SmartIpc } = await import('@push.rocks/smartipc');
  const { closeAfter, freePort } = await import('../support/helpers.cjs');
  const port = await freePort();
  const server: any = closeAfter(t, SmartIpc.createServer({ id: 'far', port }));
  await server.start();
  const client: any = closeAfter(t, SmartIpc.createClient({ id: 'far', port }));
  await client.connect();
  for (const direction of directions) {
    const { receiver, send } = way(direction, { server, client });
    const arrived = arrival(receiver);
    const sent = send([bytes]);
    t.is(hash(await collect((await arrived)[1])), hash(bytes));
    await sent;
  }
});

bothWays(test, 'streamsOpened counts them on both ends, whatever becomes of them', async (t, { receiver, sender, send }) => {
  const opened = deferred();
  let count = 0;
  receiver.on('stream', (_info: any, readable: any) => {
    if (++count % 2) readable.resume();
    else readable.destroy();
    if (count === 4) opened.resolve();
  });
  const before = [sender, receiver].map((endpoint) => endpoint.getStats().metrics.streamsOpened);
  t.deepEqual(before, [0, 0]);
  for (let round = 0; round < 4; round++) await send(['x']).catch(() => {});
  await opened.promise;
  t.is(sender.getStats().metrics.streamsOpened, 4);
  t.is(receiver.getStats().metrics.streamsOpened, 4);
});

/** A round trip: what had left before it has arrived after it. */
async function ping({ client }: any) {
  await client.request('nobody listens').catch(() => {});
}

test('ending() itself: a Readable of Node counts the same way', async (t) => {
  const readable = Readable.from(['x']);
  const end = ending(readable);
  readable.resume();
  t.like(await end, { end: 1, errors: 0, closes: 1 });
});
