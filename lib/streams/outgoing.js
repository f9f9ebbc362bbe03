'use strict';

const native = require('../native');
const { IpcError, fromNative, toPeer } = require('../errors');
const { markDirty } = require('../mailbox');
const { oneWay } = require('../one-way');
const R = require('../records');
const { readingFailed } = require('./file-source');
const { sizeIn } = require('./options');
const { bytesOf } = require('./source');

/** Bytes handed over at once; messages wait for one such piece at most. */
const PIECE = 64 * 1024;

function nothing() {}

/** A stream that this side sends: takes pieces from its source as the peer takes them. */
class Outgoing {
  /**
   * @param {any} endpoint
   * @param {import('./options').StreamOptions} options
   * @param {string | undefined} to the client it is for, on a server
   */
  constructor(endpoint, options, to) {
    this._endpoint = endpoint;
    this._options = options;
    this._piece = Math.max(PIECE, options.chunkSize);
    this.streamId = options.streamId;
    this.to = to;
    /** Its number on the connection. */
    this.number = endpoint._op();
    this.over = false;
    this._peer = undefined;
    this._source = undefined;
    this._total = undefined;
    this._bytes = 0;
    /** Bytes that wait for room, the first of them written as far as `_at`. */
    this._queue = [];
    this._at = 0;
    this._onRoom = nothing;
    /** Whether the native side reads the source. */
    this._native = false;
    this._unlisten = nothing;
    this._call = oneWay((error) => endpoint._report(error, to));
    this.promise = Object.assign(this._call.promise, { streamId: this.streamId });
    if (options.signal !== undefined) this._listenTo(options.signal);
  }

  _listenTo(signal) {
    const stop = () => this.cancel('AbortError', signal.reason);
    if (signal.aborted) {
      stop();
      return;
    }
    signal.addEventListener('abort', stop, { once: true });
    this._unlisten = () => signal.removeEventListener('abort', stop);
  }

  /** Takes over what is to be sent. */
  take(source) {
    this._source = source;
    if (this.over) this._stopSource();
  }

  /** Opens the stream and sends what the source has. */
  run(peer) {
    if (this.over) return;
    const { headers, isChunkGiven } = this._options;
    const chunkSize = (!isChunkGiven && this._source.chunkSize) || this._options.chunkSize;
    const meta = this._meta();
    const failed = native.streamOpen(this._endpoint._number, peer.conn, this.number, this.streamId, meta, headers, chunkSize);
    if (typeof failed === 'string') {
      this.fail(fromNative(failed));
      return;
    }
    this._peer = peer;
    peer.outgoing.set(this.number, this);
    markDirty(this._endpoint);
    if (this._handOver()) return;
    if (this._source.flow === undefined) this._pump().catch((error) => this._sourceFailed(error));
    else this._flow();
  }

  /** What the source tells about itself, under what its sender tells. */
  _meta() {
    const { meta } = this._options;
    const own = meta === undefined ? undefined : JSON.parse(meta);
    const { about } = this._source;
    const isObject = own === undefined || (own !== null && typeof own === 'object' && !Array.isArray(own));
    const all = about !== undefined && isObject ? { ...about, ...own } : own;
    this._total = about === undefined ? sizeIn(own) : about.size;
    return JSON.stringify(all);
  }

  /** Takes from the source what it has, as long as there is room. */
  async _pump() {
    for (;;) {
      const next = this._source.next();
      const { done, value } = typeof next.then === 'function' ? await next : next;
      if (this.over) return;
      if (done) break;
      if (!this._write(bytesOf(value))) await this._waitForRoom();
      if (this.over) return;
    }
    this._ended();
  }

  /** Has the source give what it has, and pause while there is no room. */
  _flow() {
    const source = this._source;
    this._onRoom = () => source.resume();
    const take = (value) => {
      if (this.over) return;
      try {
        if (!this._write(bytesOf(value))) source.pause();
      } catch (error) {
        this._sourceFailed(error);
      }
    };
    const fail = (error) => this._sourceFailed(error);
    try {
      source.flow(take, () => this._ended(), fail);
    } catch (error) {
      fail(error);
    }
  }

