'use strict';

// Results as Markdown.

const { rows, METRICS } = require('../rows.js');
const { judge } = require('../targets.js');

/** The whole of a run, for the terminal. */
function markdown(report) {
  const lines = ['# Benchmark', '', ...environmentList(report), '', LEGEND];
  for (const row of Object.keys(report.rows)) lines.push('', `## ${rows[row].title} (\`${row}\`)`, '', ...rowTable(report.rows, row));
  return lines.join('\n') + '\n';
}

const LEGEND = [
  'Medians of the rounds, lowest–highest in brackets. `×`: times as good as `plain` (as `net` with files',
  'and streams) in the same round, median of the rounds: above 1 is faster, or less CPU time, or less memory. CPU is the user and',
  'system time of all threads of both processes per operation.',
].join('\n');

function environmentList({ environment }) {
  return Object.entries(environment).map(([name, value]) => `- ${name}: ${value}`);
}

function rowTable(summary, row) {
  const metrics = rows[row].metrics.filter((key) => Object.values(summary[row]).some((entry) => figureOf(entry, key)));
  const header = ['peer', ...metrics.flatMap((key) => [METRICS[key].label, '×'])];
  const body = Object.entries(summary[row]).map(([peer, entry]) => {
    if (entry.problem) return [`\`${peer}\``, entry.problem, ...Array(metrics.length * 2 - 1).fill('')];
    return [`\`${peer}\``, ...metrics.flatMap((key) => cells(figureOf(entry, key), METRICS[key].digits))];
  });
  return table(header, body);
}

function figureOf(entry, key) {
  return entry.metrics?.[METRICS[key].of ?? key];
}

function cells(figure, digits) {
  if (!figure) return ['–', '–'];
  const { median, min, max, times } = figure;
  return [`${shown(median, digits)} (${shown(min, digits)}–${shown(max, digits)})`, times === undefined ? '–' : times.toFixed(2)];
}

/** The table of targets; those that the run did not measure are left out. */
function targetTable(summary) {
  const judged = judge(summary).filter(({ value }) => value !== undefined);
  if (judged.length === 0) return '';
  const body = judged.map((target) => {
    const bound = target.atMost === undefined ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
    const times = target.base === undefined ? '' : ' ×';
    const than = target.base === undefined ? '' : `${target.base}${target.than === target.base ? '' : `, ${target.than}`}`;
    const digits = digitsOf(target.figure[2]);
    const figures = target.base === undefined ? '' : `${shown(target.figureValue, digits)} : ${shown(target.baseValue, digits)}`;
    return [target.what, than, `${bound}${times}`, `${target.value.toFixed(2)}${times}`, figures, target.met ? 'met' : '**missed**'];
  });
  return table(['what', 'than', 'target', 'measured', 'figures', ''], body).join('\n') + '\n';
}

function digitsOf(metric) {
  return METRICS[metric].digits;
}

function shown(value, digits) {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function table(header, body) {
  const widths = header.map((_, i) => Math.max(3, ...[header, ...body].map((line) => line[i].length)));
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const pad = (cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
  return [header, rule, ...body].map((line) => `| ${line.map(pad).join(' | ')} |`);
}

module.exports = { markdown, environmentList, rowTable, targetTable, table, shown, LEGEND };
