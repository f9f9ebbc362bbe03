'use strict';

// The yardstick: a plain library over `node:net`, which is in plain-library.js.

const { once } = require('node:events');
const fs = require('node:fs');

module.exports = {
  title: '`node:net`, a length prefix and a JSON envelope: the yardstick',
  does: ['requests', 'oneway', 'tcp', 'clients', 'broadcast', 'topics', 'file'],
  buffers: false,

  async serve(address, handlers, sink) {
    const { listen } = require('./plain-library.js');
    let file;
    handlers.set('chunk', ({ base64 }) => {
      file ??= fs.createWriteStream(sink.file);
      file.write(Buffer.from(base64, 'base64'));
    });
    handlers.set('drain', async () => {
      if (file?.writableNeedDrain) await once(file, 'drain');
      return true;
    });
    handlers.set('end', async () => {
      const whole = file;
      file = undefined;
      whole.end();
      await once(whole, 'close');
      return true;
    });
    return listen(address, handlers);
  },

  async connect(address) {
    const connection = await require('./plain-library.js').connect(address);
    return {
      request: (type, payload) => connection.request(type, payload),
      send: (type, payload) => void connection.sendMessage(type, payload),
      async sendAndWait(type, payload) {
        if (!connection.sendMessage(type, payload)) await connection.drained();
      },
      sendAccepted: (type, payload) => connection.sendMessageWritten(type, payload),
      on: (type, handler) => connection.handlers.set(type, handler),
      async subscribe(topic, handler) {
        connection.handlers.set(`topic:${topic}`, handler);
        await connection.request('subscribe', topic);
      },
      sendFile: (file) => sendFile(connection, file),
      close: () => connection.close(),
    };
  },
};

const CHUNKS_BETWEEN_WAITS = 64; // 4 MiB: what may pile up in the receiver

/** Chunks of 64 KiB as base64 in envelopes, as libraries that speak only JSON do it. */
async function sendFile(connection, file) {
  let chunks = 0;
  for await (const chunk of fs.createReadStream(file)) {
    const going = connection.sendMessage('chunk', { base64: chunk.toString('base64') });
    if (!going) await connection.drained();
    if (++chunks % CHUNKS_BETWEEN_WAITS === 0) await connection.request('drain');
  }
  await connection.request('end');
}
