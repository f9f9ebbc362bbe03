'use strict';

// `ws` over a Unix socket or TCP: JSON text messages, and binary ones for Buffers, with a
// header of a few bytes in front. Compression is off, as is its default.

const { once } = require('node:events');
const http = require('node:http');
const { Pending, answerOf } = require('./pending.js');

module.exports = {
  title: '`ws` over a Unix socket, JSON text or binary messages',
  package: 'ws',
  does: ['requests', 'oneway', 'tcp', 'clients', 'broadcast', 'require'],
  buffers: true,

  async serve(address, handlers) {
    const { WebSocketServer } = require('ws');
    const server = http.createServer();
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) => new Connection(socket, handlers));
    server.listen(address);
    await once(server, 'listening');
    return {
      // As the documentation has it: one text, sent to each.
      broadcast(type, payload) {
        const text = JSON.stringify({ type, payload });
        for (const client of sockets.clients) client.send(text);
      },
    };
  },

  async connect({ path, host, port }) {
    const { WebSocket } = require('ws');
    const socket = new WebSocket(path ? `ws+unix://${path}:/` : `ws://${host}:${port}/`);
    await once(socket, 'open');
    const connection = new Connection(socket, new Map());
    const sendAndWait = (type, payload) =>
      new Promise((resolve, reject) => {
        connection.send({ type, payload }, (error) => (error ? reject(error) : resolve()));
      });
    return {
      request: (type, payload) => connection.pending.request((id) => connection.send({ id, type, payload })),
      send: (type, payload) => connection.send({ type, payload }),
      sendAndWait,
      sendAccepted: sendAndWait,
      on: (type, handler) => connection.handlers.set(type, handler),
      async close() {
        const closed = once(socket, 'close');
        socket.close();
        await closed;
      },
    };
  },
};

class Connection {
  constructor(socket, handlers) {
    this.socket = socket;
    this.handlers = handlers;
    this.pending = new Pending();
    socket.on('message', (data, binary) => this.receive(binary ? unpacked(data) : JSON.parse(data)));
    socket.on('close', () => this.pending.fail(new Error('Connection closed')));
    socket.on('error', (error) => this.pending.fail(error));
  }

  send(message, callback) {
    const data = Buffer.isBuffer(message.payload) ? packed(message) : JSON.stringify(message);
    this.socket.send(data, callback);
  }

  async receive({ id, type, replyTo, payload, error }) {
    if (replyTo !== undefined) return this.pending.settle(replyTo, payload, error);
    const answer = await answerOf(this.handlers, type, payload);
    if (id !== undefined) this.send({ replyTo: id, ...answer });
  }
}

/** Length of the header, header as JSON, the Buffer. */
function packed({ payload, ...head }) {
  const header = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(2);
  length.writeUInt16BE(header.length);
  return Buffer.concat([length, header, payload]);
}

function unpacked(data) {
  const start = 2 + data.readUInt16BE(0);
  return { ...JSON.parse(data.toString('utf8', 2, start)), payload: data.subarray(start) };
}
