'use strict';

// Puts a run into the documentation, so that its figures are always those of a run whose
// results lie beside it: docs/performance/*.json and *.svg, and the marked parts of
// docs/performance.md and README.md.

const fs = require('node:fs');
const path = require('node:path');
const { rows, METRICS } = require('../rows.js');
const { environmentList, rowTable, shown, table, targetTable, LEGEND } = require('./markdown.js');
const { plots } = require('./plots.js');

const ROOT = path.join(__dirname, '../..');
const README_ROWS = ['roundtrip-one', 'roundtrip-two', 'pipelined-two', 'awaited-two', 'burst-two', 'broadcast-50', 'size-buffer-1mib', 'file', 'stream'];

/** Returns the names of the files that it wrote. */
function write(report) {
  const files = { [`docs/performance/${report.kind}.json`]: compact(report) };
  if (report.kind === 'full') {
    for (const [name, svg] of Object.entries(plots(report.rows))) files[`docs/performance/${name}`] = svg;
  }
  const parts = marked(report);
  for (const file of Object.keys(parts)) replaceIn(file, parts[file]);
  for (const [file, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(ROOT, file)), { recursive: true });
    fs.writeFileSync(path.join(ROOT, file), text);
  }
  return [...Object.keys(files), ...Object.keys(parts)];
}

function marked(report) {
  const environment = environmentList(report).join('\n');
  if (report.kind === 'targets') {
    return {
      'docs/performance.md': { targets: `${environment}\n\n${targetTable(report.rows)}` },
      'README.md': { benchmark: readmeTable(report) },
    };
  }
  return { 'docs/performance.md': { tables: `${environment}\n\n${LEGEND}\n\n${tables(report.rows)}`, behind: behind(report.rows) } };
}

function tables(summary) {
  return Object.keys(summary)
    .map((row) => `### ${rows[row].title}\n\n${rowTable(summary, row).join('\n')}\n`)
    .join('\n');
}

/** Rows in which somebody is ahead in the first of its metrics. */
function behind(summary) {
  const body = [];
  for (const [row, entries] of Object.entries(summary)) {
    const { better, of: key = rows[row].metrics[0], digits } = METRICS[rows[row].metrics[0]];
    const ours = entries.smartipc?.metrics?.[key]?.median;
    for (const [name, { metrics }] of Object.entries(entries)) {
      const theirs = metrics?.[key]?.median;
      if (!(better === 'higher' ? theirs > ours : theirs < ours) || name.startsWith('smartipc')) continue;
      const ratio = better === 'higher' ? theirs / ours : ours / theirs;
      body.push([rows[row].title, `\`${name}\``, `${shown(ours, digits)} : ${shown(theirs, digits)}`, ratio.toFixed(2)]);
    }
  }
  if (body.length === 0) return 'In no row of this run is a peer ahead.\n';
  return table(['row', 'ahead of us', 'ours : theirs', 'by ×'], body).join('\n') + '\n';
}

function readmeTable({ environment, rows: summary }) {
  const body = README_ROWS.filter((row) => summary[row]?.smartipc?.metrics).map((row) => {
    const { metrics, title } = rows[row];
    const { of: key = metrics[0], digits, better, label } = METRICS[metrics[0]];
    const names = ['smartipc', rows[row].yardstick, 'child_process'];
    const figures = names.map((name) => summary[row][name]?.metrics?.[key]?.median);
    const times = better === 'higher' ? figures[0] / figures[1] : figures[1] / figures[0];
    return [`${title}, ${label}`, ...figures.map((figure) => (figure === undefined ? '–' : shown(figure, digits))), times.toFixed(2)];
  });
  const head = `${environment['smartipc-native']}, Node ${environment['Node.js'].slice(1)}, ${environment.machine}; ${environment.method}.`;
  return `${head}\n\n${table(['', '`smartipc`', '`plain`, `net`', '`child_process`', '×'], body).join('\n')}\n`;
}

/** Replaces marked parts, by name, of one of our files. */
function replaceIn(file, parts) {
  const text = Object.entries(parts).reduce((before, [name, part]) => replaced(before, name, part, file), read(file));
  fs.writeFileSync(path.join(ROOT, file), text);
}

/** Puts `part` between the marks `<!-- bench:name -->` and `<!-- /bench:name -->`. */
function replaced(text, name, part, file) {
  const [begin, end] = [`<!-- bench:${name} -->\n`, `<!-- /bench:${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} has no part between ${begin.trim()} and ${end}`);
  return text.slice(0, from + begin.length) + part + text.slice(to);
}

function read(file) {
  return fs.readFileSync(path.join(ROOT, file), 'utf8');
}

/** A line for each peer of each row: small, and fit for a diff. */
function compact(report) {
  const lines = Object.entries(report.rows).map(([row, entries]) => {
    const inner = Object.entries(entries).map(([peer, entry]) => `   ${JSON.stringify(peer)}: ${JSON.stringify(entry)}`);
    return `  ${JSON.stringify(row)}: {\n${inner.join(',\n')}\n  }`;
  });
  const head = { ...report, rows: undefined };
  return `${JSON.stringify(head, null, 1).slice(0, -2)},\n "rows": {\n${lines.join(',\n')}\n }\n}\n`;
}

module.exports = { write, replaced, replaceIn };
