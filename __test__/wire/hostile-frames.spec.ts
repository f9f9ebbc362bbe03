// Well-formed frames that claim, repeat or confuse.

import test from 'ava';
import { closedWith } from '../support/conformance.mjs';
import { once, recorder } from '../support/helpers.cjs';
import { frame, ofType } from '../support/raw-peer.mjs';
import { wireServer } from '../support/wire.mjs';

const request = { headers: { requiresResponse: true } };

const unregistered: [string, object][] = [
  ['a message', { type: 'note', payload: 1 }],
  ['a request', { type: 'echo', id: '1', ...request }],
  ['a subscription', { type: '__subscribe__', id: '1', payload: { topic: '**' }, ...request }],
  ['a publication', { type: '__publish__', payload: { topic: 'a', payload: 1 } }],
  ['a heartbeat', { type: '__heartbeat__', id: '1' }],
  ['an answer', { type: 'x_response', correlationId: '1' }],
  ['a cancellation', { type: '__cancel__', payload: { id: '1' } }],
  ['a goodbye', { type: '__goaway__', payload: { reason: 'local' } }],
];

for (const [what, envelope] of unregistered) {
  test(`P1: ${what} before the registration [server, json]`, async (t) => {
    const wire = await wireServer(t);
    const published = recorder();
    await wire.witness.subscribe('**', published);
    const peer = await wire.raw();
    await peer.write(Buffer.concat([frame(envelope), frame({ type: '__register__', id: 'r', payload: { clientId: 'raw' } })]));

    const { bytesReceived } = await peer.closed();
    t.is(bytesReceived, 0);
    await wire.untilCloses('not_registered');
    closedWith(t, 'not_registered');
    t.deepEqual(wire.server.getClientIds(), ['witness']);
    t.deepEqual(wire.calls.calls, []);
    await wire.unharmed();
    t.deepEqual(published.calls, []);
  });
}

test('P6: an answer for another client\'s request [server, json]', async (t) => {
  const wire = await wireServer(t);
  const victim = await wire.client({ clientId: 'victim' });
  const thief = await wire.client({ clientId: 'thief' });
  const asked = wire.server.requestClient('victim', 'secret', {});
  const question = await victim.expectFrame(ofType('secret'));
  const guesses = Array.from({ length: 2000 }, (_, id) => frame({ type: 'secret_response', correlationId: `${id}`, payload: 'forged' }));
  await thief.write(Buffer.concat(guesses));
  t.is(await thief.request('echo', 'all read'), 'all read');

  await victim.answer(question, 'genuine');
  t.is(await asked, 'genuine');
  await wire.unharmed();
});

test('F13: unknown fields of a registration, a subscription and a publication [server, json]', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client({ colour: 'blue', 'x-list': [1] });
  await peer.send({ type: 'note', payload: 1, version: 9, deep: { a: [null] }, payload2: 'no' });
  await peer.send({ type: '__subscribe__', payload: { topic: 'a', since: 5 }, priority: 1 });
  await peer.send({ type: '__publish__', payload: { topic: 'a', payload: 2, retain: true } });

  t.deepEqual(await wire.calls.until(1), [[1, 'raw']]);
  t.is((await peer.expectFrame(ofType('topic:a'))).payload, 2);
  await wire.unharmed();
});

test('P10: who a client says it is makes no difference [server, json]', async (t) => {
  const wire = await wireServer(t);
  const seen = recorder();
  const handled = recorder();
  await wire.witness.subscribe('claims', (_payload, { publisherId }) => seen(publisherId));
  const listener = await wire.client({ clientId: 'listener' });
  await listener.control('__subscribe__', { topic: 'claims' });
  wire.server.onMessage('who', (_payload, clientId, context) => void handled(clientId, context.clientId));

  const peer = await wire.client();
  const claims = { clientId: 'witness', publisherId: 'witness', sender: 'witness', from: 'witness' };
  await peer.send({ type: 'who', id: '1', ...claims, headers: { ...claims, requiresResponse: true } });
  await peer.expectFrame(ofType('who_response'));
  t.deepEqual(handled.calls, [['raw', 'raw']]);

  await peer.send({ type: '__publish__', ...claims, payload: { topic: 'claims', payload: 1, ...claims }, headers: claims });
  t.deepEqual(await seen.until(1), [['raw']]);
  const relayed = await listener.expectFrame(ofType('topic:claims'));
  t.is(relayed.headers.publisherId, 'raw');
  t.is(relayed.clientId, undefined);
  await wire.unharmed();
});

test('P10: a relayed envelope names its publisher once [server, json]', async (t) => {
  const wire = await wireServer(t);
  const listener = await wire.client({ clientId: 'listener' });
  let received = '';
  listener.socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  await listener.control('__subscribe__', { topic: 'claims' });
  const peer = await wire.client();
  await peer.publish('claims', 1, { publisherId: 'witness', trace: 't-1' });
  const relayed = await listener.expectFrame(ofType('topic:claims'));

  t.deepEqual(relayed.headers, { publisherId: 'raw', trace: 't-1' });
  t.is(received.split('"publisherId"').length - 1, 1, received);
  await wire.unharmed();
});

const otherRole: [string, object][] = [
  ['a topic message', { type: 'topic:news', payload: 1, headers: { publisherId: 'witness' } }],
  ['an answer to a registration', { type: '__register___response', correlationId: '1', payload: { success: true, clientId: 'witness' } }],
];

