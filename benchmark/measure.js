'use strict';

// One measurement: a client process, which forks the server.

const { fork, spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const pin = require('./pin.js');

const OVERTIME_MS = 60_000; // start, connect, transfer, drain and close, on a slow machine
const BLOCK_BYTES = 1024 * 1024;

/** Everything that must go when this process ends, in whatever way. */
const leftovers = { processes: new Set(), folders: [] };
let lastAddress = 0;

/** Runs one job; resolves to its result, rejects with what went wrong. */
async function measure(job) {
  const address = await addressFor(job.transport);
  const cpus = pin.choose(job.pin);
  const files = job.file ? filesFor(job) : undefined;
  const other = job.beside ? computing(cpus?.client) : undefined;
  try {
    return await run({ ...job, address, cpus, file: files });
  } finally {
    if (other) stop(other);
    if (files) fs.rmSync(files.target, { force: true });
  }
}

/** A program that does nothing but compute, on one CPU if it is given. */
function computing(cpu) {
  const { execPath, execArgv } = pin.started(cpu);
  const program = spawn(execPath, [...execArgv, '-e', 'for (;;);'], { stdio: 'ignore' });
  leftovers.processes.add(program);
  return program;
}

function stop(program) {
  program.kill('SIGKILL');
  leftovers.processes.delete(program);
}

function run(job) {
  return new Promise((resolve, reject) => {
    const client = fork(path.join(__dirname, 'client.js'), [JSON.stringify(job)], {
      ...pin.started(job.cpus?.client, job.flags, job.under?.client),
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    leftovers.processes.add(client); // a server ends when its client does
    let outcome = { error: 'client ended without a result' };
    const limit = (job.warmup + job.seconds) * 5000 + OVERTIME_MS;
    const timer = setTimeout(() => {
      outcome = { error: `no result after ${limit / 1000} s` };
      client.kill('SIGKILL');
    }, limit);
    client.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    client.on('message', (message) => {
      outcome = message;
    });
    client.on('exit', () => {
      clearTimeout(timer);
      leftovers.processes.delete(client);
      if (outcome.error) return reject(new Error(outcome.error));
      resolve(outcome.result);
    });
  });
}

async function addressFor(transport) {
  if (transport === 'tcp') return { host: '127.0.0.1', port: await freePort() };
  const name = `${process.pid}-${++lastAddress}`;
  if (process.platform === 'win32') return { path: `\\\\.\\pipe\\smartipc-bench-${name}` };
  return { path: path.join(folder(os.tmpdir()), `${name}.sock`) };
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A folder that goes when this process ends. */
function folder(parent) {
  const known = leftovers.folders.find(({ under }) => under === parent);
  if (known) return known.name;
  const name = fs.mkdtempSync(path.join(parent, 'smartipc-bench-'));
  leftovers.folders.push({ under: parent, name });
  return name;
}

/** Source files are made once; they lie in memory where the system has a place for that. */
function filesFor({ bytes, warmupBytes }) {
  const dir = folder(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir());
  return { source: sourceOf(dir, bytes), warmup: sourceOf(dir, warmupBytes), target: path.join(dir, `target-${++lastAddress}`) };
}

function sourceOf(dir, bytes) {
  const file = path.join(dir, `source-${bytes}`);
  if (fs.existsSync(file)) return file;
  const block = require('node:crypto').randomBytes(BLOCK_BYTES);
  const fd = fs.openSync(file, 'w');
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    block.writeDoubleBE(at); // no two blocks are the same
    fs.writeSync(fd, block, 0, Math.min(BLOCK_BYTES, bytes - at));
  }
  fs.closeSync(fd);
  return file;
}

process.on('exit', () => {
  for (const program of leftovers.processes) program.kill('SIGKILL');
  for (const { name } of leftovers.folders) fs.rmSync(name, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

module.exports = { measure };
