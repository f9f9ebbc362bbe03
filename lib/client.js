'use strict';

const native = require('./native');
const check = require('./check');
const { encode } = require('./codec');
const { IpcError, fromNative } = require('./errors');
const { mailbox } = require('./mailbox');
const options = require('./options');
const { anotherPayloadAt, headersAt, jsonAt } = require('./payload-at');
const { Peer } = require('./peer');
const R = require('./records');
const { Streaming } = require('./streams/streaming');
const { Subscriptions } = require('./subscriptions');

/** Streams that may wait for a connection: as many as calls may. */
const MAX_HOPEFUL = 1000;

class IpcClient extends Streaming {
  /** @param {any} given see `IIpcClientOptions` */
  constructor(given) {
    const { native: nativeOptions, settings } = options.client(given);
    super(native.openClient(mailbox, nativeOptions), settings);
    this._clientId = nativeOptions.clientId;
    /** idle, connecting, connected, reconnecting, lost, leaving, ended */
    this._state = 'idle';
    /** @type {Peer | undefined} the server, while connected */
    this._server = undefined;
    this._subscriptions = new Subscriptions();
    /** Who waits for a connection: streams can't be queued as messages are. */
    this._hopeful = [];
    this._connecting = undefined;
    /** Calls of `_attempt` under way. */
    this._attempts = 0;
    this._leaving = undefined;
    /** Counts connects and disconnects, so that the last one wins. */
    this._wish = 0;
    this._connectWish = 0;
    /** Whether the present connection was asked for: then a hub may be hosted. */
    this._mayHost = false;
  }

  get clientId() {
    return this._clientId;
  }

  getClientId() {
    return this._clientId;
  }

  getIsConnected() {
    return this._state === 'connected';
  }

  /**
   * Connects and registers. A second call joins the first. If nobody listens on
   * the socket path, hosts a hub there, unless something rules that out; a call
   * that has to connect first never does.
   *
   * @param {{ waitForReady?: boolean, waitTimeout?: number }} [connectOptions]
   * @returns {Promise<void>}
   */
  connect(connectOptions = {}) {
    if (connectOptions === null || typeof connectOptions !== 'object') {
      throw new TypeError(`options must be an object, not ${check.shown(connectOptions)}`);
    }
    const { waitForReady, waitTimeout = 10000 } = connectOptions;
    if (waitForReady !== undefined && typeof waitForReady !== 'boolean') {
      throw new TypeError(`waitForReady must be a boolean, not ${check.shown(waitForReady)}`);
    }
    const wait = check.time('waitTimeout', waitTimeout);
    return this._connectOnce(waitForReady ? wait : undefined, true);
  }

  _connectOnce(wait, mayHost) {
    if (this._connecting !== undefined && this._connectWish === this._wish) {
      if (!mayHost || this._mayHost) return this._connecting;
      this._mayHost = true;
      if (this._leaving !== undefined) return this._connecting;
      return this._underWay(this._connectToo(this._connecting, wait));
    }
    this._mayHost = mayHost;
    const wish = ++this._wish;
    this._connectWish = wish;
    return this._underWay(this._connect(wait, wish));
  }

  _underWay(attempt) {
    const connecting = attempt.finally(() => {
      if (this._connecting === connecting) this._connecting = undefined;
    });
    this._connecting = connecting;
    return connecting;
  }

  /** A call has begun to connect, and now the user wants it as well: joins that
   * attempt, or makes another if it has failed before this could be heard of. */
  _connectToo(begun, wait) {
    begun.catch(() => {});
    return this._attempt(wait);
  }

  async _connect(wait, wish) {
    if (this._leaving !== undefined) await this._leaving;
    if (wish !== this._wish) throw new IpcError('IPC_ERR_DISCONNECTED', 'disconnect() was called meanwhile');
    if (this._state === 'connected') return;
    const { plainTextTo } = this._settings;
    if (plainTextTo !== undefined) require('./tls').warnOfPlainText(plainTextTo);
    if (this._state !== 'reconnecting') this._become('connecting');
    this._closing = false;
    await this._attempt(wait);
  }

  /** Has the native side connect, unless it does so already. */
  async _attempt(wait) {
    this._attempts++;
    try {
      await this._settles((op) => native.connect(this._number, op, wait, this._mayHost));
    } catch (error) {
      // Of several the last one counts.
      if (this._attempts === 1 && this._state === 'connecting') {
        // First, for whoever hears of it may call again at once, and that begins anew.
        this._connecting = undefined;
        this._become('idle', error);
      }
      throw error;
    } finally {
      this._attempts--;
    }
  }

  /**
   * Lets work that is under way finish for up to five seconds, then closes.
   * Afterwards calls reject until `connect()` is called again.
   *
   * @returns {Promise<void>}
   */
  disconnect() {
    this._wish++;
    if (this._leaving === undefined) {
      this._leaving = this._disconnect().finally(() => {
        this._leaving = undefined;
      });
    }
    return this._leaving;
  }

