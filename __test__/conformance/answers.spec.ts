// Requests and answers that do not fit together, come too late, or never.

import { caseTest, heavyCaseTest } from '../support/conformance.mjs';
import { failure, recorder } from '../support/helpers.cjs';
import { subject, WAYS } from '../support/subject.mjs';

const MANY = 10000;
/** In JSON a peer sends as it likes; in the binary profile it needs our credit, and we need its. */
const PLENTY = { kind: 'CREDIT', messages: 100000, bytes: 100000000 };

async function generous(one: any) {
  if (one.profile === 'binary') await one.talker.say(PLENTY);
}

for (const way of WAYS) {
  heavyCaseTest('P6', `${MANY} answers to nothing are dropped and counted`, async (t) => {
    const one = await subject(t, way);
    const { errors } = one.metrics;
    const odd = { kind: 'FAILED', message: 'no', name: 'Error', code: 'E_NO' };
    await one.talker.sayAll(Array.from({ length: MANY }, (_, index) => ({ id: 1000 + index, ...(index % 2 ? odd : { kind: 'RESPONSE', body: { payload: 1 } }) })));
    await one.works();
    t.is(one.metrics.errors, errors + MANY);
    t.is(one.metrics.requestsPending, 0);
    await one.unharmed();
  }, way);

  caseTest('P7', 'the first of two answers counts', async (t) => {
    const one = await subject(t, way);
    const settled = recorder();
    const first = one.request('once', 1);
    first.then(settled, settled);
    const { id } = await one.talker.expect('REQUEST');
    const { errors } = one.metrics;
    await one.talker.sayAll([
      { kind: 'RESPONSE', id, body: { payload: 'first' } },
      { kind: 'RESPONSE', id, body: { payload: 'second' } },
      { kind: 'FAILED', id, message: 'third', name: 'Error', code: '' },
    ]);
    await one.works();
    t.deepEqual(settled.calls, [['first']]);
    t.is(one.metrics.errors, errors + 2);
    await one.unharmed();
  }, way);

  heavyCaseTest('P8', `${MANY} requests time out, and their late answers are dropped`, async (t) => {
    const one = await subject(t, way);
    await generous(one);
    const late = Promise.all(Array.from({ length: MANY }, (_, index) => failure(() => one.request('slow', index, { timeout: 300 }))));
    const errors = await late;
    t.is(errors.filter(({ code, message }) => code === 'IPC_ERR_TIMEOUT' && message === 'Request timeout for slow').length, MANY);
    t.is(one.metrics.requestsPending, 0);
    await one.talker.beat();
    const asked = one.talker.frames.filter(({ kind }: any) => kind === 'REQUEST');
    const cancelled = one.talker.frames.filter(({ kind }: any) => kind === 'CANCEL').map(({ id }: any) => id);
    // Those that still waited for the socket were withdrawn, and never leave.
    t.true(asked.length > 0 && asked.length <= MANY);
    t.deepEqual(new Set(cancelled), new Set(asked.map(({ id }: any) => id)));
    const before = one.metrics.errors;
    await one.talker.sayAll(asked.map(({ id }: any) => ({ kind: 'RESPONSE', id, body: { payload: 'late' } })));
    await one.works();
    t.is(one.metrics.errors, before + asked.length);
    t.is(one.metrics.requestTimeouts, MANY);
    await one.unharmed();
  }, way);

  heavyCaseTest('P9', 'a request without a handler fails at once', async (t) => {
    const one = await subject(t, way);
    const times: number[] = [];
    for (let id = 1; id <= 21; id++) {
      const begun = process.hrtime.bigint();
      const error = await failure(() => one.talker.ask(id, 'nobody', {}));
      times.push(Number(process.hrtime.bigint() - begun) / 1e6);
      t.is(error.code, 'IPC_ERR_NO_HANDLER');
      t.is(error.message, 'No handler registered for message type: nobody');
    }
    times.sort((a, b) => a - b);
    t.true(times[10] <= 50, `${times[10]} ms`);
    for (const name of ['constructor', 'toString', 'error', 'hasOwnProperty']) {
      t.is((await failure(() => one.talker.ask(99, name, {}))).code, 'IPC_ERR_NO_HANDLER');
    }
    await one.works();
  }, way);

  heavyCaseTest('P15', 'one request more than 10,000 fails at once, and the earlier ones complete', async (t) => {
    const one = await subject(t, way);
    await generous(one);
    const answers = Promise.all(Array.from({ length: MANY }, (_, index) => one.request('patience', index)));
    const begun = Date.now();
    const error = await failure(() => one.request('patience', MANY));
    t.is(error.code, 'IPC_ERR_TOO_MANY_PENDING');
    t.is(error.origin, 'local');
    t.true(Date.now() - begun < 1000);
    t.is(one.metrics.requestsPending, MANY);

    await one.talker.beat();
    const asked = one.talker.frames.filter(({ kind }: any) => kind === 'REQUEST');
    t.is(asked.length, MANY);
    await one.talker.sayAll(asked.map(({ id, body }: any) => ({ kind: 'RESPONSE', id, body })));
    t.deepEqual(await answers, Array.from({ length: MANY }, (_, index) => index));
    t.is(one.metrics.requestsPending, 0);
    const last = one.request('patience', 'again');
    const { id } = await one.talker.expect('REQUEST', ({ body }: any) => body.payload === 'again');
    await one.talker.say({ kind: 'RESPONSE', id, body: { payload: 'fine' } });
    t.is(await last, 'fine');
    await one.unharmed();
  }, way);

  heavyCaseTest('P16', 'nothing is kept of a peer that goes while its handlers hang', async (t) => {
    const one = await subject(t, way);
    const kept: WeakRef<object>[] = [];
    const aborted = recorder();
    const started = recorder();
    one.onMessage('hang', (payload: object, context: any) => {
      kept.push(new WeakRef(payload), new WeakRef(context));
      context.signal.addEventListener('abort', () => aborted());
      started();
      return new Promise(() => {});
    });
    await one.talker.sayAll(Array.from({ length: 500 }, (_, index) => ({ kind: 'REQUEST', id: index + 1, type: 'hang', body: { payload: { index } } })));
    await started.until(500);
    const left = one.left();
    one.talker.destroy();
    await left;
    await aborted.until(500, 1000);
    started.calls.length = 0;
    t.is(await remaining(kept), 0, 'payloads and contexts that can not be collected');
    await one.again();
    await one.unharmed();
  }, way);
}

/** How many are left once the collector has had its second. */
async function remaining(kept: WeakRef<object>[]) {
  const { setFlagsFromString } = await import('v8');
  const { runInNewContext } = await import('vm');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const until = Date.now() + 1000;
  let left;
  do {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    left = kept.filter((ref) => ref.deref() !== undefined).length;
  } while (left > 0 && Date.now() < until);
  return left;
}
