'use strict';

const { spawn } = require('child_process');

const check = require('./check');
const { IpcClient } = require('./client');
const { IpcError } = require('./errors');
const { checkPlace, probe } = require('./wait');

/** How much of a child's last words is kept for the error. */
const KEPT = 16 * 1024;

/**
 * @param {{ serverScript: string, socketPath?: string, host?: string, port?: number,
 *   tls?: object, clientId?: string, connectRetry?: object, timeoutMs?: number, spawnOptions?: object }} options
 */
async function spawnAndConnect(options) {
  if (options === null || typeof options !== 'object') {
    throw new TypeError(`options must be an object, not ${check.shown(options)}`);
  }
  const { serverScript, spawnOptions, timeoutMs = 10000, ...clientOptions } = options;
  if (typeof serverScript !== 'string') {
    throw new TypeError(`serverScript must be a string, not ${check.shown(serverScript)}`);
  }
  check.time('timeoutMs', timeoutMs);
  // Before the child exists, so that a wrong option leaves none behind.
  const client = new IpcClient({ id: 'spawned', clientOnly: true, ...clientOptions });
  checkPlace(clientOptions);
  const serverProcess = spawn(process.execPath, [serverScript], { stdio: ['ignore', 'pipe', 'pipe'], ...spawnOptions });
  const early = exitsEarly(serverProcess);
  const { socketPath, host, port, tls } = clientOptions;
  const ready = probe({ socketPath, host, port, tls, timeoutMs });
  try {
    await Promise.race([ready.promise, early.promise]);
    await Promise.race([client.connect(), early.promise]);
  } catch (error) {
    serverProcess.kill();
    await client.disconnect();
    throw error;
  } finally {
    ready.stop();
    early.stop();
  }
  return { client, serverProcess };
}

/** Rejects if the child ends, with its exit code and what it said last. */
function exitsEarly(child) {
  let said = '';
  const listen = (chunk) => {
    said = (said + chunk).slice(-KEPT);
  };
  if (child.stderr) child.stderr.on('data', listen);
  // A child that nobody reads would stand still once its pipe is full.
  if (child.stdout) child.stdout.resume();
  let stop = () => {};
  const promise = new Promise((_resolve, reject) => {
    const onError = (cause) => reject(failed(`could not be started: ${cause.message}`, said, cause));
    // 'close' comes after everything that was said; 'exit' may come before.
    const onClose = (code, signal) =>
      reject(failed(signal ? `was killed by ${signal}` : `exited with code ${code}`, said));
    child.once('error', onError);
    child.once('close', onClose);
    stop = () => {
      child.removeListener('close', onClose);
      child.removeListener('error', onError);
      if (child.stderr) {
        child.stderr.removeListener('data', listen);
        child.stderr.resume();
      }
    };
  });
  promise.catch(() => {});
  return { promise, stop: () => stop() };
}

function failed(how, said, cause) {
  const words = said.trim() === '' ? '' : `:\n${said.trim()}`;
  const details = cause === undefined ? {} : { cause };
  return new IpcError('IPC_ERR_CHILD_EXITED', `The server process ${how} before it was ready${words}`, details);
}

module.exports = { spawnAndConnect };
