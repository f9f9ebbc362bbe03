'use strict';

// Raw sockets without any messages: what a stream or a file costs over `node:net` alone.

const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const { pipeline } = require('node:stream/promises');

module.exports = {
  title: '`pipeline` over a `node:net` socket, for streams and files only',
  does: ['file', 'stream'],
  buffers: true,

  async serve(address, _handlers, sink) {
    const server = net.createServer({ allowHalfOpen: true }, async (socket) => {
      if (sink.file) await pipeline(socket, fs.createWriteStream(sink.file));
      else await once(socket.on('data', (chunk) => sink.take(chunk)), 'end');
      socket.end(); // tells the sender that all has come
    });
    server.listen(address);
    await once(server, 'listening');
    return server;
  },

  async connect(address) {
    const send = async (readable) => {
      const socket = net.connect({ ...address, allowHalfOpen: true });
      const ended = once(socket.resume(), 'end');
      await pipeline(readable, socket);
      await ended;
    };
    return {
      sendFile: (file) => send(fs.createReadStream(file)),
      sendStream: send,
      close() {},
    };
  },
};
