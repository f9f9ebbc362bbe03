'use strict';

// This package, with default options but `clientOnly`: a benchmark needs no hub.

module.exports = (extra = {}) => ({
  title: extra.busyPoll ? 'this package with `busyPoll: 50` on both ends' : 'this package, default options',
  does: extra.busyPoll
    ? ['requests', 'tcp']
    : ['requests', 'oneway', 'tcp', 'clients', 'broadcast', 'topics', 'file', 'stream', 'require'],
  buffers: true,
  entry: '../../index.js',

  async serve(address, handlers, sink) {
    const { SmartIpc } = require('../../index.js');
    const server = SmartIpc.createServer({ ...options(address), ...extra });
    for (const [type, handler] of handlers) server.onMessage(type, handler);
    server.on('stream', (_info, readable) => {
      if (sink.file) return SmartIpc.pipeStreamToFile(readable, sink.file);
      readable.on('data', (chunk) => sink.take(chunk));
    });
    await server.start({ readyWhen: 'accepting' });
    return server;
  },

  async connect(address) {
    const { SmartIpc } = require('../../index.js');
    const client = SmartIpc.createClient({ ...options(address), ...extra, clientOnly: true });
    await client.connect();
    const send = (type, payload) => client.sendMessage(type, payload);
    return {
      request: (type, payload) => client.request(type, payload),
      send: (type, payload) => void client.sendMessage(type, payload),
      sendAndWait: send,
      sendAccepted: send,
      on: (type, handler) => client.onMessage(type, handler),
      subscribe: (topic, handler) => client.subscribe(topic, handler),
      sendFile: (file) => client.sendFile(file),
      sendStream: (readable) => client.sendStream(readable),
      info: () => `${client.getStats().driver} driver`,
      close: () => client.disconnect(),
    };
  },
});

function options({ path, host, port }) {
  return path ? { id: 'benchmark', socketPath: path } : { id: 'benchmark', host, port };
}
