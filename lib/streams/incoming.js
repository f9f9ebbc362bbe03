'use strict';

const { Readable } = require('stream');

const native = require('../native');
const { IpcError, systemError, toPeer } = require('../errors');
const { markDirty } = require('../mailbox');
const R = require('../records');
const { sizeIn } = require('./options');
const turns = require('./turns');
const { uncaught } = require('../uncaught');

/** Bytes that a Readable holds ready; what waits beyond that waits in the window. */
const HIGH_WATER = 64 * 1024;

/** What the sender hears of a stream that is given up without a reason. */
const CANCELLED = { message: 'The receiver cancelled the stream', name: 'Error', code: '' };

function nothing() {}

/**
 * A stream that the peer sends, as a Node `Readable`. The sender goes on as fast
 * as this is read.
 */
class IncomingStream extends Readable {
  constructor(endpoint, peer, number, info) {
    super({ highWaterMark: HIGH_WATER });
    this._endpoint = endpoint;
    this._peer = peer;
    this._number = number;
    this._info = info;
    this._bytes = 0;
    /** Whether `_read` waits for the record that there is something. */
    this._waiting = false;
    /** Whether it goes on in the next turn of the event loop. */
    this._inNextTurn = false;
    /** Whether the peer has to wait for more than the last byte being read. */
    this._held = false;
    this._released = false;
    /** What the peer or the connection ended it with. */
    this.lost = undefined;
    /** Whether all of it goes to `nextPieces()`, and nothing to readers. */
    this._claimed = false;
    /** Who waits for `nextPieces()`. */
    this._taker = undefined;
    /**
     * Who waits for `saveTo()`.
     *
     * @type {{ onBytes: ((bytes: number) => void) | undefined, resolve: () => void, reject: (error: any) => void } | undefined}
     */
    this._saver = undefined;
    peer.incoming.set(number, this);
    // A peer that vanishes must not end the process of who did not add one.
    this.on('error', nothing);
  }

  get streamId() {
    return this._info.streamId;
  }

  _read() {
    if (!this._claimed && !this._waiting && !this._inNextTurn) this._take();
  }

  /** Gives the reader what comes next; whether it is ready for more. */
  _take() {
    const room = turns.room();
    if (room === 0) {
      this._inNextTurn = true;
      turns.wait(() => {
        this._inNextTurn = false;
        this._readOn();
      });
      return false;
    }
    // Few large pieces cost less. Of one that does not flow, a piece waits here.
    const most = this.readableFlowing ? room : HIGH_WATER;
    const found = native.streamRead(this._endpoint._number, this._peer.conn, this._number, most);
    if (typeof found === 'number') {
      // If it is gone, the record that says why is on its way.
      if (found === R.END) this.push(null);
      else this._waiting = true;
      return false;
    }
    // Reading may have granted the peer more.
    markDirty(this._endpoint);
    turns.took(found.length);
    const more = this.push(found);
    this._tell(found.length);
    return more && !this.destroyed;
  }

  _tell(bytes) {
    this._bytes += bytes;
    if (this.listenerCount('progress') === 0) return;
    const progress = { bytes: this._bytes, total: this.total };
    // Thrown in here, it would end the stream.
    this._endpoint._guard(() => this.emit('progress', progress));
  }

  /**
   * Keeps all of it for `nextPieces()`, unless somebody reads it or listens to it. From
   * then on it has an end and no data for others.
   */
  claim() {
    const untouched = this.readableFlowing === null && this._bytes === 0 && this.listenerCount('readable') === 0;
    this._claimed = untouched && this.listenerCount('data') === 0 && !this._waiting;
    return this._claimed;
  }

  /**
   * The next pieces of a claimed stream, about `most` bytes; none at the end.
   *
   * @param {number} most
   * @returns {Promise<Buffer[]>}
   */
  nextPieces(most) {
    return new Promise((resolve, reject) => {
      this._taker = { most, resolve, reject };
      if (this.destroyed) this._untaken(this.lost);
      else this._serve();
    });
  }

  _serve() {
    const taker = this._taker;
    if (taker === undefined) return;
    const { most, resolve } = taker;
    const pieces = [];
    for (let bytes = 0; bytes < most; ) {
      const found = native.streamRead(this._endpoint._number, this._peer.conn, this._number, most - bytes);
      if (typeof found !== 'number') {
        pieces.push(found);
        bytes += found.length;
        continue;
      }
      if (pieces.length > 0 || found === R.END) break;
      this._waiting = true;
      return;
    }
    markDirty(this._endpoint);
    this._taker = undefined;
    for (const piece of pieces) this._tell(piece.length);
    resolve(pieces);
  }

