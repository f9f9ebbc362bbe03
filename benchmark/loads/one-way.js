'use strict';

// Messages that nobody answers: each awaited, or in bursts of which the last is awaited.

const { setImmediate: nextTurn } = require('node:timers/promises');
const { timed } = require('./window.js');

const BURST = 1000; // messages between two turns of the event loop

async function run(bench) {
  const connection = await bench.connect();
  const send = bench.job.awaited ? awaited : burst;
  return timed(bench, async (seconds) => {
    const end = performance.now() + seconds * 1000;
    let operations = 0;
    while (performance.now() < end) {
      await send(bench, connection);
      await nextTurn();
      operations += BURST;
    }
    return { operations };
  });
}

async function awaited(bench, connection) {
  for (let i = 1; i < BURST; i++) await connection.sendAccepted('note', bench.payload.message(bench.nonce++));
  await connection.sendAndWait('note', bench.payload.message(bench.nonce++));
}

async function burst(bench, connection) {
  for (let i = 1; i < BURST; i++) connection.send('note', bench.payload.message(bench.nonce++));
  await connection.sendAndWait('note', bench.payload.message(bench.nonce++));
}

module.exports = { run };
