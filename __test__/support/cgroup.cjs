'use strict';

// A program inside a limit of memory: the control groups of scripts/soak.

const { execFileSync } = require('child_process');
const path = require('path');

const script = path.join(__dirname, 'limited.cjs');

/**
 * The `command` of `startChild` that runs a program inside a limit; undefined
 * where control groups can't be made.
 *
 * @param {number} mebibytes
 * @returns {string[] | undefined}
 */
function memoryLimit(mebibytes) {
  try {
    execFileSync(process.execPath, [script, String(mebibytes), 'true'], { stdio: 'ignore' });
  } catch (_) {
    return undefined;
  }
  return [process.execPath, script, String(mebibytes)];
}

module.exports = { memoryLimit };
