// A peer on a plain socket that says what it is told, in either profile and
// either role. Frames are named by their kinds in the binary profile, whatever
// they look like on the wire; docs/protocol.md is all it knows.

import { decodeBinary, encodeBinary } from './binary-frames.mjs';
import { DEFAULT_TIMEOUT, frame, RawSocket } from './raw-socket.mjs';

export const LARGEST = 8388608;

/** What a peer says of itself that speaks the binary profile. */
export const BINARY = { version: 1, features: ['binary'], maxMessageSize: LARGEST, windowMessages: 1024, windowBytes: LARGEST };

/** In JSON: what a frame of this kind is called, and how its fields are written. */
const ENVELOPES = {
  CANCEL: ({ id }) => ({ type: '__cancel__', payload: { id: `${id}` } }),
  SUBSCRIBE: ({ id, topic }) => control('__subscribe__', id, { topic }),
  UNSUBSCRIBE: ({ id, topic }) => control('__unsubscribe__', id, { topic }),
  PUBLISH: ({ topic, body }) => ({ type: '__publish__', payload: { topic, payload: body.payload }, headers: body.headers }),
  TOPIC: ({ topic, publisher, body }) => ({ type: `topic:${topic}`, payload: body.payload, headers: { ...body.headers, publisherId: publisher } }),
  PING: ({ id }) => ({ type: '__heartbeat__', id: `${id}` }),
  PONG: ({ id }) => ({ type: '__heartbeat_response__', correlationId: `${id}` }),
  GOAWAY: ({ reason, message }) => ({ type: '__goaway__', payload: { reason: REASONS[reason], message } }),
  MESSAGE: ({ type, body }) => ({ type, ...payload(body) }),
  REQUEST: ({ id, type, body }) => ({ id: `${id}`, type, ...payload(body, { requiresResponse: true }) }),
  RESPONSE: ({ id, body }) => ({ type: 'any_response', correlationId: `${id}`, ...payload(body) }),
  FAILED: ({ id, message, name, code }) => ({
    type: 'any_response',
    correlationId: `${id}`,
    headers: { error: message, errorName: name, errorCode: code },
  }),
};

function control(type, id, fields) {
  return id === 0 ? { type, payload: fields } : { id: `${id}`, type, payload: fields, headers: { requiresResponse: true } };
}

function payload({ payload: value, headers }, more = {}) {
  const bytes = Buffer.isBuffer(value);
  const all = { ...headers, ...more, ...(bytes ? { encoding: 'base64' } : {}) };
  return { payload: bytes ? value.toString('base64') : value, headers: Object.keys(all).length > 0 ? all : undefined };
}

/** The close reasons by their numbers, as docs/protocol.md lists them. */
export const REASONS = [
  'none', 'local', 'peer', 'peer_closed', 'truncated_frame', 'reset', 'io_error', 'protocol_error', 'message_too_large', 'bad_json',
  'bad_envelope', 'not_registered', 'handshake_timeout', 'frame_timeout', 'heartbeat_timeout', 'unauthorized', 'duplicate_client_id',
  'replaced', 'kicked', 'server_stopping', 'slow_consumer', 'max_connections', 'idle_timeout', 'incompatible', 'refused', 'yielded',
];

const KINDS = {
  __cancel__: ({ payload }) => ({ kind: 'CANCEL', id: payload.id }),
  __subscribe__: ({ id, payload }) => ({ kind: 'SUBSCRIBE', id, topic: payload.topic }),
  __unsubscribe__: ({ id, payload }) => ({ kind: 'UNSUBSCRIBE', id, topic: payload.topic }),
  __publish__: ({ payload, headers }) => ({ kind: 'PUBLISH', topic: payload.topic, body: { payload: payload.payload, headers } }),
  __heartbeat__: ({ id }) => ({ kind: 'PING', id }),
  __heartbeat_response__: ({ correlationId }) => ({ kind: 'PONG', id: correlationId }),
  __goaway__: ({ payload }) => ({ kind: 'GOAWAY', reason: REASONS.indexOf(payload.reason), message: payload.message }),
};

