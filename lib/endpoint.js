'use strict';

const native = require('./native');
const check = require('./check');
const { encode } = require('./codec');
const { Context } = require('./context');
const { fromNative, IpcError, toPeer } = require('./errors');
const { markDirty } = require('./mailbox');
const { Outbound } = require('./outbound');
const { headersAt, jsonAt, payloadAt } = require('./payload-at');
const R = require('./records');

/** @typedef {import('./peer').Peer} Peer */

/** What no type has for a number. */
const NO_NUMBER = -1;

/** Records in: what peers say, and the handlers that hear it. */
class Endpoint extends Outbound {
  /**
   * @param {number} number of the native endpoint
   * @param {{ timeout: number, advanced: boolean, cloneVersion: number, closeOnTimeout: boolean, driver: string, plainTextTo: string | undefined }} settings
   */
  constructor(number, settings) {
    super(number, settings);
    /** @type {Map<string, Function>} */
    this._handlers = new Map();
    /** The handler that was looked for last, and the number of its type: they come in rows. */
    this._lastNumber = NO_NUMBER;
    this._lastHandler = /** @type {Function | undefined} */ (undefined);
    /** No new messages are delivered any more. */
    this._closing = false;
    /** Handlers that are being called right now. */
    this._depth = 0;
  }

  /**
   * Sets the handler of a message type; the last one set wins.
   *
   * @param {string} type
   * @param {Function} handler
   */
  onMessage(type, handler) {
    check.string('type', type);
    check.handler(handler);
    this._nameNumber(type);
    this._handlers.set(type, handler);
    this._forgetLast();
  }

  /** @param {string} type */
  offMessage(type) {
    this._handlers.delete(type);
    this._forgetLast();
  }

  /** Handlers have changed. */
  _forgetLast() {
    this._lastNumber = NO_NUMBER;
    this._lastHandler = undefined;
  }

  /** The handler of a type, by the number that a record has for it. */
  _handlerOf(number, extras) {
    if (number === this._lastNumber) return this._lastHandler;
    const handler = this._handlers.get(this._nameAt(number, extras));
    if (number < R.NAME_IN_EXTRAS) {
      this._lastNumber = number;
      this._lastHandler = handler;
    }
    return handler;
  }

  /** Called by the mailbox for each record. Must not throw. */
  receive(at, heads, text, extras) {
    const kind = heads[at];
    const conn = heads[at + 1];
    const id = heads[at + 2];
    switch (kind) {
      case R.RESPONSE: {
        const pending = this._takePending(id);
        if (pending === undefined) return;
        try {
          pending.resolve(payloadAt(at, heads, text, extras));
        } catch (cause) {
          pending.reject(unreadable(cause));
        }
        return;
      }
      case R.REQUEST:
        this._onRequest(this._peer(conn), id, at, heads, text, extras);
        return;
      case R.MESSAGE:
        this._onMessage(this._peer(conn), at, heads, text, extras);
        return;
      case R.FAILED: {
        const pending = this._takePending(id);
        if (pending !== undefined) pending.reject(fromNative(jsonAt(at, heads, text, extras)));
        return;
      }
      case R.CANCELLED: {
        const peer = this._peer(conn);
        const context = peer === undefined ? undefined : peer.running.get(id);
        if (context !== undefined) this._guard(() => context.abort());
        return;
      }
      case R.DRAINED: {
        const peer = this._peer(conn);
        if (peer === undefined) return;
        for (const waiter of peer.waiters.splice(0)) waiter.resolve();
        return;
      }
      case R.SETTLED: {
        const call = this._ops.get(id);
        if (call === undefined) {
          // A message that counted as accepted before it had to wait for a connection.
          if (id === 0 && (heads[at + 4] & 0xff) !== 0) this._report(fromNative(jsonAt(at, heads, text, extras)));
          return;
        }
        this._ops.delete(id);
        if ((heads[at + 4] & 0xff) === 0) call.resolve();
        else call.reject(fromNative(jsonAt(at, heads, text, extras)));
        this._updateKeepAlive();
        return;
      }
      case R.FAULT:
        this._report(fromNative(jsonAt(at, heads, text, extras)));
        return;
      default:
        if (kind >= R.STREAM_OPEN) this._onStream(kind, conn, id, at, heads, text, extras);
        else this._onOther(kind, conn, id, at, heads, text, extras);
    }
  }

  _takePending(id) {
    const pending = this._pending.get(id);
    if (pending === undefined) return undefined;
    this._pending.delete(id);
    pending.stop();
    if (this._pending.size === 0) this._updateKeepAlive();
    return pending;
  }

  _nameAt(number, extras) {
    return number >= R.NAME_IN_EXTRAS ? extras[number - R.NAME_IN_EXTRAS + 1] : this._names[number];
  }

