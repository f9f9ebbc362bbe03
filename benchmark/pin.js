'use strict';

// Binding the two processes to CPUs, with `taskset` where the system has it.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');

/** Options for `fork` that start the child on one CPU; on any if `cpu` is undefined. */
function pinned(cpu) {
  if (cpu === undefined) return {};
  return { execPath: 'taskset', execArgv: ['-c', String(cpu), process.execPath] };
}

/** Resolves `--pin` to `{ cpus?: { client, server }, text }`; falls back to no binding. */
function choose(mode) {
  if (mode === 'free') return { text: 'free' };
  const allowed = allowedCpus();
  if (allowed.length === 0) return { text: `free (${mode} needs taskset, which is not here)` };
  const [first, second] = allowed;
  if (mode === 'one') {
    return { cpus: { client: first, server: first }, text: `one (both on CPU ${first})` };
  }
  if (second === undefined) return { text: 'free (two needs a second CPU)' };
  return {
    cpus: { client: first, server: second },
    text: `two (client on CPU ${first}, server on CPU ${second})`,
  };
}

function allowedCpus() {
  if (spawnSync('taskset', ['-V'], { stdio: 'ignore' }).status !== 0) return [];
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '0';
  return list.split(',').flatMap((part) => {
    const [low, high = low] = part.split('-').map(Number);
    return Array.from({ length: high - low + 1 }, (_, i) => low + i);
  });
}

module.exports = { choose, pinned };
