'use strict';

// npm run test:runtimes: the same cases on every runtime, and a table.
//
//   npm run test:runtimes -- --only=14,bun      some runtimes
//   npm run test:runtimes -- --allow-missing    one that can't be fetched is no failure
//   npm run test:runtimes -- --case=cluster     cases whose name contains a text
//
// The programs come from the npm registry, pinned in list.js. The last line of
// output is "N passed, N failed".

const { spawn } = require('child_process');
const path = require('path');

const { TIME_LIMIT, caseEnv, countCases } = require('../cases.js');
const { root, setup, runMain, SetupError } = require('../setup.js');
const { NotFetched, fetchTool } = require('./fetch.js');
const { RUNTIMES } = require('./list.js');

const FILES = ['core.cjs', 'streams.cjs'];

runMain(async () => {
  const options = parseArgs(process.argv.slice(2));
  setup({ build: options.build });
  const rows = [];
  for (const name of options.only) rows.push(await runOn(name, options));
  process.exitCode = summarise(rows, options);
});

function parseArgs(args) {
  const options = { only: Object.keys(RUNTIMES), allowMissing: false, build: true, match: '' };
  for (const arg of args) {
    if (arg === '--allow-missing') options.allowMissing = true;
    else if (arg === '--no-build') options.build = false;
    else if (arg.startsWith('--case=')) options.match = arg.slice('--case='.length);
    else if (arg.startsWith('--only=')) options.only = arg.slice('--only='.length).split(',');
    else throw new SetupError(`unknown argument ${arg}`);
  }
  const unknown = options.only.filter((name) => !(name in RUNTIMES));
  if (unknown.length > 0) throw new SetupError(`no runtime is called ${unknown.join(', ')}; there are ${Object.keys(RUNTIMES).join(', ')}.`);
  return options;
}

async function runOn(name, { match }) {
  const tool = RUNTIMES[name];
  const title = `${isNode(name) ? 'Node' : name === 'bun' ? 'Bun' : 'Deno'} ${tool.version}`;
  console.log(`\n=== ${title} ===`);
  let program;
  try {
    program = findProgram(tool);
  } catch (error) {
    if (!(error instanceof NotFetched)) throw error;
    console.log(`not run: ${error.message}`);
    return { title, missing: error.message, passed: 0, failed: 0, names: [], seconds: 0 };
  }
  const begin = Date.now();
  const row = { title, missing: '', passed: 0, failed: 0, names: [], seconds: 0 };
  for (const file of FILES) countCases(await runFile(program, name, file, match), file, row);
  row.seconds = (Date.now() - begin) / 1000;
  return row;
}

function findProgram(tool) {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new NotFetched('only programs for Linux x64 are pinned');
  return fetchTool(tool);
}

function runFile(program, name, file, match) {
  const script = path.join(root, '__test__', 'runtimes', file);
  const args = name === 'deno' ? ['run', '--allow-all', script] : [script];
  const env = caseEnv({ SMARTIPC_OTHER_RUNTIME: process.execPath });
  return new Promise((resolve) => {
    const child = spawn(program, match ? [...args, match] : args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), TIME_LIMIT);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      process.stdout.write(text);
    });
    child.on('error', (error) => console.log(error.message));
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ output, status, signal });
    });
  });
}

function summarise(rows, { allowMissing }) {
  console.log('\n=== runtimes ===');
  const width = Math.max(...rows.map(({ title }) => title.length));
  for (const { title, missing, passed, failed, names, seconds } of rows) {
    const state = missing ? 'NOT RUN' : failed ? 'FAILED ' : 'ok     ';
    console.log(`${state}  ${title.padEnd(width)}  ${missing || `${passed} passed, ${failed} failed (${seconds.toFixed(1)} s)`}`);
    for (const name of names) console.log(`           ${name}`);
  }
  const notRun = rows.filter(({ missing }) => missing).length;
  if (notRun > 0 && allowMissing) console.log(`${notRun} of ${rows.length} runtimes were not run, which --allow-missing allows`);
  const passed = rows.reduce((sum, row) => sum + row.passed, 0);
  const failed = rows.reduce((sum, row) => sum + row.failed, 0) + (allowMissing ? 0 : notRun);
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

function isNode(name) {
  return /^\d+$/.test(name);
}
