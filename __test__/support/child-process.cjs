'use strict';

const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');
const { DEFAULT_TIMEOUT, within } = require('./within.cjs');

/** A program of `support/children`, which reports by lines of JSON on its standard output. */
class Child {
  constructor(name, config, { env = {}, nodeArgs = [], command = [], channel = false } = {}) {
    this.name = name;
    this.stdout = '';
    this.stderr = '';
    this.reports = [];
    this.waiting = new Set();
    const [program, ...args] = [...command, process.execPath, ...nodeArgs, childScript(name)];
    const ends = ['ignore', 'pipe', 'pipe', ...(channel ? ['ipc'] : [])];
    const stdio = /** @type {['ignore', 'pipe', 'pipe']} */ (/** @type {unknown} */ (ends));
    this.process = spawn(program, args, { env: childEnv(config, env), stdio });
    this.process.stdout.setEncoding('utf8').on('data', (text) => this.read(text));
    this.process.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
    this.ended = undefined;
    this.exit = new Promise((resolve) => {
      this.process.on('close', (code, signal) => {
        this.ended = { code, signal, stdout: this.stdout, stderr: this.stderr };
        for (const check of this.waiting) check();
        resolve(this.ended);
      });
    });
  }

  get pid() {
    return /** @type {number} */ (this.process.pid);
  }

  read(text) {
    this.stdout += text;
    const lines = (this.rest || '').concat(text).split('\n');
    this.rest = lines.pop();
    for (const line of lines) if (line.startsWith('{')) this.reports.push(JSON.parse(line));
    for (const check of this.waiting) check();
  }

  /** The next report of that name nobody has taken yet. */
  report(event, timeout = DEFAULT_TIMEOUT) {
    return new Promise((resolve, reject) => {
      const finish = (settle, value) => {
        this.waiting.delete(check);
        clearTimeout(timer);
        settle(value);
      };
      const fail = (why) =>
        finish(reject, new Error(`child ${this.name}: no report '${event}', ${why}\n${this.stdout}${this.stderr}`));
      const timer = setTimeout(() => fail(`within ${timeout} ms`), timeout);
      const check = () => {
        const index = this.reports.findIndex((report) => report.event === event);
        if (index >= 0) finish(resolve, this.reports.splice(index, 1)[0]);
        else if (this.ended) fail(`it ended with ${this.ended.code || this.ended.signal}`);
      };
      this.waiting.add(check);
      check();
    });
  }

  /** How it ended: `{ code, signal, stdout, stderr }`. */
  exited(timeout = DEFAULT_TIMEOUT) {
    return within(this.exit, `end of child ${this.name}`, timeout);
  }

  kill(signal) {
    this.process.kill(signal);
  }
}

/**
 * Runs a program of `support/children` until the test ends.
 *
 * @param {import('ava').ExecutionContext<any>} t
 * @param {string} name
 * @param {object} [config]
 * @param {{ env?: Record<string, string>, nodeArgs?: string[], command?: string[], channel?: boolean }} [options]
 *   `command` is a program that runs node, such as one that limits it; with `channel` it hears `process.send`
 * @returns {Child}
 */
function startChild(t, name, config = {}, options = {}) {
  const child = new Child(name, config, options);
  t.teardown(async () => {
    if (!child.ended) child.kill('SIGKILL');
    await child.exit;
  });
  return child;
}

/**
 * The path of a program of `support/children`.
 *
 * @param {string} name
 * @returns {string}
 */
function childScript(name) {
  return path.join(__dirname, 'children', `${name}.mjs`);
}

/**
 * The environment that gives such a program its configuration.
 *
 * @param {object} config
 * @param {Record<string, string>} [extra]
 * @returns {Record<string, string | undefined>}
 */
function childEnv(config, extra = {}) {
  const env = { ...process.env, IPC_TEST_CONFIG: JSON.stringify(config) };
  // `npm run mutate` switches names off in children too.
  if (!env.SMARTIPC_MUTATE) delete env.NODE_OPTIONS;
  delete env.SMARTIPC_CLIENT_ONLY;
  return { ...env, ...extra };
}

/**
 * Leaves a socket file at the path whose process was killed.
 *
 * @param {import('ava').ExecutionContext<any>} t
 * @param {string} socketPath
 */
async function staleSocket(t, socketPath) {
  const child = startChild(t, 'plain-socket', { socketPath });
  await child.report('ready');
  child.kill('SIGKILL');
  await child.exited();
}

/**
 * Stops a process with SIGSTOP and waits until all its threads stand still.
 *
 * @param {import('child_process').ChildProcess} child
 */
async function suspend(child) {
  const tasks = `/proc/${child.pid}/task`;
  // Behind the name, which stands in parentheses.
  const state = (task) => fs.readFileSync(`${tasks}/${task}/stat`, 'latin1').replace(/^.*\) /s, '')[0];
  child.kill('SIGSTOP');
  while (fs.existsSync(tasks) && !fs.readdirSync(tasks).every((task) => state(task) === 'T')) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

exports.suspend = suspend;
exports.startChild = startChild;
exports.childScript = childScript;
exports.childEnv = childEnv;
exports.staleSocket = staleSocket;
