'use strict';

// What this package means to reach. A target compares two figures of one run: `figure` and
// `base` are `[row, peer, metric]`. `atMost` and `atLeast` bound figure / base; with no
// `base` they bound the figure itself. `others: true` stands for the best of all other peers.

const { ratio } = require('./report/summary.js');

const us = 'smartipc';
const targets = [
  { what: 'round trip p50, one core', figure: ['roundtrip-one', us, 'p50'], base: 'plain', atMost: 0.75 },
  { what: 'round trip p50, one core', figure: ['roundtrip-one', us, 'p50'], base: 'child_process', atMost: 1 },
  { what: 'round trip p50, one core', figure: ['roundtrip-one', us, 'p50'], base: 'the best other', atMost: 1 },
  { what: 'round trip p50, two cores', figure: ['roundtrip-two', us, 'p50'], base: 'plain', atMost: 0.8 },
  { what: 'the same with `busyPoll: 50`', figure: ['roundtrip-two', 'smartipc busyPoll', 'p50'], base: 'plain', atMost: 0.25 },
  { what: '128 requests in flight', figure: ['pipelined-two', us, 'rate'], base: 'plain', atLeast: 2.5 },
  { what: '128 requests in flight', figure: ['pipelined-two', us, 'rate'], base: 'child_process', atLeast: 1.3 },
  { what: 'CPU per request, both processes', figure: ['pipelined-two', us, 'cpu'], base: 'plain', atMost: 0.35 },
  { what: 'one-way messages, each awaited', figure: ['awaited-two', us, 'rate'], base: 'plain', atLeast: 3.5 },
  { what: 'one-way messages, each awaited', figure: ['awaited-two', us, 'rate'], base: 'child_process', atLeast: 2 },
  { what: 'CPU per one-way message, each awaited', figure: ['awaited-two', us, 'cpu'], base: 'plain', atMost: 0.25 },
  { what: 'one-way messages in bursts', figure: ['burst-two', us, 'rate'], base: 'plain', atLeast: 3.5 },
  { what: 'one-way messages in bursts', figure: ['burst-two', us, 'rate'], base: 'child_process', atLeast: 2 },
  { what: 'CPU per one-way message in bursts', figure: ['burst-two', us, 'cpu'], base: 'plain', atMost: 0.25 },
  { what: 'broadcast of 1 KiB to 50, deliveries per CPU second of the server', figure: ['broadcast-50', us, 'perServerCpuSecond'], base: 'plain', atLeast: 5 },
  { what: 'the same, 16 broadcasts a turn', figure: ['broadcast-50-burst', us, 'perServerCpuSecond'], base: 'plain', atLeast: 5 },
  { what: 'file to file, 1 GiB', figure: ['file', us, 'rate'], base: 'net', atLeast: 5 },
  { what: 'file to file, 1 GiB', figure: ['file', us, 'rate'], base: 'plain', atLeast: 12 },
  { what: 'stream of Buffers of 64 KiB', figure: ['stream', us, 'rate'], base: 'net', atLeast: 1.2 },
  { what: 'requests with a Buffer of 1 MiB', figure: ['size-buffer-1mib', us, 'rate'], base: 'plain', atLeast: 4 },
  { what: 'memory of the server for each of 1,000 idle clients, KiB', figure: ['clients-1000', us, 'serverKiB'], atMost: 24 },
  { what: 'round trip p50 beside 999 idle clients', figure: ['clients-1000', us, 'p50'], base: 'one client', atMost: 1.2 },
  { what: 'loading the package, ms over an empty script', figure: ['require', us, 'over'], atMost: 15 },
];

/** Where the figure that a target is compared with stands. */
function baseOf({ figure: [row, , metric], base }) {
  if (base === undefined) return undefined;
  if (base === 'one client') return ['clients-1', us, metric];
  return [row, base, metric];
}

/** Rows → peers that the targets look at: what `--targets` measures. */
function needed(rows) {
  const plan = {};
  const want = (row, peer) => (plan[row] ??= new Set()).add(peer);
  for (const target of targets) {
    const [row, peer] = target.figure;
    want(row, peer);
    if (target.base === 'the best other') for (const other of rows[row].peers) want(row, other);
    else if (target.base) want(...baseOf(target));
    if (rows[row].peers.includes('child_process')) want(row, 'child_process'); // a column of the README
  }
  return Object.fromEntries(Object.entries(plan).map(([row, names]) => [row, rows[row].peers.filter((peer) => names.has(peer))]));
}

/** Each target with its figures: `{ what, than, bound, value, met }`; `value` is undefined if not measured. */
function judge(summary) {
  return targets.map((target) => {
    const [row, peer, metric] = target.figure;
    const figure = summary[row]?.[peer]?.metrics?.[metric];
    const [base, than] = comparedWith(summary, target);
    const value = target.base === undefined ? figure?.median : ratio(figure, base);
    const met = target.atMost === undefined ? value >= target.atLeast : value <= target.atMost;
    return { ...target, than, figureValue: figure?.median, baseValue: base?.median, value: Number.isFinite(value) ? value : undefined, met };
  });
}

function comparedWith(summary, target) {
  if (target.base === undefined) return [];
  const [row, peer, metric] = baseOf(target);
  if (target.base !== 'the best other') return [summary[row]?.[peer]?.metrics?.[metric], target.base];
  const others = Object.entries(summary[row] ?? {})
    .filter(([name, entry]) => !name.startsWith(us) && entry.metrics?.[metric])
    .map(([name, entry]) => [entry.metrics[metric], name]);
  return others.sort(([a], [b]) => a.median - b.median)[0] ?? [];
}

module.exports = { needed, judge };
