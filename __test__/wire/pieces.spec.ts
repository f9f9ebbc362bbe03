// The same bytes, cut in every way a socket can cut them, and connections that end halfway.

import test from 'ava';
import { recorder } from '../support/helpers.cjs';
import { frame, ofType } from '../support/raw-peer.mjs';
import { wireServer } from '../support/wire.mjs';

/** Pseudo-random numbers that a failure can repeat (mulberry32). */
function random(seed: number) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const REGISTRATION = frame({ type: '__register__', id: 'r', payload: { clientId: 'raw' } });

for (const tcp of [false, true]) {
  const where = tcp ? 'TCP' : 'a Unix socket';

  test(`one byte per write over ${where}`, async (t) => {
    const wire = await wireServer(t, { tcp });
    const peer = await wire.raw();
    const payload = 'x'.repeat(1000);
    const bytes = Buffer.concat([REGISTRATION, frame({ type: 'note', payload })]);
    await peer.writeInPieces(bytes, bytes.map(() => 1));

    t.deepEqual(await wire.calls.until(1), [[payload, 'raw']]);
    t.is(await peer.request('echo', 1), 1);
    t.is(wire.calls.calls.length, 1);
    await wire.unharmed();
  });

  for (const seed of [1, 2, 3]) {
    test(`1,000 frames in one stream, split at random over ${where}, seed ${seed}`, async (t) => {
      const wire = await wireServer(t, { tcp });
      const peer = await wire.client();
      const next = random(seed);
      const payloads = Array.from({ length: 1000 }, (_, index) => `${index}:${'y'.repeat(next() * 300)}`);
      const stream = Buffer.concat(payloads.map((payload) => frame({ type: 'note', payload })));
      const cuts = Array.from({ length: 200 }, () => 1 + Math.floor(next() * next() * 4000));
      await peer.writeInPieces(stream, cuts);

      const calls = await wire.calls.until(1000);
      t.deepEqual(calls, payloads.map((payload) => [payload, 'raw']));
      await wire.unharmed();
    });
  }

  test(`a request cut at every offset, then FIN, over ${where}`, async (t) => {
    const wire = await wireServer(t, { tcp });
    const request = frame({ type: 'note', id: '1', payload: 'never complete', headers: { requiresResponse: true } });
    for (let offset = 0; offset < request.length; offset++) {
      const peer = await wire.client();
      const left = wire.leaving();
      await peer.write(request.subarray(0, offset));
      peer.halfClose();
      t.is(await left, offset === 0 ? 'peer_closed' : 'truncated_frame', `offset ${offset}`);
      await peer.closed({ what: `the connection cut at ${offset}` });
    }
    t.deepEqual(wire.calls.calls, []);
    await wire.unharmed();
  });
}

test('a registration cut at every offset, then FIN', async (t) => {
  const wire = await wireServer(t);
  for (let offset = 0; offset < REGISTRATION.length; offset++) {
    const peer = await wire.raw();
    await peer.write(REGISTRATION.subarray(0, offset));
    peer.halfClose();
    const { bytesReceived } = await peer.closed({ what: `the connection cut at ${offset}` });
    t.is(bytesReceived, 0, `offset ${offset}`);
  }
  await wire.untilCloses('truncated_frame', REGISTRATION.length - 1);
  await wire.untilCloses('peer_closed', 1);
  t.deepEqual(wire.server.getClientIds(), ['witness']);
  await wire.unharmed();
});

test('RST between frames, and in the middle of one', async (t) => {
  const wire = await wireServer(t, { tcp: true });
  for (const bytes of [Buffer.alloc(0), frame({ type: 'note' }).subarray(0, 9)]) {
    const peer = await wire.client();
    const left = wire.leaving();
    await peer.write(bytes);
    peer.rst();
    t.is(await left, 'reset');
  }
  t.deepEqual(wire.calls.calls, []);
  await wire.unharmed();
});

test('RST while a handler runs', async (t) => {
  const wire = await wireServer(t, { tcp: true });
  const started = recorder();
  const aborted = recorder();
  let finish = (_value: unknown) => {};
  wire.server.onMessage('hang', (_payload, _clientId, { signal }) => {
    signal.addEventListener('abort', () => aborted());
    started();
    return new Promise((resolve) => (finish = resolve));
  });
  const peer = await wire.client();
  const left = wire.leaving();
  await peer.send({ type: 'hang', id: '1', headers: { requiresResponse: true } });
  await started.until(1);
  peer.rst();

  t.is(await left, 'reset');
  await aborted.until(1);
  finish('for nobody');
  await wire.unharmed();
});

for (const tcp of [false, true]) {
  test(`half-closed after its requests, a client still gets the answers, over ${tcp ? 'TCP' : 'a Unix socket'}`, async (t) => {
    const wire = await wireServer(t, { tcp });
    const started = recorder();
    const open: ((value: string) => void)[] = [];
    wire.server.onMessage('later', (payload) => {
      started(payload);
      return new Promise((resolve) => open.push(() => resolve(`answer ${payload}`)));
    });
    const peer = await wire.client();
    const left = wire.leaving();
    for (const id of ['1', '2']) peer.send({ type: 'later', id, payload: id, headers: { requiresResponse: true } });
    await peer.send({ type: 'echo', id: '3', payload: 'at once', headers: { requiresResponse: true } });
    peer.halfClose();
    t.is((await peer.expectFrame(ofType('echo_response'))).payload, 'at once');
    await started.until(2);
    // Time for the server to see the end of the stream before it answers.
    for (let round = 0; round < 50; round++) await wire.witness.request('echo', round);
    for (const answer of open) answer('');

    const answers = [await peer.expectFrame(ofType('later_response')), await peer.expectFrame(ofType('later_response'))];
    t.deepEqual(answers.map(({ correlationId, payload }) => [correlationId, payload]), [['1', 'answer 1'], ['2', 'answer 2']]);
    await peer.closed();
    t.is(await left, 'peer_closed');
    await wire.unharmed();
  });
}

test('a message before the end of the stream is delivered', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  peer.sendMessage('note', 'last words');
  peer.halfClose();
  t.deepEqual(await wire.calls.until(1), [['last words', 'raw']]);
  await wire.unharmed();
});
