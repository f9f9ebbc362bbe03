// Bytes that no rule of the protocol allows, with the number of their case and
// the reason with which they close a connection.

import { frame, prefix } from './raw-socket.mjs';
import { LARGEST } from './talker.mjs';

/** The beginning of a TLS 1.2 ClientHello record. */
const CLIENT_HELLO = Buffer.concat([Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]), Buffer.alloc(506, 0x5a)]);

const latin1 = (text) => frame(Buffer.from(text, 'latin1'));
const binary = (...bytes) => frame(Buffer.from(bytes));

/** @type {[number: string, what: string, bytes: Buffer, reason: string][]} whatever the profile */
export const HOSTILE = [
  ['F1', 'a prefix of 0', prefix(0), 'protocol_error'],
  ['F2', 'a prefix of one byte too many', prefix(LARGEST + 1), 'message_too_large'],
  ['F3', 'a prefix of FFFFFFFF', prefix(0xffffffff), 'message_too_large'],
  ['F3', 'a prefix of 80000000', prefix(0x80000000), 'message_too_large'],
  ['F3', 'a prefix of 7FFFFFFF', prefix(0x7fffffff), 'message_too_large'],
  ['F4', 'an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 'message_too_large'],
  ['F4', 'an HTTP answer', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'message_too_large'],
  ['F4', 'a TLS ClientHello', CLIENT_HELLO, 'message_too_large'],
  ['F10', 'a body that begins with FF', binary(0xff, 0xfe), 'protocol_error'],
  ['F10', 'a lone 80', binary(0x80), 'protocol_error'],
  ['F10', 'a NUL body', binary(0), 'protocol_error'],
  ['F10', 'a byte order mark before JSON', frame('\ufeff{"type":"note"}'), 'protocol_error'],
  ['F10', 'white space before JSON', frame(' {"type":"note"}'), 'protocol_error'],
  ['F10', 'a line break before JSON', frame('\n{"type":"note"}'), 'protocol_error'],
  ['F10', 'a payload that is not UTF-8', latin1('{"type":"note","payload":"\xff\xfe"}'), 'bad_json'],
  ['F10', 'a type that is not UTF-8', latin1('{"type":"\x80"}'), 'bad_json'],
  ['F10', 'UTF-8 of a surrogate', latin1('{"type":"note","payload":"\xed\xa0\xbd"}'), 'bad_json'],
  ['F10', 'an overlong NUL', latin1('{"type":"note","payload":"\xc0\x80"}'), 'bad_json'],
  ['F10', 'JSON that ends too early', frame('{"type":"note"'), 'bad_json'],
  ['F10', 'JSON with something after it', frame('{"type":"note"}{}'), 'bad_json'],
  ['F10', 'JSON with a trailing comma', frame('{"type":"note",}'), 'bad_json'],
  ['F10', 'a payload that is not JSON', frame('{"type":"note","payload":undefined}'), 'bad_json'],
  ['F11', 'null', frame('null'), 'protocol_error'],
  ['F11', 'an array', frame('[]'), 'protocol_error'],
  ['F11', 'a string', frame('"note"'), 'protocol_error'],
  ['F11', 'a number', frame('1'), 'protocol_error'],
  ['F11', 'an empty object', frame('{}'), 'bad_envelope'],
  ['F12', 'a type that is a number', frame({ type: 1 }), 'bad_envelope'],
  ['F12', 'a type that is null', frame({ type: null }), 'bad_envelope'],
  ['F12', 'a type that is an array', frame({ type: ['note'] }), 'bad_envelope'],
  ['F12', 'an empty type', frame({ type: '' }), 'bad_envelope'],
  ['F12', 'a type that comes twice', frame('{"type":"note","type":"echo"}'), 'bad_envelope'],
  ['F12', 'an id that is an object', frame({ type: 'note', id: {} }), 'bad_envelope'],
  ['F12', 'an id that is a number', frame({ type: 'note', id: 7 }), 'bad_envelope'],
  ['F12', 'a correlationId that is an array', frame({ type: 'note', correlationId: [] }), 'bad_envelope'],
  ['F12', 'a correlationId that is a number', frame({ type: 'note', correlationId: 7 }), 'bad_envelope'],
  ['F12', 'a timestamp that is a text', frame({ type: 'note', timestamp: 'x' }), 'bad_envelope'],
  ['F12', 'headers that are a number', frame({ type: 'note', headers: 5 }), 'bad_envelope'],
  ['F12', 'headers that are an array', frame({ type: 'note', headers: [] }), 'bad_envelope'],
  ['F12', 'requiresResponse as a text', frame({ type: 'note', id: '1', headers: { requiresResponse: 'yes' } }), 'bad_envelope'],
  ['F12', 'a request without an id', frame({ type: 'note', headers: { requiresResponse: true } }), 'bad_envelope'],
  ['F12', 'base64 that is none', frame({ type: 'note', payload: '%%%', headers: { encoding: 'base64' } }), 'bad_envelope'],
  ['F12', 'base64 of an object', frame({ type: 'note', payload: {}, headers: { encoding: 'base64' } }), 'bad_envelope'],
  ['F14', 'a type of 257 bytes', frame({ type: 'x'.repeat(257) }), 'bad_envelope'],
  ['F14', 'a type of 257 bytes in 129 characters', frame({ type: `${'ü'.repeat(128)}x` }), 'bad_envelope'],
  ['F14', 'an id of 257 bytes', frame({ type: 'note', id: 'x'.repeat(257) }), 'bad_envelope'],
  ['F14', 'a correlationId of 257 bytes', frame({ type: 'note_response', correlationId: 'x'.repeat(257) }), 'bad_envelope'],
  ['F14', 'headers of more than 64 KiB', frame({ type: 'note', headers: { x: 'x'.repeat(65536) } }), 'bad_envelope'],
];

/** @type {typeof HOSTILE} in the binary profile; before the registration they are the same */
export const HOSTILE_BINARY = [
  ['F10', 'a type that is not UTF-8, in binary', binary(0x01, 1, 0xff, 0), 'protocol_error'],
  ['F10', 'JSON that is not UTF-8, in binary', binary(0x01, 1, 0x61, 1, 0x22, 0xff, 0x22), 'bad_json'],
  ['F11', 'a kind that is never used', binary(0x0d, 1), 'protocol_error'],
  ['F11', 'a message without its fields', binary(0x01), 'protocol_error'],
  ['F11', 'a stream without its fields', binary(0x11, 1), 'protocol_error'],
  ['F11', 'a text that goes on after the end', binary(0x01, 0x7f, 0x61), 'protocol_error'],
  ['F11', 'bytes after the fields', binary(0x0e, 1, 1), 'protocol_error'],
  ['F12', 'an id of more than 32 bits', binary(0x05, 0xff, 0xff, 0xff, 0xff, 0x1f), 'protocol_error'],
  ['F12', 'a number of more than 64 bits', binary(0x0c, ...Array(10).fill(0xff), 1, 1), 'protocol_error'],
  ['F12', 'an empty type, in binary', binary(0x01, 0, 0), 'protocol_error'],
  ['F12', 'unknown flags', binary(0x01, 1, 0x61, 0x10), 'protocol_error'],
  ['F12', 'an unknown encoding', binary(0x01, 1, 0x61, 0x04), 'protocol_error'],
  ['F12', 'bytes without an encoding', binary(0x01, 1, 0x61, 0, 0x31), 'protocol_error'],
  ['F12', 'headers that are an array, in binary', binary(0x01, 1, 0x61, 0x08, 2, 0x5b, 0x5d), 'bad_envelope'],
  ['F12', 'a piece of a stream without bytes', binary(0x12, 1), 'protocol_error'],
  ['F14', 'a type of 257 bytes, in binary', binary(0x01, 0x81, 0x02, ...Array(257).fill(0x61), 0), 'protocol_error'],
];

/** Before the registration a peer that speaks TLS is told apart, for that is a mistake of options. */
export function ofStrangers() {
  return [...HOSTILE, ...HOSTILE_BINARY].map(([number, what, bytes, reason]) => ({
    number,
    what,
    bytes,
    reason: bytes === CLIENT_HELLO ? 'tls_mismatch' : reason,
    error: bytes === CLIENT_HELLO ? ['IPC_ERR_TLS_MISMATCH', 'io'] : ['IPC_ERR_REGISTRATION', 'peer'],
  }));
}

/** What is hostile in a profile. */
export function hostileIn(profile) {
  return profile === 'binary' ? [...HOSTILE, ...HOSTILE_BINARY] : HOSTILE;
}
