// Bytes that are no protocol, before and after the registration. Only the
// connection they came on may suffer.

import test from 'ava';
import { frame, prefix } from '../support/raw-peer.mjs';
import { wireServer } from '../support/wire.mjs';

const MAX = 8388608;
const u32 = (value: number) => prefix(value);
/** The beginning of a TLS 1.2 ClientHello record. */
const CLIENT_HELLO = Buffer.concat([Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]), Buffer.alloc(506, 0x5a)]);

const hostile: [string, Buffer, string][] = [
  ['a prefix of one byte too many', u32(MAX + 1), 'message_too_large'],
  ['a prefix of FFFFFFFF', u32(0xffffffff), 'message_too_large'],
  ['a prefix of 80000000', u32(0x80000000), 'message_too_large'],
  ['a prefix of 7FFFFFFF', u32(0x7fffffff), 'message_too_large'],
  ['a prefix of 0', u32(0), 'protocol_error'],
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 'message_too_large'],
  ['a TLS ClientHello', CLIENT_HELLO, 'message_too_large'],
  ['a body that begins with FF', frame(Buffer.from([0xff, 0xfe])), 'protocol_error'],
  ['a lone 80', frame(Buffer.from([0x80])), 'protocol_error'],
  ['a NUL body', frame(Buffer.from([0])), 'protocol_error'],
  ['a byte order mark before JSON', frame('\ufeff{"type":"note"}'), 'protocol_error'],
  ['white space before JSON', frame(' {"type":"note"}'), 'protocol_error'],
  ['a line break before JSON', frame('\n{"type":"note"}'), 'protocol_error'],
  ['null', frame('null'), 'protocol_error'],
  ['an array', frame('[]'), 'protocol_error'],
  ['a string', frame('"note"'), 'protocol_error'],
  ['a number', frame('1'), 'protocol_error'],
  ['a kind that is never used', frame(Buffer.from([0x0d, 1])), 'protocol_error'],
  ['a binary message without its fields', frame(Buffer.from([0x01])), 'protocol_error'],
  ['a stream without its fields', frame(Buffer.from([0x11, 1])), 'protocol_error'],
  ['a payload that is not UTF-8', frame(Buffer.from('{"type":"note","payload":"\xff\xfe"}', 'latin1')), 'bad_json'],
  ['a type that is not UTF-8', frame(Buffer.from('{"type":"\x80"}', 'latin1')), 'bad_json'],
  ['UTF-8 of a surrogate', frame(Buffer.from('{"type":"note","payload":"\xed\xa0\xbd"}', 'latin1')), 'bad_json'],
  ['JSON that ends too early', frame('{"type":"note"'), 'bad_json'],
  ['JSON with something after it', frame('{"type":"note"}{}'), 'bad_json'],
  ['JSON with a trailing comma', frame('{"type":"note",}'), 'bad_json'],
  ['a payload that is not JSON', frame('{"type":"note","payload":undefined}'), 'bad_json'],
  ['an empty object', frame('{}'), 'bad_envelope'],
  ['an empty type', frame({ type: '' }), 'bad_envelope'],
  ['a type of 257 bytes', frame({ type: 'x'.repeat(257) }), 'bad_envelope'],
  ['an id of 257 bytes', frame({ type: 'note', id: 'x'.repeat(257) }), 'bad_envelope'],
  ['a correlationId of 257 bytes', frame({ type: 'note_response', correlationId: 'x'.repeat(257) }), 'bad_envelope'],
  ['a type that is a number', frame({ type: 1 }), 'bad_envelope'],
  ['a type that is an array', frame({ type: ['note'] }), 'bad_envelope'],
  ['an id that is an object', frame({ type: 'note', id: {} }), 'bad_envelope'],
  ['an id that is a number', frame({ type: 'note', id: 7 }), 'bad_envelope'],
  ['a correlationId that is an array', frame({ type: 'note', correlationId: [] }), 'bad_envelope'],
  ['a timestamp that is a text', frame({ type: 'note', timestamp: 'x' }), 'bad_envelope'],
  ['headers that are a number', frame({ type: 'note', headers: 5 }), 'bad_envelope'],
  ['headers that are an array', frame({ type: 'note', headers: [] }), 'bad_envelope'],
  ['headers of more than 64 KiB', frame({ type: 'note', headers: { x: 'x'.repeat(65536) } }), 'bad_envelope'],
  ['requiresResponse as a text', frame({ type: 'note', id: '1', headers: { requiresResponse: 'yes' } }), 'bad_envelope'],
  ['a request without an id', frame({ type: 'note', headers: { requiresResponse: true } }), 'bad_envelope'],
  ['a type that comes twice', frame('{"type":"note","type":"echo"}'), 'bad_envelope'],
  ['base64 that is none', frame({ type: 'note', payload: '%%%', headers: { encoding: 'base64' } }), 'bad_envelope'],
  ['base64 of an object', frame({ type: 'note', payload: {}, headers: { encoding: 'base64' } }), 'bad_envelope'],
];

