import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, recorder, tempSocket } from '../support/helpers.cjs';

async function pair(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'clone', socketPath, serialization: 'advanced' }));
  const got = recorder();
  server.onMessage('echo', (payload) => {
    got(payload);
    return payload;
  });
  await server.start();
  const client = closeAfter(
    t,
    SmartIpc.createClient({ id: 'clone', socketPath, clientId: 'cloner', serialization: 'advanced' }),
  );
  await client.connect();
  return { server, client, got };
}

const VALUES: Record<string, unknown> = {
  'a Map': new Map<unknown, unknown>([
    ['key', { value: 1 }],
    [{ object: 'key' }, new Map([[1, 2]])],
  ]),
  'a Set': new Set([1, 'two', null]),
  'a Date': new Date(1700000000000),
  'a BigInt': 12345678901234567890n,
  'undefined inside': { absent: undefined, list: [undefined, 1] },
  'NaN and Infinity': [NaN, Infinity, -0],
  'a RegExp': /a+b/gi,
  'a Float64Array': new Float64Array([1.5, -2, NaN]),
  'an Int16Array': new Int16Array([1, -2, 300]),
  'a BigInt64Array': new BigInt64Array([1n, -2n]),
  'an ArrayBuffer': new Uint8Array([1, 2, 3]).buffer,
  'plain JSON': { text: 'hello', list: [1, null, true] },
};

for (const [name, value] of Object.entries(VALUES)) {
  test(`${name} arrives as what it is`, async (t) => {
    const { client, got } = await pair(t);
    const answer = await client.request('echo', { value });
    t.deepEqual(got.calls, [[{ value }]]);
    t.deepEqual(answer, { value });
  });

  test(`${name} as the whole payload`, async (t) => {
    const { client, got } = await pair(t);
    const answer = await client.request('echo', value);
    t.deepEqual(got.calls, [[value]]);
    t.deepEqual(answer, value);
  });
}

test('a Buffer inside stays a Buffer', async (t) => {
  const { client, got } = await pair(t);
  const answer: any = await client.request('echo', { bytes: Buffer.from([0, 1, 254, 255]) });
  for (const bytes of [got.calls[0][0].bytes, answer.bytes]) {
    t.true(Buffer.isBuffer(bytes));
    t.deepEqual([...bytes], [0, 1, 254, 255]);
  }
});

test('a Buffer as the whole payload stays a Buffer', async (t) => {
  const { client, got } = await pair(t);
  const answer: any = await client.request('echo', Buffer.from([0, 1, 254, 255]));
  for (const bytes of [got.calls[0][0], answer]) {
    t.true(Buffer.isBuffer(bytes));
    t.deepEqual([...bytes], [0, 1, 254, 255]);
  }
});

test('an Error keeps its class and text', async (t) => {
  const { client, got } = await pair(t);
  const answer: any = await client.request('echo', { error: new RangeError('too far') });
  for (const error of [got.calls[0][0].error, answer.error]) {
    t.true(error instanceof RangeError);
    t.is(error.message, 'too far');
  }
});

test('cycles and shared references survive', async (t) => {
  const { client } = await pair(t);
  const shared = { name: 'shared' };
  const value: any = { first: shared, second: shared };
  value.self = value;

  const answer: any = await client.request('echo', value);
  t.is(answer.self, answer);
  t.is(answer.first, answer.second);
});

test('every kind of message carries them', async (t) => {
  const { server, client } = await pair(t);
  const value = new Map([['when', new Date(0)]]);
  const incoming = recorder();
  client.onMessage('note', (payload) => incoming(payload));
  client.onMessage('echo', (payload) => payload);
  await client.subscribe('note.*', (payload) => incoming(payload));

  await server.sendToClient('cloner', 'note', value);
  await server.broadcast('note', value);
  await server.publish('note.all', value);
  await client.publish('note.all', value);

  t.deepEqual(await incoming.until(4), [[value], [value], [value], [value]]);
  t.deepEqual(await server.requestClient('cloner', 'echo', value), value);
});
