'use strict';

const { EventEmitter } = require('events');
const { uncaught } = require('./uncaught');

/** An EventEmitter whose listeners can't stop what emits, and which is fair in
 * blaming failures: the user's own are uncaught, others never end the process. */
class Emitter extends EventEmitter {
  constructor() {
    super();
    /** Failures reported so far. */
    this._errors = 0;
  }

  /** Emits; what a listener throws is uncaught, and stops nothing here. */
  _emit(event, ...args) {
    this._guard(() => this.emit(event, ...args));
  }

  _guard(call) {
    try {
      call();
    } catch (error) {
      uncaught(error);
    }
  }

  /** A failure caused by the other side or the network: never ends the process. */
  _report(error, clientId) {
    this._errors++;
    if (this.listenerCount('error') > 0) this._emit('error', error, clientId);
    else warn(error);
  }

  /** A failure of the user's own code: uncaught unless somebody listens. */
  _listenerFailed(error, clientId) {
    this._errors++;
    if (this.listenerCount('error') > 0) this._emit('error', error, clientId);
    else uncaught(error);
  }
}

/** Node takes texts, and errors of its own realm; others, as in a `vm` context, it throws at. */
function warn(error) {
  try {
    process.emitWarning(error);
  } catch (_) {
    const { message, name, code } = Object(error);
    const text = typeof message === 'string' ? message : require('util').inspect(error);
    process.emitWarning(text, { type: typeof name === 'string' ? name : 'Error', code: typeof code === 'string' ? code : undefined });
  }
}

module.exports = { Emitter };
