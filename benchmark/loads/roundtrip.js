'use strict';

// One request at a time.

const { timed } = require('./window.js');

const MAX_PER_SECOND = 500_000; // sizes the sample buffer, far above any peer

async function run(bench) {
  const connection = await bench.connect();
  return timed(bench, (seconds) => oneByOne(bench, seconds, () => connection));
}

/** Requests one after the other for so long; `next()` gives the connection of each. */
async function oneByOne(bench, seconds, next) {
  const samples = new Float64Array(Math.ceil(seconds * MAX_PER_SECOND));
  let operations = 0;
  let before = performance.now();
  const end = before + seconds * 1000;
  while (before < end && operations < samples.length) {
    await bench.request(next());
    const after = performance.now();
    samples[operations++] = (after - before) * 1000;
    before = after;
  }
  return { operations, samples: samples.subarray(0, operations) };
}

module.exports = { run, oneByOne };
