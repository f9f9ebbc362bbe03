'use strict';

const check = require('./check');
const { ChannelEnds } = require('./channel/ends');
const { Handlers } = require('./channel/handlers');
const { WaitingCalls } = require('./channel/waiting-calls');
const { IpcError } = require('./errors');
const { oneWay } = require('./one-way');
const { streamOptions } = require('./streams/options');
const { discard } = require('./streams/source');

function nothing() {}

/**
 * Two processes with the same options, and nobody else: whoever comes first
 * listens, the other connects. When one is lost the other waits for it to come
 * back, in whichever role is left.
 */
class IpcChannel extends Handlers {
  /** @param {any} given see `IIpcChannelOptions` */
  constructor(given) {
    super();
    this._ends = new ChannelEnds(given, this);
    this._waiting = new WaitingCalls(this._ends.settings);
    /** idle, opening, open, reopening, lost, leaving, ended */
    this._state = 'idle';
    /** The end that reaches the other side, while it is there. */
    this._peer = undefined;
    this._opening = undefined;
    this._leaving = undefined;
    /** Grows with each disconnect(): of it and connect() the last one wins. */
    this._wish = 0;
  }

  /**
   * Listens, or connects if the other side does. Resolves when either is done:
   * the other side may come later, see `isConnected()`. A second call joins the
   * first.
   *
   * @param {{ waitForReady?: boolean, waitTimeout?: number }} [connectOptions]
   * @returns {Promise<void>}
   */
  connect(connectOptions = {}) {
    if (connectOptions === null || typeof connectOptions !== 'object') {
      throw new TypeError(`options must be an object, not ${check.shown(connectOptions)}`);
    }
    if (this._opening === undefined) {
      const opening = this._open(connectOptions).finally(() => {
        if (this._opening === opening) this._opening = undefined;
      });
      this._opening = opening;
    }
    return this._opening;
  }

  async _open(connectOptions) {
    const wish = this._wish;
    if (this._leaving !== undefined) await this._leaving;
    if (wish !== this._wish) throw new IpcError('IPC_ERR_DISCONNECTED', 'disconnect() was called meanwhile');
    if (this._state === 'open' || this._state === 'reopening') return;
    this._state = 'opening';
    try {
      await this._ends.open(connectOptions);
    } catch (error) {
      if (wish === this._wish && this._is('opening')) {
        // Whoever hears of it may call again at once, and that begins anew.
        this._opening = undefined;
        this._state = 'idle';
      }
      this._waiting.rejectAll(error);
      throw error;
    }
    if (this._is('opening')) this._state = 'open';
    this._emit('ready');
  }

  /**
   * Lets work that is under way finish for up to five seconds, then closes.
   * Afterwards calls reject until `connect()` is called again.
   *
   * @returns {Promise<void>}
   */
  disconnect() {
    this._wish++;
    // A connect() from now on is a new one.
    this._opening = undefined;
    if (this._leaving === undefined) {
      this._leaving = this._disconnect().finally(() => {
        this._leaving = undefined;
      });
    }
    return this._leaving;
  }

  async _disconnect() {
    if (this._is('idle') || this._is('ended')) {
      this._state = 'ended';
      return;
    }
    this._state = 'leaving';
    this._waiting.rejectAll(new IpcError('IPC_ERR_DISCONNECTED', 'The channel was disconnected'));
    await this._ends.close();
    this._state = 'ended';
  }

  /** Whether the other side is there. */
  isConnected() {
    return this._peer !== undefined;
  }

  // Calls ---------------------------------------------------------------------

  /** Sends a message that nobody answers. */
  sendMessage(type, payload, headers) {
    const unready = this._prepare();
    try {
      if (unready !== undefined) throw unready;
      if (this._peer !== undefined) return this._peer.sendMessage(type, payload, headers);
      check.type(type);
      check.headers(headers);
    } catch (error) {
      const call = oneWay((unseen) => this._report(unseen));
      call.reject(error);
      return call.promise;
    }
    return this._waiting.oneWay(
      payload,
      (error) => this._report(error),
      (call) => this._reached().sendMessage(type, call.payload(), headers)
    );
  }

