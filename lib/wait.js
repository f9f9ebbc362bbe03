'use strict';

const native = require('./native');
const check = require('./check');
const { fromNative } = require('./errors');
const { endpoints, mailbox } = require('./mailbox');
const { jsonAt } = require('./payload-at');
const options = require('./options');

/**
 * @param {{ socketPath?: string, host?: string, port?: number, tls?: object, timeoutMs?: number }} given
 * @returns {Promise<void>}
 */
function waitForServer(given) {
  try {
    return probe(given).promise;
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Throws unless it is said where.
 *
 * @param {{ socketPath?: string, port?: number }} where
 */
function checkPlace({ socketPath, port }) {
  if (socketPath === undefined && port === undefined) {
    throw new TypeError('socketPath, or host and port, must say which server to wait for');
  }
}

/** Looks for a server until it is there, time is up, or `stop` is called. */
function probe(given) {
  if (given === null || typeof given !== 'object') {
    throw new TypeError(`options must be an object, not ${check.shown(given)}`);
  }
  const { timeoutMs = 10000, ...where } = given;
  checkPlace(where);
  const timeout = check.time('timeoutMs', timeoutMs);
  const { native: nativeOptions } = options.client({ id: 'probe', ...where, clientId: undefined });
  const number = native.probe(mailbox, nativeOptions, timeout);
  const keepAlive = setInterval(() => {}, 0x7fffffff);
  const stop = () => {
    native.endProbe(number);
    endpoints.delete(number);
    clearInterval(keepAlive);
  };
  const promise = /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      endpoints.set(number, {
        dirty: false,
        flush() {},
        receive(at, heads, text, extras) {
          stop();
          if ((heads[at + 4] & 0xff) === 0) resolve(undefined);
          else reject(fromNative(jsonAt(at, heads, text, extras)));
        },
      });
    })
  );
  return { promise, stop };
}

module.exports = { checkPlace, probe, waitForServer };
