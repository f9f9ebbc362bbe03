'use strict';

const native = require('./native');
const check = require('./check');
const { encode } = require('./codec');
const { Cork } = require('./cork');
const { IpcError, fromNative } = require('./errors');
const { clock, mailbox } = require('./mailbox');
const options = require('./options');
const { jsonAt } = require('./payload-at');
const { Peer } = require('./peer');

const R = require('./records');
const { Streaming } = require('./streams/streaming');

/**
 * Connections that get a payload in the same encoding.
 *
 * @typedef {{ advanced: boolean, conns: Uint32Array }} Audience
 */

class IpcServer extends Streaming {
  /** @param {any} given see `IIpcServerOptions` */
  constructor(given) {
    const { native: nativeOptions, settings } = options.server(given);
    super(native.openServer(mailbox, nativeOptions), settings);
    this._state = 'stopped';
    /** Connection number to client, and the clients' names. */
    this._peers = new Map();
    this._clients = new Map();
    /** @type {Audience[] | undefined} whom a broadcast reaches, until somebody comes or goes */
    this._everybody = undefined;
    this._cork = new Cork(this);
    /** The last start or stop that was asked for. */
    this._last = { kind: 'stop', promise: Promise.resolve() };
    /** The readme cancels streams through it. */
    this.primaryChannel = {
      cancelIncomingStream: (streamId, from) => this.cancelIncomingStreamFromClient(from && from.clientId, streamId),
    };
  }

  /**
   * Listens. Resolves when clients can connect; a second call joins the first.
   *
   * @param {{ readyWhen?: 'socket-bound' | 'accepting' }} [startOptions]
   * @returns {Promise<void>}
   */
  start(startOptions = {}) {
    if (startOptions === null || typeof startOptions !== 'object') {
      throw new TypeError(`options must be an object, not ${check.shown(startOptions)}`);
    }
    // Both are reached at the same moment: the path appears when it accepts.
    options.oneOf(startOptions, 'readyWhen', ['socket-bound', 'accepting']);
    return this._next('start', () => this._start());
  }

  /** Runs starts and stops one after the other; the same one again joins in. */
  _next(kind, run) {
    if (this._last.kind === kind) return this._last.promise;
    const promise = this._last.promise.catch(() => {}).then(run);
    const last = { kind, promise };
    this._last = last;
    // A start that failed may be tried again.
    promise.catch(() => {
      last.kind = '';
    });
    return promise;
  }

  async _start() {
    this._state = 'starting';
    const { plainTextTo } = this._settings;
    if (plainTextTo !== undefined) require('./tls').warnOfPlainText(plainTextTo);
    this._closing = false;
    this._updateKeepAlive();
    try {
      await this._settles((op) => native.start(this._number, op));
    } catch (error) {
      this._state = 'stopped';
      this._updateKeepAlive();
      throw error;
    }
    this._state = 'running';
    this._emit('start');
    this._emit('ready');
  }

  /**
   * Stops listening, lets work that is under way finish for up to five seconds,
   * then closes every connection. Harmless when stopped.
   *
   * @returns {Promise<void>}
   */
  stop() {
    // Handlers that are being called may be waiting for this very call.
    const waiting = this._depth;
    return this._next('stop', () => this._stop(waiting));
  }

  async _stop(waiting) {
    if (this._state !== 'running') return;
    this._state = 'stopping';
    try {
      this.flush();
      await this._settles((op) => native.close(this._number, op, waiting));
    } finally {
      this._state = 'stopped';
      this._updateKeepAlive();
    }
    this._emit('stop');
  }

  /** Whether clients can connect. */
  getIsReady() {
    return this._state === 'running';
  }

  /**
   * Where the server listens; null if it does not.
   *
   * @returns {string | { address: string, family: 'IPv4' | 'IPv6', port: number } | null}
   */
  address() {
    const text = native.address(this._number);
    if (typeof text !== 'string') return null;
    const address = JSON.parse(text);
    if (typeof address === 'string') return address;
    return { address: address.address, family: address.address.includes(':') ? 'IPv6' : 'IPv4', port: address.port };
  }