  async _disconnect() {
    // Handlers that are being called may be waiting for this very call.
    const waiting = this._depth;
    const idle = this._state === 'idle' || this._state === 'ended';
    this._become(idle ? 'ended' : 'leaving');
    if (idle) return;
    try {
      // Work that has been queued in this turn still counts as under way.
      this.flush();
      await this._settles((op) => native.close(this._number, op, waiting));
    } finally {
      this._become('ended');
    }
  }

  /** Sends a message that nobody answers. */
  sendMessage(type, payload, headers) {
    try {
      const name = this._typeNumber(type);
      const headersText = check.headers(headers);
      const unready = this._prepare();
      if (unready !== undefined) return this._failedOneWay(unready);
      return this._message(this._server, name, type, payload, headersText);
    } catch (error) {
      return this._failedOneWay(error);
    }
  }

  /** Asks the server and waits for the answer. */
  request(type, payload, requestOptions) {
    const unready = this._prepare();
    if (unready !== undefined) return Promise.reject(unready);
    return this._request(this._server, type, payload, requestOptions);
  }

  /** Publishes to the subscribers of a topic. */
  publish(topic, payload) {
    try {
      check.topic(topic);
      if (topic.includes('*') && topic.split('.').some((part) => part === '*' || part === '**')) {
        throw new IpcError('IPC_ERR_INVALID_TOPIC', `A published topic must not contain wildcards: ${topic}`);
      }
      const unready = this._prepare();
      if (unready !== undefined) return this._failedOneWay(unready);
      const peer = this._server;
      const { tag, data, units } = encode(payload, this._mayClone(peer));
      const op = this._op();
      const status = native.publish(this._number, op, this._nameNumber(topic), tag, data, units);
      return this._oneWay(peer, op, status);
    } catch (error) {
      return this._failedOneWay(error);
    }
  }

  /**
   * Subscribes; resolves when the server has it.
   *
   * @param {string} topic `*` is one segment, `**` any number
   * @param {Function} handler
   */
  async subscribe(topic, handler) {
    check.topic(topic);
    check.handler(handler);
    const unready = this._prepare();
    if (unready !== undefined) throw unready;
    this._nameNumber(topic);
    const asked = this._subscriptions.ask(topic, handler);
    let held = false;
    try {
      // Also when it is not new: the first call may still be on its way.
      await this._subscribe(topic, true);
      held = true;
    } finally {
      if (this._subscriptions.answered(asked, held)) native.forgetTopic(this._number, topic);
    }
  }

  /** Ends one subscription, or all of a topic. */
  async unsubscribe(topic, handler) {
    check.topic(topic);
    if (handler !== undefined) check.handler(handler);
    if (!this._subscriptions.remove(topic, handler)) return;
    if (this._state === 'connected' || this._state === 'reconnecting' || this._state === 'connecting') {
      await this._subscribe(topic, false);
    } else {
      // Or the next connection would have it again.
      native.forgetTopic(this._number, topic);
    }
  }

  _subscribe(topic, on) {
    const op = this._op();
    return new Promise((resolve, reject) => {
      this._pending.set(op, { resolve, reject, stop() {} });
      this._updateKeepAlive();
      const failed = native.subscribe(this._number, op, topic, on, this._settings.timeout);
      if (typeof failed !== 'string') return;
      this._takePending(op);
      reject(fromNative(failed));
    });
  }

  /**
   * Sends a stream; resolves when the server has read all of it.
   *
   * @param {any} readable a Readable, a ReadableStream, an iterable of bytes
   * @param {any} [streamOptions]
   */
  sendStream(readable, streamOptions) {
    return this._sendStream(undefined, readable, streamOptions);
  }

  /** Sends a file; resolves when the server has taken all of it. */
  sendFile(filePath, streamOptions) {
    return this._sendFile(undefined, filePath, streamOptions);
  }

  /** Gives up a stream that we send; whether there was one. */
  cancelOutgoingStream(streamId) {
    return this._cancelOutgoing(streamId, undefined);
  }

  /** Gives up a stream that the server sends; whether there was one. */
  cancelIncomingStream(streamId) {
    return this._cancelIncoming(this._server, streamId);
  }

  getStats() {
    const stats = this._stats();
    return {
      connected: this._state === 'connected',
      reconnectAttempts: stats.reconnectAttempts,
      driver: this._settings.driver,
      metrics: this._metrics(stats),
    };
  }

  // For the endpoint ----------------------------------------------------------

  _isOpen() {
    return this._state !== 'idle' && this._state !== 'ended' && this._state !== 'lost';
  }

  _peer(conn) {
    return this._server !== undefined && this._server.conn === conn ? this._server : undefined;
  }

  _call(handler, payload, _peer, context) {
    return handler(payload, context);
  }

