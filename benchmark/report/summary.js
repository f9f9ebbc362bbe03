'use strict';

// Medians over the rounds, and how many times as good as the yardstick they are.

const { rows, METRICS } = require('../rows.js');

const DIGITS = 4; // significant ones, of what is kept

/**
 * `measurements`: `{ peer, row, round, result | problem | error }`; `plan`: row → peers.
 * Returns row → peer → `{ metrics: metric → { median, min, max, times } }` or `{ problem }`.
 */
function summarise(measurements, plan) {
  const summary = {};
  for (const [row, peers] of Object.entries(plan)) {
    summary[row] = {};
    for (const peer of peers) {
      summary[row][peer] = ofPeer(measurements.filter((m) => m.row === row && m.peer === peer), rows[row].metrics);
    }
    addTimes(summary[row], rows[row].yardstick);
  }
  return summary;
}

function ofPeer(measurements, metrics) {
  const bad = measurements.find((m) => m.problem ?? m.error);
  if (bad) return { problem: bad.problem ?? `failed: ${bad.error.split('\n')[0]}` };
  // The rate is kept for all, because targets may ask for it.
  const keys = new Set([...metrics.map((key) => METRICS[key].of ?? key), 'rate']);
  const kept = {};
  for (const key of keys) {
    const values = measurements.map((m) => m.result[key]).filter(Number.isFinite);
    if (values.length > 0) kept[key] = spread(values);
  }
  return { metrics: kept };
}

/** Adds to each figure how many times as good as the yardstick's it is. */
function addTimes(byPeer, yardstick) {
  const base = byPeer[yardstick]?.metrics;
  if (!base) return;
  for (const { metrics = {} } of Object.values(byPeer)) {
    for (const [key, figure] of Object.entries(metrics)) {
      const share = figure.median / base[key]?.median;
      if (Number.isFinite(share)) figure.times = rounded(METRICS[key].better === 'higher' ? share : 1 / share);
    }
  }
}

function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median: rounded(median), min: rounded(sorted[0]), max: rounded(sorted.at(-1)) };
}

function rounded(value) {
  return Number(value.toPrecision(DIGITS));
}

module.exports = { summarise };
