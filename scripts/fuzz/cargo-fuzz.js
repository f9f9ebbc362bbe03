'use strict';

// Builds and runs fuzz targets: cargo-fuzz, on the stable compiler.

const { spawn, spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const { root, ending, SetupError } = require('../setup.js');

const CARGO_FUZZ = '0.13.2';
const FOLDER = path.join(root, 'fuzz');
/** Of all builds, so that what they depend on is built once. */
const TARGET = path.join(FOLDER, 'target');
const CACHE = path.join(root, '.setup', 'cargo');
/** What a fuzzer may take: a slower input or a larger process is a finding. */
const LIMITS = ['-timeout=5', '-rss_limit_mb=512'];
/**
 * The longest input that says something new, where that is known: operations beyond a
 * number are not read, a path is cut, and all that a text is compared with is in its head.
 * Longer ones only take the time of others.
 */
const LONGEST = { conn_ops: 2048, e2e_mockio: 128, encode_roundtrip: 4096, envelope_head: 4096, sock_path: 512, stream_reassembly: 640, topic_match: 4096 };
/**
 * Without AddressSanitizer: the core has no unsafe code, `npm run test:sanitizers`
 * replays what is kept, and it takes more than half of the time. Nor with weights for
 * inputs that reach what few reach: their keeping takes a third where much is reached.
 */
const BUILD = ['--sanitizer', 'none'];
/** Targets whose input is text, for which there are words: in others these are noise. */
const TEXTS = ['envelope_head', 'frame_decoder', 'topic_match'];
const WEIGHTS = '-entropic=0';
/** Seconds beyond its time after which a fuzzer hangs. */
const GRACE = 60;

/** The flags of the sanitizer are unstable ones, which the stable compiler takes on this word. */
function toolEnv(env) {
  return { ...env, RUSTC_BOOTSTRAP: '1', PATH: [path.join(CACHE, 'bin'), env.PATH].join(path.delimiter) };
}

/** Why nothing can be fuzzed here; cargo-fuzz is installed if it is only that. */
function whatIsMissing(env) {
  if (process.platform !== 'linux') return 'the fuzz targets are built on Linux only';
  if (!runs(['c++', '--version'], env) && !runs(['g++', '--version'], env)) return 'libFuzzer needs a C++ compiler';
  if (runs(['cargo', 'fuzz', '--version'], env)) return null;
  console.log(`cargo install cargo-fuzz ${CARGO_FUZZ}`);
  const args = ['install', 'cargo-fuzz', '--version', CARGO_FUZZ, '--locked', '--root', CACHE];
  const result = spawnSync('cargo', args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'], timeout: 10 * 60 * 1000 });
  return result.status === 0 ? null : `cargo-fuzz is not installed and could not be (${ending(result)})`;
}

function runs([command, ...args], env) {
  return spawnSync(command, args, { env, stdio: 'ignore' }).status === 0;
}

/** Builds the targets of a fuzz folder: one of them, or all at once. */
function build(folder, targets, env) {
  const args = ['fuzz', 'build', ...BUILD, '--target-dir', TARGET, ...(targets.length === 1 ? targets : [])];
  const result = spawnSync('cargo', args, { cwd: folder, env, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.status !== 0) throw new SetupError(`cargo ${args.join(' ')} failed (${ending(result)}).`);
}

/**
 * Runs a target that was built; what it learns stays out of the corpus that is
 * committed. `found` is what the target said of an input that broke a rule.
 */
async function run(folder, target, seconds, env) {
  const learnt = path.join(folder, 'target', 'corpus', target);
  const artifacts = path.join(folder, 'artifacts', target);
  for (const each of [learnt, artifacts]) fs.mkdirSync(each, { recursive: true });
  const program = path.join(TARGET, triple(env), 'release', target);
  const words = TEXTS.includes(target) ? ['-dict=protocol.dict'] : [];
  const size = `-max_len=${LONGEST[target] || 65536}`;
  const args = [...words, size, `-max_total_time=${seconds}`, '-print_final_stats=1', `-artifact_prefix=${artifacts}/`, WEIGHTS, ...LIMITS];
  const begin = Date.now();
  const { log, end } = await outcome(
    spawn(program, [...args, learnt, path.join(folder, 'corpus', target)], {
      cwd: folder,
      // On a busy machine a trace takes longer than an input may.
      env: { ...env, RUST_BACKTRACE: '0' },
      stdio: ['ignore', 'ignore', 'pipe'],
      // What a fuzzer does on a signal may wait for a lock that the program holds.
      timeout: (seconds + GRACE) * 1000,
      killSignal: 'SIGKILL',
    }),
  );
  const said = /panicked at .*\n(.*)|^.*ERROR: (.*)/m.exec(log) || [];
  return {
    log,
    end: ending(end),
    took: (Date.now() - begin) / 1000,
    executions: Number((/^stat::number_of_executed_units:\s*(\d+)/m.exec(log) || [])[1] || 0),
    found: end.status === 0 ? null : said.slice(1).find(Boolean) || ending(end),
  };
}

/** What a process writes to its standard error, and how it ends. */
function outcome(child) {
  const chunks = [];
  child.stderr.on('data', (chunk) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ log: Buffer.concat(chunks).toString('utf8'), end: { status, signal } }));
  });
}

function triple(env) {
  const host = spawnSync('rustc', ['-vV'], { env, encoding: 'utf8' });
  return /^host: (.*)$/m.exec(host.stdout)[1];
}

module.exports = { FOLDER, whatIsMissing, toolEnv, build, run };
