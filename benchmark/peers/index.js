'use strict';

// One adapter per peer, all of the same shape:
//
//   serialization                      of the channel between the two processes
//   serve(address, handlers)           in the server process; resolves when it listens
//   connect(address, serverProcess)    in the client process; resolves to a connection:
//     request(type, payload)           → promise of the answer
//     send(type, payload)              one-way, nothing to wait for
//     sendAndWait(type, payload)       one-way; resolves when the sender may go on
//     sendAccepted(type, payload)      one-way; resolves when the message was taken
//     info()                           optional; a text for the report
//     close()
//
// Nothing is loaded before it is needed, so a process holds the code of one peer only.

const smartipc = {
  serialization: 'json',

  async serve(address, handlers) {
    const { SmartIpc } = require('../../index.js');
    const server = SmartIpc.createServer({ id: 'benchmark', socketPath: address });
    for (const [type, handler] of handlers) server.onMessage(type, handler);
    await server.start({ readyWhen: 'accepting' });
  },

  async connect(address) {
    const { SmartIpc } = require('../../index.js');
    const client = SmartIpc.createClient({
      id: 'benchmark',
      socketPath: address,
      clientOnly: true,
    });
    await client.connect();
    return {
      request: (type, payload) => client.request(type, payload),
      send: (type, payload) => void client.sendMessage(type, payload),
      sendAndWait: (type, payload) => client.sendMessage(type, payload),
      sendAccepted: (type, payload) => client.sendMessage(type, payload),
      info: () => client.getStats().driver,
      close: () => client.disconnect(),
    };
  },
};

const plain = {
  serialization: 'json',

  async serve(address, handlers) {
    await require('./plain.js').listen(address, handlers);
  },

  async connect(address) {
    const connection = await require('./plain.js').connect(address);
    return {
      request: (type, payload) => connection.request(type, payload),
      send: (type, payload) => void connection.sendMessage(type, payload),
      async sendAndWait(type, payload) {
        if (!connection.sendMessage(type, payload)) await connection.drained();
      },
      sendAccepted: (type, payload) => connection.sendMessageWritten(type, payload),
      close: () => connection.close(),
    };
  },
};

const childProcess = (serialization) => ({
  serialization,

  async serve(_address, handlers) {
    const { Channel } = require('./child-process.js');
    new Channel(process, handlers);
  },

  async connect(_address, serverProcess) {
    const { Channel } = require('./child-process.js');
    const channel = new Channel(serverProcess);
    return {
      request: (type, payload) => channel.request(type, payload),
      send: (type, payload) => channel.sendMessage(type, payload),
      sendAndWait: (type, payload) =>
        new Promise((resolve, reject) => {
          channel.sendMessage(type, payload, (error) => (error ? reject(error) : resolve()));
        }),
      sendAccepted: (type, payload) =>
        new Promise((resolve, reject) => {
          channel.sendMessage(type, payload, (error) => (error ? reject(error) : resolve()));
        }),
      close() {},
    };
  },
});

module.exports = {
  smartipc,
  plain,
  child_process: childProcess('json'),
  'child_process-advanced': childProcess('advanced'),
};