  /** Sends a message to one client. */
  sendToClient(clientId, type, payload, headers) {
    try {
      check.string('clientId', clientId);
    } catch (error) {
      return this._failedOneWay(error);
    }
    const peer = this._clients.get(clientId);
    if (peer === undefined) return this._failedOneWay(this._unknown(clientId), clientId);
    return this._send(peer, type, payload, headers);
  }

  _send(peer, type, payload, headers) {
    try {
      const name = this._typeNumber(type);
      const headersText = check.headers(headers);
      return this._message(peer, name, type, payload, headersText);
    } catch (error) {
      return this._failedOneWay(error, peer.clientId);
    }
  }

  /** Asks one client and waits for its answer. */
  async requestClient(clientId, type, payload, requestOptions) {
    check.string('clientId', clientId);
    const peer = this._clients.get(clientId);
    if (peer === undefined) throw this._unknown(clientId);
    return this._request(peer, type, payload, requestOptions);
  }

  /** Sends a message to every client. */
  broadcast(type, payload) {
    return this._attempt(() => {
      if (this._everybody === undefined) this._everybody = this._audiences([...this._peers.values()]);
      this._broadcast(this._everybody, type, payload);
    });
  }

  /**
   * Sends a message to some clients.
   *
   * @returns {Promise<string[]>} the ids that are not connected
   */
  broadcastTo(clientIds, type, payload) {
    return this._attempt(() => {
      if (clientIds === null || typeof clientIds !== 'object' || typeof clientIds[Symbol.iterator] !== 'function') {
        throw new TypeError(`clientIds must be an array, not ${check.shown(clientIds)}`);
      }
      const missing = [];
      const peers = new Set();
      for (const clientId of clientIds) {
        const peer = this._clients.get(clientId);
        if (peer === undefined) missing.push(clientId);
        else peers.add(peer);
      }
      this._broadcast(this._audiences([...peers]), type, payload);
      return missing;
    });
  }

  /** Makes a one-way call to many: nobody has to wait for its failure. */
  _attempt(call) {
    try {
      this._checkRunning();
      return Promise.resolve(call());
    } catch (error) {
      return this._failedOneWay(error);
    }
  }

  /**
   * Peers apart by what their payloads are written as; none of them is empty.
   *
   * @param {Peer[]} peers
   * @returns {Audience[]}
   */
  _audiences(peers) {
    return [true, false]
      .map((advanced) => {
        const conns = peers.filter((peer) => this._mayClone(peer) === advanced).map((peer) => peer.conn);
        return { advanced, conns: Uint32Array.from(conns) };
      })
      .filter(({ conns }) => conns.length > 0);
  }

  _broadcast(audiences, type, payload) {
    const name = this._typeNumber(type);
    for (const { advanced, conns } of audiences) {
      const { tag, data, units } = encode(payload, advanced);
      const status = native.broadcast(this._number, conns, this._passed(name, type), tag, data, units);
      throwIf(status);
      if (status !== R.ACCEPTED) this._cork.add(conns.length);
    }
  }

  /** Publishes to the subscribers of a topic. */
  publish(topic, payload) {
    return this._attempt(() => {
      check.topic(topic);
      const { tag, data, units } = encode(payload, this._settings.advanced);
      const receivers = native.publishToAll(this._number, this._nameNumber(topic), tag, data, units);
      throwIf(receivers);
      if (receivers > 0) this._cork.add(receivers);
    });
  }

  flush() {
    if (!this._cork.isPending) {
      super.flush();
      return;
    }
    const begun = clock();
    super.flush();
    this._cork.wrote(begun, clock());
  }

  /** What is known of a client; undefined if it is not connected. */
  getClientInfo(clientId) {
    const peer = this._clients.get(clientId);
    const text = peer === undefined ? undefined : native.clientInfo(this._number, peer.conn);
    if (typeof text !== 'string') return undefined;
    return { ...JSON.parse(text), metadata: peer.metadata };
  }

  /** The ids of all connected clients. */
  getClientIds() {
    return [...this._clients.keys()];
  }

  /**
   * Closes a client's connection; it will not reconnect by itself.
   *
   * @param {string} clientId
   * @param {string} [reason] told to the client
   */
  async disconnectClient(clientId, reason = 'disconnected by the server') {
    check.string('clientId', clientId);
    const peer = this._clients.get(clientId);
    if (peer === undefined) throw this._unknown(clientId);
    this.flush();
    native.disconnectClient(this._number, peer.conn, String(reason));
  }

