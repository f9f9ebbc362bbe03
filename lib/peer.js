'use strict';

/**
 * One connection, as this side sees it.
 */
class Peer {
  constructor(conn, clientId, connected) {
    this.conn = conn;
    this.clientId = clientId;
    this.peer = connected.peer;
    this.metadata = connected.metadata === null ? undefined : JSON.parse(connected.metadata);
    this.cloneVersion = connected.cloneVersion;
    /** Messages whose handler has finished since the last flush. */
    this.done = 0;
    /** Requests in an asynchronous handler: id to context. */
    this.running = new Map();
    /** One-way calls that wait for the queue to get shorter. */
    this.waiters = [];
    /** Streams by number: those we send, those it sends. */
    this.outgoing = new Map();
    this.incoming = new Map();
  }
}

module.exports = { Peer };
