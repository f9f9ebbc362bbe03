// A server that is a plain socket, and our client.

import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, once, recorder, tempSocket, within } from '../support/helpers.cjs';
import { frame, ofType, RawServer } from '../support/raw-peer.mjs';

async function rawServer(t: any, clientOptions: object = {}, serverOptions: object = {}) {
  const socketPath = tempSocket(t);
  const server = await RawServer.listen({ path: socketPath }, serverOptions);
  t.teardown(() => server.close());
  const client = closeAfter(
    t,
    SmartIpc.createClient({ id: 'raw-server', socketPath, clientId: 'native', clientOnly: true, autoReconnect: false, ...clientOptions }),
  );
  client.on('error', () => {});
  return { server, client, accept: () => within(server.accept(), 'a connection of the client') };
}

async function connected(t: any, clientOptions: object = {}, serverOptions: object = {}) {
  const { client, accept } = await rawServer(t, clientOptions, serverOptions);
  const connecting = client.connect();
  const peer = await accept();
  const registration = await peer.letIn({ role: 'server' });
  await connecting;
  return { client, peer, registration };
}

test('the registration of our client', async (t) => {
  const { registration, peer } = await connected(t, { metadata: { kind: 'test' }, authToken: 'secret' });
  t.is(registration.clientId, 'native');
  t.deepEqual(registration.metadata, { kind: 'test' });
  t.is(registration.token, 'secret');
  t.false('probe' in registration);
  t.is(registration.protocol.version, 1);
  t.true(registration.protocol.features.includes('binary'));
  t.is(registration.protocol.maxMessageSize, 8388608);
  t.true(registration.protocol.windowMessages > 0 && registration.protocol.windowBytes > 0);
  t.deepEqual(peer.frames, []);
});

test('messages, requests and their failures', async (t) => {
  const { client, peer } = await connected(t);
  peer.onMessage('add', ([a, b]: number[], { headers }: any) => ({ sum: a + b, trace: headers.trace }));
  peer.onMessage('fails', () => {
    throw Object.assign(new RangeError('no'), { code: 'E_NO' });
  });
  t.deepEqual(await client.request('add', [1, 2], { headers: { trace: 't-1' } }), { sum: 3, trace: 't-1' });

  const error = await failure(() => client.request('fails', {}));
  t.true(error instanceof IpcError);
  t.is(error.message, 'no');
  t.is(error.name, 'RangeError');
  t.is(error.code, 'E_NO');
  t.is(error.origin, 'peer');

  await client.sendMessage('note', { a: 1 }, { trace: 't-2' });
  const note = await peer.expectFrame(ofType('note'));
  t.deepEqual(note.payload, { a: 1 });
  t.deepEqual(note.headers, { trace: 't-2' });
  t.is(note.correlationId, undefined);
});

test('a Buffer goes and comes as base64', async (t) => {
  const { client, peer } = await connected(t);
  const answer = client.request('bytes', Buffer.from([1, 2, 255]));
  const request = await peer.expectFrame(ofType('bytes'));
  t.is(request.payload, 'AQL/');
  t.is(request.headers.encoding, 'base64');
  await peer.answer(request, Buffer.from([254, 0]));
  t.deepEqual(await answer, Buffer.from([254, 0]));
});

test('it asks our client', async (t) => {
  const { client, peer } = await connected(t);
  client.onMessage('age', ({ unit }) => ({ age: 33, unit }));
  t.deepEqual(await peer.request('age', { unit: 'years' }), { age: 33, unit: 'years' });

  const error = await failure(() => peer.request('unknown', {}));
  t.is(error.message, 'No handler registered for message type: unknown');
});

test('subscribing, topic messages, unsubscribing and publishing', async (t) => {
  const { client, peer } = await connected(t);
  const seen = recorder();
  const handler = (payload: unknown, context: object) => seen(payload, context);
  const subscribing = client.subscribe('user.*', handler);
  const subscribe = await peer.expectFrame(ofType('__subscribe__'));
  t.deepEqual(subscribe.payload, { topic: 'user.*' });
  t.is(subscribe.headers.requiresResponse, true);
  await peer.answer(subscribe, undefined);
  await subscribing;

  await peer.sendMessage('topic:user.login', 'ada', { publisherId: 'web-1' });
  const [[payload, context]] = await seen.until(1);
  t.is(payload, 'ada');
  t.like(context, { topic: 'user.login', publisherId: 'web-1' });

  await client.publish('user.logout', { who: 'ada' });
  const publish = await peer.expectFrame(ofType('__publish__'));
  t.deepEqual(publish.payload, { topic: 'user.logout', payload: { who: 'ada' } });

  const unsubscribing = client.unsubscribe('user.*', handler);
  const unsubscribe = await peer.expectFrame(ofType('__unsubscribe__'));
  await peer.answer(unsubscribe, undefined);
  await unsubscribing;
});

