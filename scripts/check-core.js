'use strict';

// Rules that no linter knows: what the core may use, what the packages may
// contain, and what must not stay in the tree.

const fs = require('fs');
const path = require('path');

const root = path.resolve(__dirname, '..');

// Spelled in two parts, as this file is searched too.
const LEFTOVER = new RegExp(`\\b(${'TO' + 'DO'}|${'FIX' + 'ME'})\\b`);
const CORE_RULES = [
  [/\bunsafe\b/, 'unsafe code belongs in src/sys'],
  [/\bnapi\w*\b/, 'only src/binding names napi'],
];
const CORE_RULES_OUTSIDE_TESTS = [
  [/\.\s*unwrap\s*\(\s*\)/, 'unwrap() outside tests'],
  [/\.\s*expect\s*\(/, 'expect() outside tests'],
];
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];
const LOCK_FILES = ['package-lock.json', 'benchmark/package-lock.json'];
const CRATES_IO = 'registry+https://github.com/rust-lang/crates.io-index';

/** Returns the problems found, one line each. */
function checkAll() {
  const files = walk(root);
  return [...checkCore(files), ...checkLeftovers(files), ...checkPackages(), ...checkLockFiles(), ...checkVersions()];
}

function checkCore(files) {
  const problems = [];
  const core = files.filter((file) => file.startsWith('src/ipc/') && file.endsWith('.rs'));
  const tests = testFiles(core);
  for (const file of core) {
    const source = blankComments(read(file));
    report(source, CORE_RULES, file, problems);
    if (!tests.has(file)) report(blankTests(source), CORE_RULES_OUTSIDE_TESTS, file, problems);
  }
  return problems;
}

