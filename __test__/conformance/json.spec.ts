// Payloads are V8's: what JSON.stringify writes and JSON.parse reads, on every way.

import test from 'ava';
import fc from 'fast-check';
import { caseTest, heavyCaseTest } from '../support/conformance.mjs';
import { failure } from '../support/helpers.cjs';
import { subject, WAYS } from '../support/subject.mjs';
import { wireServer } from '../support/wire.mjs';

const VALUES = 1000;
const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));

/** Any JSON, with what is hard about it: odd keys, lone surrogates, numbers at the edge. */
const anyJson = fc.oneof(
  fc.jsonValue({ stringUnit: 'binary', maxDepth: 6 }),
  fc.jsonValue({ stringUnit: 'grapheme', maxDepth: 3 }),
  fc.dictionary(fc.constantFrom('__proto__', 'constructor', 'toString', '10', '2', '', ' '), fc.jsonValue({ maxDepth: 2 })),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  fc.double(),
  fc.maxSafeInteger()
);

/** What crossed is what JSON says, down to the keys' order and prototypes. */
function same(t: any, got: unknown, sent: unknown) {
  const expected = asJson(sent);
  t.deepEqual(got, expected);
  t.is(JSON.stringify(got), JSON.stringify(expected));
}

for (const way of WAYS) {
  heavyCaseTest('J1', `${VALUES} values arrive as JSON says, both ways`, async (t) => {
    const one = await subject(t, way);
    if (way.profile === 'binary') await one.talker.say({ kind: 'CREDIT', messages: 1e9, bytes: 1e12 });
    let id = 1;
    const property = fc.asyncProperty(anyJson, async (value) => {
      const [answer, request] = [one.request('mirror', value), await one.talker.expect('REQUEST')];
      const seen = request.body.payload;
      await one.talker.say({ kind: 'RESPONSE', id: request.id, body: { payload: seen } });
      const echoed = await one.talker.ask(id++, 'echo', value);
      for (const got of [seen, echoed, await answer]) {
        if (JSON.stringify(got) !== JSON.stringify(asJson(value))) return false;
      }
      return true;
    });
    await fc.assert(property, { numRuns: VALUES });
    await one.unharmed();
    t.pass();
  }, way);
}

for (const serialization of ['json', 'advanced'] as const) {
  heavyCaseTest('J1', `${VALUES} values between native peers, ${serialization}`, async (t) => {
    const wire = await wireServer(t, { server: { serialization } });
    const client = await wire.native({ clientId: 'values', serialization });
    client.onMessage('echo', (payload) => payload);
    const property = fc.asyncProperty(anyJson, async (value) => {
      const all = await Promise.all([client.request('echo', value), wire.server.requestClient('values', 'echo', value)]);
      const expected = serialization === 'json' ? asJson(value) : value;
      for (const got of all) if (JSON.stringify(got) !== JSON.stringify(expected)) return false;
      return true;
    });
    await fc.assert(property, { numRuns: VALUES });
    await wire.unharmed();
    t.pass();
  }, { role: 'both', profile: 'binary' });
}

class Refusal extends Error {}
const circular: Record<string, unknown> = {};
circular.self = circular;
/** What can't be written, and the error that the caller gets: JSON's own, or the payload's. */
const unwritable: [string, () => unknown, Function][] = [
  ['a circle', () => circular, TypeError],
  ['a BigInt', () => ({ big: 1n }), TypeError],
  ['a toJSON that throws', () => ({ toJSON() { throw new Refusal('not for sending'); } }), Refusal],
  ['a getter that throws', () => ({ get secret() { throw new Refusal('not for reading'); } }), Refusal],
  ['a proxy that throws', () => new Proxy({}, { ownKeys() { throw new Refusal('not for listing'); } }), Refusal],
  ['nesting beyond the stack', () => { let deep: unknown = 1; for (let level = 0; level < 100000; level++) deep = [deep]; return deep; }, RangeError],
];

