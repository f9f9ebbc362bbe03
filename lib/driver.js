'use strict';

// Who waits for the sockets of registered connections: 'loop', Node's own event
// loop, or 'tokio', the addon's thread. SMARTIPC_DRIVER chooses; a driver that is
// not there fails loudly, so that a test never runs on another one unnoticed.

const native = require('./native');

/** Only Node has the event loop that the addon knows; others crash on its functions. */
function isNode() {
  const { bun, deno } = /** @type {Record<string, string | undefined>} */ (process.versions);
  return bun === undefined && deno === undefined;
}

function choose(wanted) {
  const available = isNode() && native.hasLoopDriver() ? ['loop', 'tokio'] : ['tokio'];
  if (wanted === undefined || wanted === '') return available[0];
  if (available.includes(wanted)) return wanted;
  throw new RangeError(`SMARTIPC_DRIVER must be ${available.join(' or ')} here, not '${wanted}'`);
}

module.exports = { DRIVER: choose(process.env.SMARTIPC_DRIVER) };
