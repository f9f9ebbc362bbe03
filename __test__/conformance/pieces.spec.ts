// The same bytes, cut in every way a socket can cut them, and connections that
// end halfway.

import fc from 'fast-check';
import { caseTest, closedWith, heavyCaseTest } from '../support/conformance.mjs';
import { recorder, startChild, tempSocket } from '../support/helpers.cjs';
import measure from '../support/children/measure.cjs';
import { frame } from '../support/raw-peer.mjs';
import { subject, WAYS } from '../support/subject.mjs';
import { spoken, Talker } from '../support/talker.mjs';
import { wireServer } from '../support/wire.mjs';

/** How often the 1,000 frames are split anew; each split is a connection's worth of traffic. */
const SPLITS = measure.rounds('SPLITS', 50);
const NOTE = 'x'.repeat(1000);

for (const way of [...WAYS, ...WAYS.map((it) => ({ ...it, transport: 'tcp' as const }))]) {
  caseTest('F5', 'a frame of 1 KiB, one byte per write', async (t) => {
    const one = await subject(t, way);
    const bytes = one.talker.bytes({ kind: 'MESSAGE', type: 'note', body: { payload: NOTE } });
    await one.talker.writeInPieces(bytes, bytes.map(() => 1));
    t.deepEqual(await one.notes.until(1), [[NOTE]]);
    await one.works();
    t.is(one.notes.calls.length, 1);
    await one.unharmed();
  }, way);

  heavyCaseTest('F6', `1,000 frames in one stream, split at random ${SPLITS} ways`, async (t) => {
    const one = await subject(t, way);
    const seed = measure.seed();
    const next = measure.randomFrom(seed);
    for (let split = 1; split <= SPLITS; split++) {
      // A connection's first credit is enough for one of them.
      if (split > 1 && way.profile === 'binary') await one.replace();
      const payloads = Array.from({ length: 1000 }, (_, index) => `${index}:${'y'.repeat(next() * 60)}`);
      const stream = Buffer.concat(payloads.map((payload) => one.talker.bytes({ kind: 'MESSAGE', type: 'note', body: { payload } })));
      // Few pieces or many: some splits cut each frame, some none.
      const longest = 1 + stream.length * next() ** 6;
      const cuts: number[] = [];
      for (let at = 0; at < stream.length && cuts.length < 60; at += cuts[cuts.length - 1]) cuts.push(1 + Math.floor(next() * longest));
      await one.talker.writeInPieces(stream, cuts);
      await one.notes.until(1000);
      t.deepEqual(one.notes.calls.splice(0), payloads.map((payload) => [payload]), `split ${split} of seed ${seed}`);
    }
    await one.unharmed();
  }, way);
}

for (const way of WAYS) {
  heavyCaseTest('F7', 'a frame cut at every offset, then FIN', async (t) => {
    const one = await subject(t, way);
    const request = one.talker.bytes({ kind: 'REQUEST', id: 1, type: 'note', body: { payload: 'never complete', headers: { trace: 't-1' } } });
    const before = measure.descriptors();
    for (let offset = 0; offset < request.length; offset++) {
      if (offset > 0) await one.again();
      const left = one.left();
      await one.talker.write(request.subarray(0, offset));
      one.talker.halfClose();
      t.is(await left, offset === 0 ? 'peer_closed' : 'truncated_frame', `offset ${offset}`);
      await one.talker.closed({ what: `the connection cut at ${offset}` });
    }
    t.deepEqual(one.notes.calls, []);
    closedWith(t, 'peer_closed, truncated_frame');
    await one.again();
    await one.unharmed();
    // Other tests run beside this one; what leaked here would stay, as many as there are offsets.
    const leaked = () => (measure.descriptors() ?? 0) - (before ?? 0) >= request.length / 2;
    const until = Date.now() + 10_000;
    while (leaked() && Date.now() < until) await one.works();
    t.false(leaked());
  }, way);

  heavyCaseTest('F8', 'a frame cut at every offset, then RST', async (t) => {
    const one = await subject(t, { ...way, transport: 'tcp' });
    const request = one.talker.bytes({ kind: 'REQUEST', id: 1, type: 'note', body: { payload: 'never complete' } });
    for (let offset = 0; offset < request.length; offset++) {
      if (offset > 0) await one.again();
      const left = one.left();
      await one.talker.write(request.subarray(0, offset));
      one.talker.rst();
      t.is(await left, 'reset', `offset ${offset}`);
    }
    t.deepEqual(one.notes.calls, []);
    closedWith(t, 'reset');
    await one.again();
    await one.unharmed();
  }, { ...way, transport: 'tcp' });

  heavyCaseTest('F8', 'RST while a handler runs', async (t) => {
    const one = await subject(t, { ...way, transport: 'tcp' });
    const started = recorder();
    const aborted = recorder();
    let finish = (_value: unknown) => {};
    one.onMessage('hang', (_payload: unknown, { signal }: any) => {
      signal.addEventListener('abort', () => aborted());
      started();
      return new Promise((resolve) => (finish = resolve));
    });
    const left = one.left();
    await one.talker.say({ kind: 'REQUEST', id: 1, type: 'hang' });
    await started.until(1);
    one.talker.rst();
    t.is(await left, 'reset');
    await aborted.until(1);
    finish('for nobody');
    await one.again();
    await one.unharmed();
  }, { ...way, transport: 'tcp' });

  for (const transport of ['unix', 'tcp'] as const) {
    caseTest('F9', 'half-closed after its requests, a peer still gets the answers', async (t) => {
      const one = await subject(t, { ...way, transport });
      const started = recorder();
      const open: (() => void)[] = [];
      one.onMessage('later', (payload: unknown) => {
        started(payload);
        return new Promise((resolve) => open.push(() => resolve(`answer ${payload}`)));
      });
      const left = one.left();
      await one.talker.sayAll([
        { kind: 'REQUEST', id: 1, type: 'later', body: { payload: 1 } },
        { kind: 'REQUEST', id: 2, type: 'later', body: { payload: 2 } },
        { kind: 'REQUEST', id: 3, type: 'echo', body: { payload: 'at once' } },
        { kind: 'MESSAGE', type: 'note', body: { payload: 'last words' } },
      ]);
      one.talker.halfClose();
      t.is((await one.talker.expect('RESPONSE', ({ id }: any) => id === 3)).body.payload, 'at once');
      await started.until(2);
      for (const answer of open.reverse()) answer();
      const answers = [await one.talker.expect('RESPONSE'), await one.talker.expect('RESPONSE')];
      t.deepEqual(answers.map(({ id, body }: any) => [id, body.payload]), [[2, 'answer 2'], [1, 'answer 1']]);
      await one.talker.closed();
      t.is(await left, 'peer_closed');
      t.deepEqual(one.notes.calls, [['last words']]);
      closedWith(t, 'peer_closed');
    }, { ...way, transport });
  }
}

