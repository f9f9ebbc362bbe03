'use strict';

// npm run test:fuzz: each fuzz target for some seconds, from the inputs that are
// kept in fuzz/corpus.
//
//   npm run test:fuzz -- --seconds=600            longer
//   npm run test:fuzz -- conn_ops topic_match     some targets
//   npm run test:fuzz -- --planted                with a bug each: do they find it?
//   npm run test:fuzz -- --required               without its tools it fails
//
// An input that breaks a rule is written to fuzz/artifacts. Once what it found is
// mended, it goes to fuzz/regressions/<target>, where cargo test replays it.
// The last line of output is "N passed, N failed".

const fs = require('fs');
const os = require('os');
const path = require('path');

const { checkTools, cargoEnv, runMain, SetupError } = require('./setup.js');
const { FOLDER, whatIsMissing, toolEnv, build, run } = require('./fuzz/cargo-fuzz.js');
const { plant } = require('./fuzz/planted.js');

runMain(async () => {
  const options = parseArgs(process.argv.slice(2));
  const env = toolEnv(cargoEnv(checkTools()));
  const missing = whatIsMissing(env);
  if (missing) {
    console.log(`NOT RUN: ${missing}`);
    console.log(`0 passed, ${options.required ? options.targets.length : 0} failed`);
    process.exitCode = options.required ? 1 : 0;
    return;
  }
  const passed = await (options.planted ? findAll : holdAll)(options, env);
  console.log(`${passed} passed, ${options.targets.length - passed} failed`);
  process.exitCode = passed < options.targets.length ? 1 : 0;
});

function parseArgs(args) {
  const all = fs.readdirSync(path.join(FOLDER, 'fuzz_targets')).map((file) => path.basename(file, '.rs'));
  const options = { seconds: 0, required: false, planted: false, targets: [] };
  for (const arg of args) {
    if (/^--seconds=\d+$/.test(arg)) options.seconds = Number(arg.slice('--seconds='.length));
    else if (arg === '--required') options.required = true;
    else if (arg === '--planted') options.planted = true;
    else if (all.includes(arg)) options.targets.push(arg);
    else throw new SetupError(`unknown argument ${arg}; the targets are ${all.join(', ')}.`);
  }
  if (options.targets.length === 0) options.targets = all;
  if (options.seconds === 0) options.seconds = options.planted ? 60 : 10;
  return options;
}

/** Each target for its time, as many at once as there are processors. How many found nothing. */
async function holdAll({ targets, seconds }, env) {
  build(FOLDER, targets, env);
  const left = [...targets];
  let passed = 0;
  const worker = async () => {
    for (let target = left.shift(); target !== undefined; target = left.shift()) {
      const result = await run(FOLDER, target, seconds, env);
      const holds = !result.found && result.executions > 0;
      if (!holds) console.log(result.log.slice(-8000));
      console.log(holds ? `ok - ${target}: ${result.executions} executions in ${seconds} s` : `not ok - ${target} (${result.end})`);
      passed += holds ? 1 : 0;
    }
  };
  await Promise.all(os.cpus().map(worker));
  return passed;
}

/** Each target with the bug that is planted for it. How many found it. */
async function findAll({ targets, seconds }, env) {
  let passed = 0;
  for (const target of targets) {
    const result = await run(plant(target, env), target, seconds, env);
    const met = `${result.executions} executions in ${result.took.toFixed(1)} s`;
    console.log(result.found ? `ok - ${target}: found by ${met}: ${result.found}` : `not ok - ${target}: nothing found by ${met}`);
    passed += result.found ? 1 : 0;
  }
  return passed;
}
