'use strict';

// `@achrinza/node-ipc`, the maintained fork of node-ipc: events of JSON over a Unix socket
// or TCP. It tells nobody when a message was taken, so what waits, waits for the socket.

const { once } = require('node:events');
const { Pending, answerOf } = require('./pending.js');

const MAX_CONNECTIONS = 2000; // its default of 100 is too few for the rows with many clients

module.exports = {
  title: '`@achrinza/node-ipc` over a Unix socket',
  package: '@achrinza/node-ipc',
  esm: true,
  does: ['requests', 'oneway', 'tcp', 'clients', 'broadcast', 'require'],
  buffers: false,

  async serve({ path, host, port }, handlers) {
    const ipc = await load();
    ipc.config.maxConnections = MAX_CONNECTIONS;
    const started = new Promise((resolve) => {
      if (path) ipc.serve(path, resolve);
      else ipc.serveNet(host, port, resolve);
    });
    ipc.server.on('message', async ({ id, type, payload }, socket) => {
      const answer = await answerOf(handlers, type, payload);
      if (id !== undefined) ipc.server.emit(socket, 'answer', { replyTo: id, ...answer });
    });
    ipc.server.start();
    await started;
    return { broadcast: (type, payload) => ipc.server.broadcast(type, payload) };
  },

  async connect({ path, host, port }) {
    const ipc = await load();
    const end = await new Promise((resolve) => {
      const connected = () => ipc.of.server.on('connect', () => resolve(ipc.of.server));
      if (path) ipc.connectTo('server', path, connected);
      else ipc.connectToNet('server', host, port, connected);
    });
    const pending = new Pending();
    end.on('answer', ({ replyTo, payload, error }) => pending.settle(replyTo, payload, error));
    const send = (type, payload) => end.emit('message', { type, payload });
    return {
      request: (type, payload) => pending.request((id) => end.emit('message', { id, type, payload })),
      send,
      async sendAndWait(type, payload) {
        send(type, payload);
        if (end.socket.writableNeedDrain) await once(end.socket, 'drain');
      },
      async sendAccepted(type, payload) {
        send(type, payload);
      },
      on: (type, handler) => end.on(type, handler),
      close: () => ipc.disconnect('server'),
    };
  },
};

async function load() {
  const { IPCModule } = await import('@achrinza/node-ipc');
  const ipc = new IPCModule();
  ipc.config.silent = true;
  return ipc;
}
