'use strict';

// The rows of the report. Each `run(connection, nonces, seconds)` keeps one kind of load up
// for that long and resolves, when every call it made is settled, to
// `{ operations, samples? }` (samples: µs per operation). A wrong answer throws.

const { performance } = require('node:perf_hooks');
const { setImmediate: nextTurn } = require('node:timers/promises');
const { answer, matches, message } = require('./payload.js');

const IN_FLIGHT = 128;
const BURST = 1000; // one-way messages between two waits
const LOOKS_AT_CLOCK_EVERY = 64; // operations; keeps the clock out of the result
const MAX_ROUND_TRIPS_PER_SECOND = 500_000; // sizes the sample buffer, far above any peer

const CPU = { key: 'cpu', label: 'CPU µs/op, both processes', better: 'lower', digits: 2 };

const roundtrip = {
  title: 'Round trip: one request after the other',
  metrics: [
    { key: 'p50', label: 'p50 µs', better: 'lower', digits: 1 },
    { key: 'p99', label: 'p99 µs', better: 'lower', digits: 1 },
    CPU,
  ],

  async run(connection, nonces, seconds) {
    const samples = new Float64Array(Math.ceil(seconds * MAX_ROUND_TRIPS_PER_SECOND));
    let operations = 0;
    let before = performance.now();
    const end = before + seconds * 1000;
    while (before < end && operations < samples.length) {
      await checkedRequest(connection, nonces.next++);
      const after = performance.now();
      samples[operations++] = (after - before) * 1000;
      before = after;
    }
    return { operations, samples: samples.subarray(0, operations) };
  },
};

const pipelined = {
  title: `Pipelined requests: ${IN_FLIGHT} in flight`,
  metrics: [{ key: 'rate', label: 'requests/s', better: 'higher', digits: 0 }, CPU],

  async run(connection, nonces, seconds) {
    const end = performance.now() + seconds * 1000;
    let operations = 0;
    let running = true;
    const lane = async () => {
      while (running) {
        await checkedRequest(connection, nonces.next++);
        if (++operations % LOOKS_AT_CLOCK_EVERY === 0 && performance.now() >= end) running = false;
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
    return { operations };
  },
};

const awaited = {
  title: 'One-way messages, each awaited',
  metrics: [{ key: 'rate', label: 'messages/s', better: 'higher', digits: 0 }, CPU],

  async run(connection, nonces, seconds) {
    const end = performance.now() + seconds * 1000;
    let operations = 0;
    while (performance.now() < end) {
      for (let i = 0; i < BURST; i++) await connection.sendAccepted('note', message(nonces.next++));
      await nextTurn();
      operations += BURST;
    }
    return { operations };
  },
};

const oneway = {
  title: 'One-way messages in bursts of 1000',
  metrics: [{ key: 'rate', label: 'messages/s', better: 'higher', digits: 0 }, CPU],

  async run(connection, nonces, seconds) {
    const end = performance.now() + seconds * 1000;
    let operations = 0;
    while (performance.now() < end) {
      for (let i = 1; i < BURST; i++) connection.send('note', message(nonces.next++));
      await connection.sendAndWait('note', message(nonces.next++));
      await nextTurn();
      operations += BURST;
    }
    return { operations };
  },
};

async function checkedRequest(connection, nonce) {
  const received = await connection.request('echo', message(nonce));
  if (!matches(received, answer(nonce))) {
    throw new Error(`wrong answer to nonce ${nonce}: ${JSON.stringify(received)}`);
  }
}

module.exports = { roundtrip, pipelined, awaited, oneway };
