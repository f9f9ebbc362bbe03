'use strict';

// What servers and clients have in common: calls out, records in, handlers,
// and when the process may end.

const { EventEmitter } = require('events');

const native = require('../native');
const { decode, encode } = require('./codec');
const { Context } = require('./context');
const { fromNative, IpcError, toPeer } = require('./errors');
const { endpoints, markDirty, registry } = require('./mailbox');
const { ACCEPTED, oneWay } = require('./one-way');
const R = require('./records');
const check = require('./check');

/** Types and topics with a number; others are passed as text each time. */
const MAX_NAMES = 4096;
/** Longest delay of a timer; the keep-alive timer never does anything. */
const FOR_EVER = 0x7fffffff;

function nothing() {}

/**
 * One connection, as this side sees it.
 */
class Peer {
  constructor(conn, clientId, connected) {
    this.conn = conn;
    this.clientId = clientId;
    this.peer = connected.peer;
    this.metadata = connected.metadata === null ? undefined : JSON.parse(connected.metadata);
    this.cloneVersion = connected.cloneVersion;
    /** Messages whose handler has finished since the last flush. */
    this.done = 0;
    /** Requests in an asynchronous handler: id to context. */
    this.running = new Map();
    /** One-way calls that wait for the queue to get shorter. */
    this.waiters = [];
  }
}

class Endpoint extends EventEmitter {
  /**
   * @param {number} number of the native endpoint
   * @param {{ timeout: number, advanced: boolean, cloneVersion: number, closeOnTimeout: boolean }} settings
   */
  constructor(number, settings) {
    super();
    this._number = number;
    this._settings = settings;
    /** @type {Map<string, Function>} */
    this._handlers = new Map();
    /** Type or topic to number, and back. Number 0 is used for all others. */
    this._numbers = new Map();
    this._names = [''];
    this._lastOp = 0;
    /** Requests, subscriptions: op to how to settle them. */
    this._pending = new Map();
    /** Start, stop, connect, queued one-way calls: op to how to settle them. */
    this._ops = new Map();
    this._touched = [];
    /** One-way calls that went out before we had read that we are connected. */
    this._early = [];
    this._errors = 0;
    this._keepAlive = undefined;
    this._referenced = true;
    /** No new messages are delivered any more. */
    this._closing = false;
    /** Requests whose handler is being called right now. */
    this._depth = 0;
    this.dirty = false;
    registry.register(this, number);
  }

  // Calls out ---------------------------------------------------------------

  _op() {
    do {
      this._lastOp = this._lastOp === 0xffffffff ? 1 : this._lastOp + 1;
    } while (this._pending.has(this._lastOp) || this._ops.has(this._lastOp));
    return this._lastOp;
  }

  /** The number under which the native side knows a type or topic. */
  _nameNumber(name) {
    const known = this._numbers.get(name);
    if (known !== undefined) return known;
    if (this._names.length >= MAX_NAMES) {
      native.setName(this._number, 0, name);
      return 0;
    }
    const number = this._names.length;
    native.setName(this._number, number, name);
    this._names.push(name);
    this._numbers.set(name, number);
    return number;
  }

  /** A promise for the end of a rare call. */
  _settles(call) {
    const op = this._op();
    return new Promise((resolve, reject) => {
      this._ops.set(op, { resolve, reject });
      this._updateKeepAlive();
      const failed = call(op);
      if (typeof failed === 'string') {
        this._ops.delete(op);
        reject(fromNative(failed));
      }
    });
  }

  /** Sends a request; `peer` is undefined while a client is connecting. */
  _request(peer, type, payload, options) {
    return new Promise((resolve, reject) => {
      check.type(type);
      const { timeout, signal, headers } = check.requestOptions(options, this._settings.timeout);
      if (signal !== undefined && signal.aborted) {
        reject(aborted(type, signal, false));
        return;
      }
      const { tag, data, units } = encode(payload, this._mayClone(peer));
      const op = this._op();
      const conn = peer === undefined ? 0 : peer.conn;
      const name = this._nameNumber(type);
      const status = native.request(this._number, conn, op, name, tag, data, units, headers, timeout);
      if (typeof status === 'string') {
        reject(fromNative(status));
        return;
      }
      const pending = { resolve, reject, stop: nothing };
      this._pending.set(op, pending);
      if (signal !== undefined) this._stopOn(signal, op, conn, type, pending);
      if (this._pending.size === 1) this._updateKeepAlive();
      markDirty(this);
    });
  }

