'use strict';

// What a run of the tests says about the cases whose numbers they carry.

/** `F3: …`, or `F10, F11: …`; what ava puts before it names folder and file. */
const TITLE = /(?:^| › )([A-Z]\d+(?:, [A-Z]\d+)*): (.*?)(?: \[([a-z, ]+)\])?$/;
/** `f3_…`, or `f10_f11_…`. */
const FUNCTION = /(?:^|::)((?:[a-z]\d+_)+)([a-z0-9_]*)$/;
const ROLES = ['server', 'client', 'both'];
const PROFILES = ['json', 'binary'];

/**
 * One test that carries numbers.
 *
 * @typedef {object} Result
 * @property {string[]} numbers
 * @property {string} title
 * @property {string} role `server`, `client`, `both`, or nothing if it makes no difference
 * @property {string} profile `json`, `binary`, or nothing
 * @property {string} driver `loop`, `tokio`, or `core` for tests in Rust
 * @property {'held' | 'failed' | 'not run'} outcome
 * @property {string} reason why it was not run
 * @property {string[]} closes the close reasons it has met with
 */

/**
 * Reads ava's TAP output.
 *
 * @param {string} tap
 * @param {string} driver
 * @returns {{ results: Result[], strays: string[] }} failures without a number are strays
 */
function fromTap(tap, driver) {
  const results = [];
  const strays = [];
  let last;
  for (const line of tap.split('\n')) {
    const test = /^(not )?ok \d+ - (.*)$/.exec(line);
    if (test) {
      last = fromTitle(test[2], driver, test[1] ? 'failed' : 'held');
      if (last) results.push(last);
      else if (test[1]) strays.push(test[2]);
      continue;
    }
    const note = /^# {3}(not run|close reason): (.*)$/.exec(line);
    if (!note || !last) continue;
    if (note[1] === 'close reason') last.closes.push(...note[2].split(', '));
    else if (last.outcome === 'held') Object.assign(last, { outcome: 'not run', reason: note[2] });
  }
  return { results, strays };
}

function fromTitle(full, driver, outcome) {
  const parts = TITLE.exec(full);
  if (!parts) return undefined;
  const way = (parts[3] || '').split(', ');
  const one = (names) => way.find((word) => names.includes(word)) || '';
  return { numbers: parts[1].split(', '), title: parts[2], role: one(ROLES), profile: one(PROFILES), driver, outcome, reason: '', closes: [] };
}

/**
 * Reads the output of `cargo test -- --show-output`.
 *
 * @param {string} output
 * @returns {Result[]}
 */
function fromCargo(output) {
  const results = new Map();
  let shown;
  for (const line of output.split('\n')) {
    const test = /^test (\S+) .*?\.\.\. (ok|FAILED)$/.exec(line);
    const result = test && fromFunction(test[1], test[2] === 'ok' ? 'held' : 'failed');
    if (result) results.set(test[1], result);
    const heading = /^---- (\S+) stdout ----$/.exec(line);
    if (heading) shown = results.get(heading[1]);
    const note = /^not run: (.*)$/.exec(line);
    if (note && shown && shown.outcome === 'held') Object.assign(shown, { outcome: 'not run', reason: note[1] });
  }
  return [...results.values()];
}

function fromFunction(name, outcome) {
  const parts = FUNCTION.exec(name);
  if (!parts) return undefined;
  const numbers = parts[1].toUpperCase().split('_').filter((number) => number !== '');
  const profile = PROFILES.find((word) => name.includes(`::${word}::`)) || '';
  return { numbers, title: parts[2].replace(/_/g, ' '), role: '', profile, driver: 'core', outcome, reason: '', closes: [] };
}

/**
 * What became of each case.
 *
 * @param {string[]} numbers of all cases
 * @param {Result[]} results
 * @param {Map<string, string>} excused cases that can't run here, and why
 * @returns {Map<string, { outcome: 'held' | 'failed' | 'not run' | 'no test', tests: Result[], reason: string }>}
 */
function judge(numbers, results, excused) {
  const verdicts = new Map();
  for (const number of numbers) {
    const tests = results.filter((result) => result.numbers.includes(number));
    const ran = tests.filter(({ outcome }) => outcome !== 'not run');
    const reason = tests.length > ran.length ? tests.find((it) => it.outcome === 'not run').reason : excused.get(number) || '';
    let outcome = 'held';
    if (ran.some((test) => test.outcome === 'failed')) outcome = 'failed';
    else if (ran.length === 0) outcome = tests.length > 0 || excused.has(number) ? 'not run' : 'no test';
    verdicts.set(number, { outcome, tests, reason });
  }
  return verdicts;
}

module.exports = { fromTap, fromCargo, judge };
