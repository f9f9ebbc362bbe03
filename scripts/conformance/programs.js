'use strict';

// Cases that a program shows by its exit code, for they take a build of their own
// or many minutes. The latter are run with --soak.

const LATER = 'takes minutes: npm run conformance -- --soak';
/** K3: what is done over and over, a minute each. */
const FEATURES = ['request', 'publish', 'stream', 'connect'];

/** @type {{ numbers: string[], title: string, args: string[], driver?: string, short?: boolean }[]} run by node, in the repository */
const PROGRAMS = [
  { numbers: ['N15'], title: 'bugs at places of choice, in an addon that has them', args: ['scripts/faults.js'], short: true },
  {
    numbers: ['K1', 'K2'],
    title: 'ten minutes of mixed traffic, kills and halts inside 256 MiB',
    args: ['scripts/soak', '--minutes', '10', '--memory', '256'],
  },
  ...FEATURES.map((feature) => ({
    numbers: ['K3'],
    title: `a minute of ${feature} inside 128 MiB`,
    args: ['scripts/soak', '--minutes', '1', '--memory', '128', '--only', feature],
  })),
  {
    numbers: ['K4'],
    title: 'the tests of the core, searched for leaks',
    args: ['scripts/sanitizers.js', '--only=core'],
    driver: 'core',
    short: true,
  },
  { numbers: ['N16'], title: 'requests and collections under AddressSanitizer', args: ['scripts/sanitizers.js', '--only=collected'] },
];

/**
 * Runs the short ones of these cases and, of the others, those that were asked for.
 *
 * @param {string[]} cases their numbers
 * @param {string[]} wanted those of which the long ones are run
 * @param {(file: string, args: string[], env: NodeJS.ProcessEnv) => Promise<{ status: number, output: string }>} run
 * @returns {Promise<import('./results.js').Result[]>}
 */
async function runPrograms(cases, wanted, run) {
  const results = [];
  for (const { numbers, title, args, driver = 'loop', short } of PROGRAMS) {
    const result = { numbers, title, role: '', profile: '', driver, outcome: /** @type {any} */ ('not run'), reason: LATER, closes: [] };
    results.push(result);
    if (!numbers.some((number) => (short ? cases : wanted).includes(number))) continue;
    const { status, output } = await run(process.execPath, args, process.env);
    const missing = /^NOT RUN: (.*)$/m.exec(output);
    if (missing) result.reason = missing[1];
    else Object.assign(result, { outcome: status === 0 ? 'held' : 'failed', reason: '' });
  }
  return results;
}

module.exports = { PROGRAMS, runPrograms };
