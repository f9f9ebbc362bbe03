// The benchmark: that it runs, and that its report says what was measured.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import test from 'ava';

const require = createRequire(import.meta.url);
const { summarise } = require('../../benchmark/report/summary.js');
const { replaced } = require('../../benchmark/report/docs.js');
const { bars, lines } = require('../../benchmark/report/svg.js');
const { judge, needed } = require('../../benchmark/targets.js');
const { rows } = require('../../benchmark/rows.js');

const RUN = fileURLToPath(new URL('../../benchmark/run.js', import.meta.url));

test('measures each kind of load, for peers that need no package', (t) => {
  const json = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'smartipc-test-')), 'results.json');
  const loads = 'roundtrip-one,roundtrip-beside,pipelined-tcp,awaited-one,size-buffer-64kib,clients-100,topic-50,file,stream';
  const args = ['--quick', '--rows', loads, '--peers', 'smartipc,plain,net', '--json', json];
  const { status, stdout, stderr } = spawnSync(process.execPath, [RUN, ...args], { encoding: 'utf8' });
  t.is(status, 0, stderr);
  const report = JSON.parse(fs.readFileSync(json, 'utf8'));
  t.deepEqual(Object.keys(report.rows).sort(), loads.split(',').sort());
  for (const [row, entries] of Object.entries(report.rows)) {
    for (const [peer, { metrics }] of Object.entries(entries)) t.true(metrics.rate.median > 0, `${row}, ${peer}`);
    t.true(stdout.includes(`(\`${row}\`)`));
  }
  fs.rmSync(path.dirname(json), { recursive: true });
});

test('a row or peer that does not exist is named', (t) => {
  for (const [option, value] of [['--rows', 'roundtrip-nine'], ['--peers', 'plan'], ['--rounds', '0']]) {
    const { status, stderr } = spawnSync(process.execPath, [RUN, option, value], { encoding: 'utf8' });
    t.is(status, 1);
    t.true(stderr.includes(`${option}`), stderr);
  }
});

test('medians, ranges and ratios; a peer that failed in one round has no figures', (t) => {
  const of = (peer, round, p50, rate) => ({ row: 'roundtrip-one', peer, round, result: { p50, rate } });
  // The machine is half as fast in the second round.
  const measurements = [of('smartipc', 0, 10, 8), of('smartipc', 1, 30, 4), of('smartipc', 2, 20, 2)];
  measurements.push(of('plain', 1, 60, 1), of('plain', 0, 20, 2), of('plain', 2, 30, 2));
  measurements.push(of('ws', 0, 1, 1), { row: 'roundtrip-one', peer: 'ws', error: 'wrong answer\nat …' });
  const { smartipc, ws } = summarise(measurements, { 'roundtrip-one': ['smartipc', 'plain', 'ws'] })['roundtrip-one'];
  t.deepEqual(smartipc.metrics.p50, { median: 20, min: 10, max: 30, rounds: [10, 30, 20], times: 2 });
  t.deepEqual(smartipc.metrics.rate, { median: 4, min: 2, max: 8, rounds: [8, 4, 2], times: 4 });
  t.deepEqual(ws, { problem: 'failed: wrong answer' });
});

test('targets: met, missed, not measured; the best other is never ourselves', (t) => {
  const entry = (p50) => ({ metrics: { p50: { median: p50, rounds: [p50] } } });
  const summary = { 'roundtrip-one': { smartipc: entry(20), 'smartipc busyPoll': entry(5), plain: entry(40), child_process: entry(18), zeromq: entry(15) } };
  const judged = judge(summary).filter(({ figure: [row] }) => row === 'roundtrip-one');
  t.deepEqual(judged.map(({ than, met }) => [than, met]), [['plain', true], ['child_process', false], ['zeromq', false]]);
  t.true(judge({}).every(({ value }) => value === undefined));
  for (const [row, peers] of Object.entries(needed(rows))) t.true(peers.every((peer) => rows[row].peers.includes(peer)));
});

test('figures go between their marks, and nowhere else', (t) => {
  const text = 'before\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nafter';
  t.is(replaced(text, 'x', 'new\n', 'doc'), 'before\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\nafter');
  t.throws(() => replaced(text, 'y', 'new\n', 'doc'), { message: /doc has no part/ });
});

test('charts escape names and keep bars inside', (t) => {
  const svg = bars({ title: 'a < b', note: '', groups: [{ name: 'g', bars: [{ name: 'x&y', value: 2, text: '2' }, { name: 'z', value: 1, text: '1' }] }] });
  t.true(svg.includes('a &#60; b') && svg.includes('x&#38;y'));
  const [long, short] = [...svg.matchAll(/<rect x="190".*? width="([\d.]+)"/g)].map(([, width]) => Number(width));
  t.is(long, 2 * short);
  const points = [{ x: 1, y: 10 }, { x: 100, y: 1000 }];
  const drawn = lines({ title: '', note: '', xs: [{ value: 1, text: '1' }, { value: 100, text: '100' }], yText: String, series: [{ name: 's', points }] });
  t.true(drawn.includes('d="M80.0 380.0L550.0 60.0"'), drawn);
});
