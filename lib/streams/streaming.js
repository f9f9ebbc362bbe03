'use strict';

const native = require('../native');
const check = require('../check');
const { Endpoint } = require('../endpoint');
const { IpcError, fromNative } = require('../errors');
const { markDirty } = require('../mailbox');
const { headersAt, jsonAt, payloadAt } = require('../payload-at');
const R = require('../records');

/** @typedef {import('./outgoing').Outgoing} Outgoing */

/**
 * Streams of both directions. What they are made of is loaded by the first one:
 * Node's own streams, which it stands on, take longer to load than this package.
 */
class Streaming extends Endpoint {
  constructor(number, settings) {
    super(number, settings);
    /** @type {Set<Outgoing>} those that wait for a connection included */
    this._sending = new Set();
  }

  // Out -----------------------------------------------------------------------

  /**
   * Sends what a source has.
   *
   * @param {string | undefined} to the client it is for, on a server
   * @param {any} given
   * @param {any} options
   */
  _sendStream(to, given, options) {
    return this._sendFrom(to, options, () => require('./source').sourceOf(given), given);
  }

  /** Sends a file. */
  _sendFile(to, file, options) {
    return this._sendFrom(to, options, () => {
      check.path('filePath', file);
      return require('./file-source').openFile(file);
    });
  }

  _sendFrom(to, options, open, given) {
    const { streamOptions } = require('./options');
    const { Outgoing } = require('./outgoing');
    let outgoing;
    try {
      outgoing = new Outgoing(this, streamOptions(options), to);
    } catch (error) {
      require('./source').discard(given);
      // It never had one, but the promise is of one kind.
      return Object.assign(this._failedOneWay(error, to), { streamId: '' });
    }
    this._run(outgoing, open, given).catch((error) => outgoing.fail(error));
    return outgoing.promise;
  }

  async _run(outgoing, open, given) {
    const { streamId, to } = outgoing;
    if (this._find(streamId, to) !== undefined) {
      require('./source').discard(given);
      throw new IpcError('IPC_ERR_STREAM_IN_USE', `A stream named '${streamId}' is open already`);
    }
    // The source first, and at once: it may fail before there is a connection.
    // A signal may have fired already: then the source is only given up.
    if (!outgoing.over) this._sending.add(outgoing);
    const source = open();
    outgoing.take(typeof source.then === 'function' ? await source : source);
    if (outgoing.over) return;
    const peer = this._readyPeer(to, outgoing);
    outgoing.run(peer instanceof Promise ? await peer : peer);
  }

  _find(streamId, to) {
    for (const outgoing of this._sending) {
      if (outgoing.streamId === streamId && outgoing.to === to) return outgoing;
    }
    return undefined;
  }

  /** Gives up a stream of ours; whether there was one. */
  _cancelOutgoing(streamId, to) {
    check.string('streamId', streamId);
    const outgoing = this._find(streamId, to);
    if (outgoing === undefined) return false;
    outgoing.cancel();
    return true;
  }

  // In ------------------------------------------------------------------------

  /** Gives up a stream of the peer; whether there was one. */
  _cancelIncoming(peer, streamId) {
    check.string('streamId', streamId);
    let found = false;
    for (const incoming of peer === undefined ? [] : [...peer.incoming.values()]) {
      if (incoming.streamId !== streamId) continue;
      incoming.cancel();
      found = true;
    }
    return found;
  }

  _onStream(kind, conn, id, at, heads, text, extras) {
    const peer = this._peer(conn);
    if (peer === undefined) return;
    if (kind === R.STREAM_OPEN) {
      this._onStreamOpen(peer, id, at, heads, text, extras);
      return;
    }
    const stream = kind === R.STREAM_READABLE || kind === R.STREAM_FAILED ? peer.incoming.get(id) : peer.outgoing.get(id);
    if (stream === undefined) return;
    switch (kind) {
      case R.STREAM_READABLE:
        stream.wake();
        return;
      case R.STREAM_FAILED:
        stream.lose(fromNative(jsonAt(at, heads, text, extras)));
        return;
      case R.STREAM_ROOM:
        stream.room();
        return;
      case R.STREAM_DONE:
        stream.finish();
        return;
      case R.STREAM_CANCELLED:
        stream.fail(fromNative(jsonAt(at, heads, text, extras)));
        return;
      default:
    }
  }

  _onStreamOpen(peer, id, at, heads, text, extras) {
    const closing = this._isLeaving();
    const listeners = closing ? [] : this.rawListeners('stream');
    if (listeners.length === 0) {
      this._refuse(peer, id, 'IPC_ERR_STREAM_REFUSED', closing ? 'The other side is closing' : 'Nobody listens for streams');
      return;
    }
    let info;
    try {
      const headers = headersAt(at, heads, extras);
      info = {
        streamId: this._nameAt(heads[at + 3], extras),
        meta: withBareName(payloadAt(at, heads, text, extras)),
        headers: headers === undefined ? {} : JSON.parse(headers),
        clientId: peer.clientId,
      };
    } catch (cause) {
      this._refuse(peer, id, 'IPC_ERR_BAD_PAYLOAD', `What came with the stream is unreadable: ${cause.message}`);
      return;
    }
    const { IncomingStream } = require('./incoming');
    const readable = new IncomingStream(this, peer, id, info);
    for (const listener of listeners) this._callStreamListener(listener, info, readable, peer);
  }

  /** A listener that fails will not read on: its stream ends with its failure. */
  _callStreamListener(listener, info, readable, peer) {
    const failed = (error) => {
      readable.destroy(error);
      // One that only passes on what the peer did is not to blame.
      if (error && passesOn(error, readable)) this._report(error, peer.clientId);
      else this._listenerFailed(error, peer.clientId);
    };
    this._depth++;
    try {
      const result = listener.call(this, info, readable);
      if (result !== null && typeof result === 'object' && typeof result.then === 'function') result.then(undefined, failed);
    } catch (error) {
      failed(error);
    } finally {
      this._depth--;
    }
  }

  _refuse(peer, id, code, message) {
    native.streamCancel(this._number, peer.conn, id, message, 'Error', code);
    markDirty(this);
  }

  _peerGone(peer, error) {
    super._peerGone(peer, error);
    for (const outgoing of [...peer.outgoing.values()]) outgoing.fail(error);
    for (const incoming of [...peer.incoming.values()]) incoming.lose(error);
  }

  // For subclasses ------------------------------------------------------------

  /** Whether only what is under way may still finish. */
  _isLeaving() {
    return this._closing;
  }

  /**
   * The peer to send to, or a promise of it.
   *
   * @param {string | undefined} _to
   * @param {Outgoing} _outgoing what is to be sent; it may be over before that
   * @returns {any}
   */
  _readyPeer(_to, _outgoing) {
    return undefined;
  }
}

/** Whether a listener's failure is that of its stream, in its words or Node's. */
function passesOn(error, readable) {
  if (readable.lost === undefined) return false;
  return error === readable.lost || error.code === 'ERR_STREAM_PREMATURE_CLOSE' || error.code === 'ERR_STREAM_DESTROYED';
}

function withBareName(meta) {
  if (meta === null || typeof meta !== 'object' || typeof meta.basename !== 'string') return meta;
  return { ...meta, basename: require('./bare-name').bareName(meta.basename) };
}

module.exports = { Streaming };