/** An envelope as a frame; ids become numbers where they are written like one. */
function fromEnvelope(envelope) {
  const { id, type, correlationId, headers = {} } = envelope;
  const { requiresResponse, timeout, error, errorName, errorCode, encoding, publisherId, ...others } = headers;
  const own = Object.keys(others).length > 0 ? others : undefined;
  const value = encoding === 'base64' ? Buffer.from(envelope.payload, 'base64') : envelope.payload;
  const body = { payload: value, headers: own };
  if (KINDS[type] !== undefined) return numbered(KINDS[type](envelope));
  if (correlationId !== undefined && error !== undefined) {
    return numbered({ kind: 'FAILED', id: correlationId, message: error, name: errorName, code: errorCode });
  }
  if (correlationId !== undefined) return numbered({ kind: 'RESPONSE', id: correlationId, body });
  if (type.startsWith('topic:')) return { kind: 'TOPIC', topic: type.slice('topic:'.length), publisher: publisherId || '', body };
  return requiresResponse ? numbered({ kind: 'REQUEST', id, timeout, type, body }) : { kind: 'MESSAGE', type, body };
}

function numbered(decoded) {
  return /^\d+$/.test(decoded.id) ? { ...decoded, id: Number(decoded.id) } : decoded;
}

/** Bytes of a frame, its length first. */
export function spoken(profile, fields) {
  if (profile === 'binary') return frame(encodeBinary({ timeout: 0, message: '', name: '', code: '', body: {}, ...fields }));
  return frame(ENVELOPES[fields.kind]({ body: {}, ...fields }));
}

/** One connection. Answers pings by itself; everything else waits for `expect`. */
export class Talker extends RawSocket {
  constructor(socket, { profile = 'json' } = {}) {
    super(socket);
    /** @type {'json' | 'binary'} */
    this.profile = profile;
    this.registered = false;
    /** How much of every kind came. */
    this.received = 0;
  }

  /** @returns {Promise<Talker>} */
  static connect(address, options) {
    return this.open(address, options);
  }

  dispatch(received) {
    if (received.body === undefined && /^__register__/.test(received.type)) return this.keep(received);
    this.received++;
    const decoded = received.body === undefined ? fromEnvelope(received) : decodeBinary(received.body);
    if (decoded.kind === 'PING') this.say({ kind: 'PONG', id: decoded.id });
    else this.keep(decoded);
  }

  bytes(fields) {
    return spoken(this.profile, fields);
  }

  /** Says one thing. */
  say(fields) {
    return this.write(this.bytes(fields));
  }

  /** Says many things with one write. */
  sayAll(list) {
    return this.write(Buffer.concat(list.map((fields) => this.bytes(fields))));
  }

  /** The next frame of this kind that nobody has taken yet. */
  expect(kind, where = (_frame) => true, timeout = DEFAULT_TIMEOUT) {
    return this.expectFrame((it) => it.kind === kind && where(it), { what: kind, timeout });
  }

  /** Everything sent so far has been read: a pong answers the last ping. */
  async beat(id = 4000000000) {
    await this.say({ kind: 'PING', id });
    return this.expect('PONG', (pong) => pong.id === id);
  }

  /** Asks and gives the answer's payload. */
  async ask(id, type, value) {
    await this.say({ kind: 'REQUEST', id, type, body: { payload: value } });
    const answer = await this.expectFrame((it) => it.id === id && ['RESPONSE', 'FAILED'].includes(it.kind), { what: `answers ${type}` });
    if (answer.kind === 'FAILED') throw Object.assign(new Error(answer.message), { code: answer.code });
    return answer.body.payload;
  }

  /** As a client: registers; gives the payload of the answer. */
  async register(registration = {}) {
    const protocol = this.profile === 'binary' ? { protocol: BINARY } : {};
    await this.send({ id: 'hello', type: '__register__', payload: { ...protocol, ...registration }, headers: { requiresResponse: true } });
    const answer = await this.expectFrame((it) => it.type === '__register___response', { what: 'that answers the registration' });
    return answer.payload;
  }

  /** As a server: lets a client in; gives its registration. */
  async letIn(welcome = {}) {
    const registration = await this.expectFrame((it) => it.type === '__register__', { what: 'that registers' });
    const protocol = this.profile === 'binary' ? { protocol: BINARY } : {};
    const answer = { success: true, clientId: registration.payload.clientId, role: 'server', ...protocol, ...welcome };
    await this.send({ id: '0', type: '__register___response', correlationId: registration.id, payload: answer });
    return registration.payload;
  }
}
