'use strict';

/** Requests without an answer, by id: for peers that carry messages but know no requests. */
class Pending {
  constructor() {
    this.entries = new Map();
    this.lastId = 0;
  }

  /** `send` is given the id of the request. */
  request(send) {
    return new Promise((resolve, reject) => {
      const id = ++this.lastId;
      this.entries.set(id, { resolve, reject });
      send(id);
    });
  }

  settle(id, payload, error) {
    const entry = this.entries.get(id);
    this.entries.delete(id);
    if (error !== undefined) entry?.reject(new Error(error));
    else entry?.resolve(payload);
  }

  fail(error) {
    for (const { reject } of this.entries.values()) reject(error);
    this.entries.clear();
  }
}

/** Calls the handler of a type; resolves to `{ payload }` or `{ error }`, or to nothing. */
async function answerOf(handlers, type, payload) {
  const handler = handlers.get(type);
  if (!handler) return { error: `no handler for ${type}` };
  try {
    return { payload: await handler(payload) };
  } catch (error) {
    return { error: error.message };
  }
}

module.exports = { Pending, answerOf };