test('a refused subscription rejects', async (t) => {
  const { client, peer } = await connected(t);
  const error = failure(() => client.subscribe('secret.*', () => {}));
  await peer.refuse(await peer.expectFrame(ofType('__subscribe__')), Object.assign(new Error('not for you'), { code: 'E_SECRET' }));
  t.is((await error).message, 'not for you');
});

test('heartbeats both ways', async (t) => {
  const { client, peer } = await connected(t, { heartbeatInterval: 100, heartbeatTimeout: 300 }, { beats: false });
  await peer.beat();
  const ping = await peer.expectFrame(ofType('__heartbeat__'));
  await peer.send({ type: '__heartbeat_response__', correlationId: ping.id });

  const timeout = once(client, 'heartbeatTimeout');
  const left = once(client, 'disconnect');
  await peer.expectFrame(ofType('__heartbeat__'));
  t.is((await timeout)[0].code, 'IPC_ERR_HEARTBEAT_TIMEOUT');
  t.is((await left)[0], 'heartbeat_timeout');
  await peer.closed();
});

test('our client cancels what it no longer wants', async (t) => {
  const { client, peer } = await connected(t);
  const controller = new AbortController();
  const aborted = failure(() => client.request('slow', 1, { signal: controller.signal }));
  const first = await peer.expectFrame(ofType('slow'));
  controller.abort();
  await aborted;
  t.deepEqual((await peer.expectFrame(ofType('__cancel__'))).payload, { id: first.id });

  const late = failure(() => client.request('slow', 2, { timeout: 100 }));
  const second = await peer.expectFrame(ofType('slow'));
  t.is((await late).message, 'Request timeout for slow');
  t.deepEqual((await peer.expectFrame(ofType('__cancel__'))).payload, { id: second.id });

  await peer.answer(second, 'too late');
  peer.onMessage('echo', (payload: unknown) => payload);
  t.is(await client.request('echo', 'fine'), 'fine');
});

test('the server cancels what our client does', async (t) => {
  const { client, peer } = await connected(t);
  const aborted = recorder();
  const started = recorder();
  client.onMessage('work', (_payload, { signal }) => {
    signal.addEventListener('abort', () => aborted());
    started();
    return new Promise(() => {});
  });
  const controller = new AbortController();
  const call = failure(() => peer.request('work', {}, { signal: controller.signal }));
  await started.until(1);
  controller.abort();
  await call;
  await aborted.until(1);
  t.pass();
});

test('goodbye with a reason', async (t) => {
  const { client, peer } = await connected(t);
  const pending = failure(() => client.request('never', 1));
  await peer.expectFrame(ofType('never'));
  const left = once(client, 'disconnect');
  await peer.goAway('server_stopping', 'see you');

  t.is((await left)[0], 'server_stopping');
  const error = await pending;
  t.is(error.code, 'IPC_ERR_SERVER_STOPPING');
  t.is(error.mayHaveRun, true);
  await peer.closed();
});

test('our client says goodbye', async (t) => {
  const { client, peer } = await connected(t);
  await client.disconnect();
  t.is((await peer.expectFrame(ofType('__goaway__'))).payload.reason, 'local');
  await peer.closed();
});

test('a refusal is the error of connect()', async (t) => {
  const { client, accept } = await rawServer(t);
  const connecting = failure(() => client.connect());
  const peer = await accept();
  const registration = await peer.expectFrame(ofType('__register__'));
  await peer.answer(registration, { success: false, error: 'Failed to register: house rules', reason: 'refused' });

  const error = await connecting;
  t.true(error instanceof IpcError);
  t.regex(error.message, /Failed to register/);
  t.regex(error.message, /house rules/);
  await peer.closed();
});

test('a server that never answers is given up', async (t) => {
  const { client, accept } = await rawServer(t, { registerTimeoutMs: 200 });
  const error = failure(() => client.connect());
  const peer = await accept();
  t.regex((await error).message, /Failed to register|Connection timeout after/);
  await peer.closed();
});

const hostile: [string, Buffer, string][] = [
  ['a subscription', frame({ type: '__subscribe__', payload: { topic: 'a' } }), 'protocol_error'],
  ['a publication', frame({ type: '__publish__', payload: { topic: 'a' } }), 'protocol_error'],
  ['a second welcome', frame({ type: '__register___response', payload: { success: true, clientId: 'other' } }), 'protocol_error'],
];

for (const [what, bytes, reason] of hostile) {
  test(`P10: ${what} ends the connection of our client [client, json]`, async (t) => {
    const { client, peer } = await connected(t);
    const left = once(client, 'disconnect');
    const pending = failure(() => client.request('never', 1));
    await peer.expectFrame(ofType('never'));
    await peer.write(bytes);

    t.is((await left)[0], reason);
    t.is((await pending).mayHaveRun, true);
    await peer.closed();
    t.is(client.getClientId(), 'native');
  });
}
