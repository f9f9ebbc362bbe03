'use strict';

// Finds the code blocks of a Markdown or text file and says what each is.

const ts = require('typescript');

const SHELL_LANGUAGES = ['sh', 'bash', 'shell', 'console', 'zsh'];
const CODE_LANGUAGES = ['ts', 'typescript', 'mts', 'js', 'javascript', 'mjs', 'cjs'];
const SHELL_LINE = /^(\$ |(npm|pnpm|yarn|npx|node|cargo|git|cd|mkdir|curl|apt|docker|export)\s)/;
const LOOKS_LIKE_CODE = /\b(await|const|import|function|SmartIpc|require)\b|=>/;
// A block is broken by at most this many page breaks.
const MAX_PARTS = 4;

/**
 * Returns the blocks as { numbers, line, language, kind, text }, where kind is
 * 'code', 'shell', 'json' or 'text'. Parts that a page break tore apart are one
 * block: a part that does not parse is joined to those after it, and so is a
 * part that follows with nothing between and uses what the last one declared.
 */
function readBlocks(source) {
  const fences = readFences(source);
  const blocks = [];
  for (let at = 0; at < fences.length; ) {
    const count = partsOf(fences, at);
    const parts = fences.slice(at, at + count);
    const text = parts.map((part) => part.text).join('\n');
    blocks.push({
      numbers: parts.map((part) => part.number),
      line: parts[0].line,
      language: parts[0].language,
      kind: kindOf(parts[0].language, text),
      text,
    });
    at += count;
  }
  return blocks;
}

function readFences(source) {
  const fences = [];
  let open = null;
  source.split(/\r?\n/).forEach((line, index) => {
    const fence = /^\s*(`{3,}|~{3,})\s*([\w+-]*)/.exec(line);
    if (open === null) {
      if (fence) open = { mark: fence[1], language: fence[2].toLowerCase(), line: index + 2, lines: [] };
    } else if (fence && fence[1].startsWith(open.mark) && line.trim() === fence[1]) {
      fences.push({ number: fences.length + 1, language: open.language, line: open.line, end: index + 1, text: open.lines.join('\n') });
      open = null;
    } else {
      open.lines.push(line);
    }
  });
  const lines = source.split(/\r?\n/);
  fences.forEach((fence, index) => {
    const before = index > 0 ? fences[index - 1].end : 0;
    fence.adjacent = index > 0 && lines.slice(before, fence.line - 2).every((line) => line.trim() === '');
    if (fence.adjacent) dropRepeatedLine(fences[index - 1], fence);
  });
  return fences;
}

/** A page break may show the last line again on the new page. */
function dropRepeatedLine(last, fence) {
  const [first, ...rest] = fence.text.trimStart().split('\n');
  if (first === last.text.trimEnd().split('\n').pop() && !parses(fence.text) && parses(rest.join('\n'))) {
    fence.text = rest.join('\n');
  }
}

function partsOf(fences, at) {
  const joined = (count) => fences.slice(at, at + count).map((fence) => fence.text).join('\n');
  const kind = kindOf(fences[at].language, fences[at].text);
  if (kind === 'shell' || kind === 'json') return 1;
  let count = 1;
  if (!parses(joined(1))) {
    while (count < MAX_PARTS && at + count < fences.length && fences[at + count].language === fences[at].language) {
      count++;
      if (parses(joined(count))) break;
    }
    if (!parses(joined(count))) return 1;
  }
  const next = fences[at + count];
  if (next && next.adjacent && parses(next.text) && usesAny(next.text, declaredNames(joined(count)))) count++;
  return count;
}

function kindOf(language, text) {
  if (SHELL_LANGUAGES.includes(language)) return 'shell';
  if (CODE_LANGUAGES.includes(language)) return 'code';
  if (language === 'json') return 'json';
  if (language !== '') return 'text';
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length > 0 && lines.every((line) => SHELL_LINE.test(line))) return 'shell';
  return LOOKS_LIKE_CODE.test(text) ? 'code' : 'text';
}

function parses(text) {
  const options = { reportDiagnostics: true, fileName: 'block.mts', compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } };
  return ts.transpileModule(text, options).diagnostics.length === 0;
}

function declaredNames(text) {
  const names = new Set();
  const add = (name) => (ts.isIdentifier(name) ? names.add(name.text) : name.elements.forEach((element) => element.name && add(element.name)));
  for (const statement of parse(text).statements) {
    if (ts.isVariableStatement(statement)) statement.declarationList.declarations.forEach((declaration) => add(declaration.name));
    else if (statement.name && ts.isIdentifier(statement.name)) names.add(statement.name.text);
  }
  return names;
}

function usesAny(text, names) {
  let found = false;
  const visit = (node) => {
    if (ts.isIdentifier(node) && names.has(node.text)) found = true;
    ts.forEachChild(node, visit);
  };
  visit(parse(text));
  return found;
}

function parse(text) {
  return ts.createSourceFile('block.mts', text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.TS);
}

module.exports = { readBlocks, parse };
