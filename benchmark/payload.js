'use strict';

// What travels. Each payload has a nonce of its own, so that a lost, doubled, reordered or
// mixed-up message shows.

const FIRST_NONCE = 1_000_000_000; // always ten digits, so the size never changes
const BASE_BYTES = 100;

/**
 * The payloads of one job: `message(nonce)` from the client, `answer(nonce)` from the server,
 * and what tells whether such a one arrived.
 *
 * `{ kind: 'json', size }`: objects with a JSON text of `size` bytes; the empty string for 0.
 * `{ kind: 'buffer', size }`: Buffers; as base64 in an object for peers that take none.
 */
function payloads({ kind, size }, takesBuffers) {
  if (kind === 'buffer') return buffers(size, takesBuffers);
  return size === 0 ? empty() : objects(size);
}

function objects(size) {
  const filling = size < BASE_BYTES ? undefined : 'x'.repeat(size - BASE_BYTES);
  if (filling === undefined) throw new Error(`objects have at least ${BASE_BYTES} bytes, not ${size}`);
  const make = (kind, text) => (nonce) => ({ nonce, kind, ok: true, value: 21.5, text });
  const tell = (kind, text) => (actual, nonce) =>
    typeof actual === 'object' &&
    actual !== null &&
    actual.nonce === nonce &&
    actual.kind === kind &&
    actual.ok === true &&
    actual.value === 21.5 &&
    actual.text === text;
  const texts = { reading: `from the client to the server.${filling}`, receipt: `from the server to the client.${filling}` };
  for (const [kind, text] of Object.entries(texts)) {
    const bytes = Buffer.byteLength(JSON.stringify(make(kind, text)(FIRST_NONCE)));
    if (bytes !== size) throw new Error(`payload of ${bytes} bytes, not ${size}`);
  }
  return {
    message: make('reading', texts.reading),
    answer: make('receipt', texts.receipt),
    isMessage: tell('reading', texts.reading),
    isAnswer: tell('receipt', texts.receipt),
  };
}

function empty() {
  const make = () => '';
  const tell = (actual) => actual === '';
  return { message: make, answer: make, isMessage: tell, isAnswer: tell };
}

/** The nonce stands at both ends; one Buffer serves all, for only one is under way. */
function buffers(size, takesBuffers) {
  const buffer = Buffer.alloc(size, 'smartipc');
  buffer[0] = 0;
  const make = (nonce) => {
    buffer.writeUInt32BE(nonce, 4);
    buffer.writeUInt32BE(nonce, size - 4);
    return takesBuffers ? buffer : { base64: buffer.toString('base64') };
  };
  const tell = (actual, nonce) => {
    const bytes = takesBuffers ? actual : Buffer.from(actual?.base64 ?? '', 'base64');
    return (
      bytes instanceof Uint8Array &&
      bytes.length === size &&
      Buffer.from(bytes.buffer, bytes.byteOffset, size).readUInt32BE(4) === nonce &&
      Buffer.from(bytes.buffer, bytes.byteOffset, size).readUInt32BE(size - 4) === nonce
    );
  };
  return { message: make, answer: make, isMessage: tell, isAnswer: tell };
}

module.exports = { FIRST_NONCE, payloads };
