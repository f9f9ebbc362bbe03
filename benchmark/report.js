'use strict';

// Turns measurements into medians and Markdown.

const BASELINE = 'plain';

/** `measurements`: `{ peer, row, round, result }`. Returns row → peer → metric → summary. */
function summarise(measurements, rows, rowNames, peerNames) {
  const summary = {};
  for (const row of rowNames) {
    summary[row] = {};
    for (const peer of peerNames) {
      const results = measurements.filter((m) => m.row === row && m.peer === peer);
      summary[row][peer] = Object.fromEntries(
        rows[row].metrics.map(({ key }) => [key, spread(results.map((m) => m.result[key]))]),
      );
    }
    addRatios(summary[row], rows[row].metrics);
  }
  return summary;
}

/** Adds to each summary how many times better than the baseline it is. */
function addRatios(byPeer, metrics) {
  const baseline = byPeer[BASELINE];
  if (!baseline) return;
  for (const metric of Object.values(byPeer)) {
    for (const { key, better } of metrics) {
      const share = metric[key].median / baseline[key].median;
      metric[key].timesBaseline = better === 'higher' ? share : 1 / share;
    }
  }
}

function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median =
    sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1) };
}

function markdown(environment, summary, rows) {
  const lines = ['# Benchmark', ''];
  for (const [name, value] of Object.entries(environment)) lines.push(`- ${name}: ${value}`);
  lines.push(
    '',
    'Median of the rounds, lowest–highest in brackets. `× plain`: times as good as `plain`,',
    'by medians; above 1 is faster, or less CPU time.',
  );
  for (const [row, byPeer] of Object.entries(summary)) {
    lines.push('', `## ${rows[row].title}`, '', ...table(byPeer, rows[row].metrics));
  }
  return lines.join('\n') + '\n';
}

function table(byPeer, metrics) {
  const header = ['peer', ...metrics.flatMap(({ label }) => [label, '× plain'])];
  const body = Object.entries(byPeer).map(([peer, values]) => [
    `\`${peer}\``,
    ...metrics.flatMap(({ key, digits }) => cells(values[key], digits)),
  ]);
  const widths = header.map((_, i) => Math.max(...[header, ...body].map((line) => line[i].length)));
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const pad = (cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
  return [header, rule, ...body].map((line) => `| ${line.map(pad).join(' | ')} |`);
}

function cells({ median, min, max, timesBaseline }, digits) {
  const show = (value) =>
    value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return [
    `${show(median)} (${show(min)}–${show(max)})`,
    timesBaseline === undefined ? '–' : timesBaseline.toFixed(2),
  ];
}

module.exports = { markdown, summarise };
