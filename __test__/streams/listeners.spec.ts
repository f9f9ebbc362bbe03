// Listeners of `stream`: several, for once, and those that fail.
import test from 'ava';
import { failure, once, startChild, tempSocket, within } from '../support/helpers.cjs';
import { arrival, bothWays, collect, ending, nothingKept, noise, MIB } from '../support/streams.mjs';

const fault = () => Object.assign(new RangeError('no room for this one'), { code: 'E_NO_ROOM' });

for (const kind of ['throws', 'rejects', 'rejects later']) {
  bothWays(test, `a listener that ${kind} is an error event here and a rejection there`, async (t, { receiver, sender, send }, ends) => {
    const thrown = fault();
    let end: any;
    receiver.on('stream', (_info: any, readable: any) => {
      end = ending(readable);
      if (kind === 'throws') throw thrown;
      if (kind === 'rejects') return Promise.reject(thrown);
      return new Promise((_resolve, reject) => setImmediate(reject, thrown));
    });
    const reported = once(receiver, 'error');

    const error = await failure(() => send([noise(2 * MIB)]));

    t.like(error, { message: thrown.message, name: 'RangeError', code: 'E_NO_ROOM', origin: 'peer' });
    const [seen, clientId] = await reported;
    t.is(seen, thrown);
    t.is(clientId, sender === ends.client ? ends.client.getClientId() : clientId);
    t.is((await within<any>(end, 'the Readable')).error, thrown);
    t.is(ends.errors.calls.length, 1);
    nothingKept(t, ends);
  });
}

bothWays(test, 'what a listener throws that is no error still reaches both', async (t, { receiver, send }, ends) => {
  receiver.on('stream', () => {
    throw 'just text';
  });
  const reported = once(receiver, 'error');
  const error = await failure(() => send(['x']));
  t.is(error.origin, 'peer');
  t.is(error.message, 'just text');
  t.is((await reported)[0], 'just text');
  nothingKept(t, ends);
});

bothWays(test, 'a listener that fails after it has read everything does not take it back', async (t, { receiver, send }, ends) => {
  receiver.on('stream', async (_info: any, readable: any) => {
    await collect(readable);
    throw fault();
  });
  const reported = once(receiver, 'error');
  await within(send(['x']), 'the sender');
  await reported;
  nothingKept(t, ends);
});

bothWays(test, "once('stream') hears of the first only; the next is refused", async (t, { receiver, send }) => {
  let calls = 0;
  receiver.once('stream', (_info: any, readable: any) => {
    calls++;
    readable.resume();
  });
  await send(['first']);
  t.is((await failure(() => send(['second']))).code, 'IPC_ERR_STREAM_REFUSED');
  t.is(calls, 1);
});

bothWays(test, 'a listener of once that rejects is heard, too', async (t, { receiver, send }) => {
  const thrown = fault();
  receiver.once('stream', async () => {
    throw thrown;
  });
  const reported = once(receiver, 'error');
  t.is((await failure(() => send(['x']))).code, 'E_NO_ROOM');
  t.is((await reported)[0], thrown);
});

bothWays(test, 'two listeners get the same Readable; listeners see the endpoint as this', async (t, { receiver, send }) => {
  const seen: any[] = [];
  receiver.on('stream', function (this: any, info: any, readable: any) {
    seen.push(this, info, readable);
    readable.resume();
  });
  receiver.on('stream', function (this: any, info: any, readable: any) {
    seen.push(this, info, readable);
  });
  await send(['x']);
  t.is(seen.length, 6);
  t.is(seen[0], receiver);
  t.is(seen[3], receiver);
  t.is(seen[1], seen[4]);
  t.is(seen[2], seen[5]);
});

bothWays(test, 'a listener may be added by a listener, for the next stream', async (t, { receiver, send }) => {
  let second = 0;
  receiver.on('stream', (_info: any, readable: any) => {
    readable.resume();
    receiver.on('stream', () => second++);
  });
  await send(['x']);
  t.is(second, 0);
  await send(['y']);
  t.is(second, 1);
});

bothWays(test, 'a listener that reads only later loses nothing', async (t, { receiver, send }, ends) => {
  const bytes = noise(4 * MIB);
  const arrived = arrival(receiver);
  const sent = send([bytes]);
  const [, readable] = await arrived;
  for (let round = 0; round < 10; round++) await ends.client.request('nobody listens').catch(() => {});
  t.true((await collect(readable)).equals(bytes));
  await sent;
});

// Without an error listener ------------------------------------------------------------

test('a listener that throws with no error listener is uncaught, as from any emitter', async (t) => {
  const child = startChild(t, 'streaming', { scenario: 'listener throws', socketPath: tempSocket(t) });
  const { error } = await child.report('uncaught');
  t.is(error.message, 'the listener is broken');
  t.is((await child.report('sender')).error.message, 'the listener is broken');
  t.is((await child.exited()).code, 0);
});

test('a sender that nobody awaits and that fails is an error event, or a warning, never unhandled', async (t) => {
  for (const scenario of ['unawaited with listener', 'unawaited without listener']) {
    const child = startChild(t, 'streaming', { scenario, socketPath: tempSocket(t) });
    const { code, stderr, stdout } = await child.exited();
    t.is(code, 0, `${scenario}: ${stderr}${stdout}`);
    const reports = child.reports.map(({ event }: any) => event);
    t.false(reports.includes('unhandledRejection'), stdout);
    t.false(reports.includes('uncaught'), stdout);
    const told = scenario.endsWith('with listener') ? 'error' : 'warning';
    // One for each of four failing calls.
    t.is(reports.filter((event: string) => event === told).length, 4, stdout);
  }
});

test('a throwing onProgress or progress listener is uncaught, and the transfer goes on', async (t) => {
  const child = startChild(t, 'streaming', { scenario: 'progress throws', socketPath: tempSocket(t) });
  const { received, saved, uncaught } = await child.report('done');
  t.is(received, 300_000);
  t.is(saved, 300_000);
  t.deepEqual([...new Set(uncaught)].sort(), ['onProgress of pipeStreamToFile', 'onProgress of sendStream', 'progress listener']);
  t.is((await child.exited()).code, 0);
});

bothWays(test, 'a listener that rejects with nothing after its stream was lost is an error event', async (t, { receiver, send, cancelOutgoing }) => {
  receiver.on('stream', async (_info: any, readable: any) => {
    await ending(readable);
    throw null;
  });
  const reported = once(receiver, 'error');
  const streamed = once(receiver, 'stream');
  const sent = send([noise(2 * MIB)], { streamId: 'lost' });
  await streamed;
  t.true(cancelOutgoing('lost'));
  await failure(() => sent);
  t.is((await within<any[]>(reported, 'the error'))[0], null);
});