for (const [what, envelope] of otherRole) {
  test(`P10: ${what} sent to the server [server, json]`, async (t) => {
    const wire = await wireServer(t);
    const seen = recorder();
    await wire.witness.subscribe('**', seen);
    const peer = await wire.client();
    const left = wire.leaving();
    await peer.send(envelope);
    t.is(await left, 'protocol_error');
    await peer.closed();
    await wire.unharmed();
    t.deepEqual(seen.calls, []);
  });
}

const harmless: [string, object][] = [
  ['a heartbeat answer nobody asked for', { type: '__heartbeat_response__', correlationId: '77' }],
  ['a heartbeat answer without an id', { type: '__heartbeat_response__' }],
  ['a cancellation of nothing', { type: '__cancel__', payload: { id: 'nothing' } }],
  ['an unsubscription of nothing', { type: '__unsubscribe__', payload: { topic: 'nothing' } }],
  ['a publication to a wildcard', { type: '__publish__', payload: { topic: '**', payload: 1 } }],
  ['a publication nobody wants', { type: '__publish__', payload: { topic: 'nothing' } }],
  ['a control type of the future', { type: '__from_the_future__', payload: { a: 1 } }],
  ['a word about streams that this version does not know', { type: '__stream_pause__', payload: { streamId: 's' } }],
  ['the end of a stream that never began', { type: '__stream_end__', payload: { streamId: 's' } }],
  ['a message without a handler', { type: 'nobody-listens', payload: 1 }],
  ['a message named like a member of Object', { type: 'constructor', payload: 1 }],
  ['a message named __proto__', { type: '__proto__', payload: 1 }],
  ['a message named like an event', { type: 'error', payload: { message: 'boom' } }],
];

for (const [what, envelope] of harmless) {
  test(`P10: ${what} changes nothing [server, json]`, async (t) => {
    const wire = await wireServer(t);
    const seen = recorder();
    await wire.witness.subscribe('**', seen);
    const peer = await wire.client();
    await peer.send(envelope);
    t.is(await peer.request('echo', 'after it'), 'after it');
    t.deepEqual(peer.frames, []);
    await wire.unharmed();
    t.deepEqual(seen.calls.filter(([payload]) => payload !== undefined), []);
  });
}

const malformed: [string, object][] = [
  ['a subscription without a payload', { type: '__subscribe__', id: '1', ...request }],
  ['a subscription to a number', { type: '__subscribe__', id: '1', payload: { topic: 5 }, ...request }],
  ['a subscription in an array', { type: '__subscribe__', id: '1', payload: ['news'], ...request }],
  ['a subscription to nothing', { type: '__subscribe__', id: '1', payload: { topic: '' }, ...request }],
  ['a subscription to 257 bytes', { type: '__subscribe__', id: '1', payload: { topic: 'x'.repeat(257) }, ...request }],
  ['a publication without a topic', { type: '__publish__', payload: { payload: 1 } }],
  ['a cancellation of a number', { type: '__cancel__', payload: { id: 1 } }],
  ['a goodbye without a payload', { type: '__goaway__' }],
];

for (const [what, envelope] of malformed) {
  test(`P10: ${what} is no envelope [server, json]`, async (t) => {
    const wire = await wireServer(t);
    const peer = await wire.client();
    const left = wire.leaving();
    await peer.send(envelope);
    t.is(await left, 'bad_envelope');
    await peer.closed();
    await wire.unharmed();
  });
}

test('refused subscriptions leave the connection open', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  const segments = await t.throwsAsync(peer.control('__subscribe__', { topic: 'a.'.repeat(127) + 'a' }));
  t.is((segments as any).code, 'IPC_ERR_INVALID_TOPIC');
  await Promise.all(Array.from({ length: 1024 }, (_, index) => peer.control('__subscribe__', { topic: `topic.${index}` })));
  const limit = await t.throwsAsync(peer.control('__subscribe__', { topic: 'one.more' }));
  t.is((limit as any).code, 'IPC_ERR_TOO_MANY_SUBSCRIPTIONS');

  await peer.control('__unsubscribe__', { topic: 'topic.0' });
  await peer.control('__subscribe__', { topic: 'one.more' });
  await wire.unharmed();
});

test('P10: 1,000 heartbeats at once are one question [server, json]', async (t) => {
  const wire = await wireServer(t, { server: { heartbeat: false } });
  const peer = await wire.client();
  await peer.write(Buffer.concat(Array.from({ length: 1000 }, (_, index) => frame({ type: '__heartbeat__', id: `b${index}` }))));
  t.truthy(await peer.expectFrame((envelope) => envelope.correlationId === 'b999', { what: 'that answers the last heartbeat' }));
  await wire.unharmed();
});

test('P10: a goodbye with a reason only a server gives is taken for a goodbye [server, json]', async (t) => {
  const wire = await wireServer(t);
  for (const reason of ['kicked', 'unauthorized', 'no_such_reason', 'local']) {
    const peer = await wire.client();
    const left = once(wire.server, 'clientDisconnect', { where: (id) => id === 'raw' });
    await peer.goAway(reason);
    t.is((await left)[1], 'peer', reason);
    await peer.closed();
  }
  await wire.unharmed();
});
