'use strict';

// Request and response over the channel that `child_process.fork` opens: ids and a table.

class Channel {
  /** `end` is a ChildProcess in the parent and `process` in the child. */
  constructor(end, handlers = new Map()) {
    this.end = end;
    this.handlers = handlers;
    this.pending = new Map();
    this.lastId = 0;
    end.on('message', (message) => this.receive(message));
    end.on('disconnect', () => this.fail(new Error('Channel closed')));
  }

  /** `callback` is called when the channel has taken this and all earlier messages. */
  sendMessage(type, payload, callback) {
    this.end.send({ type, payload }, callback);
  }

  request(type, payload) {
    return new Promise((resolve, reject) => {
      const id = ++this.lastId;
      this.pending.set(id, { resolve, reject });
      this.end.send({ id, type, payload });
    });
  }

  async receive({ id, type, replyTo, payload, error }) {
    if (replyTo !== undefined) {
      const entry = this.pending.get(replyTo);
      this.pending.delete(replyTo);
      if (error !== undefined) entry?.reject(new Error(error));
      else entry?.resolve(payload);
      return;
    }
    const handler = this.handlers.get(type);
    if (!handler) return;
    try {
      const result = await handler(payload);
      if (id !== undefined) this.end.send({ replyTo: id, payload: result });
    } catch (cause) {
      if (id !== undefined) this.end.send({ replyTo: id, error: cause.message });
    }
  }

  fail(error) {
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }
}

module.exports = { Channel };
