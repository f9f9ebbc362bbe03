import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, recorder, tempSocket } from '../support/helpers.cjs';

async function pair(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'parcel', socketPath }));
  const got = recorder();
  server.onMessage('echo', (payload) => {
    got(payload);
    return payload;
  });
  server.onMessage('note', (payload) => got(payload));
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'parcel', socketPath, clientId: 'sender' }));
  await client.connect();
  return { server, client, got };
}

const JSON_VALUES: unknown[] = [
  null,
  true,
  false,
  0,
  -1.5e-7,
  9007199254740991,
  1e300,
  '',
  'plain',
  'Grüße, 世界 🌍',
  'lone surrogate \ud83d',
  'nul \0 and \u2028',
  [],
  {},
  [[[1], 'two'], { three: [null] }],
  { b: 1, a: 2, 10: 'ten', nested: { deeper: { deepest: true } } },
];

for (const value of JSON_VALUES) {
  test(`${JSON.stringify(value)} arrives as it is`, async (t) => {
    const { client, got } = await pair(t);
    const answer = await client.request('echo', value);
    t.deepEqual(got.calls, [[value]]);
    t.deepEqual(answer, value);
    t.is(JSON.stringify(answer), JSON.stringify(value));
  });
}

test('other values become what JSON makes of them', async (t) => {
  const { client } = await pair(t);
  const value = {
    date: new Date(0),
    absent: undefined,
    method() {},
    notANumber: NaN,
    map: new Map([[1, 2]]),
    list: [undefined, () => {}],
    custom: { toJSON: () => 'as told' },
    inner: Buffer.from('ab'),
  };
  t.deepEqual(await client.request('echo', value), JSON.parse(JSON.stringify(value)));
});

test('a __proto__ member stays a member', async (t) => {
  const { client, got } = await pair(t);
  await client.request('echo', JSON.parse('{"__proto__":{"polluted":true}}'));

  const [[payload]] = got.calls;
  t.true(Object.prototype.hasOwnProperty.call(payload, '__proto__'));
  t.is(Object.getPrototypeOf(payload), Object.prototype);
  t.is(({} as any).polluted, undefined);
});

test('deep nesting passes', async (t) => {
  const { client } = await pair(t);
  const deep = JSON.parse(`${'['.repeat(1000)}${']'.repeat(1000)}`);
  t.is(JSON.stringify(await client.request('echo', deep)), JSON.stringify(deep));
});

test('what JSON cannot write fails in the call, with its own error', async (t) => {
  const { client } = await pair(t);
  const circular: any = {};
  circular.self = circular;
  class Refusal extends Error {}
  const refusing = {
    toJSON() {
      throw new Refusal('not for sending');
    },
  };

  t.true((await failure(() => client.request('echo', circular))) instanceof TypeError);
  t.true((await failure(() => client.request('echo', { big: 1n }))) instanceof TypeError);
  t.true((await failure(() => client.sendMessage('note', refusing))) instanceof Refusal);
  t.true((await failure(() => client.request('echo', refusing))) instanceof Refusal);
  t.is(await client.request('echo', 'still fine'), 'still fine');
});

test('an answer that JSON cannot write reaches the caller as an error', async (t) => {
  const { server, client } = await pair(t);
  server.onMessage('big', () => ({ big: 1n }));
  t.true((await failure(() => client.request('big', {}))) instanceof Error);
  t.is(await client.request('echo', 'still fine'), 'still fine');
});

const allBytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

for (const [name, bytes] of [
  ['a Buffer', allBytes],
  ['an empty Buffer', Buffer.alloc(0)],
  ['a large Buffer', Buffer.alloc(3 * 1024 * 1024, allBytes)],
  ['a Uint8Array', new Uint8Array(allBytes)],
  ['a part of a larger Buffer', allBytes.subarray(100, 200)],
] as const) {
  test(`${name} arrives as a Buffer, in both directions`, async (t) => {
    const { client, got } = await pair(t);
    const answer = await client.request('echo', bytes);
    const [[payload]] = got.calls;

    t.true(Buffer.isBuffer(payload));
    t.true(Buffer.from(bytes).equals(payload));
    t.true(Buffer.isBuffer(answer));
    t.true(Buffer.from(bytes).equals(answer));
  });
}

test('a Buffer travels with every kind of message', async (t) => {
  const { server, client, got } = await pair(t);
  const incoming = recorder();
  client.onMessage('bytes', (payload) => incoming(payload));
  client.onMessage('echo', (payload) => payload);
  await client.subscribe('bytes.*', (payload) => incoming(payload));

  await client.sendMessage('note', allBytes);
  await server.sendToClient('sender', 'bytes', allBytes);
  await server.broadcast('bytes', allBytes);
  await server.publish('bytes.all', allBytes);
  await client.publish('bytes.all', allBytes);
  const answer = await server.requestClient('sender', 'echo', allBytes);

  await got.until(1);
  await incoming.until(4);
  for (const [payload] of [...got.calls, ...incoming.calls, [answer]]) {
    t.true(Buffer.isBuffer(payload));
    t.true(allBytes.equals(payload));
  }
});

test('what was sent does not change when the sender reuses its Buffer', async (t) => {
  const { client, got } = await pair(t);
  const buffer = Buffer.from('first');
  const sent = client.sendMessage('note', buffer);
  buffer.write('later');
  await sent;

  const [[payload]] = await got.until(1);
  t.is(payload.toString(), 'first');
});
