// Messages that come together are parsed together, which nobody notices: what one of them
// is, and whether it is anything, does not depend on those beside it.

import { setFlagsFromString } from 'v8';
import { runInNewContext } from 'vm';
import test from 'ava';
import fc from 'fast-check';
import { decodeBinary, encodeBinary } from '../support/binary-frames.mjs';
import { deferred, recorder } from '../support/helpers.cjs';
import { frame } from '../support/raw-peer.mjs';
import { wireServer } from '../support/wire.mjs';

const PROTOCOL = { version: 1, features: ['binary'], maxMessageSize: 8388608, windowMessages: 1e6, windowBytes: 1e9 };

/** A server and a raw client of the binary profile, whose frames go out in one write. */
async function joined(t: any) {
  const wire = await wireServer(t);
  const peer = await wire.raw();
  await wire.register(peer, { protocol: PROTOCOL });
  const send = (frames: object[]) => peer.write(Buffer.concat(frames.map((fields) => frame(encodeBinary(fields as any)))));
  return {
    wire,
    send,
    say: (texts: string[], type = 'note') => send(texts.map((text) => ({ kind: 'MESSAGE', type, body: { text } }))),
    /** The answers of `echo`: the JSON of each, or the code of its failure. */
    async ask(firstId: number, texts: string[]) {
      const until = firstId + texts.length;
      await send(texts.map((text, at) => ({ kind: 'REQUEST', id: firstId + at, timeout: 0, type: 'echo', body: { text } })));
      const answers: string[] = [];
      for (let left = texts.length; left > 0; left--) {
        const { body } = await peer.expectFrame(
          (it: any) => it.body && ['RESPONSE', 'FAILED'].includes(decodeBinary(it.body).kind),
          { what: 'an answer' }
        );
        const { kind, id, code, body: answer } = decodeBinary(body);
        if (id < firstId || id >= until) throw new Error(`an answer to ${id}`);
        answers[id - firstId] = kind === 'FAILED' ? code : JSON.stringify(answer.payload);
      }
      return answers;
    },
  };
}

/** What each of them is by itself. */
function alone(text: string) {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return 'IPC_ERR_BAD_PAYLOAD';
  }
}

test('texts that are no JSON fail alone, also where several of them make good JSON', async (t) => {
  const { wire, say } = await joined(t);
  const failed = recorder();
  wire.server.on('error', (error: any) => void failed(error.code));
  const groups = [
    ['[1', '2]', '1,1'],
    ['{"a":[{}', '{}]}', '{},{}'],
    ['"a', 'b"', '1,2'],
    ['{"a":"}"', '"b":"{"}', '1,2'],
    ['"\\', '"', '1,2'],
    ['1],[2', '3'],
    ['', '1,2'],
    ['1,2', ' '],
    ['1]', '[2'],
  ];
  for (const texts of groups) {
    const [good, bad] = [wire.calls.calls.length, failed.calls.length];
    const all = ['{"before":1}', '{"before":2}', ...texts, '{"after":1}', '{"after":2}'];
    const expected = all.map(alone).filter((it) => it !== 'IPC_ERR_BAD_PAYLOAD');
    await say(all);
    const calls = await wire.calls.until(good + expected.length);
    t.deepEqual(calls.slice(good).map(([payload]: any) => JSON.stringify(payload)), expected, texts.join(' '));
    await failed.until(bad + all.length - expected.length);
    t.deepEqual(new Set(failed.calls.map(([code]) => code)), new Set(['IPC_ERR_BAD_PAYLOAD']));
  }
  await wire.unharmed();
});

test('whatever comes together is what it is alone', async (t) => {
  const { ask, wire } = await joined(t);
  const key = fc.constantFrom('a', 'b', '__proto__', 'constructor', '10', '2', '', 'é', '"', '\\');
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, fc.constantFrom(0, -0, 1, null, true, '', '}', '[', ',', '"', '\\', 'å', 'x'.repeat(200)), tie('object'), tie('list')),
    object: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
    list: fc.array(tie('value'), { maxLength: 4 }),
  }));
  const broken = fc.array(fc.constantFrom('[', ']', '{"a":', '{', '}', '"', ',', '1', '\\', ' ', '"]"'), { maxLength: 5 }).map((parts) => parts.join(''));
  const text = fc.oneof({ weight: 3, arbitrary: value.map((it) => JSON.stringify(it)) }, broken, fc.constant('1e400'), fc.constant(' {"a" : [ ] }\n'));
  let id = 1;
  const property = fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 40 }), async (texts) => {
    const answers = await ask(id, texts);
    id += texts.length;
    t.deepEqual(answers, texts.map(alone));
  });
  await fc.assert(property, { numRuns: 200 });
  await wire.unharmed();
});

test('more than are parsed together, of all sizes, in their order', async (t) => {
  const { wire, say } = await joined(t);
  const sizes = [...Array(50).keys(), 200, 230, 240, 250, 300, 4000, 40000, 3, 3, 3];
  const texts = Array.from({ length: 200 }, (_, n) => JSON.stringify({ n, text: 'x'.repeat(sizes[n % sizes.length]) }));
  await say(texts);
  const calls = await wire.calls.until(texts.length);
  t.deepEqual(calls.map(([payload]: any) => JSON.stringify(payload)), texts);
});

