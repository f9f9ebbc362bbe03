// Tests that carry the numbers of the conformance programme, for
// scripts/conformance.js to count: docs/conformance.md lists them.
//
// A number stands at the beginning of a title (`F3: …`, or `F10, F11: …` for a test
// that shows both), and of the name of a Rust test (`fn f3_…`, `fn f10_f11_…`).

import test from 'ava';

/** The names of the two drivers are the run's, not the test's: SMARTIPC_DRIVER chooses. */
export const driver = process.env.SMARTIPC_DRIVER || (process.platform === 'win32' ? 'tokio' : 'loop');

/**
 * A test of one or several cases.
 *
 * @param {string} numbers such as `F3`, or `F10, F11`
 * @param {string} title
 * @param {(t: import('ava').ExecutionContext<any>) => any} run
 * @param {{ role?: 'server' | 'client' | 'both', profile?: 'json' | 'binary', transport?: 'unix' | 'tcp' }} [way]
 *   which side of ours is tested, and how it is spoken to: columns of the table
 */
export function caseTest(numbers, title, run, way = {}) {
  test(titleOf(numbers, title, way), run);
}

/**
 * The same for a test that keeps the machine busy: it has its file to itself.
 *
 * @type {typeof caseTest}
 */
export function heavyCaseTest(numbers, title, run, way = {}) {
  test.serial(titleOf(numbers, title, way), run);
}

function titleOf(numbers, title, { role, profile, transport }) {
  if (!/^[A-Z]\d+(, [A-Z]\d+)*$/.test(numbers)) throw new TypeError(`'${numbers}' is no number of the programme`);
  const way = [role, profile, transport].filter((part) => part !== undefined);
  return `${numbers}: ${title}${way.length > 0 ? ` [${way.join(', ')}]` : ''}`;
}

/**
 * Says that the case can't run here. The test passes, but isn't counted as held.
 *
 * @param {import('ava').ExecutionContext<any>} t
 * @param {string} reason what is missing, such as `needs root`
 */
export function notRun(t, reason) {
  t.log(`not run: ${reason}`);
  t.pass();
}

/**
 * Notes with which reason the connection of this case was closed: a column of the table.
 *
 * @param {import('ava').ExecutionContext<any>} t
 * @param {string} reason
 */
export function closedWith(t, reason) {
  t.log(`close reason: ${reason}`);
}
