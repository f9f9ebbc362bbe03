'use strict';

// Who waits for the sockets. SMARTIPC_DRIVER chooses, for tests; a driver that
// is not there fails loudly, so that a test never runs on another one unnoticed.

const AVAILABLE = ['tokio'];

function choose(wanted) {
  if (wanted === undefined || wanted === '') return AVAILABLE[0];
  if (AVAILABLE.includes(wanted)) return wanted;
  throw new RangeError(`SMARTIPC_DRIVER must be one of ${AVAILABLE.join(', ')}, not '${wanted}'`);
}

module.exports = { DRIVER: choose(process.env.SMARTIPC_DRIVER) };
