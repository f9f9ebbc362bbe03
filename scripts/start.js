'use strict';

// npm start: sets the checkout up and shows the quick start, with the server
// and the client in processes of their own.

const { spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const readline = require('readline');

const { root, setup, runMain, ending } = require('./setup.js');

const READY = 'Server is ready';
// Both need well below a second; past this something hangs.
const TIME_LIMIT = 30000;

runMain(async () => {
  setup();
  process.exitCode = await quickStart();
});

async function quickStart() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'smartipc-start-'));
  const socketPath = path.join(folder, 'my-service.sock');
  const children = [];
  const cleanUp = () => {
    for (const child of children) child.kill('SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', cleanUp);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

  try {
    console.log(`\nquick start on ${socketPath}`);
    const server = launch('server', socketPath);
    children.push(server.child);
    await first([
      server.saw(READY),
      server.ended.then((end) => fail(`the server (process ${server.pid}) ${describe(end)} before it was ready`)),
      expired('the server to be ready'),
    ]);

    const client = launch('client', socketPath);
    children.push(client.child);
    const [clientEnd, serverEnd] = await first([
      Promise.all([client.ended, server.ended]),
      server.ended.then((end) => (end.status === 0 ? never() : fail(`the server (process ${server.pid}) ${describe(end)} before the quick start was over`))),
      client.ended.then((end) => (end.status === 0 ? never() : failSoon(server, `the client (process ${client.pid}) ${describe(end)}`))),
      expired('the client and the server to end'),
    ]);
    if (clientEnd.status !== 0 || serverEnd.status !== 0) fail('a process failed');
    if (!client.output().includes('Server said: Hello World!')) fail('the client got no answer from the server');
    console.log('\nquick start: done, both processes have ended');
    return 0;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    console.error(`\nquick start failed: ${error.message}`);
    return 1;
  } finally {
    cleanUp();
    clearTimeout(expired.timer);
  }
}

class StartError extends Error {}

function fail(message) {
  throw new StartError(message);
}

/** The client often fails because the server died: then that is the news. */
async function failSoon(server, message) {
  const end = await Promise.race([server.ended, new Promise((resolve) => setTimeout(resolve, 500, null))]);
  if (end && end.status !== 0) fail(`the server (process ${server.pid}) ${describe(end)} before the quick start was over`);
  fail(message);
}

/** Starts an example; its lines appear under its name and process id. */
function launch(name, socketPath) {
  const script = path.join(root, 'examples', 'quick-start', `${name}.mjs`);
  const child = spawn(process.execPath, [script, socketPath], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = [];
  const watchers = [];
  const onLine = (write) => (line) => {
    lines.push(line);
    write(`${name} (pid ${child.pid}): ${line}`);
    for (const watcher of watchers) watcher(line);
  };
  readline.createInterface({ input: child.stdout }).on('line', onLine(console.log));
  readline.createInterface({ input: child.stderr }).on('line', onLine(console.error));
  console.log(`${name} (pid ${child.pid}): started`);

  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal }));
  });
  ended.catch(() => {});
  const saw = (text) => new Promise((resolve) => watchers.push((line) => line.includes(text) && resolve()));
  return { child, pid: child.pid, ended, saw, output: () => lines.join('\n') };
}

function describe(end) {
  return end.signal ? `was killed (${end.signal})` : `ended with ${ending(end)}`;
}

function expired(what) {
  clearTimeout(expired.timer);
  return new Promise((resolve, reject) => {
    expired.timer = setTimeout(() => reject(new StartError(`waited ${TIME_LIMIT / 1000} s in vain for ${what}`)), TIME_LIMIT);
  });
}

function never() {
  return new Promise(() => {});
}

/** Like Promise.race, where the losers may still reject unseen. */
function first(promises) {
  for (const promise of promises) promise.catch(() => {});
  return Promise.race(promises);
}
