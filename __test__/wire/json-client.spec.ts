import test from 'ava';
import { failure, once, recorder } from '../support/helpers.cjs';
import { ofType } from '../support/raw-peer.mjs';
import { wireServer } from '../support/wire.mjs';

test('a message without an id or a timestamp', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  await peer.send('{"type":"note","payload":{"a":[1,null]}}');
  t.deepEqual(await wire.calls.until(1), [[{ a: [1, null] }, 'raw']]);
});

test('a message without a payload, and one with null', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  await peer.send({ type: 'note' });
  await peer.send({ type: 'note', payload: null });
  t.deepEqual(await wire.calls.until(2), [[undefined, 'raw'], [null, 'raw']]);
});

test('an answer has the id and the type of its request', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  await peer.send({ type: 'echo', id: 'any text – 世界', payload: 7, headers: { requiresResponse: true } });
  const answer = await peer.expectFrame(ofType('echo_response'));

  t.is(answer.correlationId, 'any text – 世界');
  t.is(answer.payload, 7);
  t.is(typeof answer.timestamp, 'number');
  t.is(answer.headers?.error, undefined);
});

test('a handler without a value answers without a payload', async (t) => {
  const wire = await wireServer(t);
  wire.server.onMessage('nothing', () => undefined);
  wire.server.onMessage('null', () => null);
  const peer = await wire.client();
  await peer.send({ type: 'nothing', id: '1', headers: { requiresResponse: true } });
  await peer.send({ type: 'null', id: '2', headers: { requiresResponse: true } });

  t.false('payload' in (await peer.expectFrame(ofType('nothing_response'))));
  t.is((await peer.expectFrame(ofType('null_response'))).payload, null);
});

test('the error of a handler, and of a missing one', async (t) => {
  const wire = await wireServer(t);
  wire.server.onMessage('fails', () => {
    throw Object.assign(new RangeError('no'), { code: 'E_NO' });
  });
  const peer = await wire.client();
  await peer.send({ type: 'fails', id: '1', headers: { requiresResponse: true } });
  await peer.send({ type: 'missing', id: '2', headers: { requiresResponse: true } });

  const thrown = await peer.expectFrame((envelope) => envelope.correlationId === '1');
  t.is(thrown.type, 'fails_response');
  t.deepEqual(thrown.headers, { error: 'no', errorName: 'RangeError', errorCode: 'E_NO' });
  t.false(JSON.stringify(thrown).includes('.spec.'), 'no path crosses');
  const missing = await peer.expectFrame((envelope) => envelope.correlationId === '2');
  t.is(missing.headers.error, 'No handler registered for message type: missing');
  t.is(missing.headers.errorCode, 'IPC_ERR_NO_HANDLER');
});

test('it is asked by the server and answers', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  const asked = wire.server.requestClient('raw', 'sum', [1, 2, 3], { timeout: 4000 });
  const request = await peer.expectFrame(ofType('sum'));

  t.deepEqual(request.payload, [1, 2, 3]);
  t.is(request.headers.requiresResponse, true);
  t.is(request.headers.timeout, 4000);
  t.regex(request.id, /^[1-9]\d*$/);
  await peer.answer(request, 6);
  t.is(await asked, 6);
});

test('its failure reaches the server as the failure of a peer', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  peer.onMessage('sum', () => {
    throw Object.assign(new TypeError('not numbers'), { code: 'E_SUM' });
  });
  const error = await failure(() => wire.server.requestClient('raw', 'sum', []));
  t.is(error.message, 'not numbers');
  t.is(error.name, 'TypeError');
  t.is(error.code, 'E_SUM');
  t.is(error.origin, 'peer');
});

test('a Buffer is base64 both ways', async (t) => {
  const wire = await wireServer(t);
  const got = recorder();
  wire.server.onMessage('bytes', (payload) => {
    got(payload);
    return payload;
  });
  const peer = await wire.client();
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  await peer.send({
    type: 'bytes',
    id: '1',
    payload: bytes.toString('base64'),
    headers: { requiresResponse: true, encoding: 'base64' },
  });
  const answer = await peer.expectFrame(ofType('bytes_response'));

  t.true(Buffer.isBuffer(got.calls[0][0]));
  t.deepEqual(got.calls[0][0], bytes);
  t.is(answer.payload, bytes.toString('base64'));
  t.is(answer.headers.encoding, 'base64');
  t.deepEqual(await peer.request('echo', Buffer.alloc(0)), Buffer.alloc(0));
});

test('headers reach the handler without the keys of the protocol', async (t) => {
  const wire = await wireServer(t);
  const got = recorder();
  wire.server.onMessage('headed', (_payload, _clientId, { headers }) => void got(headers));
  const peer = await wire.client();
  await peer.request('headed', 1, { headers: { trace: 't-1', deep: { list: [1] } } });
  t.deepEqual(JSON.parse(JSON.stringify(got.calls[0][0])), { trace: 't-1', deep: { list: [1] } });
});

