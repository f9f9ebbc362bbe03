'use strict';

// npm run test:sanitizers: the core's tests under AddressSanitizer, with its
// search for leaks at the end of each program, and the addon under it in Node.
//
//   npm run test:sanitizers -- --only=core     core, addon, collected
//   npm run test:sanitizers -- --required      without its tools it fails
//
// Node itself is not instrumented, and leaks by design when it exits: the search
// for leaks is the core's alone. The last line of output is "N passed, N failed".

const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const { root, setup, cargoEnv, runMain, ending, SetupError } = require('./setup.js');

const PARTS = { core, addon, collected };
/** Handles, threads and memory of both sides meet here. */
const SUITES = ['__test__/lifecycle/**', '__test__/streams/**'];

runMain(() => {
  const options = parseArgs(process.argv.slice(2));
  const tools = setup({ build: false });
  const env = cargoEnv(tools);
  const missing = whatIsMissing(env);
  if (missing) {
    console.log(`NOT RUN: ${missing}`);
    console.log(`0 passed, ${options.required ? options.only.length : 0} failed`);
    process.exitCode = options.required ? 1 : 0;
    return;
  }
  const failed = options.only.filter((part) => {
    console.log(`\n=== ${part} ===`);
    const result = PARTS[part](env);
    console.log(`${result.status === 0 ? 'ok' : 'not ok'} - ${part}${result.status === 0 ? '' : ` (${ending(result)})`}`);
    return result.status !== 0;
  });
  console.log(`${options.only.length - failed.length} passed, ${failed.length} failed`);
  process.exitCode = failed.length > 0 ? 1 : 0;
});

function parseArgs(args) {
  const options = { only: Object.keys(PARTS), required: false };
  for (const arg of args) {
    if (arg === '--required') options.required = true;
    else if (arg.startsWith('--only=')) options.only = arg.slice('--only='.length).split(',');
    else throw new SetupError(`unknown argument ${arg}`);
  }
  const unknown = options.only.filter((part) => !(part in PARTS));
  if (unknown.length > 0) throw new SetupError(`no part is called ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}.`);
  return options;
}

function whatIsMissing(env) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the sanitizers are used on Linux x64 only';
  if (!path.isAbsolute(runtime(env))) return "gcc's libasan is not installed";
  return null;
}

/** The library that has to be in the process before Node. */
function runtime(env) {
  const result = spawnSync('gcc', ['-print-file-name=libasan.so'], { env, encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim() : '';
}

/** The flags are unstable ones, which the stable compiler takes on this word. */
function instrumented(env) {
  return Object.assign({}, env, {
    RUSTC_BOOTSTRAP: '1',
    RUSTFLAGS: `${env.RUSTFLAGS || ''} -Zsanitizer=address`.trim(),
    CARGO_TARGET_DIR: path.join(root, 'target', 'sanitizers'),
  });
}

/** With the target named, build scripts and macros are not instrumented. */
const TARGET = ['--target', 'x86_64-unknown-linux-gnu'];

/** Nothing is measured here; with symbols a report names functions. */
const QUICK = {
  CARGO_PROFILE_RELEASE_LTO: 'off',
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
  CARGO_PROFILE_RELEASE_DEBUG: 'line-tables-only',
  CARGO_PROFILE_RELEASE_STRIP: 'none',
};

function core(env) {
  const args = ['test', '--no-default-features', '--features', 'faults', '--lib', '--tests', '--no-fail-fast', ...TARGET];
  return run('cargo', args, Object.assign(instrumented(env), { ASAN_OPTIONS: 'detect_leaks=1' }));
}

function addon(env) {
  const file = buildAddon(env);
  const ava = path.join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
  return run(process.execPath, [ava, '--tap', '--timeout=10m', ...SUITES], underNode(env, file));
}

/** Requests while the collector runs all the time. */
function collected(env) {
  const file = buildAddon(env);
  const script = path.join(root, '__test__', 'support', 'children', 'collected.cjs');
  return run(process.execPath, ['--expose-gc', script, '100000'], underNode(env, file));
}

function buildAddon(env) {
  const result = run('cargo', ['build', '--release', '--lib', ...TARGET], Object.assign(instrumented(env), QUICK));
  if (result.status !== 0) throw new SetupError(`the instrumented addon could not be built (${ending(result)}).`);
  const folder = path.join(root, 'target', 'sanitizers', TARGET[1], 'release');
  // Node loads what is called so.
  const file = path.join(folder, 'smartipc-native.node');
  fs.rmSync(file, { force: true });
  fs.copyFileSync(path.join(folder, 'libsmartipc_native.so'), file);
  return file;
}

function underNode(env, file) {
  return Object.assign({}, env, {
    SMARTIPC_NATIVE_PATH: file,
    LD_PRELOAD: runtime(env),
    ASAN_OPTIONS: 'detect_leaks=0',
  });
}

function run(command, args, env) {
  return spawnSync(command, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
}