  _stopOn(signal, op, conn, type, pending) {
    const stop = () => {
      if (!this._pending.delete(op)) return;
      pending.stop();
      const sent = native.cancel(this._number, conn, op);
      pending.reject(aborted(type, signal, sent));
      markDirty(this);
      this._updateKeepAlive();
    };
    signal.addEventListener('abort', stop, { once: true });
    pending.stop = () => signal.removeEventListener('abort', stop);
  }

  /** Turns the status of a one-way call into its promise. */
  _oneWay(peer, op, status) {
    if (status === R.ACCEPTED && peer !== undefined) {
      markDirty(this);
      return ACCEPTED;
    }
    const call = oneWay((error) => this._report(error, peer && peer.clientId));
    if (typeof status === 'string') call.reject(fromNative(status));
    else if (status === R.QUEUED) this._ops.set(op, call);
    else if (peer === undefined) {
      // The connection is there, but its record has not been read yet.
      markDirty(this);
      this._early.push({ call, status });
    } else {
      markDirty(this);
      peer.waiters.push(call);
    }
    return call.promise;
  }

  /** The promise of a one-way call that failed before it was made. */
  _failedOneWay(error, clientId) {
    const call = oneWay((unseen) => this._report(unseen, clientId));
    call.reject(error);
    return call.promise;
  }

  _mayClone(peer) {
    const { advanced, cloneVersion } = this._settings;
    return advanced && (peer === undefined || peer.cloneVersion >= cloneVersion);
  }

  flush() {
    for (const peer of this._touched) {
      native.finished(this._number, peer.conn, peer.done);
      peer.done = 0;
    }
    this._touched.length = 0;
    native.flush(this._number);
  }

  // Records in --------------------------------------------------------------

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
        this._onRequest(this._peer(conn), id, this._nameAt(heads[at + 3], extras), at, heads, text, extras);
        return;
      case R.MESSAGE:
        this._onMessage(this._peer(conn), this._nameAt(heads[at + 3], extras), at, heads, text, extras);
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
        if (call === undefined) return;
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
        this._onOther(kind, conn, id, at, heads, text, extras);
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

  _onMessage(peer, type, at, heads, text, extras) {
    if (peer === undefined) return;
    const handler = this._handlers.get(type);
    if (handler === undefined || this._closing) {
      // Nobody listens: counted, dropped, and out of the peer's way.
      native.countError(this._number, peer.conn);
      this._finished(peer);
      return;
    }
    this._deliver(peer, at, heads, text, extras, (payload) =>
      this._call(handler, payload, peer, new Context(peer, headersAt(at, heads, extras)))
    );
  }

  /** Calls a listener of a one-way message; its failure is an `error` event. */
  _deliver(peer, at, heads, text, extras, call) {
    let payload;
    try {
      payload = payloadAt(at, heads, text, extras);
    } catch (cause) {
      this._finished(peer);
      this._report(unreadable(cause), peer.clientId);
      return;
    }
    let result;
    try {
      result = call(payload);
    } catch (error) {
      this._finished(peer);
      this._listenerFailed(error, peer.clientId);
      return;
    }
    if (result !== null && typeof result === 'object' && typeof result.then === 'function') {
      result.then(
        () => this._finished(peer),
        (error) => {
          this._finished(peer);
          this._listenerFailed(error, peer.clientId);
        }
      );
    } else this._finished(peer);
  }

