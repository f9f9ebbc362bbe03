'use strict';

// Binding the two processes to CPUs, with `taskset` where the system has it.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');

/**
 * Options for `fork` that start the child with `flags` on one CPU; on any if `cpu` is
 * undefined. `under` is a command that runs it, such as a profiler.
 */
function started(cpu, flags = [], under = []) {
  const pinning = cpu === undefined ? [] : ['taskset', '-c', String(cpu)];
  const [execPath, ...execArgv] = [...under, ...pinning, process.execPath, ...flags];
  return { execPath, execArgv };
}

/** The CPUs `{ client, server }` of a mode; undefined for 'free', and where it can't be had. */
function choose(mode) {
  if (mode === 'free') return undefined;
  const [first, second] = allowedCpus();
  if (first === undefined) return undefined;
  if (mode === 'one') return { client: first, server: first };
  return second === undefined ? undefined : { client: first, server: second };
}

/** The CPUs that we may use; none where there is no `taskset`. */
function allowedCpus() {
  if (spawnSync('taskset', ['-V'], { stdio: 'ignore' }).status !== 0) return [];
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '0';
  return list.split(',').flatMap((part) => {
    const [low, high = low] = part.split('-').map(Number);
    return Array.from({ length: high - low + 1 }, (_, i) => low + i);
  });
}

module.exports = { choose, started };
