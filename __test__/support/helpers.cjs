'use strict';

const fs = require('fs');
const net = require('net');
const os = require('os');
const path = require('path');
const children = require('./child-process.cjs');
const { DEFAULT_TIMEOUT, within } = require('./within.cjs');

/**
 * A fresh directory that is removed when the test ends.
 *
 * @param {import('ava').ExecutionContext<any>} t
 * @returns {string}
 */
function tempDir(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ipc-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/**
 * A socket path nobody else uses.
 *
 * @param {import('ava').ExecutionContext<any>} t
 * @param {string} [name]
 * @returns {string}
 */
function tempSocket(t, name = 'test.sock') {
  return path.join(tempDir(t), name);
}

/**
 * A TCP port that was free a moment ago.
 *
 * @returns {Promise<number>}
 */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('net').AddressInfo} */ (probe.address());
      probe.close(() => resolve(port));
    });
  });
}

/**
 * The arguments of the next event, or of the next one that `where` accepts.
 *
 * @param {{ on: Function, removeListener: Function }} emitter
 * @param {string} event
 * @param {{ timeout?: number, where?: (...args: any[]) => boolean }} [options]
 * @returns {Promise<any[]>}
 */
function once(emitter, event, { timeout = DEFAULT_TIMEOUT, where = () => true } = {}) {
  const promise = new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      emitter.removeListener(event, listener);
      const name = emitter.constructor.name;
      reject(new Error(`${name} did not emit the expected '${event}' within ${timeout} ms`));
    }, timeout);
    function listener(...args) {
      if (!where(...args)) return;
      clearTimeout(timer);
      emitter.removeListener(event, listener);
      resolve(args);
    }
    emitter.on(event, listener);
  });
  // A test that fails before it awaits this must report its own failure only.
  promise.catch(() => {});
  return /** @type {Promise<any[]>} */ (promise);
}

/**
 * A function that remembers its calls.
 *
 * @param {(...args: any[]) => any} [answer] what it returns
 * @returns {((...args: any[]) => any) & { calls: any[][], until(count: number, timeout?: number): Promise<any[][]> }}
 */
function recorder(answer = () => undefined) {
  const calls = [];
  const waiting = new Set();
  const record = (...args) => {
    calls.push(args);
    for (const check of waiting) check();
    return answer(...args);
  };
  record.calls = calls;
  record.until = (count, timeout = DEFAULT_TIMEOUT) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(check);
        reject(new Error(`called ${calls.length} of ${count} expected times within ${timeout} ms`));
      }, timeout);
      function check() {
        if (calls.length < count) return;
        waiting.delete(check);
        clearTimeout(timer);
        resolve(calls);
      }
      waiting.add(check);
      check();
    });
  return record;
}

/**
 * Stops a server or disconnects a client when the test ends.
 *
 * @template T
 * @param {import('ava').ExecutionContext<any>} t
 * @param {T} endpoint
 * @returns {T}
 */
function closeAfter(t, endpoint) {
  t.teardown(async () => {
    const any = /** @type {any} */ (endpoint);
    const close = async () => (typeof any.stop === 'function' ? any.stop() : any.disconnect());
    // What closing rejects with is not the test's subject, but it must end.
    await within(
      close().catch(() => {}),
      'closing an endpoint after the test',
    );
  });
  return endpoint;
}

/**
 * The error a call throws or its promise rejects with.
 *
 * @param {() => any} call
 * @param {number} [timeout]
 * @returns {Promise<any>}
 */
async function failure(call, timeout = DEFAULT_TIMEOUT) {
  const outcome = (async () => call())().then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  const settled = await within(outcome, `the call expected to fail: ${call}`, timeout);
  if ('error' in settled) return settled.error;
  throw new Error(`the call was expected to fail, but gave ${String(settled.value)}: ${call}`);
}

/**
 * Whether a promise has settled by the time the event loop has turned a few times.
 *
 * @param {Promise<any>} promise
 * @returns {Promise<boolean>}
 */
async function settlesSoon(promise) {
  let settled = false;
  const note = () => (settled = true);
  promise.then(note, note);
  for (let turn = 0; turn < 20 && !settled; turn++) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

/** A promise with its two ends. */
function deferred() {
  /** @type {(value?: any) => void} */
  let resolve = () => {};
  /** @type {(error: any) => void} */
  let reject = () => {};
  /** @type {Promise<any>} */
  const promise = new Promise((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/**
 * A plain socket server that takes connections and never says a word.
 *
 * @param {import('ava').ExecutionContext<any>} t
 * @param {string} socketPath
 * @returns {Promise<net.Server>}
 */
async function silentServer(t, socketPath) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).resume();
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, () => resolve(undefined));
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return server;
}

exports.tempDir = tempDir;
exports.tempSocket = tempSocket;
exports.freePort = freePort;
exports.within = within;
exports.once = once;
exports.recorder = recorder;
exports.closeAfter = closeAfter;
exports.failure = failure;
exports.settlesSoon = settlesSoon;
exports.deferred = deferred;
exports.startChild = children.startChild;
exports.childScript = children.childScript;
exports.childEnv = children.childEnv;
exports.staleSocket = children.staleSocket;
exports.silentServer = silentServer;
