'use strict';

// The closing table of a run over platforms, and its exit code.

/**
 * @typedef {object} Row
 * @property {string} title
 * @property {'ok' | 'FAILED' | 'skipped'} state
 * @property {string} text
 * @property {string[]} names what has failed
 */

/**
 * Prints the rows. One that was skipped is a failure unless it is named in `allowed`,
 * so that nobody takes what was not done for done.
 *
 * @param {string} title
 * @param {Row[]} rows
 * @param {string[]} allowed titles, or the first word of them
 */
function summarise(title, rows, allowed) {
  console.log(`\n=== ${title} ===`);
  const width = Math.max(...rows.map((row) => row.title.length));
  for (const row of rows) {
    console.log(`${row.state.padEnd(7)}  ${row.title.padEnd(width)}  ${row.text}`);
    for (const name of row.names) console.log(`           ${name}`);
  }
  const skipped = rows.filter((row) => row.state === 'skipped');
  const bad = skipped.filter((row) => !allowed.includes(row.title.split(' ')[0]));
  const failed = rows.filter((row) => row.state === 'FAILED').length;
  if (skipped.length > bad.length) console.log(`${skipped.length - bad.length} were skipped, which --allow-skip allows`);
  console.log(`${rows.length - failed - skipped.length} passed, ${failed + bad.length} failed`);
  return failed + bad.length > 0 ? 1 : 0;
}

function seconds(begin) {
  return `${((Date.now() - begin) / 1000).toFixed(0)} s`;
}

module.exports = { seconds, summarise };
