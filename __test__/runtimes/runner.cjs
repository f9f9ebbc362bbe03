'use strict';

// A test runner of one page, for runtimes on which the real one doesn't run.
// Prints `ok n - name` or `not ok n - name` for each case, one after the other,
// and `1..n` at the end. The syntax stays that of Node 14.

const { spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

/** How many times slower than a processor this runs: an emulator says so. */
const SLOWDOWN = Number(process.env.SMARTIPC_SLOWDOWN || 1);
const PATIENCE = 30000 * SLOWDOWN;
/** How long the process may take to end by itself after the last case. */
const END_WITHIN = 5000 * SLOWDOWN;

/** What runs this file, as the lists in scripts/runtimes call it. */
const runtime = process.versions.bun ? 'bun' : process.versions.deno ? 'deno' : 'node';

const cases = [];

/** Adds a case. `body` gets a `Case`; what it throws is the failure. */
function test(name, body) {
  cases.push({ name, body });
}

/** What a case has opened, for it to be closed whatever happens. */
class Case {
  constructor() {
    this.cleanups = [];
    this.folder = undefined;
  }

  /** Runs `clean` after the case; the last one added runs first. */
  after(clean) {
    this.cleanups.push(clean);
  }

  /** Closes a server or client after the case. */
  close(endpoint) {
    this.after(() => (endpoint.stop ? endpoint.stop() : endpoint.disconnect()).catch(() => {}));
    return endpoint;
  }

  /** A path in a folder of this case's own. */
  file(name) {
    if (this.folder === undefined) {
      this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ipc-'));
      this.after(() => fs.rmSync(this.folder, { recursive: true, force: true }));
    }
    return path.join(this.folder, name);
  }

  /** Runs a part of children.cjs (or another script) in a process of its own. */
  child(part, config, options) {
    const { exec = process.execPath, script = path.join(__dirname, 'children.cjs'), stderr = 'inherit' } = options || {};
    const process_ = spawn(exec, [script, part, JSON.stringify(config || {})], {
      stdio: ['ignore', 'pipe', stderr],
    });
    return this.track(new Child(part, process_));
  }

  /** Kills a child after the case. */
  track(child) {
    this.after(() => {
      child.kill('SIGKILL');
      return child.exited;
    });
    return child;
  }
}

/** A process that reports by lines of JSON: `{ "event": … }`. */
class Child {
  constructor(name, process_) {
    this.name = name;
    this.process = process_;
    this.reports = [];
    this.ended = undefined;
    this.check = () => {};
    let rest = '';
    process_.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith('{"event"')) this.reports.push(JSON.parse(line));
        else console.log(`# ${name}: ${line}`);
      }
      this.check();
    });
    this.exited = new Promise((resolve) => {
      process_.on('error', (error) => console.log(`# ${name}: ${error.message}`));
      process_.on('close', (code, signal) => {
        this.ended = { code, signal, at: Date.now() };
        this.check();
        resolve(this.ended);
      });
    });
  }

  /** The next report of that name. */
  report(event) {
    return new Promise((resolve, reject) => {
      this.check = () => {
        const index = this.reports.findIndex((report) => report.event === event);
        if (index >= 0) resolve(this.reports.splice(index, 1)[0]);
        else if (this.ended) reject(new Error(`${this.name} ended (${this.ended.code || this.ended.signal}) without '${event}'`));
      };
      this.check();
    });
  }

  kill(signal) {
    // Not this.process.kill(): under Deno 2.9 that sends one signal only.
    // It may be gone, and its output not have come to its end.
    const { exitCode, signalCode, pid } = this.process;
    if (exitCode === null && signalCode === null) process.kill(pid, signal);
  }
}

/** Rejects when it takes too long, so that one hang is one failure. */
function within(promise, what, patience) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${patience || PATIENCE} ms`)), patience || PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The arguments of the next event of that name. */
function once(emitter, event) {
  return new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));
}

/** A function that notes its calls, and `until(n)` of them. */
function recorder() {
  const calls = [];
  let check = () => {};
  const record = (...args) => {
    calls.push(args);
    check();
  };
  record.calls = calls;
  record.until = (count) =>
    new Promise((resolve) => {
      check = () => calls.length >= count && resolve(calls);
      check();
    });
  return record;
}

/** What a promise rejects with. */
function failure(promise) {
  return promise.then(
    (value) => {
      throw new Error(`expected a failure, got ${String(value)}`);
    },
    (error) => error
  );
}

async function runCase(body) {
  const state = new Case();
  let failed;
  try {
    await within(Promise.resolve(state).then(body), 'the case');
  } catch (error) {
    failed = error || new Error('failed without an error');
  }
  for (const clean of state.cleanups.reverse()) {
    try {
      await within(Promise.resolve().then(clean), 'cleaning up', 10000 * SLOWDOWN);
    } catch (error) {
      failed = failed || error;
    }
  }
  return failed;
}

/** Runs the cases (those whose name contains the first argument) and reports. */
async function run() {
  const wanted = cases.filter(({ name }) => name.includes(process.argv[2] || ''));
  let bad = 0;
  let number = 0;
  for (const { name, body } of wanted) {
    const failed = await runCase(body);
    number++;
    if (failed === undefined) console.log(`ok ${number} - ${name}`);
    else {
      bad++;
      console.log(`not ok ${number} - ${name}`);
      console.log(`# ${String((failed && failed.stack) || failed).replace(/\n/g, '\n# ')}`);
    }
  }
  console.log(`1..${number}`);
  process.exitCode = bad > 0 ? 1 : 0;
  // Everything is closed: nothing of ours may keep the process.
  setTimeout(() => {
    console.log(`not ok ${number + 1} - the process ends by itself`);
    process.exit(1);
  }, END_WITHIN).unref();
}

module.exports = { Child, SLOWDOWN, failure, once, recorder, run, runtime, test, within };
