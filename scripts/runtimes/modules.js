'use strict';

// npm run test:modules: the packed package in front of compilers and a bundler,
// in a project like a user's. Each check prints `ok n - name` or `not ok n - name`;
// --allow-missing is as in run.js.

const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const { packAll } = require('../pack.js');
const { ALIAS, platformName, root, runMain, setup } = require('../setup.js');
const { NotFetched, fetchTool } = require('./fetch.js');
const { ESBUILD, NODE_TYPES, TYPESCRIPT } = require('./list.js');

const SOURCES = path.join(root, '__test__', 'modules');
const OWN_COMPILER = path.join(root, 'node_modules', 'typescript', 'lib', 'tsc.js');

/** What a bundle is made with, and what comes of it. */
const BUNDLES = [
  { name: 'ESM, the package external', args: ['--format=esm', `--external:${ALIAS}`], extension: 'mjs' },
  { name: 'CommonJS, the package external', args: ['--format=cjs', `--external:${ALIAS}`], extension: 'cjs' },
  { name: 'CommonJS, the package taken in, its addon still a package', args: ['--format=cjs'], extension: 'cjs' },
];

runMain(() => {
  const args = process.argv.slice(2);
  setup({ build: !args.includes('--no-build') });
  const work = path.join(root, '.setup', `modules-${process.pid}`);
  try {
    const results = [];
    project(work);
    for (const check of checks(work)) results.push(run(check, results.length + 1));
    process.exitCode = summarise(results, args.includes('--allow-missing'));
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
});

/** A project with the package under the original's name, and Node's types. */
function project(folder) {
  fs.mkdirSync(folder, { recursive: true });
  fs.cpSync(SOURCES, folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
  const modules = path.join(folder, 'node_modules');
  const names = [ALIAS, `smartipc-native-${platformName()}`];
  packAll(path.join(folder, 'tarballs')).forEach((tarball, index) => {
    const target = path.join(modules, names[index]);
    fs.mkdirSync(target, { recursive: true });
    spawn('tar', ['-xzf', tarball, '-C', target, '--strip-components=1'], folder);
  });
}

function checks(folder) {
  const compile = (name, tool, config) => ({
    name: `TypeScript ${name}, ${config}`,
    body() {
      const types = path.join(folder, 'node_modules', '@types', 'node');
      if (!fs.existsSync(types)) fs.cpSync(path.dirname(fetchTool(NODE_TYPES)), types, { recursive: true });
      return spawn(process.execPath, [tool ? fetchTool(tool) : OWN_COMPILER, '--project', config], folder);
    },
  });
  const { version } = require(path.join(root, 'node_modules', 'typescript', 'package.json'));
  return [
    ...Object.values(TYPESCRIPT).map((tool) => compile(tool.version, tool, 'classic')),
    compile(TYPESCRIPT['4.9'].version, TYPESCRIPT['4.9'], 'node16'),
    ...['classic', 'node16', 'bundler'].map((config) => compile(version, undefined, config)),
    ...BUNDLES.map(({ name, args, extension }, index) => ({
      name: `esbuild ${ESBUILD.version}: ${name}`,
      body: () => bundle(folder, args, `bundle-${index}.${extension}`),
    })),
  ];
}

function bundle(folder, args, file) {
  const out = path.join(folder, file);
  spawn(fetchTool(ESBUILD), ['bundle/app.mjs', '--bundle', '--platform=node', '--log-level=warning', `--outfile=${out}`, ...args], folder);
  const said = spawn(process.execPath, [out, path.join(folder, 's.sock')], folder);
  if (said !== 'Hello bundle!\n') throw new Error(`the bundle said: ${said}`);
}

/** Runs a program to its end; returns what it said. */
function spawn(file, args, cwd) {
  const { status, signal, error, stdout, stderr } = spawnSync(file, args, { cwd, encoding: 'utf8', timeout: 120000 });
  if (error) throw error;
  if (status !== 0) throw new Error(`${path.basename(args[0])} ended with ${signal || status}\n${stdout}${stderr}`);
  return stdout;
}

function run({ name, body }, number) {
  try {
    body();
    console.log(`ok ${number} - ${name}`);
    return 'passed';
  } catch (error) {
    if (error instanceof NotFetched) {
      console.log(`NOT RUN ${name}: ${error.message}`);
      return 'missing';
    }
    console.log(`not ok ${number} - ${name}\n# ${error.message.replace(/\n/g, '\n# ')}`);
    return 'failed';
  }
}

function summarise(results, allowMissing) {
  const count = (wanted) => results.filter((result) => result === wanted).length;
  const failed = count('failed') + (allowMissing ? 0 : count('missing'));
  console.log(`${count('passed')} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}