heavyCaseTest('F7', 'a registration cut at every offset, then FIN', async (t) => {
  const wire = await wireServer(t);
  const registration = frame({ type: '__register__', id: 'r', payload: { clientId: 'raw' } });
  for (let offset = 0; offset < registration.length; offset++) {
    const peer = await wire.raw();
    await peer.write(registration.subarray(0, offset));
    peer.halfClose();
    const { bytesReceived } = await peer.closed({ what: `the connection cut at ${offset}` });
    t.is(bytesReceived, 0, `offset ${offset}`);
  }
  await wire.untilCloses('truncated_frame', registration.length - 1);
  await wire.untilCloses('peer_closed', 1);
  t.deepEqual(wire.server.getClientIds(), ['witness']);
  closedWith(t, 'peer_closed, truncated_frame');
  await wire.unharmed();
}, { role: 'server', profile: 'json' });

heavyCaseTest('F5', 'one-byte writes cost a server no more than twice as many complete frames', async (t) => {
  const socketPath = tempSocket(t);
  const server = startChild(t, 'consumer', { socketPath });
  await server.report('ready');
  const bytes = spoken('json', { kind: 'MESSAGE', type: 'note', body: { payload: NOTE } });
  const WRITES = 10 * bytes.length;
  const cost: Record<string, number> = {};
  for (const [name, pieces, frames] of [['whole', [bytes], WRITES], ['bytes', [...bytes].map((byte) => Buffer.from([byte])), WRITES / bytes.length]] as const) {
    const talker = await Talker.connect({ path: socketPath });
    t.teardown(() => talker.destroy());
    await talker.register({ clientId: name });
    const before = await talker.ask(1, 'cpu');
    for (let write = 0; write < WRITES; write++) {
      await talker.write(pieces[write % pieces.length]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const after = await talker.ask(2, 'cpu');
    t.is(after.notes - before.notes, frames);
    cost[name] = after.micros - before.micros;
  }
  t.log(`${WRITES} writes: ${Math.round(cost.whole / 1000)} ms of CPU for complete frames, ${Math.round(cost.bytes / 1000)} ms for single bytes`);
  t.true(cost.bytes < 2 * cost.whole);
}, { role: 'server', profile: 'json' });

for (const way of WAYS) {
  heavyCaseTest('F6', 'any frames in any pieces say the same', async (t) => {
    const one = await subject(t, way);
    const said = fc.array(fc.record({ payload: fc.jsonValue(), size: fc.nat(5000) }), { minLength: 1, maxLength: 30 });
    const property = fc.asyncProperty(said, fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 30 }), async (list, cuts) => {
      const payloads = list.map(({ payload, size }) => [payload, 'z'.repeat(size)]);
      const stream = Buffer.concat(payloads.map((payload) => one.talker.bytes({ kind: 'MESSAGE', type: 'note', body: { payload } })));
      await one.talker.writeInPieces(stream, cuts);
      await one.works();
      const heard = one.notes.calls.splice(0).map(([payload]) => payload);
      return JSON.stringify(heard) === JSON.stringify(payloads);
    });
    await fc.assert(property, { numRuns: 100 });
    await one.unharmed();
    t.pass();
  }, way);
}