for (const way of WAYS) {
  const isServer = way.role === 'server';

  caseTest('J2', 'other values become what JSON makes of them', async (t) => {
    const one = await subject(t, way);
    const value = {
      a: undefined, f() {}, d: new Date(0), n: NaN, i: -Infinity, z: -0, m: new Map([[1, 2]]), s: Symbol('s'), e: new Error('e'),
      b: Buffer.from('ab'), u: new Uint8Array([1, 2]), l: [undefined, () => {}, Symbol.iterator], w: Object('boxed'), x: Object.create({ inherited: 1 }),
    };
    await one.send('odd', value);
    same(t, (await one.talker.expect('MESSAGE')).body.payload, value);
    one.onMessage('odd', () => value);
    same(t, await one.talker.ask(1, 'odd', 0), value);
    await one.unharmed();
  }, way);

  caseTest('J3', 'toJSON is called', async (t) => {
    const one = await subject(t, way);
    for (const [value, expected] of [[{ toJSON: () => 7 }, 7], [{ at: { toJSON: (key: string) => `at ${key}` } }, { at: 'at at' }], [new Date(5), '1970-01-01T00:00:00.005Z']]) {
      await one.send('told', value);
      t.deepEqual((await one.talker.expect('MESSAGE')).body.payload, expected);
    }
    await one.unharmed();
  }, way);

  for (const [what, make, type] of unwritable) {
    heavyCaseTest(what.includes('throws') ? 'J3' : 'J4', `${what} rejects with its own error, and nothing is written`, async (t) => {
      const one = await subject(t, way);
      const sent = one.metrics.bytesSent;
      const calls = [() => one.send('bad', make()), () => one.request('bad', make())];
      if (isServer) calls.push(() => one.endpoint.broadcast('bad', make()), () => one.endpoint.publish('bad', make()));
      else calls.push(() => one.endpoint.publish('bad', make()));
      for (const call of calls) t.true((await failure(call)) instanceof type);
      t.is(one.metrics.bytesSent, sent);
      await one.send('good', 1);
      t.is((await one.talker.expect('MESSAGE')).type, 'good');
      t.deepEqual(one.talker.frames, []);

      one.onMessage('bad', () => make());
      t.is((await failure(() => one.talker.ask(1, 'bad', 0))).constructor, Error, 'as an answer it is the failure of the handler');
      await one.unharmed();
    }, way);
  }

  heavyCaseTest('J5', 'text of every kind keeps its units and its bytes', async (t) => {
    const one = await subject(t, way);
    for (const text of ['a\0b', '\u2028\u2029', '🌍'.repeat(1000), 'é'.repeat(1000000), '\ud83d lone', 'x'.repeat(65535), '\u007f\u0080\u07ff\u0800\uffff', '"\\/\b\f\n\r\t']) {
      const before = one.metrics.bytesSent;
      await one.send('text', text);
      t.true((await one.talker.expect('MESSAGE', () => true, 20000)).body.payload === text, JSON.stringify(text.slice(0, 10)));
      const written = Buffer.byteLength(JSON.stringify(text));
      const bytes = one.metrics.bytesSent - before;
      t.true(bytes >= written && bytes <= written + 200, `${bytes} bytes for ${written}`);
      t.true((await one.talker.ask(1, 'echo', text)) === text);
    }
    await one.unharmed();
  }, way);

  caseTest('J6', 'nothing, null and the empty values are told apart', async (t) => {
    const one = await subject(t, way);
    for (const value of [undefined, null, '', 0, false, [], {}]) {
      await one.send('empty', value);
      const { body } = await one.talker.expect('MESSAGE');
      t.deepEqual(body.payload, value);
      await one.talker.say({ kind: 'MESSAGE', type: 'note', body: { payload: value } });
      t.deepEqual(await one.talker.ask(1, 'echo', value), value);
    }
    t.deepEqual(one.notes.calls, [[undefined], [null], [''], [0], [false], [[]], [{}]]);
    await one.unharmed();
  }, way);

  heavyCaseTest('J7', 'sizes are those of UTF-8, not of JavaScript', async (t) => {
    const one = await subject(t, way);
    const text = '漢'.repeat(3 * 1024 * 1024);
    for (const call of [() => one.send('wide', text), () => one.request('wide', text)]) {
      const error = await failure(call);
      t.is(error.code, 'IPC_ERR_MESSAGE_TOO_LARGE');
      t.true(Number(/Message size (\d+)/.exec(error.message)?.[1]) > 9 * 1024 * 1024, error.message);
    }
    const fits = '漢'.repeat(2 * 1024 * 1024);
    await one.send('wide', fits);
    t.true((await one.talker.expect('MESSAGE', () => true, 20000)).body.payload === fits);
    await one.unharmed();
  }, way);

  caseTest('J8', 'whatever a handler returns or throws, the caller hears one thing', async (t) => {
    const one = await subject(t, way);
    const returned: [unknown, unknown][] = [
      [undefined, undefined], [Promise.resolve(1), 1], [{ then: (resolve: any) => resolve('thenable') }, 'thenable'], [Promise.resolve(undefined), undefined],
    ];
    let id = 1;
    for (const [value, expected] of returned) {
      one.onMessage('returns', () => value);
      t.deepEqual(await one.talker.ask(id++, 'returns', 0), expected);
    }
    const thrown: [unknown, string][] = [
      [new Error('an error'), 'an error'], ['a text', 'a text'], [null, 'null'], [undefined, 'undefined'], [Symbol('sym'), 'Symbol(sym)'], [7, '7'],
      [{ message: 'an object' }, 'an object'], [Object.create(null), ''], [{ get message() { throw new Error('unreadable'); } }, ''],
    ];
    for (const [value, message] of thrown) {
      for (const handler of [() => { throw value; }, () => Promise.reject(value), async () => { throw value; }, () => ({ then: (_: any, reject: any) => reject(value) })]) {
        one.onMessage('throws', handler as any);
        const error = await failure(() => one.talker.ask(id++, 'throws', 0));
        t.is(typeof error.message, 'string');
        t.not(error.message, '');
        if (message !== '') t.is(error.message, message);
      }
    }
    one.onMessage('throws', () => ({ get then() { throw new Error('no then'); } }));
    t.is((await failure(() => one.talker.ask(id++, 'throws', 0))).message, 'no then');
    t.deepEqual(one.errors.calls, []);
    await one.unharmed();
  }, way);

  caseTest('J9', 'of a failure only message, name and code cross', async (t) => {
    const one = await subject(t, way);
    one.onMessage('fails', () => {
      throw Object.assign(new RangeError('no'), { code: 'E_NO', path: '/etc/secret', extra: { secret: true } });
    });
    let bytes = '';
    one.talker.socket.on('data', (chunk: Buffer) => (bytes += chunk.toString('latin1')));
    await one.talker.say({ kind: 'REQUEST', id: 1, type: 'fails' });
    t.like(await one.talker.expect('FAILED'), { message: 'no', name: 'RangeError', code: 'E_NO' });
    for (const word of ['.spec.', '.mjs', '.js', '/etc', 'secret', 'at ', process.cwd()]) t.false(bytes.includes(word), word);
    await one.unharmed();
  }, way);
}

test('J9: an error that no handler made crosses without a path either [both, binary]', async (t) => {
  const wire = await wireServer(t);
  const client = await wire.native({ clientId: 'asker' });
  wire.server.onMessage('stream', () => Promise.reject(Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT', stack: 'at /secret/path' })));
  const error = await failure(() => client.request('stream', 1));
  t.deepEqual([error.message, error.code, error.origin], ['ENOENT: no such file', 'ENOENT', 'peer']);
  t.false(error.stack.includes('/secret/path'));
  t.is(error.path, undefined);
});
