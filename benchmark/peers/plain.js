'use strict';

// What a careful programmer writes over `node:net` in an afternoon: a length prefix, a JSON
// envelope, a table of pending requests. It is the yardstick of the benchmark, so it is
// neither tuned nor slowed down.

const { randomUUID } = require('node:crypto');
const net = require('node:net');

const REQUEST_TIMEOUT_MS = 30_000;

class Connection {
  constructor(socket, handlers) {
    this.socket = socket;
    this.handlers = handlers;
    this.pending = new Map();
    this.received = Buffer.alloc(0);
    socket.on('data', (chunk) => this.receive(chunk));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('Connection closed')));
  }

  /** Returns what `socket.write` does: false asks the caller to wait for `drained()`. */
  sendMessage(type, payload, headers) {
    return this.write({ id: randomUUID(), type, timestamp: Date.now(), payload, headers });
  }

  /** Resolves when the socket has taken the message, as libraries of this kind do. */
  sendMessageWritten(type, payload, headers) {
    return new Promise((resolve, reject) => {
      const done = (error) => (error ? reject(error) : resolve());
      this.write({ id: randomUUID(), type, timestamp: Date.now(), payload, headers }, done);
    });
  }

  request(type, payload, { timeout = REQUEST_TIMEOUT_MS, headers } = {}) {
    return new Promise((resolve, reject) => {
      const id = randomUUID();
      const timer = setTimeout(() => {
        this.pending.delete(id);
        reject(new Error(`Request timeout for ${type}`));
      }, timeout);
      this.pending.set(id, { resolve, reject, timer });
      this.write({ id, type, timestamp: Date.now(), payload, headers });
    });
  }

  drained() {
    return new Promise((resolve) => this.socket.once('drain', resolve));
  }

  close() {
    this.socket.end();
  }

  write(envelope, written) {
    const text = JSON.stringify(envelope);
    const length = Buffer.byteLength(text);
    const frame = Buffer.allocUnsafe(4 + length);
    frame.writeUInt32BE(length, 0);
    frame.write(text, 4);
    return this.socket.write(frame, written);
  }

  receive(chunk) {
    this.received = Buffer.concat([this.received, chunk]);
    let start = 0;
    while (this.received.length - start >= 4) {
      const end = start + 4 + this.received.readUInt32BE(start);
      if (this.received.length < end) break;
      this.dispatch(JSON.parse(this.received.toString('utf8', start + 4, end)));
      start = end;
    }
    this.received = this.received.subarray(start);
  }

  async dispatch({ id, type, correlationId, payload, headers }) {
    if (correlationId !== undefined) {
      this.settle(correlationId, payload, headers);
      return;
    }
    const answer = { id: randomUUID(), type: `${type}_response`, correlationId: id };
    try {
      const handler = this.handlers.get(type);
      if (!handler) throw new Error(`No handler registered for message type: ${type}`);
      answer.payload = await handler(payload);
      if (answer.payload === undefined) return; // a one-way message
    } catch (error) {
      answer.headers = { error: error.message };
    }
    answer.timestamp = Date.now();
    this.write(answer);
  }

  settle(id, payload, headers) {
    const entry = this.pending.get(id);
    if (!entry) return;
    this.pending.delete(id);
    clearTimeout(entry.timer);
    if (headers?.error) entry.reject(new Error(headers.error));
    else entry.resolve(payload);
  }

  fail(error) {
    for (const { reject, timer } of this.pending.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.pending.clear();
  }
}

function listen(path, handlers) {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => new Connection(socket, handlers));
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

function connect(path, handlers = new Map()) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path, () => resolve(new Connection(socket, handlers)));
    socket.once('error', reject);
  });
}

module.exports = { listen, connect };
