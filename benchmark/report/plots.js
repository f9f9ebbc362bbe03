'use strict';

// The charts of a full run: file name → SVG. One that lacks figures is left out.

const { rows, METRICS } = require('../rows.js');
const { shown } = require('./markdown.js');
const { bars, lines } = require('./svg.js');

const BARS = {
  'roundtrip.svg': { title: 'Round trip of 100 B, median', better: 'lower', figures: [['roundtrip-one', 'p50', 'µs'], ['roundtrip-two', 'p50', 'µs']] },
  'throughput.svg': { title: 'Throughput with 100 B', better: 'higher', figures: [['pipelined-two', 'rate', '/s'], ['awaited-two', 'rate', '/s']] },
  'cpu.svg': { title: 'CPU time per operation, both processes', better: 'lower', figures: [['roundtrip-one', 'cpu', 'µs'], ['pipelined-two', 'cpu', 'µs'], ['awaited-two', 'cpu', 'µs']] },
  'bulk.svg': { title: 'Files and streams of 1 GiB', better: 'higher', figures: [['file', 'mibRate', 'MiB/s'], ['stream', 'mibRate', 'MiB/s']] },
};
const SIZES = { 'size-1kib': 1, 'size-16kib': 16, 'size-128kib': 128, 'size-1mib': 1024 };
const SUBSCRIBERS = { 'broadcast-1': 1, 'broadcast-50': 50, 'broadcast-500': 500 };

function plots(summary) {
  const files = {};
  for (const [file, chart] of Object.entries(BARS)) {
    const groups = chart.figures.map((figure) => groupOf(summary, ...figure)).filter(({ bars: items }) => items.length > 0);
    if (groups.length > 0) files[file] = bars({ title: chart.title, note: noteOf(chart.better), groups });
  }
  const sizes = seriesOf(summary, SIZES, 'p50');
  if (sizes.length > 0) {
    const xs = Object.values(SIZES).map((kib) => ({ value: kib, text: kib === 1024 ? '1 MiB' : `${kib} KiB` }));
    const title = 'Round trip of larger JSON payloads, median, one core';
    files['sizes.svg'] = lines({ title, note: noteOf('lower'), xs, yText: (y) => (y < 1000 ? `${shown(y, 0)} µs` : `${shown(y / 1000, 0)} ms`), series: sizes });
  }
  const fanout = seriesOf(summary, SUBSCRIBERS, 'perServerCpuSecond');
  if (fanout.length > 0) {
    const xs = Object.values(SUBSCRIBERS).map((count) => ({ value: count, text: count === 1 ? '1 subscriber' : String(count) }));
    const title = 'Broadcast of 1 KiB: deliveries per CPU second of the server';
    files['broadcast.svg'] = lines({ title, note: noteOf('higher'), xs, yText: (y) => shown(y, 0), series: fanout });
  }
  return files;
}

function noteOf(better) {
  return `${better} is better; medians of the rounds`;
}

function groupOf(summary, row, metric, unit) {
  const { of: key = metric, digits, better } = METRICS[metric];
  const items = Object.entries(summary[row] ?? {})
    .filter(([, entry]) => entry.metrics?.[key])
    .map(([name, entry]) => {
      const value = entry.metrics[key].median;
      return { name, value, text: `${shown(value, digits)} ${unit}` };
    });
  items.sort((a, b) => (better === 'higher' ? b.value - a.value : a.value - b.value));
  return { name: rows[row].title, bars: items };
}

/** One line for each peer that has a figure in all of the rows; ours once. */
function seriesOf(summary, xs, metric) {
  const ids = Object.keys(xs);
  const names = Object.keys(summary[ids[0]] ?? {}).filter((name) => name !== 'smartipc busyPoll');
  return names
    .map((name) => ({ name, points: ids.map((id) => ({ x: xs[id], y: summary[id]?.[name]?.metrics?.[metric]?.median })) }))
    .filter(({ points }) => points.every(({ y }) => y > 0));
}

module.exports = { plots };
