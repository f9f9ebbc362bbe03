'use strict';

/** Throws `error` where nobody catches it: a failure of the user's own code must
 * end the process, as it would anywhere else, but not what is under way here. */
function uncaught(error) {
  process.nextTick(() => {
    throw error;
  });
}

module.exports = { uncaught };
