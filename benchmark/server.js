'use strict';

// The server process of one measurement. Forked by client.js with the peer and its address.

const peers = require('./peers');
const { FIRST_NONCE, answer, matches, message } = require('./payload.js');

const [peer, address] = process.argv.slice(2);

let received = 0;
let firstFault;

/** Messages must arrive whole, once, and in the order they were sent in. */
function check(payload) {
  const expected = message(FIRST_NONCE + received++);
  if (!firstFault && !matches(payload, expected)) {
    firstFault = `message ${received}: got ${JSON.stringify(payload)}, nonce due ${expected.nonce}`;
  }
}

const handlers = new Map([
  ['echo', (payload) => (check(payload), answer(payload?.nonce))],
  ['note', (payload) => void check(payload)],
  ['snapshot', () => ({ received, firstFault, cpu: process.cpuUsage() })],
]);

// The channel to client.js is also the leash: when that process ends, so does this one.
process.on('disconnect', () => process.exit());

peers[peer].serve(address, handlers).then(
  () => process.send({ ready: true }),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
