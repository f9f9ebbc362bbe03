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
    socket.setNoDelay(true); // for TCP; does nothing on a Unix socket
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

/** A server: every connection has its handlers; broadcasts and topics go to each in turn. */
class Server {
  constructor(handlers) {
    this.connections = new Set();
    this.topics = new Map();
    this.net = net.createServer((socket) => this.accept(socket, new Map(handlers)));
  }

  accept(socket, handlers) {
    const connection = new Connection(socket, handlers);
    handlers.set('subscribe', (topic) => {
      if (!this.topics.has(topic)) this.topics.set(topic, new Set());
      this.topics.get(topic).add(connection);
      return true;
    });
    this.connections.add(connection);
    socket.on('close', () => {
      this.connections.delete(connection);
      for (const subscribers of this.topics.values()) subscribers.delete(connection);
    });
  }

  broadcast(type, payload) {
    for (const connection of this.connections) connection.sendMessage(type, payload);
  }

  publish(topic, payload) {
    const subscribers = this.topics.get(topic) ?? [];
    for (const connection of subscribers) connection.sendMessage(`topic:${topic}`, payload);
  }
}

function listen(address, handlers) {
  return new Promise((resolve, reject) => {
    const server = new Server(handlers);
    server.net.once('error', reject);
    server.net.listen(address, () => resolve(server));
  });
}

function connect(address, handlers = new Map()) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(address, () => resolve(new Connection(socket, handlers)));
    socket.once('error', reject);
  });
}

module.exports = { listen, connect };
