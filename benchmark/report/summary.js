'use strict';

// Medians over the rounds, and how many times as good as the yardstick they are. A ratio is
// the median of those of the rounds: in a round the peers of a row are measured one after
// the other, and the machine may be half as fast in the next one.

const { rows, METRICS } = require('../rows.js');

const DIGITS = 4; // significant ones, of what is kept

/**
 * `measurements`: `{ peer, row, round, result | problem | error }`; `plan`: row → peers.
 * Returns row → peer → `{ metrics: metric → { median, min, max, rounds, times } }` or `{ problem }`.
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
    const rounds = [...measurements].sort((a, b) => a.round - b.round).map((m) => m.result[key]);
    if (rounds.every(Number.isFinite)) kept[key] = spread(rounds);
  }
  return { metrics: kept };
}

/** Adds to each figure how many times as good as the yardstick's it is. */
function addTimes(byPeer, yardstick) {
  const base = byPeer[yardstick]?.metrics;
  if (!base) return;
  for (const { metrics = {} } of Object.values(byPeer)) {
    for (const [key, figure] of Object.entries(metrics)) {
      const share = ratio(figure, base[key]);
      if (Number.isFinite(share)) figure.times = rounded(METRICS[key].better === 'higher' ? share : 1 / share);
    }
  }
}

/** How many times the base a figure is: the median of what it is in each round. */
function ratio(figure, base) {
  if (figure === undefined || figure.rounds.length !== base?.rounds.length) return NaN;
  return medianOf(figure.rounds.map((value, round) => value / base.rounds[round]));
}

function spread(rounds) {
  const kept = rounds.map(rounded);
  return { median: rounded(medianOf(rounds)), min: Math.min(...kept), max: Math.max(...kept), rounds: kept };
}

function medianOf(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function rounded(value) {
  return Number(value.toPrecision(DIGITS));
}

module.exports = { ratio, summarise };
