// What the declarations spell out a second time, against where it is defined; which
// files they are; and that TypeScript 4.0 can read them.

import fs from 'fs';
import test from 'ava';
import ts from 'typescript';

import { declarationFiles } from '../support/declared.ts';

const read = (file: string) => fs.readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const declarations = ['errors', 'metrics'].map((name) => read(`types/${name}.d.ts`)).join('\n');

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

test('all files of declarations are published', (t) => {
  const { exports, files, types, typesVersions } = JSON.parse(read('package.json'));
  const used: string[] = [types, exports['.'].require.types, exports['.'].import.types].map((file) => file.replace('./', ''));
  t.deepEqual(used, ['index.d.ts', 'index.d.ts', 'index.d.mts']);
  t.deepEqual(typesVersions, { '<4.1': { 'index.d.ts': ['types/ts4.0/index.d.ts'] } });
  for (const file of declarationFiles()) t.true(files.includes(file.split('/')[0]), file);
});

/** Syntax that TypeScript 4.0 does not know, as far as somebody might use it here. */
function isTooNew(node: ts.Node): boolean {
  if (ts.isTemplateLiteralTypeNode(node)) return true; // 4.1
  if (ts.isMappedTypeNode(node) && node.nameType) return true; // 4.1
  if (ts.isConstructorTypeNode(node) && node.modifiers) return true; // 4.2
  if (ts.isIndexSignatureDeclaration(node) && ts.isTypeReferenceNode(node.parameters[0].type!)) return true; // 4.4
  if (ts.isImportSpecifier(node) || ts.isExportSpecifier(node)) return node.isTypeOnly; // 4.5
  if (ts.isInferTypeNode(node) && node.typeParameter.constraint) return true; // 4.7
  if (ts.isTypeParameterDeclaration(node) && node.modifiers) return true; // 4.7 in and out, 5.0 const
  if (ts.canHaveModifiers(node)) {
    const late = [ts.SyntaxKind.OverrideKeyword, ts.SyntaxKind.AccessorKeyword]; // 4.3, 4.9
    return (ts.getModifiers(node) || []).some(({ kind }) => late.includes(kind));
  }
  return false;
}

test('only what later versions read has syntax that TypeScript 4.0 does not know', (t) => {
  const late = declarationFiles().filter((file) => {
    const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true);
    const search = (node: ts.Node): boolean => isTooNew(node) || node.getChildren().some(search);
    return search(source);
  });
  t.deepEqual(late, ['types/wildcards.d.ts']);
});

test('the declarations for TypeScript 4.0 compile, and type a contract', (t) => {
  const root = new URL('../../', import.meta.url).pathname;
  const file = `${root}__test__/types/ts4.0.ts`;
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.CommonJS,
    moduleResolution: ts.ModuleResolutionKind.Node10,
    target: ts.ScriptTarget.ES2020,
    ignoreDeprecations: '5.0',
    strict: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [`${root}node_modules/@types`],
  });
  const problems = ts.getPreEmitDiagnostics(program);
  t.deepEqual(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')), []);
});
