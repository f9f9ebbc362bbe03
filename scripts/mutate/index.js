#!/usr/bin/env node
'use strict';

// npm run mutate [-- --only TEXT] [--from N] [--list]
//
// Switches off every public name of the declarations in turn and runs the tests
// that mention it: each must have one that fails. Exits 1 if any survives.

const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');

const { ROOT, publicNames } = require('./names');

const TESTS = path.join(ROOT, '__test__');
/** At one time; each run uses processes of its own. */
const PARALLEL = 2;
/** Test files per run, likely ones first: one of them is mostly enough. */
const FILES_PER_RUN = [1, 2, 4, 8];
/** Folders or files whose subject the owner of a name is. */
const HOMES = {
  IpcChannel: 'channel',
  stream: 'streams',
  streamInfo: 'streams',
  progress: 'streams',
  sent: 'streams',
  save: 'streams',
  connectRetry: 'connection-retry',
  serverStats: 'stats',
  clientStats: 'stats',
  metrics: 'stats',
  context: 'context',
  topicInfo: 'topics',
  start: 'readiness',
  waitForServer: 'wait-for-server',
  spawnAndConnect: 'spawn',
};

async function main() {
  const only = argument('--only');
  const names = publicNames().filter((entry) => only === undefined || text(entry).includes(only));
  if (process.argv.includes('--list')) {
    names.forEach((entry) => console.log(text(entry)));
    return;
  }
  const tests = readTests();
  const survivors = [];
  let at = Number(argument('--from') || 0);
  let done = at;
  const worker = async () => {
    while (at < names.length) {
      const entry = names[at++];
      const killer = await findKiller(entry, tests);
      done++;
      console.log(`${done}/${names.length} ${killer === undefined ? 'SURVIVED' : 'killed  '} ${text(entry)}${killer === undefined ? '' : `  by ${killer}`}`);
      if (killer === undefined) survivors.push(entry);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  console.log(`${names.length - survivors.length} of ${names.length} names have a test that fails without them`);
  survivors.forEach((entry) => console.log(`survived: ${text(entry)}`));
  process.exitCode = survivors.length === 0 ? 0 : 1;
}

function text({ kind, owner, name }) {
  return `${kind} ${owner} ${name}`;
}

function argument(name) {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
}

/** Test files, each with its own text and that of the support files it names. */
function readTests() {
  const all = files(TESTS);
  const support = all.filter((file) => file.includes(`${path.sep}support${path.sep}`));
  const texts = new Map(all.map((file) => [file, fs.readFileSync(file, 'utf8')]));
  return all
    .filter((file) => /\.spec\.(ts|mjs|cjs)$/.test(file) && !file.includes(`${path.sep}types${path.sep}`))
    .map((file) => {
      const own = texts.get(file);
      const used = support.filter((other) => own.includes(path.basename(other).replace(/\.\w+$/, '')));
      return { file, own, used: used.map((other) => texts.get(other)).join('\n') };
    });
}

function files(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const at = path.join(folder, entry.name);
    return entry.isDirectory() ? files(at) : [at];
  });
}

/** The first group of tests that fails without the name. */
async function findKiller(entry, tests) {
  const word = new RegExp(`\\b${entry.name}\\b`, 'g');
  const quoted = new RegExp(`'${entry.name}'`, 'g');
  const count = (text, pattern) => (text.match(pattern) || []).length;
  // Small files first where nothing else tells: they run faster.
  const mentions = ({ file, own, used }) => {
    const found = count(own, word) + (entry.kind === 'event' ? 3 * count(own, quoted) : 0) + count(used, word) / 100;
    const atHome = HOMES[entry.owner] !== undefined && file.includes(HOMES[entry.owner]);
    return found === 0 ? 0 : (atHome ? 1000 : 0) + found / Math.log2(own.length);
  };
  const ranked = tests
    .map((test) => ({ file: path.relative(ROOT, test.file), score: mentions(test) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ file }) => file);
  for (let from = 0, run = 0; from < ranked.length; run++) {
    const group = ranked.slice(from, from + FILES_PER_RUN[Math.min(run, FILES_PER_RUN.length - 1)]);
    from += group.length;
    if (await fails(entry, group)) return group.length === 1 ? group[0] : `${group[0]} …`;
  }
  return undefined;
}

function fails(entry, group) {
  return new Promise((resolve, reject) => {
    const ava = path.join(ROOT, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
    const child = spawn(process.execPath, [ava, '--fail-fast', '--timeout=30s', '--concurrency=1', ...group], {
      cwd: ROOT,
      stdio: 'ignore',
      env: {
        ...process.env,
        SMARTIPC_MUTATE: text(entry),
        NODE_OPTIONS: `--require ${JSON.stringify(path.join(__dirname, 'preload.js'))}`,
      },
    });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code !== 0));
  });
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
