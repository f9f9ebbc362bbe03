'use strict';

/** Far more than anything here takes, even on a busy machine. */
const DEFAULT_TIMEOUT = 10000;

/**
 * The same promise, rejected when it takes too long.
 *
 * @template T
 * @param {Promise<T> | T} promise
 * @param {string} what
 * @param {number} [timeout]
 * @returns {Promise<T>}
 */
function within(promise, what, timeout = DEFAULT_TIMEOUT) {
  /** @type {NodeJS.Timeout} */
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not settled within ${timeout} ms`)), timeout);
  });
  return /** @type {Promise<T>} */ (Promise.race([promise, late]).finally(() => clearTimeout(timer)));
}

exports.DEFAULT_TIMEOUT = DEFAULT_TIMEOUT;
exports.within = within;
