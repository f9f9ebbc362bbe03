// The binary profile as docs/protocol.md describes it, written from that text alone.

const FIELDS = {
  MESSAGE: [0x01, { type: 'text', body: 'body' }],
  REQUEST: [0x02, { id: 'varint', timeout: 'varint', type: 'text', body: 'body' }],
  RESPONSE: [0x03, { id: 'varint', body: 'body' }],
  FAILED: [0x04, { id: 'varint', message: 'text', name: 'text', code: 'text' }],
  CANCEL: [0x05, { id: 'varint' }],
  SUBSCRIBE: [0x06, { id: 'varint', topic: 'text' }],
  UNSUBSCRIBE: [0x07, { id: 'varint', topic: 'text' }],
  PUBLISH: [0x08, { topic: 'text', body: 'body' }],
  TOPIC: [0x0b, { topic: 'text', publisher: 'text', body: 'body' }],
  CREDIT: [0x0c, { messages: 'varint', bytes: 'varint' }],
  PING: [0x0e, { id: 'varint' }],
  PONG: [0x0f, { id: 'varint' }],
  GOAWAY: [0x10, { reason: 'byte', message: 'text' }],
  STREAM_OPEN: [0x11, { id: 'varint', name: 'text', body: 'body' }],
  STREAM_DATA: [0x12, { id: 'varint', data: 'rest' }],
  STREAM_END: [0x13, { id: 'varint' }],
  STREAM_ERROR: [0x14, { id: 'varint', message: 'text', name: 'text', code: 'text' }],
  STREAM_CANCEL: [0x15, { id: 'varint', message: 'text', name: 'text', code: 'text' }],
  STREAM_CREDIT: [0x16, { id: 'varint', bytes: 'varint' }],
  STREAM_DONE: [0x17, { id: 'varint' }],
  STREAM_MEMORY: [0x18, { id: 'varint' }],
  STREAM_SHARED: [0x19, { id: 'varint', count: 'varint' }],
};

const HAS_HEADERS = 0x08;
const NONE = 0;
const JSON_TEXT = 1;
const PLAIN_BYTES = 3;

const writers = {
  byte: (value) => Buffer.from([value]),
  rest: (value) => value,
  varint(value) {
    const bytes = [];
    let rest = BigInt(value);
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    return Buffer.from([...bytes, Number(rest)]);
  },
  text(value) {
    const bytes = Buffer.from(value);
    return Buffer.concat([writers.varint(bytes.length), bytes]);
  },
  /** `text` goes out as it is, JSON or not. */
  body({ payload, headers, text = Buffer.isBuffer(payload) ? undefined : JSON.stringify(payload) }) {
    const encoding = text !== undefined ? JSON_TEXT : payload === undefined ? NONE : PLAIN_BYTES;
    const flags = encoding | (headers ? HAS_HEADERS : 0);
    const bytes = encoding === JSON_TEXT ? Buffer.from(text) : payload || Buffer.alloc(0);
    return Buffer.concat([Buffer.from([flags]), headers ? writers.text(JSON.stringify(headers)) : Buffer.alloc(0), bytes]);
  },
};

/** Reads a body front to back. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(count) {
    if (this.at + count > this.bytes.length) throw new RangeError('the frame is cut off');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  byte() {
    return this.take(1)[0];
  }

  varint() {
    let value = 0n;
    for (let shift = 0n; shift < 64n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
    throw new RangeError('the number is too long');
  }

  rest() {
    if (this.at === this.bytes.length) throw new RangeError('no bytes');
    return this.take(this.bytes.length - this.at);
  }

  text() {
    return new TextDecoder('utf-8', { fatal: true }).decode(this.take(this.varint()));
  }

  body() {
    const flags = this.byte();
    const headers = flags & HAS_HEADERS ? JSON.parse(this.text()) : undefined;
    const bytes = this.take(this.bytes.length - this.at);
    switch (flags & ~HAS_HEADERS) {
      case NONE:
        return { payload: undefined, headers };
      case JSON_TEXT:
        return { payload: JSON.parse(bytes.toString()), headers };
      case PLAIN_BYTES:
        return { payload: bytes, headers };
      default:
        throw new RangeError(`flags ${flags}`);
    }
  }
}

/** The fields of a body, with the name of its kind as `kind`; throws when it is none. */
export function decodeBinary(body) {
  const reader = new Reader(body);
  const number = reader.byte();
  const entry = Object.entries(FIELDS).find(([, [kind]]) => kind === number);
  if (!entry) throw new RangeError(`kind ${number}`);
  const [kind, [, fields]] = entry;
  /** @type {any} */
  const decoded = { kind };
  for (const [name, type] of Object.entries(fields)) decoded[name] = reader[type]();
  if (reader.at < body.length) throw new RangeError('bytes after the fields');
  return decoded;
}

/** The body of a frame; `kind` is the name of its kind. */
export function encodeBinary({ kind, ...values }) {
  const [number, fields] = FIELDS[kind];
  const parts = Object.entries(fields).map(([name, type]) => writers[type](values[name]));
  return Buffer.concat([Buffer.from([number]), ...parts]);
}
