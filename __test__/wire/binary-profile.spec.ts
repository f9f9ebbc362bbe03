// The binary profile between a raw peer and the server, and between two native
// peers that are listened to.

import net from 'net';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { decodeBinary, encodeBinary } from '../support/binary-frames.mjs';
import { closeAfter, failure, recorder, tempSocket, within } from '../support/helpers.cjs';
import { frame, prefix } from '../support/raw-peer.mjs';
import { wireServer } from '../support/wire.mjs';

const PROTOCOL = { version: 1, features: ['binary'], maxMessageSize: 8388608, windowMessages: 1024, windowBytes: 8388608 };

async function binaryClient(wire: any, protocol: object = {}) {
  const peer = await wire.raw();
  const welcome = await wire.register(peer, { protocol: { ...PROTOCOL, ...protocol } });
  return {
    peer,
    limits: welcome.protocol,
    send: (fields: object) => peer.write(frame(encodeBinary(fields as any))),
    /** The next frame of this kind; answers to pings and credit stay aside. */
    expect: async (kind: string) => {
      const { body } = await peer.expectFrame((it: any) => it.body && decodeBinary(it.body).kind === kind, { what: kind });
      return decodeBinary(body);
    },
  };
}

test('everything a binary client does', async (t) => {
  const wire = await wireServer(t);
  const { send, expect } = await binaryClient(wire);
  await send({ kind: 'REQUEST', id: 1, timeout: 0, type: 'echo', body: { payload: { a: [1] } } });
  t.deepEqual(await expect('RESPONSE'), { kind: 'RESPONSE', id: 1, body: { payload: { a: [1] }, headers: undefined } });
  await send({ kind: 'REQUEST', id: 4294967295, timeout: 5000, type: 'echo', body: { payload: Buffer.from([0, 255]) } });
  t.deepEqual((await expect('RESPONSE')).body.payload, Buffer.from([0, 255]));
  await send({ kind: 'REQUEST', id: 2, timeout: 0, type: 'missing', body: {} });
  const failed = await expect('FAILED');
  t.like(failed, { id: 2, message: 'No handler registered for message type: missing', code: 'IPC_ERR_NO_HANDLER' });

  await send({ kind: 'MESSAGE', type: 'note', body: { headers: { trace: 1 } } });
  t.deepEqual(await wire.calls.until(1), [[undefined, 'raw']]);

  await send({ kind: 'SUBSCRIBE', id: 3, topic: 'user.*' });
  t.deepEqual(await expect('RESPONSE'), { kind: 'RESPONSE', id: 3, body: { payload: undefined, headers: undefined } });
  await send({ kind: 'PUBLISH', topic: 'user.login', body: { payload: 'ada' } });
  t.like(await expect('TOPIC'), { topic: 'user.login', publisher: 'raw', body: { payload: 'ada' } });
  await wire.server.publish('user.server', 1);
  t.like(await expect('TOPIC'), { topic: 'user.server', publisher: '' });
  await send({ kind: 'UNSUBSCRIBE', id: 5, topic: 'user.*' });
  t.is((await expect('RESPONSE')).id, 5);

  await send({ kind: 'PING', id: 77 });
  t.is((await expect('PONG')).id, 77);
  await wire.unharmed();
});

test('it is asked, and what it is asked is cancelled', async (t) => {
  const wire = await wireServer(t);
  const { send, expect } = await binaryClient(wire);
  const asked = wire.server.requestClient('raw', 'sum', [1, 2], { timeout: 4000 });
  const request = await expect('REQUEST');
  t.like(request, { type: 'sum', timeout: 4000, body: { payload: [1, 2] } });
  t.true(request.id > 0);
  await send({ kind: 'RESPONSE', id: request.id, body: { payload: 3 } });
  t.is(await asked, 3);

  const error = failure(() => wire.server.requestClient('raw', 'sum', []));
  await send({ kind: 'FAILED', id: (await expect('REQUEST')).id, message: 'no', name: 'RangeError', code: 'E_NO' });
  t.like(await error, { message: 'no', name: 'RangeError', code: 'E_NO', origin: 'peer' });

  const late = failure(() => wire.server.requestClient('raw', 'sum', [], { timeout: 50 }));
  const second = await expect('REQUEST');
  await late;
  t.is((await expect('CANCEL')).id, second.id);
});

test('cancelling, and an id that is still in use', async (t) => {
  const wire = await wireServer(t);
  const started = recorder();
  const aborted = recorder();
  wire.server.onMessage('hang', (_payload, _clientId, { signal }) => {
    signal.addEventListener('abort', () => aborted());
    started();
    return new Promise(() => {});
  });
  const { peer, send, expect } = await binaryClient(wire);
  await send({ kind: 'REQUEST', id: 1, timeout: 0, type: 'hang', body: {} });
  await started.until(1);
  await send({ kind: 'CANCEL', id: 1 });
  await aborted.until(1);
  await send({ kind: 'CANCEL', id: 1 });
  await send({ kind: 'CANCEL', id: 999 });

  const left = wire.leaving();
  await send({ kind: 'REQUEST', id: 1, timeout: 0, type: 'hang', body: {} });
  t.is((await expect('GOAWAY')).reason, 7);
  t.is(await left, 'protocol_error');
  await peer.closed();
  await wire.unharmed();
});

