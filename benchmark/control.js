'use strict';

// What the two processes of a measurement tell each other beside the peer that they measure,
// over the channel of `fork`: calls with an answer.

class Control {
  /**
   * @param end a ChildProcess, or `process` in the child
   * @param actions functions by name, for the other side to call
   */
  constructor(end, actions = {}) {
    this.end = end;
    this.actions = actions;
    this.pending = new Map();
    this.lastCall = 0;
    end.on('message', (message) => {
      if (message.control !== undefined) this.receive(message);
    });
  }

  call(control, argument) {
    return new Promise((resolve, reject) => {
      const call = ++this.lastCall;
      this.pending.set(call, { resolve, reject });
      this.end.send({ control, call, argument });
    });
  }

  async receive({ control, call, argument, result, error }) {
    if (control === 'answer') {
      const { resolve, reject } = this.pending.get(call);
      this.pending.delete(call);
      return error === undefined ? resolve(result) : reject(new Error(error));
    }
    try {
      this.end.send({ control: 'answer', call, result: await this.actions[control](argument) });
    } catch (failure) {
      this.end.send({ control: 'answer', call, error: failure.message });
    }
  }
}

module.exports = { Control };
