'use strict';

// npm test: sets the checkout up and runs every check in order, up to the
// first that fails. The last line of output is "N passed, N failed".
//
//   npm test -- --only=ava,eslint            some steps
//   npm test -- --also=fuzz                  one more that takes its time
//   npm test -- --only=ava __test__/x.spec.ts    some test files
//   npm test -- --only=ava --match='*foo*'   other arguments go to ava
//   SMARTIPC_DRIVER=tokio npm test -- --only=ava    everything on the other driver

const { spawn, spawnSync } = require('child_process');
const path = require('path');

const { root, setup, checkTools, cargoEnv, runMain, ending, SetupError } = require('./setup.js');
const { TOKIO_SUITES } = require('./suites.js');

// TAP's mark for a test without a body; in two parts for check-core.js.
const ANNOUNCED = `# ${'TO' + 'DO'}`;

const STEPS = [
  { id: 'fmt', title: 'cargo fmt', component: 'fmt', command: cargo('fmt', '--check') },
  { id: 'clippy', title: 'cargo clippy, all features', component: 'clippy', command: cargo('clippy', '--all-targets', '--all-features', '--', '-D', 'warnings') },
  { id: 'clippy-core', title: 'cargo clippy, core alone', component: 'clippy', command: cargo('clippy', '--no-default-features', '--all-targets', '--', '-D', 'warnings') },
  { id: 'cargo', title: 'cargo test', command: cargo('test', '--no-default-features', '--features', 'faults', '--no-fail-fast'), count: countCargo },
  {
    id: 'loom',
    title: 'loom models',
    env: { RUSTFLAGS: '--cfg loom', LOOM_MAX_PREEMPTIONS: '2' },
    command: cargo('test', '--release', '--manifest-path', 'models/Cargo.toml'),
    count: countCargo,
  },
  { id: 'core', title: 'purity of core and packages', command: () => [process.execPath, path.join(__dirname, 'check-core.js')] },
  { id: 'eslint', title: 'eslint', modules: true, command: () => tool('eslint', 'bin/eslint.js', '.') },
  { id: 'tsc', title: 'tsc, facade', modules: true, command: () => tool('typescript', 'bin/tsc', '--project', 'tsconfig.json') },
  { id: 'tsc-test', title: 'tsc, tests', modules: true, command: () => tool('typescript', 'bin/tsc', '--project', 'tsconfig.test.json') },
  { id: 'ava', title: 'ava', modules: true, addon: true, command: (args) => tool('ava', 'entrypoints/cli.mjs', '--tap', ...args), count: countTap },
  // The driver of Bun, Deno and Windows; on other systems not the default.
  {
    id: 'ava-tokio',
    title: 'ava, tokio driver',
    modules: true,
    addon: true,
    env: { SMARTIPC_DRIVER: 'tokio' },
    command: (args) => tool('ava', 'entrypoints/cli.mjs', '--tap', ...(args.length > 0 ? args : TOKIO_SUITES)),
    count: countTap,
  },
  { id: 'runtimes', title: 'other runtimes', modules: true, addon: true, command: () => fetching('runtimes', 'run.js', '--no-build', '--only=14,20,24,bun'), count: countLastLine },
  // CI asks for it. Installs a cross compiler and wine, and builds the standard library.
  { id: 'windows', title: 'compile for Windows, run under wine', modules: true, onlyIfNamed: true, command: () => fetching('platforms', 'smoke.js'), count: countLastLine },
  { id: 'modules', title: 'compilers and bundlers', modules: true, addon: true, command: () => fetching('runtimes', 'modules.js', '--no-build'), count: countLastLine },
  // CI asks for it. Building it with the sanitizer takes minutes; what it has found is replayed by `cargo test`.
  { id: 'fuzz', title: 'fuzz targets, 10 s each', onlyIfNamed: true, command: () => [process.execPath, path.join(__dirname, 'fuzz.js')], count: countLastLine },
];

runMain(async () => {
  const { only, also, rest } = parseArgs(process.argv.slice(2));
  const usual = (step) => (only.length === 0 ? !step.onlyIfNamed : only.includes(step.id));
  const steps = STEPS.filter((step) => usual(step) || also.includes(step.id));
  const tools = steps.some((step) => step.modules) ? setup({ build: steps.some((step) => step.addon) }) : checkTools();
  process.exitCode = await runSteps(steps, rest, cargoEnv(tools));
});

function parseArgs(args) {
  const only = [];
  const also = [];
  const rest = [];
  for (const arg of args) {
    if (arg.startsWith('--only=')) only.push(...arg.slice('--only='.length).split(','));
    else if (arg.startsWith('--also=')) also.push(...arg.slice('--also='.length).split(','));
    else rest.push(arg);
  }
  const known = STEPS.map((step) => step.id);
  const unknown = [...only, ...also].filter((id) => !known.includes(id));
  if (unknown.length > 0) throw new SetupError(`no step is called ${unknown.join(', ')}; there are ${known.join(', ')}.`);
  return { only, also, rest };
}