test('it subscribes, and publishes', async (t) => {
  const wire = await wireServer(t);
  const native = recorder();
  await wire.witness.subscribe('user.*', (payload, context) => native(payload, context));
  const peer = await wire.client({}, { beats: true });
  peer.send({ id: 's1', type: '__subscribe__', payload: { topic: 'user.*' }, headers: { requiresResponse: true } });
  const acknowledged = await peer.expectFrame((envelope) => envelope.correlationId === 's1');
  t.is(acknowledged.type, '__subscribe___response');
  t.is(acknowledged.headers?.error, undefined);

  await peer.publish('user.login', { who: 'ada' });
  const own = await peer.expectFrame(ofType('topic:user.login'));
  t.deepEqual(own.payload, { who: 'ada' });
  t.is(own.headers.publisherId, 'raw');
  const [[payload, context]] = await native.until(1);
  t.deepEqual(payload, { who: 'ada' });
  t.like(context, { topic: 'user.login', publisherId: 'raw' });

  await wire.witness.publish('user.logout', Buffer.from([0, 255]));
  const bytes = await peer.expectFrame(ofType('topic:user.logout'));
  t.is(bytes.payload, 'AP8=');
  t.deepEqual(bytes.headers, { encoding: 'base64', publisherId: 'witness' });
  await wire.server.publish('user.server', 1);
  t.is((await peer.expectFrame(ofType('topic:user.server'))).headers?.publisherId, undefined);
});

test('unsubscribing ends it, and twice is fine', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  await peer.control('__subscribe__', { topic: 'a.*' });
  await peer.control('__subscribe__', { topic: 'a.*' });
  await peer.control('__subscribe__', { topic: 'end' });
  peer.send({ id: 'u1', type: '__unsubscribe__', payload: { topic: 'a.*' }, headers: { requiresResponse: true } });
  const acknowledged = await peer.expectFrame((envelope) => envelope.correlationId === 'u1');
  t.is(acknowledged.type, '__unsubscribe___response');
  await peer.control('__unsubscribe__', { topic: 'a.*' });
  await peer.control('__unsubscribe__', { topic: 'never.subscribed' });

  await wire.server.publish('a.b', 1);
  await wire.server.publish('end', 1);
  await peer.expectFrame(ofType('topic:end'));
  t.deepEqual(peer.frames, []);
});

test('heartbeats are answered with their id', async (t) => {
  const wire = await wireServer(t, { server: { heartbeat: false } });
  const peer = await wire.client();
  await peer.send({ id: 'beat-1', type: '__heartbeat__', timestamp: 1 });
  t.is((await peer.expectFrame(ofType('__heartbeat_response__'))).correlationId, 'beat-1');
  await peer.beat();
  await wire.unharmed();
});

test('silence is asked about, and given up when no answer comes', async (t) => {
  const wire = await wireServer(t, { server: { heartbeatInterval: 100, heartbeatTimeout: 300 } });
  const quiet = await wire.client({ clientId: 'quiet' }, { beats: true });
  const mute = await wire.client({ clientId: 'mute' }, { beats: false });
  const timeout = once(wire.server, 'heartbeatTimeout');
  const left = wire.leaving('mute');

  await mute.expectFrame(ofType('__heartbeat__'));
  t.is((await timeout)[0], 'mute');
  t.is(await left, 'heartbeat_timeout');
  await mute.closed();
  t.is(await quiet.request('echo', 'here'), 'here');
  await wire.unharmed();
});

test('cancelling tells the handler, and no answer follows', async (t) => {
  const wire = await wireServer(t);
  const started = recorder();
  const aborted = recorder();
  wire.server.onMessage('long', (payload, _clientId, { signal }) => {
    started(payload);
    return new Promise((resolve) => signal.addEventListener('abort', () => (aborted(payload), resolve('too late'))));
  });
  const peer = await wire.client();
  for (const id of ['one', 'two']) await peer.send({ type: 'long', id, payload: id, headers: { requiresResponse: true } });
  await started.until(2);
  await peer.cancel('one');

  t.deepEqual(await aborted.until(1), [['one']]);
  t.is(await peer.request('echo', 'after it'), 'after it');
  t.deepEqual(peer.frames, []);
  t.deepEqual(aborted.calls, [['one']], 'the other one goes on');
});

test('the server cancels what it has asked', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  const controller = new AbortController();
  const call = failure(() => wire.server.requestClient('raw', 'slow', {}, { signal: controller.signal }));
  const request = await peer.expectFrame(ofType('slow'));
  controller.abort();
  await call;

  t.deepEqual((await peer.expectFrame(ofType('__cancel__'))).payload, { id: request.id });
  // Late, and dropped.
  await peer.answer(request, 'anyway');
  t.is(await peer.request('echo', 1), 1);
});

test('saying goodbye is told apart from leaving', async (t) => {
  const wire = await wireServer(t);
  const polite = await wire.client({ clientId: 'polite' });
  const gone = wire.leaving('polite');
  await polite.goAway('local');
  t.is(await gone, 'peer');
  await polite.closed();

  const rude = await wire.client({ clientId: 'rude' });
  const left = wire.leaving('rude');
  rude.halfClose();
  t.is(await left, 'peer_closed');
  await wire.unharmed();
});

test('it is told when it is thrown out, and when the server stops', async (t) => {
  const wire = await wireServer(t);
  const thrown = await wire.client({ clientId: 'thrown' });
  wire.server.disconnectClient('thrown', 'misbehaved');
  const kicked = await thrown.expectFrame(ofType('__goaway__'));
  t.is(kicked.payload.reason, 'kicked');
  t.regex(kicked.payload.message, /misbehaved/);
  await thrown.closed();
  await wire.unharmed();

  const last = await wire.client({ clientId: 'last' });
  await wire.server.stop();
  t.is((await last.expectFrame(ofType('__goaway__'))).payload.reason, 'server_stopping');
  await last.closed();
});

test('headers of a publisher reach a subscriber beside the payload', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  const subscriber = await wire.native();
  const heard = recorder();
  await subscriber.subscribe('news.*', heard);
  peer.publish('news.today', 'sun', { trace: 'abc' });
  const [[payload, info]] = await heard.until(1);
  t.is(payload, 'sun');
  t.deepEqual(info.headers, { trace: 'abc' });
});
