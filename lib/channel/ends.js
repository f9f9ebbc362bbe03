'use strict';

const { IpcClient } = require('../client');
const { IpcError } = require('../errors');
const options = require('../options');
const { IpcServer } = require('../server');
const { clientEnd, serverEnd } = require('./end');

/** Reconnecting, as the native side does it for clients. */
const DELAY = 1000;
const LONGEST_DELAY = 30_000;
const GROWTH = 1.5;
/** A lost side that may listen does so almost at once: nothing is to be waited for. */
const FIRST_DELAY = 10;
/** How long the other side may take to start or to stop. */
const PATIENCE = 5000;
/** How long a listener may take to see that the end it had is gone. */
const FULL_PATIENCE = 600;
const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 100;

/** Nobody listens. */
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED']);
/** Somebody was there a moment ago, or will be. */
const PASSING = new Set(['ECONNRESET', 'EPIPE', 'EADDRINUSE', 'IPC_ERR_REGISTRATION', 'IPC_ERR_SERVER_STOPPING']);
/** Trying again would only repeat the refusal. */
const FINAL = new Set([
  'IPC_ERR_UNAUTHORIZED',
  'IPC_ERR_DUPLICATE_CLIENT_ID',
  'IPC_ERR_INCOMPATIBLE',
  'IPC_ERR_TLS_MISMATCH',
  'IPC_ERR_TLS_UNTRUSTED',
  'IPC_ERR_TLS_CERTIFICATE_REQUIRED',
]);
const FINAL_REASONS = new Set(['unauthorized', 'duplicate_client_id', 'incompatible', 'kicked', 'replaced']);

/**
 * The two ends of which a channel uses one: a server for one client, and a
 * client. Finds out which, and finds the other side again.
 */
class ChannelEnds {
  /**
   * @param {any} given see `IIpcChannelOptions`
   * @param {import('../channel').IpcChannel} channel
   */
  constructor(given, channel) {
    const { native, settings } = options.client(given);
    this.settings = settings;
    this._channel = channel;
    this._clientOnly = native.clientOnly === true;
    this._reconnect = {
      enabled: native.reconnect !== false,
      delay: native.reconnectDelay === undefined ? DELAY : native.reconnectDelay,
      longest: native.reconnectMaxDelay === undefined ? LONGEST_DELAY : native.reconnectMaxDelay,
      growth: native.reconnectMultiplier === undefined ? GROWTH : native.reconnectMultiplier,
      attempts: native.reconnectMaxAttempts === undefined ? Infinity : native.reconnectMaxAttempts,
    };
    const connectRetry = this._clientOnly ? given.connectRetry : undefined;
    this._client = new IpcClient({ ...given, connectRetry, clientOnly: true, autoReconnect: false });
    this._server = new IpcServer({
      ...given,
      // An end that never listens needs no certificate of a server.
      tls: this._clientOnly ? undefined : given.tls,
      encryption: this._clientOnly ? undefined : given.encryption,
      maxClients: 1,
      // What a killed end of this channel leaves must not keep the other out.
      autoCleanupSocketFile: given.autoCleanupSocketFile !== false,
    });
    /** @type {Map<string, Function>} */
    this._handlers = new Map();
    // Its failure, whenever it comes, is for the end to judge.
    this._streams = (info, readable) =>
      Promise.all(channel.rawListeners('stream').map(async (listener) => listener.call(channel, info, readable)));
    /** The name of the client that is the other side. */
    this._peerId = undefined;
    /** Whether the client has reached the other side. */
    this._reached = false;
    this._closing = false;
    this._reconnects = 0;
    /** Counts opens and closes, so that the last one wins. */
    this._wish = 0;
    this._referenced = true;
    this._sleeping = undefined;
    this._wake = () => {};
    this._wire();
  }

  _wire() {
    const channel = this._channel;
    for (const end of [this._client, this._server]) {
      // The channel knows whether somebody listens.
      end._report = (error) => channel._report(error);
      end._listenerFailed = (error) => channel._listenerFailed(error);
    }
    this._client.on('connect', () => {
      if (this._isHub()) return;
      this._reached = true;
      channel._connected(clientEnd(this._client));
    });
    this._client.on('disconnect', (reason, message) => {
      if (!this._reached) return;
      this._reached = false;
      const again = this._reconnect.enabled && !this._closing && !FINAL_REASONS.has(reason);
      channel._disconnected(reason, message, again);
      if (again) this._reopen(this._wish);
    });
    this._client.on('heartbeatTimeout', (error) => channel._emit('heartbeatTimeout', error));
    this._server.on('clientConnect', (clientId) => {
      this._peerId = clientId;
      channel._connected(serverEnd(this._server, clientId));
    });
    this._server.on('clientDisconnect', (clientId, reason, message) => {
      if (clientId !== this._peerId) return;
      this._peerId = undefined;
      const again = this._reconnect.enabled && !this._closing;
      channel._disconnected(reason, message, again);
      if (!again && !this._closing) this._server.stop().catch(() => {});
    });
    this._server.on('heartbeatTimeout', (_clientId, error) => channel._emit('heartbeatTimeout', error));
  }

  /** Opens one of the ends. */
  async open(connectOptions) {
    const wish = ++this._wish;
    await this._openOnce(wish, connectOptions);
  }

  async close() {
    this._wish++;
    this._closing = true;
    this._wake();
    try {
      await Promise.all([this._client.disconnect(), this._server.stop()]);
    } finally {
      this._closing = false;
    }
  }

