'use strict';

const { Readable } = require('stream');

const native = require('../../native');
const { IpcError, toPeer } = require('../errors');
const { markDirty } = require('../mailbox');
const R = require('../records');
const { sizeIn } = require('./options');

/** Bytes that a Readable holds ready; what waits beyond that waits in the window. */
const HIGH_WATER = 64 * 1024;

/**
 * Bytes that all streams together read in one turn of the event loop. Without a
 * bound, readers that keep up would read for as long as their senders send, and
 * every message would wait for them.
 */
const PER_TURN = 64 * 1024;

/** Bytes read in this turn, and streams that wait for the next one. */
let read = 0;
let waiting = [];
let turning = false;

function nextTurn() {
  turning = false;
  read = 0;
  const now = waiting;
  waiting = [];
  for (const stream of now) stream._read();
}

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
    /** Whether the peer has to wait for more than the last byte being read. */
    this._held = false;
    this._released = false;
    /** What the peer or the connection ended it with. */
    this.lost = undefined;
    peer.incoming.set(number, this);
    // A peer that vanishes must not end the process of who did not add one.
    this.on('error', nothing);
  }

  get streamId() {
    return this._info.streamId;
  }

  _read() {
    if (!turning) {
      turning = true;
      setImmediate(nextTurn);
    }
    if (read >= PER_TURN) {
      waiting.push(this);
      return;
    }
    const found = native.streamRead(this._endpoint._number, this._peer.conn, this._number);
    if (typeof found === 'number') {
      // If it is gone, the record that says why is on its way.
      if (found === R.END) this.push(null);
      else this._waiting = true;
      return;
    }
    // Reading may have granted the peer more.
    markDirty(this._endpoint);
    this._bytes += found.length;
    read += found.length;
    this.push(found);
    if (this.listenerCount('progress') === 0) return;
    const progress = { bytes: this._bytes, total: this.total };
    // Thrown in here, it would end the stream.
    this._endpoint._guard(() => this.emit('progress', progress));
  }

  /** Bytes in all, if the sender has told. */
  get total() {
    return sizeIn(this._info.meta);
  }

  /** There is something to read, or the end. */
  wake() {
    if (!this._waiting) return;
    this._waiting = false;
    this._read();
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
      this._letGo(meant ? toPeer(error) : { message: 'The receiver cancelled the stream', name: 'Error', code: '' });
    } else if (!this._held) {
      this._letGo(undefined);
    }
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
    this.fail(new IpcError('IPC_ERR_STREAM_CANCELLED', `The stream was cancelled: ${this.streamId}`), {
      message: 'The receiver cancelled the stream',
      name: 'Error',
      code: '',
    });
  }
}

module.exports = { IncomingStream };
