'use strict';

// node benchmark/profile.js [--row ROW] [--peer PEER] [--seconds S]: where the time of one
// operation goes, in the client and in the server. Linux only; needs `perf` and `strace`.
//
//   - system calls of the main thread per operation, counted by `strace -c` in a run of its own
//   - CPU µs per operation by place and by function, from samples of `perf record`. Where the
//     processor has no counters, as in many virtual machines, samples within the kernel fall
//     on the end of stretches without interrupts; its sum is right, its functions are not.
//
// An addon with symbols tells more. It is made and used with
//
//   CARGO_PROFILE_RELEASE_STRIP=none cargo build --release --target-dir target/profile
//   SMARTIPC_NATIVE_PATH=$PWD/target/profile/release/libsmartipc_native.so node benchmark/profile.js

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { measure } = require('./measure.js');
const { shown, table } = require('./report/markdown.js');
const { rows } = require('./rows.js');

const SAMPLES_PER_SECOND = 4999; // no multiple of any timer's
const WARMUP_SECONDS = 1.5; // sampling begins in it, after the start of Node
const DELAY_MS = 1200;
const LEAST_CALLS = 0.02; // per operation; rarer ones are start and end
const FUNCTIONS = 24;
const SIDES = ['client', 'server'];

async function main() {
  const { values } = parseArgs({
    options: {
      row: { type: 'string', default: 'roundtrip-one' },
      peer: { type: 'string', default: 'smartipc' },
      seconds: { type: 'string', default: '3' },
    },
  });
  const seconds = Number(values.seconds);
  const job = { peer: values.peer, seconds, ...rows[values.row].parameters };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'smartipc-profile-'));
  try {
    console.log(`# ${rows[values.row].title}: ${values.peer}\n`);
    await systemCalls(job, folder);
    await samples(job, folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

async function systemCalls(job, folder) {
  const file = (side) => path.join(folder, `${side}.calls`);
  for (const side of SIDES) {
    const under = { [side]: ['strace', '-c', '-o', file(side)] };
    const { operations } = await measure({ ...job, warmup: 0.01, under });
    const body = callsIn(fs.readFileSync(file(side), 'utf8'))
      .map(([name, calls]) => [name, calls / operations])
      .filter(([, each]) => each >= LEAST_CALLS)
      .map(([name, each]) => [`\`${name}\``, shown(each, 2)]);
    console.log(`## System calls of the ${side} per operation\n`);
    console.log(table(['call', 'per operation'], body).join('\n') + '\n');
  }
}

/** `strace -c`: % time, seconds, usecs/call, calls, errors (may be missing), name. */
function callsIn(summary) {
  return summary
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length >= 5 && Number(fields[3]) > 0 && fields.at(-1) !== 'total')
    .map((fields) => [fields.at(-1), Number(fields[3])]);
}

async function samples(job, folder) {
  const file = (side) => path.join(folder, `${side}.samples`);
  const record = (side) => ['perf', 'record', '-q', '-e', 'cpu-clock', '-F', String(SAMPLES_PER_SECOND), '-D', String(DELAY_MS), '-o', file(side), '--'];
  const flags = ['--perf-basic-prof'];
  for (const side of SIDES) {
    const result = await measure({ ...job, warmup: WARMUP_SECONDS, flags, under: { [side]: record(side) } });
    const each = result[`${side}Cpu`];
    // The client starts the server, so its samples hold both.
    const format = ['--stdio', '--no-children', '--percent-limit', '0.01', '-F', 'overhead,dso,symbol', '-t', '\t'];
    const shares = sharesIn(perf('report', '-i', file(side), '--pid', String(result.pids[side]), ...format));
    console.log(`## CPU time of the ${side}: ${shown(each, 2)} µs per operation\n`);
    const places = new Map();
    for (const { share, place } of shares) places.set(place, (places.get(place) ?? 0) + share);
    const byPlace = [...places].sort(([, a], [, b]) => b - a).map(([place, share]) => [place, shown(share * each, 2)]);
    console.log(table(['place', 'µs'], byPlace).join('\n') + '\n');
    const functions = shares.slice(0, FUNCTIONS).map(({ share, place, name }) => [shown(share * each, 2), place, `\`${name}\``]);
    console.log(table(['µs', 'place', 'function'], functions).join('\n') + '\n');
  }
}

/** Shares of the samples, largest first. */
function sharesIn(report) {
  const lines = report
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t').map((field) => field.trim()))
    .map(([share, library, symbol]) => {
      const name = symbol.replace(/^\[[.k]\] /, '');
      return { share: parseFloat(share), place: placeOf(library, name), name };
    });
  const all = lines.reduce((sum, { share }) => sum + share, 0);
  return lines.map((line) => ({ ...line, share: line.share / all })).sort((a, b) => b.share - a.share);
}

const PLACES_IN_NODE = [
  [/[Jj]son/, 'JSON, in V8'],
  [/^uv_/, 'libuv'],
  [/napi_|v8impl|napi_env/, 'Node-API'],
  [/^Builtins_/, 'V8 builtins'],
];

function placeOf(library, name) {
  if (library.includes('kernel') || library.startsWith('[guest')) return 'kernel';
  if (library.includes('smartipc')) return 'addon';
  if (/perf-\d+\.map|JIT|unknown/.test(library)) return 'JavaScript, compiled';
  if (!/^node/.test(library)) return 'libc and others';
  return PLACES_IN_NODE.find(([pattern]) => pattern.test(name))?.[1] ?? 'V8 and Node, others';
}

function perf(...args) {
  const { status, stdout, stderr } = spawnSync('perf', args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`perf ${args[0]}: ${stderr}`);
  return stdout;
}

main().catch((error) => {
  console.error(`profile failed: ${error.message}`);
  process.exitCode = 1;
});
