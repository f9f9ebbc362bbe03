'use strict';

// The table of the last run, in docs/platforms.md.

const fs = require('fs');
const path = require('path');

const { root } = require('../setup.js');

const FILE = path.join(root, 'docs', 'platforms.md');
const BEGIN = '<!-- results of npm run test:platforms -- --write -->';
const END = '<!-- end of results -->';

/**
 * Replaces the table by one of these rows.
 *
 * @param {any[]} rows
 */
function writeTable(rows) {
  const text = fs.readFileSync(FILE, 'utf8');
  const [before, after] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (before < 0 || after < 0) throw new Error('docs/platforms.md has no place for the table');
  fs.writeFileSync(FILE, `${text.slice(0, before)}${BEGIN}\n\n${table(rows)}\n${text.slice(after)}`);
}

function table(rows) {
  const lines = ['| platform | run by | cases | result | time |', '|---|---|---|---|--:|'];
  for (const { title, suite = '–', state, text, passed, failed, time = '' } of rows) {
    const [platform, ...by] = title.split(' ');
    const result = state === 'skipped' ? `not run: ${text}` : `${passed} passed, ${failed} failed`;
    lines.push(`| ${platform} | ${by.join(' ') || '–'} | ${suite} | ${result} | ${time} |`);
  }
  return `${lines.join('\n')}\n`;
}

module.exports = { writeTable };
