// Small messages that are sent in a row cross the boundary together. Nobody may be able to
// tell, but by the clock.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { encodeBinary } from '../support/binary-frames.mjs';
import { closeAfter, failure, once, recorder, startChild, tempSocket, within } from '../support/helpers.cjs';
import { frame, ofType, RawPeer, RawServer } from '../support/raw-peer.mjs';

const addon = createRequire(import.meta.url)('../../native.js');
const LIB = fileURLToPath(new URL('../../lib/', import.meta.url));
const MARK = 1024 * 1024;
const CHARGED = 256;

async function pair(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'collected', socketPath }));
  const noted = recorder();
  server.on('error', () => {});
  server.onMessage('note', (payload) => void noted(payload));
  server.onMessage('count', () => noted.calls.length);
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'collected', socketPath, clientId: 'one', clientOnly: true }));
  await client.connect();
  return { socketPath, server, client, noted };
}

/** A client whose server is a plain socket: there it shows in which order what was written. */
async function listenedTo(t: any) {
  const socketPath = tempSocket(t);
  const server = await RawServer.listen({ path: socketPath });
  t.teardown(() => server.close());
  const client = closeAfter(t, SmartIpc.createClient({ id: 'collected', socketPath, clientOnly: true, autoReconnect: false }));
  client.on('error', () => {});
  const connecting = client.connect();
  const peer = await within(server.accept(), 'the connection');
  await peer.letIn({ role: 'server' });
  await connecting;
  return { client, peer };
}

test.serial('many of one turn cross the boundary in few calls; what there is no room for, one by one', async (t) => {
  const { client, noted } = await pair(t);
  const { messages } = addon;
  const batches: number[] = [];
  addon.messages = (...args: any[]) => (batches.push(args[2]), messages(...args));
  t.teardown(() => Object.assign(addon, { messages }));
  for (let number = 0; number < 101; number++) await client.sendMessage('note', number);
  // The first one asked for room.
  t.deepEqual(batches, [64]);
  await noted.until(101);
  t.deepEqual(batches.splice(0), [64, 36]);
  for (let number = 0; number < 11; number++) client.sendMessage('note', 'x'.repeat(2000));
  await noted.until(112);
  t.deepEqual(batches.splice(0), [4, 4, 2]);
  for (let number = 0; number < 10; number++) client.sendMessage('note', 'x'.repeat(3000));
  await noted.until(122);
  t.deepEqual(batches, []);
});

function drop(promise: Promise<unknown>) {
  promise.catch(() => {});
}

/** What may stand between messages, and the type under which a plain server sees it. */
const OTHERS: Record<string, (client: any) => [type: string, value: unknown]> = {
  'a request': (client) => (drop(client.request('ask', 'between')), ['ask', 'between']),
  'a message with headers': (client) => (client.sendMessage('headed', 'between', { a: 1 }), ['headed', 'between']),
  'a message with nothing': (client) => (client.sendMessage('empty', undefined), ['empty', undefined]),
  'a Buffer': (client) => (client.sendMessage('bytes', Buffer.from([1])), ['bytes', 'AQ==']),
  'a long message': (client) => (client.sendMessage('long', 'x'.repeat(5000)), ['long', 'x'.repeat(5000)]),
  'a message to publish': (client) => (client.publish('topic', 'between'), ['__publish__', { topic: 'topic', payload: 'between' }]),
  'a subscription': (client) => (drop(client.subscribe('topic', () => {})), ['__subscribe__', { topic: 'topic' }]),
  'a message of a new type': (client) => (client.sendMessage('another', 'between'), ['another', 'between']),
};

for (const [title, send] of Object.entries(OTHERS)) {
  test(`${title} neither overtakes messages nor is overtaken`, async (t) => {
    const { client, peer } = await listenedTo(t);
    const expected: unknown[] = [];
    for (const count of [2, 1, 70, 3]) {
      for (let number = 0; number < count; number++) {
        client.sendMessage('note', { number });
        expected.push(['note', { number }]);
      }
      expected.push(send(client));
    }
    client.sendMessage('last', 1);
    await peer.expectFrame(ofType('last'));
    t.deepEqual(
      peer.frames.map(({ type, payload }) => [type, payload]),
      expected
    );
    // What was asked is not answered, and not to be waited for.
    await peer.destroy();
  });
}