  /** Asks the other side and waits for the answer. */
  async request(type, payload, options) {
    const unready = this._prepare();
    if (unready !== undefined) throw unready;
    if (this._peer !== undefined) return this._peer.request(type, payload, options);
    check.type(type);
    return this._waiting.request(type, payload, options, (call) =>
      this._reached().request(type, call.payload(), { ...options, timeout: call.timeout })
    );
  }

  /** Sends a stream to the other side; see `IpcClient.sendStream`. */
  sendStream(readable, options) {
    return this._stream(options, (end, known) => end.sendStream(readable, known), readable);
  }

  /** Sends a file to the other side; see `IpcClient.sendFile`. */
  sendFile(filePath, options) {
    return this._stream(options, (end, known) => end.sendFile(filePath, known));
  }

  /** Gives up a stream that this side sends. */
  cancelOutgoingStream(streamId) {
    check.string('streamId', streamId);
    const error = new IpcError('IPC_ERR_STREAM_CANCELLED', `The stream was cancelled: ${streamId}`);
    const waited = this._waiting.giveUp(streamId, error);
    return waited || (this._peer !== undefined && this._peer.cancelOutgoingStream(streamId));
  }

  /** Gives up a stream that this side receives. */
  cancelIncomingStream(streamId) {
    check.string('streamId', streamId);
    return this._peer !== undefined && this._peer.cancelIncomingStream(streamId);
  }

  _stream(given, send, source) {
    const unready = this._prepare();
    // As it is: the promise carries the stream's id.
    if (unready === undefined && this._peer !== undefined) return send(this._peer, given);
    // It may fail while nobody reads it yet; reading it will tell.
    if (source !== null && typeof source === 'object' && typeof source.on === 'function') source.on('error', nothing);
    const call = oneWay((unseen) => this._report(unseen));
    const reject = (error) => {
      discard(source);
      call.reject(error);
    };
    let streamId = '';
    try {
      const options = streamOptions(given);
      streamId = options.streamId;
      if (unready !== undefined) throw unready;
      const make = () => send(this._reached(), { ...given, streamId });
      this._waiting.stream(streamId, options.signal, make, { resolve: call.resolve, reject });
    } catch (error) {
      reject(error);
    }
    return Object.assign(call.promise, { streamId });
  }

  /** Counters of this side. */
  getMetrics() {
    return this._ends.metrics(this._errors);
  }

  /** Keeps the process alive while open; the default. */
  ref() {
    this._ends.ref();
    return this;
  }

  /** Lets the process end although the channel is open. */
  unref() {
    this._ends.unref();
    return this;
  }

  // For the ends --------------------------------------------------------------

  /** The other side is there. */
  _connected(end) {
    this._peer = end;
    if (this._state === 'reopening') this._state = 'open';
    this._waiting.makeAll();
    this._emit('connect');
  }

  /** The other side is gone; `again`: the ends look for it. */
  _disconnected(reason, message, again) {
    this._peer = undefined;
    if (this._state !== 'leaving') {
      this._state = again ? 'reopening' : 'lost';
      if (!again) this._waiting.rejectAll(lostForGood());
    }
    this._emit('disconnect', this._state === 'leaving' ? 'local' : reason, message);
  }

  /** The ends have stopped looking. */
  _gaveUp(error) {
    this._state = 'lost';
    this._waiting.rejectAll(error);
    this._report(error);
  }

  _is(state) {
    return this._state === state;
  }

  _reached() {
    if (this._peer === undefined) throw lostForGood();
    return this._peer;
  }

  /** Opens if nobody has yet; returns the error if that is not wanted. */
  _prepare() {
    switch (this._state) {
      case 'idle':
        // The calls that wait for it get its failure.
        this.connect().catch(() => {});
        return undefined;
      case 'leaving':
      case 'ended':
        return new IpcError('IPC_ERR_DISCONNECTED', 'The channel was disconnected');
      case 'lost':
        return lostForGood();
      default:
        return undefined;
    }
  }
}

function lostForGood() {
  return new IpcError('IPC_ERR_NOT_CONNECTED', 'The other side was lost for good; call connect()', { origin: 'io' });
}

module.exports = { IpcChannel };