async function runSteps(steps, args, env) {
  const summary = [];
  const total = { passed: 0, failed: 0 };
  let code = 0;
  for (const step of steps) {
    console.log(`\n=== ${step.title} ===`);
    if (step.component && !hasComponent(step.component)) {
      console.log(`skipped: cargo ${step.component} isn't installed`);
      summary.push(`skipped  ${step.title} (cargo ${step.component} isn't installed)`);
      continue;
    }
    const begin = Date.now();
    const { end, output } = await runStep(step.command(args), { ...env, ...step.env }, step.count);
    const counts = step.count ? step.count(output) : { passed: 0, failed: 0, names: [] };
    const failed = end.status !== 0 || counts.failed > 0;
    // A crash, or a build that fails, counts too: "0 failed" is for success.
    if (failed) counts.failed = Math.max(counts.failed, 1);
    total.passed += counts.passed;
    total.failed += counts.failed;

    const seconds = ((Date.now() - begin) / 1000).toFixed(1);
    const numbers = step.count ? `: ${counts.passed} passed, ${counts.failed} failed${counts.skipped ? `, ${counts.skipped} skipped` : ''}` : '';
    summary.push(`${failed ? 'FAILED ' : 'ok     '}  ${step.title}${numbers} (${seconds} s)`);
    if (failed) {
      for (const name of counts.names) summary.push(`           ${name}`);
      if (step.id.startsWith('ava')) summary.push('for a report with code excerpts: npx ava [test files]');
      summary.push(`stopped at the step "${step.id}" (${ending(end)}); to repeat it: npm test -- --only=${step.id}`);
      code = end.status || 1;
      break;
    }
  }
  console.log(`\n=== summary ===\n${summary.join('\n')}`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return code;
}

/** Runs a command; with `capture` its standard output is shown and kept. */
function runStep([file, ...args], env, capture) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', capture ? 'pipe' : 'inherit', 'inherit'] });
    const chunks = [];
    if (capture) {
      child.stdout.on('data', (chunk) => {
        chunks.push(chunk);
        process.stdout.write(chunk);
      });
    }
    child.on('error', (error) => {
      console.error(`${file}: ${error.message}`);
      resolve({ end: { status: 127, signal: null }, output: '' });
    });
    child.on('close', (status, signal) => {
      resolve({ end: { status, signal }, output: Buffer.concat(chunks).toString('utf8') });
    });
  });
}

/** Adds up the result lines of all test binaries. */
function countCargo(output) {
  const counts = { passed: 0, failed: 0, skipped: 0, names: [] };
  for (const line of output.split('\n')) {
    const result = /^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored/.exec(line);
    if (result) {
      counts.passed += Number(result[1]);
      counts.failed += Number(result[2]);
      counts.skipped += Number(result[3]);
    }
    const failed = /^test (.*) \.\.\. FAILED/.exec(line);
    if (failed) counts.names.push(failed[1]);
  }
  return counts;
}

/** Takes the totals from the end of ava's TAP output, where crashes count as failures. */
function countTap(output) {
  const total = (name) => {
    const found = [...output.matchAll(new RegExp(`^# ${name} (\\d+)$`, 'gm'))].pop();
    return found ? Number(found[1]) : 0;
  };
  const bad = [...output.matchAll(/^not ok \d+ - (.*)$/gm)].map((match) => match[1]);
  // A test announced with test.todo() counts as failed there, but isn't one.
  const names = bad.filter((title) => !title.endsWith(ANNOUNCED));
  const announced = bad.length - names.length;
  return { passed: total('pass'), failed: total('fail') - announced, skipped: total('skip') + announced, names };
}

/** Takes the totals from the last line of a script of ours. */
function countLastLine(output) {
  const found = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].pop() || [];
  const missing = output.match(/^NOT RUN\b/gm) || [];
  const names = [...output.matchAll(/^not ok \d+ - (.*)$/gm)].map((match) => match[1]);
  return { passed: Number(found[1] || 0), failed: Number(found[2] || 0), skipped: missing.length, names };
}

/** What fetches programs; SMARTIPC_RUNTIMES=required makes one that can't be fetched a failure. */
function fetching(folder, script, ...args) {
  const command = [process.execPath, path.join(__dirname, folder, script), ...args];
  return process.env.SMARTIPC_RUNTIMES === 'required' ? command : [...command, '--allow-missing'];
}

function cargo(...args) {
  return () => ['cargo', ...args];
}

function tool(name, script, ...args) {
  return [process.execPath, path.join(root, 'node_modules', name, script), ...args];
}

function hasComponent(name) {
  const result = spawnSync('cargo', [name, '--version'], { cwd: root, stdio: 'ignore' });
  return !result.error && result.status === 0;
}