  _onRequest(peer, id, type, at, heads, text, extras) {
    if (peer === undefined) return;
    const handler = this._handlers.get(type);
    if (handler === undefined || this._closing) {
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

  _respond(peer, id, value) {
    try {
      const { tag, data, units } = encode(value, this._mayClone(peer));
      native.respond(this._number, peer.conn, id, tag, data, units);
      markDirty(this);
    } catch (error) {
      this._fail(peer, id, error);
    }
  }

  _fail(peer, id, thrown) {
    let described;
    try {
      described = toPeer(thrown);
    } catch (_) {
      described = { message: 'The handler failed with something unreadable', name: 'Error', code: '' };
    }
    native.fail(this._number, peer.conn, id, described.message, described.name, described.code);
    markDirty(this);
  }

  _finished(peer) {
    if (peer.done++ === 0) this._touched.push(peer);
    markDirty(this);
  }

  /** Settles the calls that were faster than the record of the connection. */
  _settleEarly(peer) {
    for (const { call, status } of this._early.splice(0)) {
      if (status === R.WAIT) peer.waiters.push(call);
      else call.resolve();
    }
  }

  /** Settles what waited on a connection that is over. */
  _peerGone(peer, error) {
    for (const waiter of peer.waiters.splice(0)) waiter.reject(error);
    for (const context of peer.running.values()) this._guard(() => context.abort());
    peer.running.clear();
  }

  // Handlers ----------------------------------------------------------------

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
  }

  /** @param {string} type */
  offMessage(type) {
    this._handlers.delete(type);
  }

  // Events ------------------------------------------------------------------

  /** Emits; what a listener throws is uncaught, and stops nothing here. */
  _emit(event, ...args) {
    this._guard(() => this.emit(event, ...args));
  }

  _guard(call) {
    try {
      call();
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  /** A failure caused by the other side or the network: never ends the process. */
  _report(error, clientId) {
    this._errors++;
    if (this.listenerCount('error') > 0) this._emit('error', error, clientId);
    else process.emitWarning(error);
  }

  /** A failure of the user's own code: uncaught unless somebody listens. */
  _listenerFailed(error, clientId) {
    this._errors++;
    if (this.listenerCount('error') > 0) this._emit('error', error, clientId);
    else
      process.nextTick(() => {
        throw error;
      });
  }

  // Lifetime ----------------------------------------------------------------

  /** Whether the endpoint itself, apart from calls, keeps the process alive. */
  _isOpen() {
    return false;
  }

  _updateKeepAlive() {
    const open = this._isOpen() || this._pending.size > 0 || this._ops.size > 0;
    if (open) endpoints.set(this._number, this);
    if (open && this._keepAlive === undefined) {
      this._keepAlive = setInterval(nothing, FOR_EVER);
      if (!this._referenced) this._keepAlive.unref();
    } else if (!open && this._keepAlive !== undefined) {
      clearInterval(this._keepAlive);
      this._keepAlive = undefined;
      endpoints.delete(this._number);
    }
  }

  /** Keeps the process alive while open; the default. */
  ref() {
    this._referenced = true;
    if (this._keepAlive !== undefined) this._keepAlive.ref();
    return this;
  }

  /** Lets the process end although the endpoint is open. */
  unref() {
    this._referenced = false;
    if (this._keepAlive !== undefined) this._keepAlive.unref();
    return this;
  }

  _metrics(stats) {
    return {
      messagesSent: stats.messagesSent,
      messagesReceived: stats.messagesReceived,
      bytesSent: stats.bytesSent,
      bytesReceived: stats.bytesReceived,
      reconnects: stats.reconnects,
      heartbeatTimeouts: stats.heartbeatTimeouts,
      errors: stats.errors + this._errors,
      requestTimeouts: stats.requestTimeouts,
      connectedAt: stats.connectedAt || undefined,
      streamsOpened: 0,
      requestsPending: stats.requestsPending,
      queuedBytes: stats.queuedBytes,
      closeReasons: stats.closeReasons,
    };
  }

  /** @returns {any} */
  _stats() {
    return JSON.parse(native.stats(this._number));
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

  _onOther(_kind, _conn, _id, _at, _heads, _text, _extras) {}
}

function jsonAt(at, heads, text, extras) {
  const place = heads[at + 5];
  return heads[at + 4] & R.IN_EXTRAS ? extras[place + 1] : text.slice(place, place + heads[at + 6]);
}

function payloadAt(at, heads, text, extras) {
  const encoding = heads[at + 4] & 0xff;
  return encoding === 0 ? undefined : decode(encoding, jsonAt(at, heads, text, extras));
}

function headersAt(at, heads, extras) {
  const place = heads[at + 7];
  return place === 0 ? undefined : extras[place];
}

function unreadable(cause) {
  return new IpcError('IPC_ERR_BAD_PAYLOAD', `The peer's payload is unreadable: ${cause.message}`, {
    origin: 'peer',
    cause,
  });
}

function aborted(type, signal, mayHaveRun) {
  return new IpcError('IPC_ERR_ABORTED', `Request aborted: ${type}`, {
    mayHaveRun,
    name: 'AbortError',
    cause: signal.reason,
  });
}

module.exports = { Endpoint, Peer, jsonAt, payloadAt, headersAt };
