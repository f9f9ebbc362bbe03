'use strict';

/**
 * Keeps a load up for a warm-up and then for the timed window.
 *
 * `run(seconds)` resolves, when every call it made is settled, to `{ operations, samples? }`
 * (samples: µs per operation).
 */
async function timed(bench, run) {
  await run(bench.job.warmup);
  const before = await bench.snapshot();
  const { operations, samples } = await run(bench.job.seconds);
  const after = await bench.snapshot();
  return { operations, ...used(before, after, operations), ...percentiles(samples) };
}

/** Rate and CPU time (all threads, user and system, µs per operation) between two snapshots. */
function used(before, after, operations) {
  const client = cpu(before.client, after.client) / operations;
  const server = cpu(before.server, after.server) / operations;
  return {
    rate: operations / ((after.at - before.at) / 1000),
    cpu: client + server,
    clientCpu: client,
    serverCpu: server,
    rss: (after.client.rss + after.server.rss) / 2 ** 20,
  };
}

function cpu(before, after) {
  return after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system;
}

function percentiles(samples) {
  if (!samples) return {};
  samples.sort();
  const at = (share) => samples[Math.min(samples.length - 1, Math.floor(samples.length * share))];
  return { p50: at(0.5), p99: at(0.99) };
}

module.exports = { timed, used };