  /** Looks for the other side until it is found, or waited for, or given up. */
  async _reopen(wish) {
    const { delay: least, longest, growth, attempts } = this._reconnect;
    let delay = this._clientOnly ? least : Math.min(FIRST_DELAY, least);
    for (let attempt = 1; ; attempt++) {
      this._channel._emit('reconnecting', attempt, delay);
      await this._sleep(delay);
      if (wish !== this._wish) return;
      try {
        await this._openOnce(wish);
        this._reconnects++;
        return;
      } catch (error) {
        if (wish !== this._wish) return;
        if (attempt >= attempts || FINAL.has(error.code)) {
          this._channel._gaveUp(error);
          return;
        }
      }
      delay = Math.min(Math.max(delay * growth, least), longest);
    }
  }

  async _openOnce(wish, connectOptions) {
    if (this._clientOnly) await this._connect(connectOptions);
    else await this._find(wish);
  }

  /** Connects to whoever listens, or listens if nobody does. Of two that do this
   * at once, one gets the address and the other finds it there. */
  async _find(wish) {
    const started = Date.now();
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      let error = await this._tryToConnect(wish);
      if (error !== undefined && NOBODY.has(error.code)) error = await this._tryToListen(wish);
      if (error === undefined) return;
      const full = error.code === 'IPC_ERR_MAX_CONNECTIONS';
      if (Date.now() - started > (full ? FULL_PATIENCE : PATIENCE)) throw error;
      await this._sleep(pause);
      this._check(wish);
    }
  }

  /** @returns {Promise<any>} the error of an attempt that may go better another time */
  async _tryToConnect(wish) {
    try {
      await this._connect();
    } catch (error) {
      this._check(wish);
      if (NOBODY.has(error.code) || PASSING.has(error.code) || error.code === 'IPC_ERR_MAX_CONNECTIONS') return error;
      throw error;
    }
    if (!this._isHub()) return undefined;
    // Hubs are for clients; this one goes when we listen.
    await this._client.disconnect();
    this._check(wish);
    return new IpcError('ENOENT', 'A hub is no other side', { origin: 'io' });
  }

  async _tryToListen(wish) {
    try {
      await this._server.start();
    } catch (error) {
      this._check(wish);
      if (PASSING.has(error.code)) return error;
      throw error;
    }
    this._check(wish);
    this._channel._emit('hosting');
    return undefined;
  }

  async _connect(connectOptions) {
    try {
      await this._client.connect(connectOptions);
    } catch (cause) {
      if (cause.code !== 'IPC_ERR_MAX_CONNECTIONS') throw cause;
      const text = 'Failed to register: the channel has both its ends already';
      throw new IpcError(cause.code, text, { origin: 'peer', cause });
    }
  }

  _isHub() {
    return this._client._server !== undefined && this._client._server.role === 'hub';
  }

  _check(wish) {
    if (wish !== this._wish) throw new IpcError('IPC_ERR_DISCONNECTED', 'disconnect() was called meanwhile');
  }

  /** Keeps the process alive meanwhile: neither end does. */
  _sleep(delay) {
    return new Promise((resolve) => {
      this._wake = () => {
        clearTimeout(this._sleeping);
        this._sleeping = undefined;
        resolve(undefined);
      };
      // A longer timer would go off at once.
      this._sleeping = setTimeout(this._wake, Math.min(delay, 0x7fffffff));
      if (!this._referenced) this._sleeping.unref();
    });
  }

  // Handlers ------------------------------------------------------------------

  handler(type) {
    return this._handlers.get(type);
  }

  onMessage(type, handler) {
    this._client.onMessage(type, handler);
    this._server.onMessage(type, (payload, _clientId, context) => handler(payload, context));
    this._handlers.set(type, handler);
  }

  offMessage(type) {
    this._client.offMessage(type);
    this._server.offMessage(type);
    this._handlers.delete(type);
  }

  /** Streams are refused as long as nobody listens for them. */
  listen(channel) {
    const wanted = channel.listenerCount('stream') > 0;
    for (const end of [this._client, this._server]) {
      const listening = end.listenerCount('stream') > 0;
      if (wanted && !listening) end.on('stream', this._streams);
      if (!wanted && listening) end.removeListener('stream', this._streams);
    }
  }

  // The rest ------------------------------------------------------------------

  metrics(errors) {
    const metrics = { ...this._client.getStats().metrics };
    const other = this._server.getStats().metrics;
    for (const [name, value] of Object.entries(other)) {
      if (typeof value === 'number' && name !== 'connectedAt') metrics[name] += value;
    }
    metrics.closeReasons = { ...metrics.closeReasons };
    for (const [reason, count] of Object.entries(other.closeReasons)) {
      metrics.closeReasons[reason] = (metrics.closeReasons[reason] || 0) + count;
    }
    if (this._peerId !== undefined) {
      const info = this._server.getClientInfo(this._peerId);
      metrics.connectedAt = info === undefined ? undefined : info.connectedAt;
    }
    metrics.errors += errors;
    metrics.reconnects += this._reconnects;
    return metrics;
  }

  ref() {
    this._referenced = true;
    for (const held of [this._client, this._server, this._sleeping]) if (held !== undefined) held.ref();
  }

  unref() {
    this._referenced = false;
    for (const held of [this._client, this._server, this._sleeping]) if (held !== undefined) held.unref();
  }
}

module.exports = { ChannelEnds };
