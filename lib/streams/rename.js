'use strict';

const fs = require('fs');

/** What Windows says while somebody has one of the files open. */
const IN_USE = ['EACCES', 'EBUSY', 'EPERM'];
/** Pauses between attempts in ms: a virus scanner looks at every new file, for as long as that. */
const PAUSES = [10, 20, 40, 80, 160, 320, 640];

/**
 * Renames a file over another. On Windows that fails while anybody has either
 * open, and those who look at new files do so for a moment only.
 *
 * @param {string} from
 * @param {string} to
 */
async function rename(from, to) {
  for (const pause of process.platform === 'win32' ? PAUSES : []) {
    try {
      await fs.promises.rename(from, to);
      return;
    } catch (error) {
      if (!IN_USE.includes(error.code)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  await fs.promises.rename(from, to);
}

module.exports = { rename };
