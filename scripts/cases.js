'use strict';

// Runs a file of __test__/runtimes, whatever its runtime, and counts its lines.

/** A file takes below 20 s on this machine's own Node; past this it hangs. */
const TIME_LIMIT = 5 * 60 * 1000;

/** The environment of such a file. SMARTIPC_DRIVER is passed on. */
function caseEnv(more) {
  const env = { ...process.env, ...more };
  // What was meant for this process.
  for (const variable of ['NODE_OPTIONS', 'NODE_PATH', 'SMARTIPC_CLIENT_ONLY', 'SMARTIPC_NATIVE_PATH']) delete env[variable];
  return env;
}

/**
 * Adds the lines of a run to its row; one that did not come to its end has failed.
 *
 * @param {{ output: string, status: number | null, signal: string | null }} run
 * @param {string} file
 * @param {{ passed: number, failed: number, names: string[] }} row
 */
function countCases({ output, status, signal }, file, row) {
  const good = output.match(/^ok \d+ - /gm) || [];
  const bad = [...output.matchAll(/^not ok \d+ - (.*)$/gm)].map((match) => match[1]);
  const plan = /^1\.\.(\d+)\s*$/m.exec(output);
  if (bad.length === 0 && (status !== 0 || !plan || Number(plan[1]) !== good.length)) {
    bad.push(`${file} ended with ${signal || `exit code ${status}`} after ${good.length} cases`);
  }
  row.passed += good.length;
  row.failed += bad.length;
  row.names.push(...bad);
}

module.exports = { TIME_LIMIT, caseEnv, countCases };
