// What the tests of streams share: a connected pair, both directions under the
// same names, and what is left of streams afterwards.

import { createHash, randomBytes } from 'crypto';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, recorder, tempSocket } from './helpers.cjs';

export const KIB = 1024;
export const MIB = 1024 * 1024;
/** What may wait for the reader of one stream, at the receiver. */
export const WINDOW = 256 * KIB;
/** The memory that a long stream passes through, where both ends can: it becomes its window. */
export const MEMORY = MIB;

/**
 * A started server and a client connected to it.
 *
 * @param {any} t
 * @param {{ server?: object, client?: object, both?: object, connect?: boolean }} [options]
 * @returns {Promise<any>}
 */
export async function pair(t, { server: ofServer, client: ofClient, both, connect = true } = {}) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'streams', socketPath, ...both, ...ofServer }));
  const client = closeAfter(t, SmartIpc.createClient({ id: 'streams', socketPath, clientId: 'courier', ...both, ...ofClient }));
  const errors = recorder();
  server.on('error', errors);
  client.on('error', errors);
  await server.start();
  if (connect) await client.connect();
  return { socketPath, server, client, errors };
}

export const directions = ['client to server', 'server to client'];

/**
 * One direction of a pair: who sends, who receives, and the calls of both.
 *
 * @param {string} direction
 * @param {any} pair
 * @returns {any}
 */
export function way(direction, { server, client }) {
  const id = client.getClientId();
  if (direction === directions[0]) {
    return {
      sender: client,
      receiver: server,
      send: (source, options) => client.sendStream(source, options),
      sendFile: (path, options) => client.sendFile(path, options),
      cancelOutgoing: (streamId) => client.cancelOutgoingStream(streamId),
      cancelIncoming: (streamId) => server.cancelIncomingStreamFromClient(id, streamId),
    };
  }
  return {
    sender: server,
    receiver: client,
    send: (source, options) => server.sendStreamToClient(id, source, options),
    sendFile: (path, options) => server.sendFileToClient(id, path, options),
    cancelOutgoing: (streamId) => server.cancelOutgoingStreamToClient(id, streamId),
    cancelIncoming: (streamId) => client.cancelIncomingStream(streamId),
  };
}

/**
 * Registers a test for both directions.
 *
 * @param {any} test
 * @param {string} title
 * @param {(t: any, way: any, pair: any) => Promise<any>} body
 * @param {object} [options] of `pair`
 */
export function bothWays(test, title, body, options) {
  for (const direction of directions) {
    // The number of a case stays in front.
    const [, number = '', what] = /^((?:[A-Z]\d+(?:, )?)+: )?(.*)$/.exec(title) || [];
    test(`${number}${direction}: ${what}`, async (t) => {
      const ends = await pair(t, options);
      await body(t, way(direction, ends), ends);
    });
  }
}

/**
 * The streams that come in, in their order: calls of `(info, readable, end)`,
 * `end` being how the Readable ends. One may end in the batch it came with.
 *
 * @param {any} receiver
 * @returns {any}
 */
export function arrivals(receiver) {
  const streams = recorder();
  receiver.on('stream', (info, readable) => streams(info, readable, ending(readable)));
  return streams;
}

/**
 * The next stream that comes in: `[info, readable, end]`.
 *
 * @param {any} receiver
 * @returns {Promise<any[]>}
 */
export function arrival(receiver) {
  const streams = recorder();
  receiver.once('stream', (info, readable) => streams(info, readable, ending(readable)));
  const first = streams.until(1).then(([call]) => call);
  // A test that fails before it awaits this must report its own failure only.
  first.catch(() => {});
  return first;
}

/**
 * Everything that a Readable gives, as one buffer.
 *
 * @param {any} readable
 * @returns {Promise<Buffer>}
 */
export async function collect(readable) {
  const pieces = [];
  for await (const piece of readable) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** @param {Buffer | Uint8Array} bytes */
export function hash(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @param {number} size */
export function noise(size) {
  return randomBytes(size);
}

/**
 * How a promise ended: `{ value }` or `{ error }`. Never rejects.
 *
 * @param {Promise<any>} promise
 * @returns {Promise<any>}
 */
export function outcome(promise) {
  return promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
}

/**
 * How a Readable ended: `'end'` or its error, and how often each event came.
 *
 * @param {any} readable
 * @returns {Promise<any>}
 */
export function ending(readable) {
  const seen = { end: 0, error: /** @type {any} */ (undefined), errors: 0, closes: 0 };
  readable.on('end', () => seen.end++);
  readable.on('error', (error) => {
    seen.error = error;
    seen.errors++;
  });
  return new Promise((resolve) => {
    readable.on('close', () => {
      seen.closes++;
      // Whatever comes twice comes soon.
      setImmediate(() => setImmediate(() => resolve(seen)));
    });
  });
}

/**
 * Streams that an endpoint still keeps.
 *
 * @param {any} endpoint
 * @returns {number}
 */
export function kept(endpoint) {
  const peers = endpoint._peers === undefined ? [endpoint._server] : [...endpoint._peers.values()];
  const open = peers.filter((peer) => peer !== undefined).map((peer) => peer.incoming.size + peer.outgoing.size);
  return open.reduce((sum, count) => sum + count, endpoint._sending.size);
}

/**
 * Fails the test if either end keeps a stream.
 *
 * @param {any} t
 * @param {any} pair
 */
export function nothingKept(t, { server, client }) {
  t.is(kept(client), 0, 'streams that the client keeps');
  t.is(kept(server), 0, 'streams that the server keeps');
}
