'use strict';

const native = require('./native');
const check = require('./check');
const { encode, JSON_TEXT, readsClones } = require('./codec');
const collected = require('./collected');
const { fromNative, IpcError } = require('./errors');
const { NativeEndpoint } = require('./lifetime');
const { markDirty, markDirtyAtLeisure } = require('./mailbox');
const { ACCEPTED, oneWay } = require('./one-way');
const R = require('./records');

function nothing() {}

/** Calls out: requests, one-way calls, and the promises they return. */
class Outbound extends NativeEndpoint {
  /**
   * @param {number} number of the native endpoint
   * @param {{ timeout: number, advanced: boolean, cloneVersion: number, closeOnTimeout: boolean, driver: string, plainTextTo: string | undefined }} settings
   */
  constructor(number, settings) {
    super(number);
    this._settings = settings;
    /** Types that have been checked: type to number. */
    this._types = new Map();
    /** The last of them, and its number: they come in rows. */
    this._lastType = undefined;
    this._lastTypeNumber = 0;
    /** Peers with finished messages to report. */
    this._touched = [];
    /** One-way calls that went out before we had read that we are connected. */
    this._early = [];
  }

  /** The number of a type that may be sent. */
  _typeNumber(type) {
    if (type === this._lastType && type !== undefined) return this._lastTypeNumber;
    let number = this._types.get(type);
    if (number === undefined) {
      check.type(type);
      number = this._nameNumber(type);
      if (number === 0) return number;
      this._types.set(type, number);
    }
    this._lastType = type;
    this._lastTypeNumber = number;
    return number;
  }

  /**
   * What to pass for a type once its payload is encoded: encoding may run code
   * of the user that sends something else under number 0.
   */
  _passed(number, type) {
    return number === 0 ? this._nameNumber(type) : number;
  }

  /** Sends a request; `peer` is undefined while a client is connecting. */
  _request(peer, type, payload, options) {
    return new Promise((resolve, reject) => {
      const name = this._typeNumber(type);
      const { timeout, signal, headers } = check.requestOptions(options, this._settings.timeout);
      if (signal !== undefined && signal.aborted) {
        reject(aborted(type, signal, false));
        return;
      }
      const { tag, data, units } = encode(payload, this._mayClone(peer));
      const op = this._op();
      const conn = peer === undefined ? 0 : peer.conn;
      const status = native.request(this._number, conn, op, this._passed(name, type), tag, data, units, headers, timeout);
      if (typeof status === 'string') {
        reject(fromNative(status));
        return;
      }
      const pending = { resolve, reject, stop: nothing };
      this._pending.set(op, pending);
      if (signal !== undefined) this._stopOn(signal, op, conn, type, pending);
      if (this._pending.size === 1) this._updateKeepAlive();
      if (status & R.TO_FLUSH) markDirty(this);
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

  /**
   * Sends a message; `peer` is undefined while a client is connecting.
   *
   * @param {number} name its number, as `_typeNumber` has it
   * @param {string | undefined} headers as JSON text
   */
  _message(peer, name, type, payload, headers) {
    const { tag, data, units } = encode(payload, this._mayClone(peer));
    if (tag === JSON_TEXT && name !== 0 && headers === undefined && collected.collects(peer, units)) {
      if (collected.add(name, data, units)) markDirtyAtLeisure(this);
      return ACCEPTED;
    }
    const op = this._op();
    const conn = peer === undefined ? 0 : peer.conn;
    const status = native.message(this._number, conn, op, this._passed(name, type), tag, data, units, headers);
    if ((status & R.ROOM_FOR_BATCH) === 0) return this._oneWay(peer, op, status);
    if (peer !== undefined) collected.collectFor(this, peer);
    return this._oneWay(peer, op, status - R.ROOM_FOR_BATCH);
  }

  /** Turns the status of a one-way call into its promise. */
  _oneWay(peer, op, status) {
    let taken = status;
    if (status & R.TO_FLUSH) {
      markDirtyAtLeisure(this);
      taken -= R.TO_FLUSH;
    }
    if (taken === R.ACCEPTED && peer !== undefined) return ACCEPTED;
    const call = oneWay((error) => this._report(error, peer && peer.clientId));
    if (typeof taken === 'string') call.reject(fromNative(taken));
    else if (taken === R.QUEUED) this._ops.set(op, call);
    // The connection is there, but its record has not been read yet.
    else if (peer === undefined) this._early.push({ call, status: taken });
    else peer.waiters.push(call);
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
    return advanced && (peer === undefined || readsClones(peer.cloneVersion, cloneVersion));
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

  /** Called by the mailbox at the end of a batch or turn. */
  flush() {
    for (const peer of this._touched) {
      native.finished(this._number, peer.conn, peer.done);
      peer.done = 0;
    }
    this._touched.length = 0;
    native.flush(this._number);
  }
}

function aborted(type, signal, mayHaveRun) {
  return new IpcError('IPC_ERR_ABORTED', `Request aborted: ${type}`, {
    mayHaveRun,
    name: 'AbortError',
    cause: signal.reason,
  });
}

module.exports = { Outbound };
