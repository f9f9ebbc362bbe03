'use strict';

// How long it takes to start Node, load a package and end, over a script that loads nothing.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const SCRIPT = path.join(__dirname, 'require-script.js');

async function run({ job, peer }) {
  const entry = peer.entry?.startsWith('.') ? path.resolve(__dirname, '../peers', peer.entry) : (peer.entry ?? peer.package);
  const times = { empty: [], loaded: [] };
  for (let i = 0; i < job.starts; i++) {
    times.empty.push(milliseconds([SCRIPT]));
    times.loaded.push(milliseconds([SCRIPT, entry, peer.esm ? 'esm' : 'cjs']));
  }
  const over = median(times.loaded) - median(times.empty);
  return { operations: job.starts, over, empty: median(times.empty) };
}

function milliseconds(args) {
  const before = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`);
  return performance.now() - before;
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

module.exports = { run, alone: true };