test('credit: what is granted may be sent, and no more', async (t) => {
  const wire = await wireServer(t);
  const open: (() => void)[] = [];
  const started = recorder();
  wire.server.onMessage('hold', (payload) => {
    started(payload);
    return new Promise<void>((resolve) => open.push(resolve));
  });
  const { peer, limits, send, expect } = await binaryClient(wire);
  const window = limits.windowMessages;
  const messages = (from: number, count: number) =>
    Buffer.concat(Array.from({ length: count }, (_, index) => frame(encodeBinary({ kind: 'MESSAGE', type: 'hold', body: { payload: from + index } }))));

  await peer.write(messages(0, window));
  await started.until(window);
  for (const finish of open.splice(0)) finish();
  // As many again, as credit for them comes: what has finished, and the window.
  let granted = window;
  for (let next = window; next < 2 * window; next = granted) {
    while (granted <= next) granted = (await expect('CREDIT')).messages;
    await peer.write(messages(next, granted - next));
  }
  t.is(granted, 2 * window);
  await started.until(2 * window);
  t.deepEqual(started.calls.map(([payload]) => payload), Array.from({ length: 2 * window }, (_, index) => index));
  // The control lane needs no credit.
  await send({ kind: 'PING', id: 5 });
  t.is((await expect('PONG')).id, 5);
  const left = wire.leaving();
  await peer.write(messages(2 * window, 1));
  t.is(await left, 'protocol_error');
  t.is(started.calls.length, 2 * window);
  await wire.unharmed();
});

test('credit: the server waits for ours, but answers without', async (t) => {
  const wire = await wireServer(t);
  const { peer, send, expect } = await binaryClient(wire, { windowMessages: 2, windowBytes: 1000000 });
  const sent = Array.from({ length: 5 }, (_, index) => wire.server.sendToClient('raw', 'news', index));
  await Promise.all(sent);
  t.is((await expect('MESSAGE')).body.payload, 0);
  t.is((await expect('MESSAGE')).body.payload, 1);
  await send({ kind: 'REQUEST', id: 1, timeout: 0, type: 'echo', body: { payload: 'past the queue' } });
  t.is((await expect('RESPONSE')).body.payload, 'past the queue');
  t.deepEqual(peer.frames.filter(({ kind }: any) => kind === 0x01), []);

  await send({ kind: 'CREDIT', messages: 4, bytes: 1000000 });
  await send({ kind: 'CREDIT', messages: 3, bytes: 0 });
  t.is((await expect('MESSAGE')).body.payload, 2);
  t.is((await expect('MESSAGE')).body.payload, 3);
  await send({ kind: 'PING', id: 1 });
  await expect('PONG');
  t.deepEqual(peer.frames.filter(({ kind }: any) => kind === 0x01), []);
  await send({ kind: 'CREDIT', messages: 5, bytes: 1000000 });
  t.is((await expect('MESSAGE')).body.payload, 4);
  await wire.unharmed();
});

const malformed: [string, number[], number][] = [
  ['a topic to the server', [0x0b, 1, 0x61, 0, 0], 7],
  ['a stream with the id 0', [0x11, 0, 1, 0x61, 0], 7],
  ['metadata that is plain bytes', [0x11, 1, 1, 0x61, 3, 0], 7],
];

for (const [what, body, reason] of malformed) {
  test(`${what} is refused`, async (t) => {
    const wire = await wireServer(t);
    const { peer, expect } = await binaryClient(wire);
    await peer.write(Buffer.concat([prefix(body.length), Buffer.from(body)]));
    t.is((await expect('GOAWAY')).reason, reason);
    await peer.closed();
    await wire.unharmed();
  });
}

test('a handler\'s very long error text does not end the connection', async (t) => {
  const wire = await wireServer(t);
  wire.server.onMessage('verbose', () => {
    throw new Error('x'.repeat(200000));
  });
  const error = await failure(() => wire.witness.request('verbose', {}));
  t.true(error.message.startsWith('xxxx'), error.message.slice(0, 100));
  await wire.unharmed();
});

test('two native peers write JSON for the registration only', async (t) => {
  const wire = await wireServer(t);
  const socketPath = tempSocket(t, 'relay.sock');
  const heard: Record<string, Buffer[]> = { client: [], server: [] };
  let ended = (_value?: unknown) => {};
  const end = new Promise((resolve) => (ended = resolve));
  const relay = net.createServer((downstream) => {
    const upstream = net.connect(wire.address as any);
    downstream.on('data', (chunk) => (heard.client.push(chunk), upstream.write(chunk)));
    upstream.on('data', (chunk) => (heard.server.push(chunk), downstream.write(chunk)));
    downstream.on('close', () => (upstream.destroy(), ended())).on('error', () => {});
    upstream.on('close', () => downstream.destroy()).on('error', () => {});
  });
  await new Promise<void>((resolve) => relay.listen(socketPath, resolve));
  t.teardown(() => new Promise<void>((resolve) => relay.close(() => resolve())));
  const client = closeAfter(t, SmartIpc.createClient({ id: 'wire', socketPath, clientId: 'relayed', clientOnly: true }));
  await client.connect();
  client.onMessage('twice', (payload) => payload * 2);
  t.is(await client.request('echo', 'text'), 'text');
  t.is(await wire.server.requestClient('relayed', 'twice', 21), 42);
  await client.sendMessage('note', Buffer.from([1]), { trace: 1 });
  await wire.calls.until(1);
  await client.disconnect();
  await within(end, 'the end of the relayed connection');

  for (const [side, chunks] of Object.entries(heard)) {
    const bodies: Buffer[] = [];
    for (let bytes = Buffer.concat(chunks); bytes.length > 0; bytes = bytes.subarray(4 + bytes.readUInt32BE())) {
      bodies.push(bytes.subarray(4, 4 + bytes.readUInt32BE()));
    }
    t.is(bodies[0][0], 0x7b, side);
    const kinds = bodies.slice(1).map((body) => decodeBinary(body).kind);
    t.true(kinds.includes('REQUEST') && kinds.includes('RESPONSE'), `${side}: ${kinds}`);
    if (side === 'client') t.is(kinds[kinds.length - 1], 'GOAWAY');
  }
});