for (const [what, bytes, reason] of hostile) {
  test(`${what} from a registered client`, async (t) => {
    const wire = await wireServer(t);
    const peer = await wire.client();
    const left = wire.leaving();
    await peer.write(bytes);

    t.is(await left, reason);
    await peer.closed();
    const [goodbye, ...others] = peer.frames;
    t.is(goodbye.payload.reason, reason, 'it is told why');
    t.deepEqual(others, []);
    t.is(wire.closes(reason), 1);
    t.deepEqual(wire.calls.calls, []);
    await wire.unharmed();
  });
}

test('the same from strangers: closed, nothing echoed', async (t) => {
  const wire = await wireServer(t, { tcp: true });
  const expected: Record<string, number> = {};
  for (const [what, bytes, reason] of hostile) {
    const peer = await wire.raw();
    await peer.write(bytes);
    const { bytesReceived } = await peer.closed({ what: `the connection with ${what}` });
    t.is(bytesReceived, 0, what);
    expected[reason] = (expected[reason] || 0) + 1;
    await wire.untilCloses(reason, expected[reason]);
  }
  t.deepEqual(wire.server.getStats().metrics.closeReasons, expected);
  t.deepEqual(wire.calls.calls, []);
  await wire.admits();
  await wire.unharmed();
});

test('the prefix decides, before any of the body', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client();
  const left = wire.leaving();
  await peer.write(u32(MAX + 1));
  t.is(await left, 'message_too_large');

  const allowed = await wire.client();
  const body = Buffer.from(`{"type":"note","payload":"${'x'.repeat(MAX)}`.slice(0, MAX - 2) + '"}');
  t.is(body.length, MAX);
  await allowed.write(Buffer.concat([prefix(MAX), body]));
  const [[payload]] = await wire.calls.until(1);
  t.is(payload.length, MAX - '{"type":"note","payload":""}'.length);
  await wire.unharmed();
});

test('maxMessageSize of the server counts', async (t) => {
  const wire = await wireServer(t, { server: { maxMessageSize: 2000 } });
  const peer = await wire.client();
  t.is(await peer.request('echo', 'x'.repeat(1000)), 'x'.repeat(1000));
  const left = wire.leaving();
  await peer.sendMessage('note', 'x'.repeat(2000));
  t.is(await left, 'message_too_large');
  await wire.unharmed();
});

test('a silent stranger is closed in time and is in nobody\'s way', async (t) => {
  const wire = await wireServer(t);
  const silent = await Promise.all(Array.from({ length: 20 }, () => wire.raw()));
  const [dripping] = silent;
  await dripping.write(prefix(100));
  await wire.admits();

  for (const peer of silent) {
    const { bytesReceived } = await peer.closed({ timeout: 20000, what: 'a silent connection' });
    t.is(bytesReceived, 0);
  }
  await wire.untilCloses('handshake_timeout', silent.length);
  await wire.unharmed();
});

for (const payload of [5, 'text', null, [], { clientId: 5 }, { clientId: {} }, { topics: 'a' }, { topics: [5] }, { token: 5 }, { probe: 'yes' }, { protocol: 5 }, { protocol: { version: 1 } }]) {
  test(`a registration with ${JSON.stringify(payload)} gets no answer`, async (t) => {
    const wire = await wireServer(t);
    const peer = await wire.raw();
    await peer.send({ type: '__register__', id: '1', payload });
    const { bytesReceived } = await peer.closed();
    t.is(bytesReceived, 0);
    await wire.untilCloses('bad_envelope');
    await wire.unharmed();
  });
}
