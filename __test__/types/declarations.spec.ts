// What index.d.ts spells out a second time, against where it is defined.

import fs from 'fs';
import test from 'ava';
import * as smartipc from '@push.rocks/smartipc';

const read = (file: string) => fs.readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const declarations = read('index.d.ts');

/** The members of a union of string literals. */
function members(type: string): string[] {
  const [, union] = new RegExp(`export type ${type} =([^;]+);`).exec(declarations)!;
  return [...union.matchAll(/'([^']+)'/g)].map(([, member]) => member);
}

/** What the comment of a union lists. */
function described(type: string): string[] {
  const [comment] = /\/\*\*(?:(?!\/\*\*).)*$/s.exec(declarations.slice(0, declarations.indexOf(`export type ${type} =`)))!;
  return [...comment.matchAll(/^ \* - `(\w+)`/gm)].map(([, member]) => member);
}

test('the error codes are those of the core, each with its meaning', (t) => {
  const core = [...read('src/ipc/error.rs').matchAll(/^ {4}\w+ = "(IPC_ERR_\w+)",$/gm)].map(([, code]) => code);
  t.true(core.length > 0);
  t.deepEqual(members('IpcErrorCode').sort(), core.sort());
  t.deepEqual(described('IpcErrorCode'), members('IpcErrorCode'));
});

test('the close reasons are those of the core, each with its meaning', (t) => {
  const core = [...read('src/ipc/close.rs').matchAll(/^ {4}\w+ = \d+, "(\w+)";$/gm)].map(([, reason]) => reason);
  t.true(core.length > 0);
  t.deepEqual(members('IpcCloseReason'), core);
  t.deepEqual(described('IpcCloseReason'), core);
});

test('the classes that are declared are exported, and no others', (t) => {
  const declared = [...declarations.matchAll(/^export class (\w+)/gm)].map(([, name]) => name);
  t.deepEqual(Object.keys(smartipc).sort(), [...declared, 'default'].sort());
  t.deepEqual(Object.keys(smartipc.default).sort(), [...declared].sort());
});

test('both files of declarations are published', (t) => {
  const { exports, files, types } = JSON.parse(read('package.json'));
  const used: string[] = [types, exports['.'].require.types, exports['.'].import.types].map((file) => file.replace('./', ''));
  t.deepEqual(used, ['index.d.ts', 'index.d.ts', 'index.d.mts']);
  for (const file of used) t.true(files.includes(file), file);
});
