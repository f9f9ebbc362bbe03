'use strict';

// Node's own channel of `child_process.fork`, with request ids and a table on top.

const { Pending, answerOf } = require('./pending.js');

module.exports = (serialization) => ({
  title: `the channel of \`child_process.fork\`, \`serialization: '${serialization}'\``,
  does: ['requests', 'oneway'],
  buffers: serialization === 'advanced',
  serialization,

  async serve(_address, handlers) {
    new Channel(process, handlers);
  },

  async connect(_address, serverProcess) {
    const channel = new Channel(serverProcess, new Map());
    const sendAndWait = (type, payload) =>
      new Promise((resolve, reject) => {
        channel.send({ type, payload }, (error) => (error ? reject(error) : resolve()));
      });
    return {
      request: (type, payload) => channel.pending.request((id) => channel.send({ id, type, payload })),
      send: (type, payload) => void channel.send({ type, payload }),
      sendAndWait,
      sendAccepted: sendAndWait,
      close() {},
    };
  },
});

class Channel {
  /** `end` is a ChildProcess in the parent and `process` in the child. */
  constructor(end, handlers) {
    this.end = end;
    this.handlers = handlers;
    this.pending = new Pending();
    end.on('message', (message) => this.receive(message));
    end.on('disconnect', () => this.pending.fail(new Error('Channel closed')));
  }

  send(message, callback) {
    return this.end.send(message, callback);
  }

  async receive({ id, type, replyTo, payload, error }) {
    if (replyTo !== undefined) return this.pending.settle(replyTo, payload, error);
    if (!this.handlers.has(type)) return; // the benchmark's own words
    const answer = await answerOf(this.handlers, type, payload);
    if (id !== undefined) this.send({ replyTo: id, ...answer });
  }
}