  getStats() {
    const stats = this._stats();
    return {
      isRunning: this._state === 'running',
      isReachable: this._state === 'running' && stats.reachable,
      connectedClients: this._clients.size,
      totalConnections: stats.totalConnections,
      driver: this._settings.driver,
      metrics: this._metrics(stats),
    };
  }

  /**
   * Sends a stream to one client; resolves when the client has read all of it.
   *
   * @param {string} clientId
   * @param {any} readable a Readable, a ReadableStream, an iterable of bytes
   * @param {any} [streamOptions]
   */
  sendStreamToClient(clientId, readable, streamOptions) {
    return this._sendStream(clientId, readable, streamOptions);
  }

  /** Sends a file to one client; resolves when the client has taken all of it. */
  sendFileToClient(clientId, filePath, streamOptions) {
    return this._sendFile(clientId, filePath, streamOptions);
  }

  /** Gives up a stream that a client sends; whether there was one. */
  cancelIncomingStreamFromClient(clientId, streamId) {
    check.string('clientId', clientId);
    return this._cancelIncoming(this._clients.get(clientId), streamId);
  }

  /** Gives up a stream to a client; whether there was one. */
  cancelOutgoingStreamToClient(clientId, streamId) {
    check.string('clientId', clientId);
    return this._cancelOutgoing(streamId, clientId);
  }

  // For the endpoint ----------------------------------------------------------

  _isOpen() {
    return this._state !== 'stopped';
  }

  _peer(conn) {
    return this._peers.get(conn);
  }

  _isLeaving() {
    // From the call of stop() on, which begins a little later.
    return this._last.kind === 'stop' && this._state !== 'stopped';
  }

  _readyPeer(clientId) {
    check.string('clientId', clientId);
    if (this._isLeaving()) throw new IpcError('IPC_ERR_SERVER_STOPPING', 'The server is stopping');
    const peer = this._clients.get(clientId);
    if (peer === undefined) throw this._unknown(clientId);
    return peer;
  }

  _call(handler, payload, peer, context) {
    return handler(payload, peer.clientId, context);
  }

  _onOther(kind, conn, _id, at, heads, text, extras) {
    const told = JSON.parse(jsonAt(at, heads, text, extras));
    if (kind === R.CONNECTED) {
      // The record of the connection that this one replaces may come later.
      const replaced = this._clients.get(told.clientId);
      if (replaced !== undefined) this._lose(replaced, { reason: 'replaced', message: 'the same client came back' });
      const peer = new Peer(conn, told.clientId, told);
      this._peers.set(conn, peer);
      this._everybody = undefined;
      this._clients.set(peer.clientId, peer);
      this._emit('clientConnect', peer.clientId, peer.metadata);
      return;
    }
    const peer = this._peers.get(conn);
    if (peer === undefined) return;
    if (kind === R.DISCONNECTED) {
      this._lose(peer, told);
    } else if (kind === R.HEARTBEAT_TIMEOUT) {
      const error = fromNative(JSON.stringify(told));
      this._emit('heartbeatTimeout', peer.clientId, error);
      if (this._settings.closeOnTimeout) this._report(error, peer.clientId);
    }
  }

  _lose(peer, told) {
    this._peers.delete(peer.conn);
    this._everybody = undefined;
    if (this._clients.get(peer.clientId) === peer) this._clients.delete(peer.clientId);
    this._peerGone(peer, lost(told));
    this._emit('clientDisconnect', peer.clientId, told.reason, told.message);
  }

  _unknown(clientId) {
    return new IpcError('IPC_ERR_UNKNOWN_CLIENT', `No client '${clientId}' is connected`);
  }

  _checkRunning() {
    if (this._state === 'running') return;
    throw new IpcError('IPC_ERR_NOT_CONNECTED', 'The server is not running');
  }
}

function throwIf(failed) {
  if (typeof failed === 'string') throw fromNative(failed);
}

function lost(told) {
  return new IpcError('IPC_ERR_CONNECTION_LOST', `The connection was lost (${told.reason})`, {
    origin: 'io',
    mayHaveRun: true,
  });
}

module.exports = { IpcServer };
