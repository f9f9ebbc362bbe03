'use strict';

// docs/conformance.md: a page written by hand with a part that each run rewrites.

const BEGIN = '<!-- what follows is written by npm run conformance -->';
const END = '<!-- up to here -->';
const EXCUSES = "## Cases that can't run here";
const SYMBOLS = { held: 'held', failed: '**failed**', 'not run': 'not run', 'no test': '**no test**' };

/**
 * The cases that the page says can't run, with the reason: `- **C2**: reason`.
 *
 * @param {string} page
 * @returns {Map<string, string>}
 */
function excuses(page) {
  const from = page.indexOf(EXCUSES);
  if (from < 0) return new Map();
  const section = page.slice(from + EXCUSES.length).split(/^## /m)[0];
  return new Map([...section.matchAll(/^- \*\*([A-Z]\d+)\*\*: (.+)$/gm)].map(([, number, reason]) => [number, reason]));
}

/**
 * The page with a new part.
 *
 * @param {string} page
 * @param {string} part
 * @returns {string}
 */
function replacePart(page, part) {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from < 0 || to < from) throw new Error(`docs/conformance.md needs the lines ${BEGIN} and ${END}`);
  return `${page.slice(0, from + BEGIN.length)}\n\n${part}\n${page.slice(to)}`;
}

/**
 * Two tables per group: what became of each case, and of each way to run it.
 *
 * @param {Record<string, { title: string, cases: Record<string, string> }>} groups
 * @param {ReturnType<import('./results.js').judge>} verdicts
 * @param {string} summary
 * @returns {string}
 */
function render(groups, verdicts, summary) {
  const lines = [summary, ''];
  for (const [letter, { title, cases }] of Object.entries(groups)) {
    lines.push(`### ${letter}: ${title}`, '', '| case | what has to hold | outcome |', '|---|---|---|');
    for (const [number, text] of Object.entries(cases)) {
      const { outcome, reason } = verdicts.get(number);
      lines.push(`| ${number} | ${text} | ${SYMBOLS[outcome]}${remark(outcome, reason)} |`);
    }
    lines.push('', '| case | role | profile | loop driver | tokio driver | core | close reasons |', '|---|---|---|---|---|---|---|');
    for (const number of Object.keys(cases)) lines.push(...rows(number, verdicts.get(number).tests));
    lines.push('');
  }
  return lines.join('\n');
}

/** Why a case was not run, or some of its tests. */
function remark(outcome, reason) {
  if (reason === '') return '';
  return outcome === 'not run' ? `: ${reason}` : `; in part not run: ${reason}`;
}

function rows(number, tests) {
  const ways = new Map();
  for (const test of tests) {
    const key = `| ${number} | ${test.role} | ${test.profile} |`;
    if (!ways.has(key)) ways.set(key, []);
    ways.get(key).push(test);
  }
  return [...ways].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, list]) => {
    const cells = ['loop', 'tokio', 'core'].map((driver) => tally(list.filter((test) => test.driver === driver)));
    const closes = [...new Set(list.flatMap((test) => test.closes))].sort();
    return `${key} ${cells.join(' | ')} | ${closes.map((reason) => `\`${reason}\``).join(', ')} |`;
  });
}

/** How many tests had which outcome: `3 held`. */
function tally(tests) {
  const counts = ['failed', 'not run', 'held'].map((outcome) => [outcome, tests.filter((test) => test.outcome === outcome).length]);
  return counts.filter(([, count]) => count > 0).map(([outcome, count]) => `${count} ${outcome}`).join(', ');
}

module.exports = { excuses, replacePart, render };
