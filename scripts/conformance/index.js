'use strict';

// npm run conformance: runs the tests that carry a number of the conformance
// programme (cases.json), counts tried, held, failed and not run, and writes the
// table into docs/conformance.md. Fails if a case fails, or if it has neither a
// test nor a line on the page that says why it can't run.
//
//   npm run conformance -- --only=F,J,P    some groups; the page stays as it is
//   npm run conformance -- --soak          the long ones too, half an hour of them
//   npm run conformance -- --soak=K4,N16   some of the long ones

const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');

const { root, setup, runMain, cargoEnv, SetupError } = require('../setup.js');
const { onTokio } = require('../suites.js');
const groups = require('./cases.json');
const { excuses, replacePart, render } = require('./document.js');
const { PROGRAMS, runPrograms } = require('./programs.js');
const { fromCargo, fromTap, judge } = require('./results.js');

const PAGE = path.join(root, 'docs', 'conformance.md');
/** As many cases may be excused from running. */
const MOST_EXCUSED = 11;

runMain(async () => {
  const { letters, soak, build } = parseArgs(process.argv.slice(2));
  const tools = setup({ build });
  const numbers = letters.flatMap((letter) => Object.keys(groups[letter].cases));
  const files = specFiles(path.join(root, '__test__'), letters);
  const loop = await ava(files, {});
  const tokio = await ava(files.filter(onTokio), { SMARTIPC_DRIVER: 'tokio' });
  const filters = numbers.map((number) => `${number.toLowerCase()}_`);
  const cargo = await run('cargo', ['test', '--no-default-features', '--features', 'faults', '--no-fail-fast', '--', '--show-output', ...filters], cargoEnv(tools));
  const programs = await runPrograms(numbers, soak, run);

  const taps = [fromTap(loop.output, process.platform === 'win32' ? 'tokio' : 'loop'), fromTap(tokio.output, 'tokio')];
  const page = fs.readFileSync(PAGE, 'utf8');
  const excused = excuses(page);
  const verdicts = judge(numbers, [...taps.flatMap(({ results }) => results), ...fromCargo(cargo.output), ...programs], excused);
  const strays = taps.flatMap(({ strays: titles }) => titles);
  const crashed = [loop, tokio, cargo].some(({ status }) => status !== 0);
  if (letters.length === Object.keys(groups).length) {
    fs.writeFileSync(PAGE, replacePart(page, render(groups, verdicts, summarise(verdicts))));
  }
  process.exitCode = report(verdicts, strays, crashed, excused) ? 0 : 1;
});

function parseArgs(args) {
  /** @type {{ letters: string[], soak: string[], build: boolean }} */
  const options = { letters: Object.keys(groups), soak: [], build: true };
  for (const arg of args) {
    if (arg === '--soak') options.soak = PROGRAMS.flatMap(({ numbers }) => numbers);
    else if (arg.startsWith('--soak=')) options.soak = arg.slice('--soak='.length).split(',');
    else if (arg === '--no-build') options.build = false;
    else if (arg.startsWith('--only=')) options.letters = arg.slice('--only='.length).split(',');
    else throw new SetupError(`unknown argument ${arg}`);
  }
  const unknown = options.letters.filter((letter) => !(letter in groups));
  if (unknown.length > 0) throw new SetupError(`no group is called ${unknown.join(', ')}; there are ${Object.keys(groups).join(', ')}.`);
  return options;
}

/** The spec files in which a number of these groups stands. */
function specFiles(folder, letters) {
  const number = new RegExp(`['"\`](?:[A-Z]\\d+, )*[${letters.join('')}]\\d+\\b`);
  const files = [];
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules') files.push(...specFiles(file, letters));
    } else if (/\.spec\.(ts|mjs|cjs)$/.test(entry.name)) {
      const text = fs.readFileSync(file, 'utf8');
      // A table of cases may stand in a file of its own.
      if (number.test(text) || (text.includes('/hostile.mjs') && letters.includes('F'))) files.push(path.relative(root, file));
    }
  }
  return files;
}

async function ava(files, env) {
  if (files.length === 0) return { status: 0, output: '' };
  const cli = path.join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
  return run(process.execPath, [cli, '--tap', ...files], { ...process.env, ...env });
}

/** Runs a program, shows what it says and keeps it. */
function run(file, args, env) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
    const chunks = [];
    child.stdout.on('data', (chunk) => {
      chunks.push(chunk);
      process.stdout.write(chunk);
    });
    child.on('error', (error) => resolve({ status: 127, output: error.message }));
    child.on('close', (status) => resolve({ status: status === null ? 1 : status, output: Buffer.concat(chunks).toString() }));
  });
}

function summarise(verdicts) {
  const count = (...outcomes) => [...verdicts.values()].filter(({ outcome }) => outcomes.includes(outcome)).length;
  return `${verdicts.size} cases: ${count('held', 'failed')} tried, ${count('held')} held, ${count('failed')} failed, ` +
    `${count('not run')} not run, ${count('no test')} without a test.`;
}

/** Prints the outcome; whether it is a success. */
function report(verdicts, strays, crashed, excused) {
  console.log('\n=== conformance ===');
  for (const [number, { outcome, tests, reason }] of verdicts) {
    const more = outcome === 'not run' ? `: ${reason}` : outcome === 'held' ? ` (${tests.length} tests)` : '';
    console.log(`${number.padEnd(4)} ${outcome}${more}`);
    for (const test of tests) if (test.outcome === 'failed') console.log(`       ${test.title} [${test.driver}, ${test.role}, ${test.profile}]`);
  }
  for (const title of strays) console.log(`failed, without a number: ${title}`);
  if (excused.size > MOST_EXCUSED) console.log(`${excused.size} cases are excused; at most ${MOST_EXCUSED} may be`);
  console.log(summarise(verdicts));
  const bad = [...verdicts.values()].some(({ outcome }) => outcome === 'failed' || outcome === 'no test');
  return !bad && strays.length === 0 && !crashed && excused.size <= MOST_EXCUSED;
}
