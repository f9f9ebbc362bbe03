'use strict';

const { EventEmitter } = require('events');

/**
 * What handlers use of an AbortSignal, for a Node that has none (14 keeps it
 * behind a flag).
 */
class Signal {
  constructor() {
    this.aborted = false;
    this.reason = undefined;
    /** @type {((event: { type: 'abort' }) => void) | null} */
    this.onabort = null;
    this._emitter = new EventEmitter();
  }

  addEventListener(type, listener, options) {
    if (options && options.once) this._emitter.once(type, listener);
    else this._emitter.on(type, listener);
  }

  removeEventListener(type, listener) {
    this._emitter.removeListener(type, listener);
  }

  throwIfAborted() {
    if (this.aborted) throw this.reason;
  }
}

class Controller {
  constructor() {
    this.signal = new Signal();
  }

  abort(reason) {
    const { signal } = this;
    if (signal.aborted) return;
    signal.aborted = true;
    signal.reason = reason;
    const event = { type: /** @type {'abort'} */ ('abort') };
    if (signal.onabort !== null) signal.onabort(event);
    signal._emitter.emit('abort', event);
  }
}

/** @type {typeof globalThis.AbortController} */
const Native = Reflect.get(globalThis, 'AbortController');

module.exports = { AbortController: Native || /** @type {any} */ (Controller), Controller };