test('those between which nobody listens to, that carry nothing, or that are no text', async (t) => {
  const { wire, send } = await joined(t);
  const message = (type: string, body: object) => ({ kind: 'MESSAGE', type, body });
  await send([
    message('nobody', { payload: { n: 0 } }),
    message('note', { payload: { n: 1 } }),
    message('nobody', { payload: { n: 2 } }),
    message('note', { payload: { n: 3 } }),
    message('note', {}),
    message('note', { payload: { n: 4 } }),
    message('note', { payload: Buffer.from('bytes') }),
    message('note', { payload: 'å' }),
    message('note', { payload: { n: 5 }, headers: { a: 1 } }),
    message('note', { payload: { n: 6 } }),
    message('nobody', { payload: { n: 7 } }),
  ]);
  const calls = await wire.calls.until(8);
  t.deepEqual(
    calls.map(([payload]: any) => payload),
    [{ n: 1 }, { n: 3 }, undefined, { n: 4 }, Buffer.from('bytes'), 'å', { n: 5 }, { n: 6 }]
  );
});

test('each is its own: a handler that throws, or changes what it gets, is alone', async (t) => {
  const { wire, say } = await joined(t);
  const seen = recorder();
  wire.server.onMessage('own', (payload: any) => {
    seen(JSON.stringify(payload));
    payload.list.push(1);
    payload.n = undefined;
    Object.getPrototypeOf(payload).constructor === Object && delete payload.list;
    if (seen.calls.length % 2 === 0) throw new Error('of the handler');
  });
  const texts = Array.from({ length: 40 }, (_, n) => JSON.stringify({ n, list: [n] }));
  await say(texts, 'own');
  t.deepEqual((await seen.until(40)).map(([text]) => text), texts);
});

test('a handler is replaced and removed between two of them', async (t) => {
  const { wire, say } = await joined(t);
  const heard = recorder();
  wire.server.onMessage('own', (payload: any) => {
    heard('first', payload);
    wire.server.onMessage('own', (next: any) => {
      heard('second', next);
      wire.server.offMessage('own');
    });
  });
  await say(['1', '2', '3', '4'], 'own');
  await say(['5']);
  await wire.calls.until(1);
  t.deepEqual(heard.calls, [
    ['first', 1],
    ['second', 2],
  ]);
  wire.server.onMessage('own', (payload: any) => heard('third', payload));
  await say(['6'], 'own');
  t.deepEqual((await heard.until(3))[2], ['third', 6]);
});

test('handlers of more types than have numbers', async (t) => {
  const { wire, send } = await joined(t);
  const heard = recorder();
  const types = Array.from({ length: 4200 }, (_, n) => `type${n}`);
  for (const type of types) wire.server.onMessage(type, () => void heard(type));
  const rare = ['type4198', 'type0', 'type4199', 'nobody', 'type4198', 'type4199', 'type0'];
  const expected = rare.filter((type) => type !== 'nobody');
  // One by one each is the first name of its batch.
  for (const [at, type] of expected.entries()) {
    await send([{ kind: 'MESSAGE', type, body: {} }]);
    await heard.until(at + 1);
  }
  await send(rare.map((type) => ({ kind: 'MESSAGE', type, body: {} })));
  const calls = await heard.until(2 * expected.length);
  t.deepEqual(calls.map(([type]) => type), [...expected, ...expected]);
});

test('a visit that takes too long: the rest comes later, and what was handed out is let go', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const { wire, say } = await joined(t);
  const seen = recorder();
  const between = deferred();
  let first: WeakRef<object> | undefined;
  wire.server.onMessage('slow', (payload: any) => {
    seen(payload.n);
    if (payload.n !== 0) return;
    first = new WeakRef(payload);
    setImmediate(() => {
      collect();
      between.resolve({ count: seen.calls.length, kept: first!.deref() });
    });
    for (const end = performance.now() + 20; performance.now() < end; );
  });
  await say(Array.from({ length: 15 }, (_, n) => JSON.stringify({ n })), 'slow');
  const { count, kept }: any = await between.promise;
  t.true(count > 0 && count < 15, `${count} before others had their turn`);
  t.is(kept, undefined);
  t.deepEqual((await seen.until(15)).map(([n]) => n), [...Array(15).keys()]);
});

test('answers, and messages of a topic with two listeners', async (t) => {
  const wire = await wireServer(t);
  const client = await wire.native({ clientId: 'asks' });
  const values = Array.from({ length: 100 }, (_, n) => [{ n }, [n], `${n}`, n, null, { deep: [{ n }] }, 'å', '"'][n % 8]);
  t.deepEqual(await Promise.all(values.map((value) => client.request('echo', value))), values);

  const [one, two] = [recorder(), recorder()];
  const changing = (heard: any) => (payload: any) => {
    heard(JSON.stringify(payload));
    payload.changed = true;
  };
  await client.subscribe('topic.*', changing(one));
  await client.subscribe('topic.*', changing(two));
  for (let n = 0; n < 40; n++) void wire.server.publish('topic.x', { n });
  const expected = Array.from({ length: 40 }, (_, n) => [`{"n":${n}}`]);
  t.deepEqual(await one.until(40), expected);
  t.deepEqual(await two.until(40), expected);
});
