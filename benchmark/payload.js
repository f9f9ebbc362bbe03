'use strict';

// What travels: objects whose JSON text is 100 bytes, each with a nonce of its own, so that
// a lost, doubled, reordered or mixed-up message shows.

const FIRST_NONCE = 1_000_000_000; // always ten digits, so the size never changes
const PAYLOAD_BYTES = 100;

const message = (nonce) => ({
  nonce,
  kind: 'reading',
  ok: true,
  value: 21.5,
  text: 'from the client to the server.',
});

const answer = (nonce) => ({
  nonce,
  kind: 'receipt',
  ok: true,
  value: 12.5,
  text: 'from the server to the client.',
});

/** True if `actual` is the object that `expected` describes. */
const matches = (actual, expected) =>
  typeof actual === 'object' &&
  actual !== null &&
  actual.nonce === expected.nonce &&
  actual.kind === expected.kind &&
  actual.ok === expected.ok &&
  actual.value === expected.value &&
  actual.text === expected.text;

for (const make of [message, answer]) {
  const bytes = Buffer.byteLength(JSON.stringify(make(FIRST_NONCE)));
  if (bytes !== PAYLOAD_BYTES) throw new Error(`payload of ${bytes} bytes, not ${PAYLOAD_BYTES}`);
}

module.exports = { FIRST_NONCE, PAYLOAD_BYTES, message, answer, matches };
