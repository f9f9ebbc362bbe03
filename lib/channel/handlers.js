'use strict';

const check = require('../check');
const { Emitter } = require('../emitter');

/** Names that `on` leaves to the emitter; any other is a message type. */
const LIFECYCLE = new Set([
  'ready',
  'hosting',
  'connect',
  'disconnect',
  'reconnecting',
  'error',
  'heartbeatTimeout',
  'stream',
  'newListener',
  'removeListener',
]);

/** The part of a channel that listens: its own events, and message handlers. */
class Handlers extends Emitter {
  constructor() {
    super();
    /** @type {import('./ends').ChannelEnds} set by the channel */
    this._ends;
    /** What `once` has put around a handler: type to the user's own. */
    this._onceHandlers = new Map();
  }

  /**
   * For the channel's own events as on any emitter; any other name is a message
   * type, whose handler this sets.
   *
   * @param {string} name
   * @param {(...args: any[]) => any} handler
   */
  on(name, handler) {
    if (!LIFECYCLE.has(name)) this.onMessage(name, handler);
    else {
      super.on(name, handler);
      this._ends.listen(this);
    }
    return this;
  }

  addListener(name, handler) {
    return this.on(name, handler);
  }

  once(name, handler) {
    if (LIFECYCLE.has(name)) {
      super.once(name, handler);
      this._ends.listen(this);
      return this;
    }
    check.handler(handler);
    const onlyOnce = (...args) => {
      this.offMessage(name);
      return handler(...args);
    };
    this.onMessage(name, onlyOnce);
    this._onceHandlers.set(name, handler);
    return this;
  }

  /** Takes an event's listener away, or a message type's handler if it is this one. */
  off(name, handler) {
    if (LIFECYCLE.has(name)) {
      super.removeListener(name, handler);
      this._ends.listen(this);
    } else if (this._ends.handler(name) === handler || this._onceHandlers.get(name) === handler) {
      this.offMessage(name);
    }
    return this;
  }

  removeListener(name, handler) {
    return this.off(name, handler);
  }

  removeAllListeners(name) {
    if (name === undefined || LIFECYCLE.has(name)) {
      super.removeAllListeners(name);
      this._ends.listen(this);
    } else {
      this.offMessage(name);
    }
    return this;
  }

  /** Sets the handler of a message type; the last one set wins. */
  onMessage(type, handler) {
    check.string('type', type);
    check.handler(handler);
    this._onceHandlers.delete(type);
    this._ends.onMessage(type, handler);
  }

  offMessage(type) {
    this._onceHandlers.delete(type);
    this._ends.offMessage(type);
  }
}

module.exports = { Handlers };
