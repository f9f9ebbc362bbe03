'use strict';

// So many requests in flight, a new one as soon as one is answered.

const { timed } = require('./window.js');

const LOOKS_AT_CLOCK_EVERY = 64; // operations; keeps the clock out of the result

async function run(bench) {
  const connection = await bench.connect();
  return timed(bench, async (seconds) => {
    const end = performance.now() + seconds * 1000;
    let operations = 0;
    let running = true;
    const lane = async () => {
      while (running) {
        await bench.request(connection);
        if (++operations % LOOKS_AT_CLOCK_EVERY === 0 && performance.now() >= end) running = false;
      }
    };
    await Promise.all(Array.from({ length: bench.job.inFlight }, lane));
    return { operations };
  });
}

module.exports = { run };