/** Files that hold nothing but tests: tests.rs, and modules declared under #[cfg(test)]. */
function testFiles(core) {
  const found = new Set(core.filter((file) => /(^|\/)tests(\.rs$|\/)/.test(file)));
  for (const file of core) {
    const source = blankComments(read(file));
    for (const [, name] of source.matchAll(/#\[cfg\((?:all\()?test\b[^\]]*\]\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;/g)) {
      const folder = /(^|\/)(mod|lib)\.rs$/.test(file) ? path.posix.dirname(file) : file.slice(0, -3);
      found.add(`${folder}/${name}.rs`);
      for (const inner of core) if (inner.startsWith(`${folder}/${name}/`)) found.add(inner);
    }
  }
  return found;
}

function checkLeftovers(files) {
  const problems = [];
  const texts = files.filter((file) => /\.(rs|js|mjs|cjs|ts|mts|cts|toml|json|md|yml|yaml|sh)$/.test(file) || file === '.ci/run');
  for (const file of texts) {
    // Its hashes may spell anything.
    if (LOCK_FILES.includes(file)) continue;
    report(read(file), [[LEFTOVER, 'a note left in the tree']], file, problems);
  }
  return problems;
}

function checkPackages() {
  const problems = [];
  const platforms = fs.readdirSync(path.join(root, 'npm')).map((folder) => `npm/${folder}/package.json`);
  for (const file of ['package.json', ...platforms]) {
    const manifest = JSON.parse(read(file));
    for (const kind of ['dependencies', 'peerDependencies', 'bundledDependencies', 'bundleDependencies']) {
      if (Object.keys(manifest[kind] || {}).length > 0) problems.push(`${file}: has ${kind}`);
    }
    for (const script of INSTALL_SCRIPTS) {
      if (manifest.scripts && manifest.scripts[script]) problems.push(`${file}: has the install script "${script}"`);
    }
    if (!Array.isArray(manifest.files)) problems.push(`${file}: has no "files" whitelist`);
  }
  // npm runs a build of its own wherever it finds this file.
  if (fs.existsSync(path.join(root, 'binding.gyp'))) problems.push('binding.gyp: makes npm run an install script');
  return problems;
}

function checkLockFiles() {
  const problems = [];
  for (const file of LOCK_FILES) {
    for (const [name, entry] of Object.entries(JSON.parse(read(file)).packages)) {
      if (/^\w+(\+\w+)?:/.test(entry.resolved || '')) problems.push(`${file}: ${name} is bound to a host (${entry.resolved})`);
      if (name !== '' && !entry.link && !entry.integrity) problems.push(`${file}: ${name} has no integrity`);
    }
  }
  for (const file of ['Cargo.lock', 'benches/Cargo.lock']) {
    for (const [, source] of read(file).matchAll(/^source = "(.*)"$/gm)) {
      if (source !== CRATES_IO) problems.push(`${file}: a crate comes from ${source}`);
    }
  }
  return problems;
}

/** One version everywhere: the loader refuses an addon of another one. */
function checkVersions() {
  const problems = [];
  const { name, version, optionalDependencies } = JSON.parse(read('package.json'));
  const crate = /^version\s*=\s*"(.*)"/m.exec(read('Cargo.toml'));
  if (!crate || crate[1] !== version) problems.push(`Cargo.toml: its version is not that of package.json (${version})`);
  for (const folder of fs.readdirSync(path.join(root, 'npm'))) {
    const file = `npm/${folder}/package.json`;
    const platform = JSON.parse(read(file));
    if (platform.version !== version) problems.push(`${file}: its version is not that of package.json (${version})`);
    if (platform.name !== `${name}-${folder}`) problems.push(`${file}: its name is not ${name}-${folder}`);
    if (platform.main !== `${name}.${folder}.node`) problems.push(`${file}: its main is not ${name}.${folder}.node`);
  }
  for (const [dependency, range] of Object.entries(optionalDependencies || {})) {
    if (range !== version) problems.push(`package.json: ${dependency} is not pinned to ${version}`);
  }
  return problems;
}

function report(source, rules, file, problems) {
  source.split('\n').forEach((line, index) => {
    for (const [pattern, message] of rules) {
      if (pattern.test(line)) problems.push(`${file}:${index + 1}: ${message}`);
    }
  });
}

/** Rust source with comments and the contents of literals blanked, lines kept. */
function blankComments(source) {
  const token = /\/\/[^\n]*|\/\*|\b(?:br|cr|r)(#*)"[\s\S]*?"\1|"(?:\\[\s\S]|[^"\\])*"|b?'(?:\\(?:u\{[^}]*\}|x..|.)|[^\\'\n])'/g;
  let out = '';
  let at = 0;
  for (let match = token.exec(source); match !== null; match = token.exec(source)) {
    let end = token.lastIndex;
    if (match[0] === '/*') end = blockCommentEnd(source, match.index);
    out += source.slice(at, match.index) + blank(source.slice(match.index, end));
    at = end;
    token.lastIndex = end;
  }
  return out + source.slice(at);
}

/** Block comments nest in Rust. */
function blockCommentEnd(source, start) {
  let depth = 0;
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start;
  for (let match = edge.exec(source); match !== null; match = edge.exec(source)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  return source.length;
}

/** Blanks the items under #[cfg(test)] and #[test]. */
function blankTests(source) {
  const attribute = /#\[(?:cfg\((?:all\()?test\b[^\]]*|test|tokio::test[^\]]*)\]/g;
  let out = source;
  for (let match = attribute.exec(source); match !== null; match = attribute.exec(source)) {
    const end = itemEnd(source, attribute.lastIndex);
    out = out.slice(0, match.index) + blank(source.slice(match.index, end)) + out.slice(end);
    attribute.lastIndex = end;
  }
  return out;
}

/** An item ends at its first `;`, or with the brace that closes its first one. */
function itemEnd(source, start) {
  let depth = 0;
  for (let at = start; at < source.length; at++) {
    const char = source[at];
    if (char === '(' || char === '[' || char === '{') depth++;
    else if (char === ')' || char === ']') depth--;
    else if (char === '}') {
      depth--;
      if (depth <= 0) return at + 1;
    } else if (char === ';' && depth === 0) return at + 1;
  }
  return source.length;
}

function blank(text) {
  return text.replace(/[^\n]/g, ' ');
}

function read(file) {
  return fs.readFileSync(path.join(root, file), 'utf8');
}

/** Every file of the project, as paths with forward slashes. */
function walk(folder, prefix = '') {
  const skip = new Set(['node_modules', 'target', '.git', '.setup', 'results', 'corpus', 'artifacts']);
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return skip.has(entry.name) ? [] : walk(path.join(folder, entry.name), `${prefix}${entry.name}/`);
    return entry.isFile() ? [`${prefix}${entry.name}`] : [];
  });
}

module.exports = { checkAll, blankComments, blankTests };

if (require.main === module) {
  const problems = checkAll();
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else console.log('the core is pure, the packages are clean');
}