  _waitForRoom() {
    return new Promise((resolve) => {
      this._onRoom = () => resolve(undefined);
    });
  }

  /** Writes bytes as far as there is room; whether there is more. */
  _write(bytes) {
    this._queue.push(bytes);
    return this._writeOn();
  }

  _writeOn() {
    while (this._queue.length > 0) {
      const bytes = this._queue[0];
      const piece = bytes.length <= this._piece ? bytes : bytes.subarray(this._at, this._at + this._piece);
      this._at += piece.length;
      if (this._at >= bytes.length) {
        this._queue.shift();
        this._at = 0;
      }
      const status = native.streamWrite(this._endpoint._number, this._peer.conn, this.number, piece);
      if ((status & R.TO_FLUSH) !== 0) markDirty(this._endpoint);
      this._bytes += piece.length;
      this._progress();
      if (this.over || (status & R.WAIT) !== 0) return false;
    }
    return true;
  }

  /** The source has no more; what it gave may still wait for room. */
  _ended() {
    if (this.over) return;
    this._source = undefined;
    if (this._queue.length > 0) {
      this._onRoom = () => this._ended();
      return;
    }
    native.streamEnd(this._endpoint._number, this._peer.conn, this.number);
    markDirty(this._endpoint);
  }

  /** Leaves a file to the native side; whether that takes it. */
  _handOver() {
    const { handTo } = this._source;
    if (handTo === undefined) return false;
    this._native = handTo.call(this._source, this._endpoint._number, this._peer.conn, this.number, this._isWatched());
    if (this._native) this._source = undefined;
    return this._native;
  }

  _isWatched() {
    return this._options.onProgress !== undefined;
  }

  /** The native side has sent a piece of the file, or can't. */
  _look() {
    const status = native.streamFileStatus(this._endpoint._number, this._peer.conn, this.number, true, this._isWatched());
    if (status === null) return;
    if (status.bytes > this._bytes) {
      this._bytes = status.bytes;
      this._progress();
    }
    if (typeof status.trouble === 'string') this._sourceFailed(readingFailed(status.trouble));
  }

  /** The peer takes more. */
  room() {
    if (this._native) this._look();
    else if (!this.over && this._writeOn()) this._onRoom();
  }

  _progress() {
    const { onProgress } = this._options;
    if (onProgress === undefined) return;
    this._endpoint._guard(() => onProgress({ bytes: this._bytes, total: this._total }));
  }

  _sourceFailed(error) {
    if (this.over) return;
    this._abort(toPeer(error));
    this.fail(error);
  }

  /** This side no longer wants to send it. */
  cancel(name, cause) {
    if (this.over) return;
    const error = new IpcError('IPC_ERR_STREAM_CANCELLED', `The stream was cancelled: ${this.streamId}`, { name, cause });
    this._abort({ message: 'The sender cancelled the stream', name: 'Error', code: error.code });
    this.fail(error);
  }

  _abort({ message, name, code }) {
    if (this._peer === undefined) return;
    native.streamAbort(this._endpoint._number, this._peer.conn, this.number, message, name, code);
    markDirty(this._endpoint);
  }

  /** The peer has read all of it. */
  finish() {
    if (this.over) return;
    this._end();
    this._call.resolve();
  }

  /** It has failed. A source may fail without a reason: that is no success. */
  fail(error) {
    if (this.over) return;
    this._end();
    this._call.reject(error === undefined ? new IpcError('IPC_ERR_STREAM_CANCELLED', 'The source failed and gave no reason') : error);
  }

  _end() {
    this.over = true;
    this._endpoint._sending.delete(this);
    if (this._peer !== undefined) this._peer.outgoing.delete(this.number);
    this._unlisten();
    this._queue = [];
    this._onRoom();
    // The peer may be done before the source is; whatever is left is not wanted.
    if (this._source !== undefined) this._stopSource();
  }

  _stopSource() {
    this._endpoint._guard(() => this._source.stop());
  }
}

module.exports = { Outgoing };
