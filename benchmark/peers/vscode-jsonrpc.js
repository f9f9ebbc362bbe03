'use strict';

// `vscode-jsonrpc`, the JSON-RPC of language servers, over a Unix socket or TCP.

const { once } = require('node:events');
const net = require('node:net');

module.exports = {
  title: '`vscode-jsonrpc` over a Unix socket',
  package: 'vscode-jsonrpc',
  entry: 'vscode-jsonrpc/node',
  does: ['requests', 'oneway', 'tcp', 'clients', 'broadcast', 'require'],
  buffers: false,

  async serve(address, handlers) {
    const connections = new Set();
    const server = net.createServer((socket) => {
      const connection = open(socket, handlers);
      connections.add(connection);
      connection.onClose(() => connections.delete(connection));
    });
    server.listen(address);
    await once(server, 'listening');
    return {
      broadcast: (type, payload) => Promise.all([...connections].map((one) => one.sendNotification(type, payload))),
    };
  },

  async connect(address) {
    const socket = net.connect(address);
    await once(socket, 'connect');
    const connection = open(socket, new Map());
    const notify = (type, payload) => connection.sendNotification(type, payload);
    return {
      request: (type, payload) => connection.sendRequest(type, payload),
      send: (type, payload) => void notify(type, payload),
      sendAndWait: notify,
      sendAccepted: notify,
      on: (type, handler) => connection.onNotification(type, handler),
      close() {
        connection.end();
        connection.dispose();
      },
    };
  },
};

function open(socket, handlers) {
  const { createMessageConnection, SocketMessageReader, SocketMessageWriter } = require('vscode-jsonrpc/node');
  socket.setNoDelay(true); // for TCP; does nothing on a Unix socket
  const connection = createMessageConnection(new SocketMessageReader(socket), new SocketMessageWriter(socket));
  for (const [type, handler] of handlers) {
    connection.onRequest(type, handler);
    connection.onNotification(type, handler);
  }
  connection.listen();
  return connection;
}