  _onOther(kind, conn, id, at, heads, text, extras) {
    if (kind === R.TOPIC) {
      this._onTopic(conn, id, at, heads, text, extras);
      return;
    }
    const told = JSON.parse(jsonAt(at, heads, text, extras));
    switch (kind) {
      case R.CONNECTED:
        this._server = new Peer(conn, this._clientId, told);
        if (this._state !== 'leaving') this._become('connected');
        this._settleEarly(this._server);
        for (const { resolve } of this._hopeful.splice(0)) resolve(this._server);
        this._emit('connect');
        return;
      case R.DISCONNECTED:
        this._onDisconnected(told);
        return;
      case R.RECONNECTING:
        this._emit('reconnecting', told.attempt, told.delay);
        return;
      case R.HOSTING:
        this._emit('hosting');
        return;
      case R.GAVE_UP:
        if (this._state === 'reconnecting') this._become('lost', fromNative(JSON.stringify(told)));
        this._report(fromNative(JSON.stringify(told)));
        return;
      case R.HEARTBEAT_TIMEOUT: {
        const error = fromNative(JSON.stringify(told));
        this._emit('heartbeatTimeout', error);
        if (this._settings.closeOnTimeout) this._report(error);
        return;
      }
      default:
    }
  }

  _onDisconnected(told) {
    const server = this._server;
    this._server = undefined;
    if (this._state === 'connected') this._become(told.again ? 'reconnecting' : 'lost');
    if (server !== undefined) {
      const error = new IpcError('IPC_ERR_CONNECTION_LOST', `The connection was lost (${told.reason})`, {
        origin: 'io',
        mayHaveRun: true,
      });
      this._peerGone(server, error);
    }
    this._emit('disconnect', told.reason, told.message);
  }

  _onTopic(conn, publisherAt, at, heads, text, extras) {
    const peer = this._peer(conn);
    if (peer === undefined) return;
    const topic = this._nameAt(heads[at + 3], extras);
    const handlers = this._closing ? [] : this._subscriptions.handlersOf(topic);
    if (handlers.length === 0) {
      this._finished(peer);
      return;
    }
    const headers = headersAt(at, heads, extras);
    const info = { topic, publisherId: extras[publisherAt + 1] || undefined };
    if (headers !== undefined) Object.assign(info, { headers: JSON.parse(headers) });
    this._deliver(peer, at, heads, text, extras, this._hearTopic, { handlers, info });
  }

  /** Each handler gets a payload of its own: one may change what it gets. */
  _hearTopic({ handlers, info }, payload, _peer, at, heads, text, extras) {
    const results = [];
    // Before the first of them is called.
    const others = handlers.length > 1 ? handlers.slice(1).map(() => anotherPayloadAt(at, heads, text, extras)) : [];
    for (let index = 0; index < handlers.length; index++) {
      try {
        const own = index === 0 ? payload : others[index - 1];
        const result = handlers[index](own, info);
        if (result && typeof result.then === 'function') results.push(result);
      } catch (error) {
        this._listenerFailed(error, this._clientId);
      }
    }
    if (results.length === 0) return undefined;
    return Promise.all(results.map((result) => result.then(undefined, (error) => this._listenerFailed(error, this._clientId))));
  }

  /** Connects if nobody has yet; returns the error if that is not wanted. */
  _prepare() {
    switch (this._state) {
      case 'idle':
        // The calls that wait for it get its failure.
        this._connectOnce(undefined, false).catch(() => {});
        return undefined;
      case 'leaving':
      case 'ended':
        return new IpcError('IPC_ERR_DISCONNECTED', 'The client was disconnected');
      case 'lost':
        return new IpcError('IPC_ERR_NOT_CONNECTED', 'The connection was lost for good; call connect()', { origin: 'io' });
      default:
        return undefined;
    }
  }

  /** The server, or a promise of it while a connection is on its way. */
  _readyPeer(_to, outgoing) {
    const unready = this._prepare();
    if (unready !== undefined) throw unready;
    if (this._server !== undefined) return this._server;
    if (this._hopeful.length >= MAX_HOPEFUL) this._hopeful = this._hopeful.filter((waiting) => !waiting.outgoing.over);
    if (this._hopeful.length >= MAX_HOPEFUL) {
      throw new IpcError('IPC_ERR_BACKPRESSURE', `${MAX_HOPEFUL} streams wait for a connection already`);
    }
    return new Promise((resolve, reject) => this._hopeful.push({ outgoing, resolve, reject }));
  }

  _become(state, why) {
    this._state = state;
    this._closing = state === 'leaving' || state === 'ended';
    this._updateKeepAlive();
    if (!this._closing && state !== 'idle' && state !== 'lost') return;
    const error = why || new IpcError('IPC_ERR_DISCONNECTED', 'The client was disconnected');
    for (const { reject } of this._hopeful.splice(0)) reject(error);
  }
}

module.exports = { IpcClient };
