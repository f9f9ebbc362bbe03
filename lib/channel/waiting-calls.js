'use strict';

// Calls of a channel whose other side is not there yet: in order, bounded, each
// with its time, as the native side keeps them for a client.

const check = require('../check');
const { decode, encode } = require('../codec');
const { IpcError } = require('../errors');
const { oneWay } = require('../one-way');

const MAX_CALLS = 1000;
const MAX_BYTES = 8 * 1024 * 1024;
/** What each call counts above its payload; about the memory of its entry. */
const OVERHEAD = 256;

/**
 * @typedef {object} Waiting
 * @property {(call: { payload: () => any, timeout: number }) => any} make makes the call at last
 * @property {(value?: any) => void} resolve
 * @property {(error: any) => void} reject
 * @property {() => any} payload as it was when the call was made
 * @property {number} cost
 * @property {number} until when its time is over, or Infinity
 * @property {() => void} stop ends the timer and listens to no signal any more
 * @property {string} [streamId] of a stream
 */

class WaitingCalls {
  /** @param {{ advanced: boolean, timeout: number }} settings */
  constructor(settings) {
    this._settings = settings;
    /** @type {Waiting[]} */
    this._calls = [];
    this._bytes = 0;
  }

  get size() {
    return this._calls.length;
  }

  /**
   * A one-way call; see `oneWay` for the promise.
   *
   * @param {any} payload
   * @param {(error: any) => void} unwatched
   * @param {(call: { payload: () => any }) => Promise<any>} make
   */
  oneWay(payload, unwatched, make) {
    const call = oneWay(unwatched);
    try {
      this._add(payload, { make, resolve: call.resolve, reject: call.reject });
    } catch (error) {
      call.reject(error);
    }
    return call.promise;
  }

  /**
   * A request: its time runs from now, and its signal counts from now.
   *
   * @param {string} type
   * @param {any} payload
   * @param {any} options
   * @param {(call: { payload: () => any, timeout: number }) => Promise<any>} make
   */
  request(type, payload, options, make) {
    return new Promise((resolve, reject) => {
      const { timeout, signal } = check.requestOptions(options, this._settings.timeout);
      if (signal !== undefined && signal.aborted) throw aborted(type, signal);
      const waiting = this._add(payload, { make, resolve, reject });
      const give = (error) => {
        waiting.stop();
        this._remove(waiting);
        reject(error);
      };
      if (timeout > 0) {
        waiting.until = Date.now() + timeout;
        // A longer timer would fire at once.
        const delay = Math.min(timeout, 0x7fffffff);
        const timer = setTimeout(() => give(new IpcError('IPC_ERR_TIMEOUT', `Request timeout for ${type}`)), delay);
        waiting.stop = () => clearTimeout(timer);
      }
      if (signal !== undefined) {
        const stopTimer = waiting.stop;
        const onAbort = () => give(aborted(type, signal));
        signal.addEventListener('abort', onAbort, { once: true });
        waiting.stop = () => {
          stopTimer();
          signal.removeEventListener('abort', onAbort);
        };
      }
    });
  }

  /** A stream: what it sends is read later. */
  stream(streamId, signal, make, { resolve, reject }) {
    if (signal !== undefined && signal.aborted) throw cancelled(streamId, signal);
    const waiting = this._add(undefined, { make, resolve, reject });
    waiting.streamId = streamId;
    if (signal === undefined) return;
    const onAbort = () => this.giveUp(streamId, cancelled(streamId, signal));
    signal.addEventListener('abort', onAbort, { once: true });
    waiting.stop = () => signal.removeEventListener('abort', onAbort);
  }

  /** Gives up a stream that waits; whether there was one. */
  giveUp(streamId, error) {
    const waiting = this._calls.find((call) => call.streamId === streamId);
    if (waiting === undefined) return false;
    waiting.stop();
    this._remove(waiting);
    waiting.reject(error);
    return true;
  }

  /** Makes all calls, in order. */
  makeAll() {
    for (const waiting of this._takeAll()) {
      try {
        const timeout = waiting.until === Infinity ? Infinity : Math.max(1, waiting.until - Date.now());
        Promise.resolve(waiting.make({ payload: waiting.payload, timeout })).then(waiting.resolve, waiting.reject);
      } catch (error) {
        waiting.reject(error);
      }
    }
  }

  /** Nobody will make them. */
  rejectAll(error) {
    for (const waiting of this._takeAll()) waiting.reject(error);
  }

  _takeAll() {
    const calls = this._calls;
    this._calls = [];
    this._bytes = 0;
    for (const waiting of calls) waiting.stop();
    return calls;
  }

  _add(payload, { make, resolve, reject }) {
    // What the user changes afterwards must not change the call.
    const { tag, data } = encode(payload, this._settings.advanced);
    const kept = typeof data === 'string' ? data : Buffer.from(data);
    const cost = OVERHEAD + (typeof kept === 'string' ? Buffer.byteLength(kept) : kept.length);
    if (this._calls.length >= MAX_CALLS || this._bytes + cost > MAX_BYTES) {
      throw new IpcError('IPC_ERR_BACKPRESSURE', `${this._calls.length} calls wait for the other side already`);
    }
    /** @type {Waiting} */
    const waiting = { make, resolve, reject, payload: () => decode(tag, kept), cost, until: Infinity, stop() {} };
    this._calls.push(waiting);
    this._bytes += cost;
    return waiting;
  }

  _remove(waiting) {
    const index = this._calls.indexOf(waiting);
    if (index < 0) return;
    this._calls.splice(index, 1);
    this._bytes -= waiting.cost;
  }
}

function aborted(type, signal) {
  return new IpcError('IPC_ERR_ABORTED', `Request aborted: ${type}`, { name: 'AbortError', cause: signal.reason });
}

function cancelled(streamId, signal) {
  return new IpcError('IPC_ERR_STREAM_CANCELLED', `The stream was cancelled: ${streamId}`, { name: 'AbortError', cause: signal.reason });
}

module.exports = { WaitingCalls };