test('a stream neither overtakes messages nor is overtaken', async (t) => {
  const { server, client } = await pair(t);
  const order: unknown[] = [];
  server.onMessage('note', (number) => void order.push(number));
  const heard = once(server, 'stream', { where: (_info, readable) => (order.push('stream'), readable.resume(), true) });
  for (let number = 0; number < 5; number++) client.sendMessage('note', number);
  const sent = client.sendStream([Buffer.from('abc')]);
  for (let number = 5; number < 10; number++) client.sendMessage('note', number);
  await Promise.all([heard, sent]);
  await client.request('count', {});
  t.deepEqual(order.filter((what) => what !== 'stream'), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  t.true(order.indexOf('stream') >= 5);
});

test('messages to two clients, and from two of them, go where they belong', async (t) => {
  const { socketPath, server, client } = await pair(t);
  const second = closeAfter(t, SmartIpc.createClient({ id: 'collected', socketPath, clientId: 'two', clientOnly: true }));
  await second.connect();
  const [toOne, toTwo, back] = [recorder(), recorder(), recorder()];
  client.onMessage('news', (payload) => void toOne(payload));
  second.onMessage('news', (payload) => void toTwo(payload));
  server.onMessage('note', (payload, clientId) => void back(clientId, payload));
  const numbers = Array.from({ length: 300 }, (_, number) => number);
  for (const number of numbers) {
    // Three in a row to one of them, then three to the other.
    server.sendToClient(number % 6 < 3 ? 'one' : 'two', 'news', number);
    (number % 7 < 4 ? client : second).sendMessage('note', number);
  }
  await Promise.all([toOne.until(150), toTwo.until(150), back.until(300)]);
  t.deepEqual(toOne.calls.flat(), numbers.filter((number) => number % 6 < 3));
  t.deepEqual(toTwo.calls.flat(), numbers.filter((number) => number % 6 >= 3));
  for (const [name, own] of [['one', (number: number) => number % 7 < 4], ['two', (number: number) => number % 7 >= 4]] as const) {
    t.deepEqual(back.calls.filter(([clientId]) => clientId === name).map(([, number]) => number), numbers.filter(own));
  }
});

test('texts of any characters arrive as they were, wherever one is cut from the next', async (t) => {
  const { client, noted } = await pair(t);
  const texts = ['', 'plain', 'äöü', '€', '😀', '\u{10ffff}', '\ud83d', '\ude00', '\ude00\ud83d', '\u2028', '\0', '\ufffd', '"\\', '漢字😀é'];
  const sent: unknown[] = [];
  for (let round = 0; round < 20; round++) {
    for (const text of texts) sent.push({ round, text: text.repeat((round * 7) % 50) }, text);
  }
  for (const payload of sent) client.sendMessage('note', payload);
  await noted.until(sent.length);
  t.deepEqual(noted.calls.map(([payload]) => payload), sent);
});

test('a payload that sends while it is written comes after what it sends', async (t) => {
  const { client, noted } = await pair(t);
  for (let number = 0; number < 5; number++) {
    client.sendMessage('note', {
      toJSON: () => (client.sendMessage('note', `${number} first`), drop(client.request('count', {})), `${number} second`),
    });
  }
  await noted.until(10);
  t.deepEqual(noted.calls.flat(), [0, 1, 2, 3, 4].flatMap((number) => [`${number} first`, `${number} second`]));
});

test('they are counted when they have been sent, not when they cross the boundary', async (t) => {
  const { client } = await pair(t);
  const before = client.getStats().metrics;
  for (let number = 1; number <= 100; number++) {
    client.sendMessage('note', number);
    if (number % 33 !== 0) continue;
    const { messagesSent, queuedBytes } = client.getStats().metrics;
    t.is(messagesSent - before.messagesSent, number);
    t.true(queuedBytes > 0);
  }
  client.sendMessage('note', 101);
  await nextTurn();
  t.is(client.getStats().metrics.messagesSent - before.messagesSent, 101);
});

test('a sender has to wait from the very message on that takes the queue above its mark', async (t) => {
  const { socketPath, server, client } = await pair(t);
  // All that need not wait are one promise.
  const accepted = client.sendMessage('note', 0);
  const peer = await RawPeer.connect({ path: socketPath });
  t.teardown(() => peer.destroy());
  const windowMessages = 1;
  await peer.register({ clientId: 'raw', protocol: { version: 1, features: ['binary'], maxMessageSize: 8388608, windowMessages, windowBytes: 8388608 } });
  while (!server.getClientIds().includes('raw')) await nextTurn();
  let queued = 0;
  let count = 0;
  for (; queued <= MARK; count++) {
    const payload = '€ä😀x'.repeat(count % 90);
    const bytes = frame(encodeBinary({ kind: 'MESSAGE', type: 'note', body: { payload } })).length;
    // One may leave; the others wait for credit, and are charged more than their bytes.
    queued += count < windowMessages ? bytes : bytes + CHARGED;
    const promise = server.sendToClient('raw', 'note', payload);
    t.is(promise === accepted, queued <= MARK, `message ${count} at ${queued}`);
    if (promise !== accepted) drop(promise);
  }
  t.true(count > 1000);
});

for (const scenario of ['process.exit()', 'a listener of exit sends more', 'an uncaught exception', 'disconnect()']) {
  test(`none of them is lost: ${scenario}`, async (t) => {
    const { socketPath, noted } = await pair(t);
    for (const count of [2, 10, 150]) {
      const child = startChild(t, 'collecting', { scenario, socketPath, count });
      const expected = scenario === 'a listener of exit sends more' ? 2 * count : scenario === 'an uncaught exception' ? count + 1 : count;
      await noted.until(expected);
      const { code, stderr } = await child.exited();
      t.is(code, 0, stderr);
      t.deepEqual(noted.calls.splice(0), Array.from({ length: expected }, (_, number) => [{ number }]));
    }
  });
}

test('a thread that is ended with messages of its own collected harms nobody', async (t) => {
  const { socketPath, client, server } = await pair(t);
  const left = once(server, 'clientDisconnect');
  const child = startChild(t, 'collecting', { scenario: 'a thread that is ended', socketPath, count: 10 });
  await child.report('ended');
  const { code, stderr } = await child.exited();
  t.is(code, 0, stderr);
  await left;
  t.is(typeof (await client.request('count', {})), 'number');
});

test('a connection that is lost takes with it what was accepted, in silence', async (t) => {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'server', { server: { id: 'collected', socketPath } });
  await child.report('ready');
  const client = closeAfter(t, SmartIpc.createClient({ id: 'collected', socketPath, clientOnly: true, autoReconnect: false }));
  const errors = recorder();
  client.on('error', errors);
  await client.connect();
  const lost = once(client, 'disconnect');
  const sent: Promise<void>[] = [];
  for (let number = 0; number < 10; number++) sent.push(client.sendMessage('note', number));
  child.kill('SIGKILL');
  for (let number = 10; number < 20; number++) sent.push(client.sendMessage('note', number));
  await Promise.all(sent);
  await lost;
  const error = await failure(() => client.sendMessage('note', 20));
  t.is(error.code, 'IPC_ERR_NOT_CONNECTED');
  t.deepEqual(errors.calls, []);
});

test('everything asks for the addon where what is collected goes over first', (t) => {
  const files = fs.readdirSync(LIB, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
  const past = files.filter((name) => {
    const up = '../'.repeat(name.split(path.sep).length);
    return fs.readFileSync(path.join(LIB, name), 'utf8').includes(`require('${up}native')`);
  });
  t.deepEqual(past.sort(), ['collected.js', 'native.js']);
});