  _onMessage(peer, at, heads, text, extras) {
    if (peer === undefined) return;
    const handler = this._handlerOf(heads[at + 3], extras);
    if (handler === undefined || this._closing) {
      // Nobody listens: counted, dropped, and out of the peer's way.
      native.countError(this._number, peer.conn);
      this._finished(peer);
      return;
    }
    this._deliver(peer, at, heads, text, extras, this._hear, handler);
  }

  /** How `_deliver` calls the handler of a message. */
  _hear(handler, payload, peer, at, heads, _text, extras) {
    return this._call(handler, payload, peer, new Context(peer, headersAt(at, heads, extras)));
  }

  /**
   * Calls a listener of a one-way message; its failure is an `error` event. Here and
   * in `_onRequest` no function is made for a message unless its handler is asynchronous.
   *
   * @param {Function} call a method of this class, given `target` and what there is of the message
   * @param {any} target
   */
  _deliver(peer, at, heads, text, extras, call, target) {
    let payload;
    try {
      payload = payloadAt(at, heads, text, extras);
    } catch (cause) {
      this._finished(peer);
      this._report(unreadable(cause), peer.clientId);
      return;
    }
    this._depth++;
    try {
      const result = call.call(this, target, payload, peer, at, heads, text, extras);
      if (result !== null && typeof result === 'object' && typeof result.then === 'function') {
        this._finishWith(result, peer);
        return;
      }
    } catch (error) {
      this._finished(peer);
      this._listenerFailed(error, peer.clientId);
      return;
    } finally {
      this._depth--;
    }
    this._finished(peer);
  }

  _finishWith(result, peer) {
    result.then(
      () => this._finished(peer),
      (error) => {
        this._finished(peer);
        this._listenerFailed(error, peer.clientId);
      }
    );
  }

  _onRequest(peer, id, at, heads, text, extras) {
    if (peer === undefined) return;
    const handler = this._handlerOf(heads[at + 3], extras);
    if (handler === undefined || this._closing) {
      const type = this._nameAt(heads[at + 3], extras);
      const why = this._closing
        ? { message: 'The other side is closing', code: 'IPC_ERR_DISCONNECTED' }
        : { message: `No handler registered for message type: ${type}`, code: 'IPC_ERR_NO_HANDLER' };
      native.fail(this._number, peer.conn, id, why.message, 'Error', why.code);
      markDirty(this);
      return;
    }
    let payload;
    try {
      payload = payloadAt(at, heads, text, extras);
    } catch (cause) {
      this._fail(peer, id, unreadable(cause));
      return;
    }
    let result;
    const context = new Context(peer, headersAt(at, heads, extras));
    this._depth++;
    try {
      result = this._call(handler, payload, peer, context);
      if (result !== null && typeof result === 'object' && typeof result.then === 'function') {
        this._respondWith(result, peer, id, context);
        return;
      }
    } catch (error) {
      this._fail(peer, id, error);
      return;
    } finally {
      this._depth--;
    }
    this._respond(peer, id, result);
  }

  _respondWith(result, peer, id, context) {
    peer.running.set(id, context);
    result.then(
      (value) => {
        peer.running.delete(id);
        this._respond(peer, id, value);
      },
      (error) => {
        peer.running.delete(id);
        this._fail(peer, id, error);
      }
    );
  }

  _respond(peer, id, value) {
    try {
      const { tag, data, units } = encode(value, this._mayClone(peer));
      // What fails here the peer has been told.
      if (native.respond(this._number, peer.conn, id, tag, data, units) !== R.ACCEPTED) markDirty(this);
    } catch (error) {
      this._fail(peer, id, error);
    }
  }

  _fail(peer, id, thrown) {
    const { message, name, code } = toPeer(thrown);
    native.fail(this._number, peer.conn, id, message, name, code);
    markDirty(this);
  }

  _finished(peer) {
    if (peer.done++ > 0) return;
    this._touched.push(peer);
    markDirty(this);
  }

  // For subclasses ------------------------------------------------------------

  /**
   * @param {number} _conn
   * @returns {Peer | undefined}
   */
  _peer(_conn) {
    return undefined;
  }

  /** @returns {any} */
  _call(_handler, _payload, _peer, _context) {
    return undefined;
  }

  _onStream(_kind, _conn, _id, _at, _heads, _text, _extras) {}

  _onOther(_kind, _conn, _id, _at, _heads, _text, _extras) {}
}

function unreadable(cause) {
  return new IpcError('IPC_ERR_BAD_PAYLOAD', `The peer's payload is unreadable: ${cause.message}`, {
    origin: 'peer',
    cause,
  });
}

module.exports = { Endpoint };
