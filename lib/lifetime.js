'use strict';

const native = require('./native');
const { Emitter } = require('./emitter');
const { fromNative, IpcError } = require('./errors');
const { endpoints, registry } = require('./mailbox');

/** Types and topics with a number; others are passed as text each time. */
const MAX_NAMES = 4096;
/** Longest delay of a timer; the keep-alive timer never does anything. */
const FOR_EVER = 0x7fffffff;

function nothing() {}

/**
 * The native endpoint behind a server or client: its number, its calls that
 * settle later, and whether it keeps the process alive.
 */
class NativeEndpoint extends Emitter {
  /** @param {number} number of the native endpoint */
  constructor(number) {
    super();
    this._number = number;
    /** Type or topic to number, and back. Number 0 is used for all others. */
    this._numbers = new Map();
    this._names = [''];
    this._lastOp = 0;
    this._opsWrapped = false;
    /** Requests, subscriptions: op to how to settle them. */
    this._pending = new Map();
    /** Start, stop, connect, queued one-way calls: op to how to settle them. */
    this._ops = new Map();
    this._keepAlive = undefined;
    this._referenced = true;
    /** Whether there is output that the mailbox is to flush. */
    this.dirty = false;
    registry.register(this, number);
  }

  _op() {
    if (this._lastOp === 0xffffffff) {
      this._lastOp = 0;
      this._opsWrapped = true;
    }
    this._lastOp++;
    // Only numbers that come a second time can still be in use.
    while (this._opsWrapped && (this._pending.has(this._lastOp) || this._ops.has(this._lastOp))) {
      this._lastOp = this._lastOp === 0xffffffff ? 1 : this._lastOp + 1;
    }
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
      let failed;
      try {
        failed = call(op);
      } catch (cause) {
        this._ops.delete(op);
        this._errors++;
        reject(new IpcError('IPC_ERR_INTERNAL', 'A bug in smartipc-native; please report it', { cause }));
      }
      if (typeof failed === 'string') {
        this._ops.delete(op);
        reject(fromNative(failed));
      }
    });
  }

  /** Takes one record from the mailbox; see `Endpoint`. */
  receive(_at, _heads, _text, _extras) {}

  /** Writes what is queued; see `Outbound`. */
  flush() {}

  /** Whether the endpoint itself, apart from calls, keeps the process alive. */
  _isOpen() {
    return false;
  }

  _updateKeepAlive() {
    const open = this._isOpen() || this._pending.size > 0 || this._ops.size > 0;
    if (open === (this._keepAlive !== undefined)) return;
    if (open) {
      endpoints.set(this._number, this);
      this._keepAlive = setInterval(nothing, FOR_EVER);
      if (!this._referenced) this._keepAlive.unref();
    } else {
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
      streamsOpened: stats.streamsOpened,
      requestsPending: stats.requestsPending,
      queuedBytes: stats.queuedBytes,
      closeReasons: stats.closeReasons,
    };
  }

  /** @returns {any} */
  _stats() {
    return JSON.parse(native.stats(this._number));
  }
}

module.exports = { NativeEndpoint };