  /**
   * Has the native side write a claimed stream to an open file; none if it can't.
   *
   * @param {number} fd
   * @param {((bytes: number) => void) | undefined} onBytes told how much is written
   * @returns {Promise<void> | undefined}
   */
  saveTo(fd, onBytes) {
    if (this.destroyed || !native.streamToFile(this._endpoint._number, this._peer.conn, this._number, fd, this._isWatched(onBytes))) return undefined;
    // Whoever listens later is told from then on.
    this.on('newListener', (event) => {
      if (event === 'progress') this._status(true);
    });
    return new Promise((resolve, reject) => {
      this._saver = { onBytes, resolve: () => resolve(undefined), reject };
    });
  }

  _isWatched(onBytes) {
    return onBytes !== undefined || this.listenerCount('progress') > 0;
  }

  _status(watched) {
    return native.streamFileStatus(this._endpoint._number, this._peer.conn, this._number, false, watched);
  }

  /** The native side has written something, or all, or can't. */
  _look() {
    if (this._saver === undefined) return;
    const { onBytes, resolve, reject } = this._saver;
    const status = this._status(this._isWatched(onBytes));
    // If it is gone, the record that says why is on its way.
    if (status === null) return;
    const more = status.bytes - this._bytes;
    if (more > 0) {
      this._tell(more);
      if (onBytes !== undefined) onBytes(this._bytes);
    }
    // A listener may have given it up.
    if (this._saver === undefined || !(status.done || typeof status.trouble === 'string')) return;
    this._saver = undefined;
    if (!status.done) {
      reject(systemError(status.trouble, 'write'));
      return;
    }
    this.endClaimed();
    resolve();
  }

  /** A claimed stream has ended before it was taken. */
  _untaken(error) {
    const taker = this._taker || this._saver;
    this._taker = undefined;
    this._saver = undefined;
    if (taker !== undefined) taker.reject(error || new IpcError('IPC_ERR_STREAM_CANCELLED', `The stream was cancelled: ${this.streamId}`));
  }

  /** All of a claimed stream was taken: ends it for those who listen for that. */
  endClaimed() {
    this.push(null);
    this.resume();
  }

  /** Bytes in all, if the sender has told. */
  get total() {
    return sizeIn(this._info.meta);
  }

  /** There is something to read, or the end. */
  wake() {
    if (this._saver !== undefined) {
      this._look();
      return;
    }
    if (!this._waiting) return;
    this._waiting = false;
    if (this._taker !== undefined) this._serve();
    else this._readOn();
  }

  /**
   * Reads where no call of the reader's is waiting for it: what flows goes from here
   * straight to its listeners, one piece after the other.
   */
  _readOn() {
    if (this._claimed) return;
    try {
      while (this._take() && this.readableFlowing);
    } catch (error) {
      // Of a listener, which must keep neither this stream nor others from going on.
      uncaught(error);
      this.read(0);
    }
  }

  /** The peer has given it up, or is gone. */
  lose(error) {
    this.lost = error;
    this.destroy(error);
  }

  /** Lets the sender's promise wait for `release()` after the last byte was read. */
  hold() {
    this._held = true;
  }

  /** What `hold()` waited for is done. */
  release() {
    this._held = false;
    this._letGo(undefined);
  }

  /** Ends it and tells the sender `failure` instead of the error's own text. */
  fail(error, failure) {
    this._letGo(failure);
    this.destroy(error);
  }

  _destroy(error, callback) {
    if (!this.readableEnded) {
      // Some versions of Node destroy with an error of their own on `break`.
      const meant = error && error.code !== 'ABORT_ERR';
      this._letGo(meant ? toPeer(error) : CANCELLED);
    } else if (!this._held) {
      this._letGo(undefined);
    }
    this._untaken(error);
    callback(error);
  }

  /** Tells the peer that all was read, or why it is not wanted. */
  _letGo(failure) {
    if (this._released) return;
    this._released = true;
    this._peer.incoming.delete(this._number);
    const { _number: endpoint } = this._endpoint;
    const { conn } = this._peer;
    if (failure === undefined) native.streamFinish(endpoint, conn, this._number);
    else native.streamCancel(endpoint, conn, this._number, failure.message, failure.name, failure.code || 'IPC_ERR_STREAM_CANCELLED');
    markDirty(this._endpoint);
  }

  /** This side no longer wants it. */
  cancel() {
    this.fail(new IpcError('IPC_ERR_STREAM_CANCELLED', `The stream was cancelled: ${this.streamId}`), CANCELLED);
  }
}

module.exports = { IncomingStream };
