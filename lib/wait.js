'use strict';

const native = require('../native');
const check = require('./check');
const { fromNative } = require('./errors');
const { endpoints, mailbox } = require('./mailbox');
const { jsonAt } = require('./payload-at');
const options = require('./options');

/**
 * @param {{ socketPath?: string, host?: string, port?: number, timeoutMs?: number }} given
 * @returns {Promise<void>}
 */
function waitForServer(given) {
  return new Promise((resolve, reject) => {
    if (given === null || typeof given !== 'object') {
      throw new TypeError(`options must be an object, not ${check.shown(given)}`);
    }
    const { timeoutMs = 10000, ...where } = given;
    if (where.socketPath === undefined && where.port === undefined) {
      throw new TypeError('socketPath, or host and port, must say which server to wait for');
    }
    const timeout = check.time('timeoutMs', timeoutMs);
    const { native: nativeOptions } = options.client({ id: 'probe', ...where, clientId: undefined });
    const number = native.probe(mailbox, nativeOptions, timeout);
    const keepAlive = setInterval(() => {}, 0x7fffffff);
    endpoints.set(number, {
      receive(at, heads, text, extras) {
        endpoints.delete(number);
        clearInterval(keepAlive);
        if ((heads[at + 4] & 0xff) === 0) resolve();
        else reject(fromNative(jsonAt(at, heads, text, extras)));
      },
    });
  });
}

module.exports = { waitForServer };
