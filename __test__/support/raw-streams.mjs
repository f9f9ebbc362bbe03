// Streams in the JSON profile as docs/protocol.md describes them, over a raw
// peer. Nothing of the library is imported here.

/** What a peer takes of each stream that said nothing about it. */
export const WINDOW = 1048576;
/** What our side says it takes of each, over a socket of this machine. */
export const OURS = 262144;

/** A predicate for `expectFrame`: a word about this stream. */
export function about(streamId, ...kinds) {
  return ({ type, payload }) => payload?.streamId === streamId && kinds.some((kind) => type === `__stream_${kind}__`);
}

/** Says something about a stream. */
export function say(peer, kind, payload, headers) {
  return peer.send({ type: `__stream_${kind}__`, payload, headers });
}

export function chunk(peer, streamId, bytes) {
  return say(peer, 'chunk', { streamId, chunk: bytes.toString('base64') });
}

/**
 * Sends the bytes of a stream that is open, as far as they are granted, and its end.
 *
 * @param {any} peer
 * @param {string} streamId
 * @param {Buffer} bytes
 * @param {{ size?: number, window?: number }} [options] length of the pieces; what the receiver takes at first
 * @returns {Promise<any>} what the receiver says at the end: done, or cancelled
 */
export async function sendBytes(peer, streamId, bytes, { size = 65536, window = OURS } = {}) {
  let limit = window;
  for (let sent = 0; sent < bytes.length; ) {
    const piece = Math.min(size, limit - sent, bytes.length - sent);
    if (piece > 0) {
      await chunk(peer, streamId, bytes.subarray(sent, sent + piece));
      sent += piece;
    } else {
      const word = await peer.expectFrame(about(streamId, 'credit', 'cancel'), { what: `grants more than ${limit} of ${streamId}` });
      if (word.type === '__stream_cancel__') return word;
      limit = Math.max(limit, word.payload.bytes);
    }
  }
  await say(peer, 'end', { streamId });
  return peer.expectFrame(about(streamId, 'done', 'cancel'), { what: `ends ${streamId}` });
}

/**
 * Receives a stream whose `__stream_init__` has come; grants as it reads.
 *
 * @param {any} peer
 * @param {string} streamId
 * @param {{ window?: number, received?: number }} [options] what the sender was told to send at first; what has come already
 * @returns {Promise<Buffer>}
 */
export async function receiveBytes(peer, streamId, { window = WINDOW, received = 0 } = {}) {
  const pieces = [];
  let granted = received + window;
  for (;;) {
    const { type, payload } = await peer.expectFrame(about(streamId, 'chunk', 'end', 'error'), { what: `of ${streamId}` });
    if (type === '__stream_error__') throw Object.assign(new Error(payload.error), { name: payload.errorName, code: payload.errorCode });
    if (type === '__stream_end__') break;
    const bytes = Buffer.from(payload.chunk, 'base64');
    received += bytes.length;
    if (bytes.length === 0 || received > granted) throw new Error(`${received} bytes of ${streamId} after ${granted} were granted`);
    pieces.push(bytes);
    granted = received + window;
    await say(peer, 'credit', { streamId, bytes: granted });
  }
  await say(peer, 'done', { streamId });
  return Buffer.concat(pieces);
}
