'use strict';

// node benchmark/profile.js [--row ROW] [--peer PEER] [--seconds S]: where the time of one
// operation goes, in the client and in the server. Linux only; needs `perf` and `strace`.
// `--write-docs` puts those of a request and of a message into docs/performance.md.
//
//   - system calls of the main thread per operation, counted by `strace -c` in a run of its own
//   - CPU µs per operation by place and by function, from samples of `perf record`. Where the
//     processor has no counters, as in many virtual machines, samples within the kernel fall
//     on the end of stretches without interrupts; its sum is right, its functions are not.
//
// An addon with symbols tells more. It is made and used with
//
//   CARGO_PROFILE_RELEASE_STRIP=none cargo rustc --release --lib --crate-type cdylib --target-dir target/profile
//   cp target/profile/release/libsmartipc_native.so target/profile/smartipc.node
//   SMARTIPC_NATIVE_PATH=$PWD/target/profile/smartipc.node node benchmark/profile.js

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { measure } = require('./measure.js');
const { replaceIn } = require('./report/docs.js');
const { shown, table } = require('./report/markdown.js');
const { rows } = require('./rows.js');

const SAMPLES_PER_SECOND = 4999; // no multiple of any timer's
const WARMUP_SECONDS = 2.5; // sampling begins in it, when the hot functions are compiled
const DELAY_MS = 2000;
const RARE = 0.05; // of the most frequent call's count
const FUNCTIONS = 12;
const ROOT = path.join(__dirname, '../');
const SIDES = ['client', 'server'];
const PUBLISHED = { 'profile-request': 'roundtrip-one', 'profile-message': 'awaited-one' };

async function main() {
  const { values } = parseArgs({
    options: {
      row: { type: 'string', default: 'roundtrip-one' },
      peer: { type: 'string', default: 'smartipc' },
      seconds: { type: 'string', default: '3' },
      'write-docs': { type: 'boolean', default: false },
    },
  });
  const { row, peer } = values;
  const seconds = Number(values.seconds);
  if (!values['write-docs']) return console.log(await profile(row, peer, seconds));
  for (const [part, published] of Object.entries(PUBLISHED)) {
    replaceIn('docs/performance.md', { [part]: await profile(published, 'smartipc', seconds) });
  }
}

/** Everything about one row, as Markdown. */
async function profile(row, peer, seconds) {
  const job = { peer, seconds, ...rows[row].parameters };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'smartipc-profile-'));
  try {
    const calls = await systemCalls(job, folder);
    return [`\`${row}\`, ${rows[row].title.toLowerCase()}:`, calls, ...(await samples(job, folder))].join('\n\n') + '\n';
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** A table of the system calls of both main threads. */
async function systemCalls(job, folder) {
  const counts = new Map();
  for (const side of SIDES) {
    // What start and end of a process call is the same in a short run and in a long one.
    const [short, long] = [await traced(job, side, 0.1, folder), await traced(job, side, 1, folder)];
    const more = [...long.calls].map(([name, count]) => [name, count - (short.calls.get(name) ?? 0)]);
    const most = Math.max(...more.map(([, count]) => count));
    for (const [name, count] of more) {
      if (count >= most * RARE) put(counts, name, side, (count / (long.operations - short.operations)).toPrecision(2));
    }
  }
  return table(['system calls per operation', ...SIDES], bySide(counts)).join('\n');
}

/** A table of the places of both processes, and one of the functions of each. */
async function samples(job, folder) {
  const places = new Map();
  const functions = [];
  for (const side of SIDES) {
    const file = path.join(folder, `${side}.samples`);
    const record = ['perf', 'record', '-q', '-e', 'cpu-clock', '-F', String(SAMPLES_PER_SECOND), '-D', String(DELAY_MS), '-o', file, '--'];
    const result = await measure({ ...job, warmup: WARMUP_SECONDS, flags: ['--perf-basic-prof'], under: { [side]: record } });
    const each = result[`${side}Cpu`];
    // The client starts the server, so its samples hold both.
    const format = ['--stdio', '--no-children', '--percent-limit', '0.01', '-F', 'overhead,dso,symbol', '-t', '\t'];
    const shares = sharesIn(perf('report', '-i', file, '--pid', String(result.pids[side]), ...format));
    const sums = new Map();
    for (const { share, place } of shares) sums.set(place, (sums.get(place) ?? 0) + share);
    put(places, 'all', side, shown(each, 2));
    for (const [place, share] of [...sums].sort(([, a], [, b]) => b - a)) put(places, place, side, shown(share * each, 2));
    const top = shares.slice(0, FUNCTIONS).map(({ share, place, name }) => [`\`${name}\``, place, shown(share * each, 2)]);
    functions.push(table([`functions of the ${side}`, 'place', 'CPU µs'], top).join('\n'));
  }
  return [table(['CPU µs per operation', ...SIDES], bySide(places)).join('\n'), ...functions];
}

function put(map, name, side, text) {
  if (!map.has(name)) map.set(name, {});
  map.get(name)[side] = text;
}

function bySide(map) {
  return [...map].map(([name, texts]) => [name, ...SIDES.map((side) => texts[side] ?? '–')]);
}

async function traced(job, side, seconds, folder) {
  const file = path.join(folder, `${side}.calls`);
  const { operations } = await measure({ ...job, seconds, warmup: 0.01, under: { [side]: ['strace', '-c', '-o', file] } });
  return { operations, calls: new Map(callsIn(fs.readFileSync(file, 'utf8'))) };
}

/** `strace -c`: % time, seconds, usecs/call, calls, errors (may be missing), name. */
function callsIn(summary) {
  return summary
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length >= 5 && Number(fields[3]) > 0 && fields.at(-1) !== 'total')
    .map((fields) => [fields.at(-1), Number(fields[3])]);
}

/** Shares of the samples, largest first. */
function sharesIn(report) {
  const lines = report
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t').map((field) => field.trim()))
    .map(([share, library, symbol]) => {
      const name = symbol.replace(/^\[[.k]\] /, '').replaceAll(ROOT, '');
      return { share: parseFloat(share), place: placeOf(library, name), name };
    });
  const all = lines.reduce((sum, { share }) => sum + share, 0);
  return lines.map((line) => ({ ...line, share: line.share / all })).sort((a, b) => b.share - a.share);
}

const PLACES_IN_NODE = [
  [/compiler::|[Tt]urbo|[Mm]aglev|Sparkplug|Heap|Scaveng|Mark|Sweep|Evacuat/, 'V8: compiler, collector'],
  [/[Jj]son|StringTable|Dtoa|Strtod|StringToDouble|PowersOfTen|InternalizeString/, 'V8: JSON'],
  [/^uv_/, 'libuv'],
  [/napi_|v8impl|napi_env/, 'Node-API'],
  [/^Builtins_/, 'V8: builtins'],
];

function placeOf(library, name) {
  if (library.includes('kernel') || library.startsWith('[guest')) return 'kernel';
  if (library.includes('smartipc')) return 'addon';
  if (/perf-\d+\.map|JIT|unknown/.test(library)) return 'JavaScript, compiled';
  if (!/^node/.test(library)) return 'libc and others';
  return PLACES_IN_NODE.find(([pattern]) => pattern.test(name))?.[1] ?? 'V8 and Node: others';
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
