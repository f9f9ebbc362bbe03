'use strict';

// npm run test:fuzz: each fuzz target for some seconds, from the inputs that are
// kept in fuzz/corpus.
//
//   npm run test:fuzz -- --seconds=600            longer
//   npm run test:fuzz -- conn_ops topic_match     some targets
//   npm run test:fuzz -- --required               without its tools it fails
//
// An input that breaks a rule is written to fuzz/artifacts. Once what it found is
// mended, it goes to fuzz/regressions/<target>, where cargo test replays it.
// The last line of output is "N passed, N failed".

const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const { root, checkTools, cargoEnv, runMain, ending, SetupError } = require('./setup.js');

const CARGO_FUZZ = '0.13.2';
const FOLDER = path.join(root, 'fuzz');
const CACHE = path.join(root, '.setup', 'cargo');
/** What a fuzzer may take: a larger input, a slower one or a larger process is a finding. */
const LIMITS = ['-max_len=65536', '-timeout=5', '-rss_limit_mb=512'];

runMain(() => {
  const options = parseArgs(process.argv.slice(2));
  const env = Object.assign(cargoEnv(checkTools()), { RUSTC_BOOTSTRAP: '1' });
  env.PATH = [path.join(CACHE, 'bin'), env.PATH].join(path.delimiter);
  const missing = whatIsMissing(env);
  if (missing) {
    console.log(`NOT RUN: ${missing}`);
    console.log(`0 passed, ${options.required ? options.targets.length : 0} failed`);
    process.exitCode = options.required ? 1 : 0;
    return;
  }
  cargoFuzz(['build'], env);
  const failed = options.targets.filter((target) => !fuzz(target, options.seconds, env));
  console.log(`${options.targets.length - failed.length} passed, ${failed.length} failed`);
  process.exitCode = failed.length > 0 ? 1 : 0;
});

function parseArgs(args) {
  const all = fs.readdirSync(path.join(FOLDER, 'fuzz_targets')).map((file) => path.basename(file, '.rs'));
  const options = { seconds: 10, required: false, targets: [] };
  for (const arg of args) {
    if (/^--seconds=\d+$/.test(arg)) options.seconds = Number(arg.slice('--seconds='.length));
    else if (arg === '--required') options.required = true;
    else if (all.includes(arg)) options.targets.push(arg);
    else throw new SetupError(`unknown argument ${arg}; the targets are ${all.join(', ')}.`);
  }
  if (options.targets.length === 0) options.targets = all;
  return options;
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

function cargoFuzz(args, env) {
  const result = spawnSync('cargo', ['fuzz', ...args], { cwd: FOLDER, env, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.status !== 0) throw new SetupError(`cargo fuzz ${args.join(' ')} failed (${ending(result)}).`);
}

/** Runs one target; what it learns stays out of the corpus that is committed. */
function fuzz(target, seconds, env) {
  const learnt = path.join(FOLDER, 'target', 'corpus', target);
  const artifacts = path.join(FOLDER, 'artifacts', target);
  for (const folder of [learnt, artifacts]) fs.mkdirSync(folder, { recursive: true });
  const kept = path.join(FOLDER, 'corpus', target);
  const host = spawnSync('rustc', ['-vV'], { env, encoding: 'utf8' });
  const triple = /^host: (.*)$/m.exec(host.stdout)[1];
  const program = path.join(FOLDER, 'target', triple, 'release', target);
  const args = ['-dict=protocol.dict', `-max_total_time=${seconds}`, '-print_final_stats=1', `-artifact_prefix=${artifacts}/`, ...LIMITS];
  const result = spawnSync(program, [...args, learnt, kept], { cwd: FOLDER, env, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  const log = `${result.stderr || ''}`;
  const executions = (/^stat::number_of_executed_units:\s*(\d+)/m.exec(log) || [])[1];
  if (result.status === 0 && executions) {
    console.log(`ok - ${target}: ${executions} executions in ${seconds} s`);
    return true;
  }
  console.log(log.slice(-8000));
  console.log(`not ok - ${target} (${ending(result)})`);
  return false;
}
