'use strict';

// npm run check:readme -- FILE: runs every code block of a Markdown or text
// file that can stand alone, type-checks every one, and prints a table.
//
// What a block leaves out is supplied: SmartIpc, fs, spawn, a started server, a
// connected client. Any other unknown name is typed `any`, and when the block runs
// a stand-in has it, which can be called, awaited and sent, and whose properties
// are such as well. Blocks run as they are, except that absolute paths are moved
// into a fresh folder.

const { spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const ts = require('typescript');

const { readBlocks, parse } = require('./readme-blocks.js');
const { root, setup, runMain } = require('./setup.js');

const PACKAGE = '@push.rocks/smartipc';
const TIME_LIMIT = 30000;
// What a block started without awaiting it may still fail.
const SETTLE = 300;
const MOVED_PATH = /^\/(tmp|path|data)\//;

// What is supplied, as an import when it runs and as a type when it is checked.
const SUPPLIED = {
  SmartIpc: `import { SmartIpc } from '${PACKAGE}';`,
  fs: "import fs from 'fs';",
  path: "import path from 'path';",
  spawn: "import { spawn } from 'child_process';",
  server: `declare const server: import('${PACKAGE}').IpcServer;`,
  client: `declare const client: import('${PACKAGE}').IpcClient;`,
  clientId: 'declare const clientId: string;',
};

// Plain JavaScript, for it is written into the module that runs.
const STAND_IN = `
const $standIn = new Proxy(function () {}, {
  get(_, key) {
    // Awaiting it gives itself.
    if (key === 'then') return undefined;
    if (key === 'toJSON') return () => ({});
    if (key === Symbol.toPrimitive) return () => 'stand-in';
    return $standIn;
  },
  apply: () => $standIn,
  construct: () => $standIn,
});`;

runMain(async () => {
  const file = process.argv[2] || path.join(root, 'README.md');
  const blocks = readBlocks(fs.readFileSync(file, 'utf8'));
  setup();

  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'readme-'));
  let stopped = () => {};
  process.once('SIGINT', () => stopped());
  try {
    linkModules(folder);
    const code = blocks.filter((block) => block.kind === 'code');
    checkTypes(code, folder);
    for (const block of blocks) {
      if (block.kind === 'json') checkJson(block);
      if (block.kind !== 'code') continue;
      const running = run(block, folder);
      stopped = () => running.kill();
      await running.done;
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  printTable(blocks);
  const failed = blocks.filter((block) => block.problems && block.problems.length > 0);
  for (const block of failed) {
    console.log(`\nblock ${block.numbers.join('+')} (${path.basename(file)}:${block.line}):`);
    for (const problem of block.problems) console.log(problem.replace(/^/gm, '  '));
  }
  const checked = blocks.filter((block) => block.problems);
  console.log(`\n${checked.length - failed.length} of ${checked.length} blocks work`);
  if (failed.length > 0) process.exitCode = 1;
});

/** Lets code in the folder import this package under both of its names. */
function linkModules(folder) {
  for (const name of [PACKAGE, 'smartipc-native']) {
    const link = path.join(folder, 'node_modules', name);
    fs.mkdirSync(path.dirname(link), { recursive: true });
    fs.symlinkSync(root, link, 'junction');
  }
}

/** Type-checks all blocks: once to find the free names, once with them declared. */
function checkTypes(blocks, folder) {
  const files = blocks.map((block) => path.join(folder, `block-${block.numbers[0]}.mts`));
  blocks.forEach((block, index) => fs.writeFileSync(files[index], `${block.text}\nexport {};\n`));
  const free = compile(files).map((diagnostics) => new Set(diagnostics.map(missingName).filter(Boolean)));

  blocks.forEach((block, index) => {
    block.free = [...free[index]];
    block.unknown = block.free.filter((name) => !Object.hasOwn(SUPPLIED, name));
    const prelude = [
      ...block.free.filter((name) => Object.hasOwn(SUPPLIED, name)).map((name) => SUPPLIED[name]),
      ...block.unknown.map((name) => `declare const ${name}: any; type ${name} = any;`),
    ].join(' ');
    block.prelude = prelude.length + 1;
    fs.writeFileSync(files[index], `${prelude} ${block.text}\nexport {};\n`);
  });
  compile(files).forEach((diagnostics, index) => {
    const block = blocks[index];
    const isJs = /^[mc]?js$|^javascript$/.test(block.language);
    const real = diagnostics.filter(({ code }) => !isJs || code < 7000 || code > 7999);
    block.problems = real.map((diagnostic) => describeDiagnostic(diagnostic, block));
  });
}

function compile(files) {
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    noEmit: true,
    // As for a reader who has turned nothing on but the most useful check.
    noImplicitAny: true,
    skipLibCheck: true,
    types: ['node'],
    typeRoots: [path.join(root, 'node_modules', '@types')],
  });
  return files.map((file) => {
    const source = program.getSourceFile(file);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  });
}

/** The name that a "Cannot find name" diagnostic of any kind is about. */
function missingName(diagnostic) {
  const codes = [2304, 2503, 2552, 2580, 2581, 2582, 2583, 2584, 2591, 18004];
  if (!codes.includes(diagnostic.code)) return null;
  return diagnostic.file.text.substr(diagnostic.start, diagnostic.length);
}

function describeDiagnostic(diagnostic, block) {
  const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
  const at = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start);
  const line = block.text.split('\n')[at.line] || '';
  return `type error TS${diagnostic.code}: ${text}\n    ${line.trim()}`;
}

function checkJson(block) {
  block.problems = [];
  try {
    JSON.parse(block.text);
  } catch (error) {
    block.problems.push(`not JSON: ${error.message}`);
  }
}

/** Runs a block in a process of its own and adds what went wrong to its problems. */
function run(block, parent) {
  block.ran = true;
  // Short, as a socket path must fit into 104 bytes everywhere.
  const folder = path.join(parent, String(block.numbers[0]));
  fs.mkdirSync(folder);
  const file = path.join(folder, 'block.mjs');
  fs.writeFileSync(file, program(block, folder));

  // A group of its own, so that what the block spawns ends with it.
  const group = process.platform !== 'win32';
  const env = { ...process.env, TMPDIR: folder, PATH: path.dirname(process.execPath) + path.delimiter + process.env.PATH };
  const child = spawn(process.execPath, [file], { cwd: folder, env, detached: group, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));

  let late = false;
  const kill = () => {
    try {
      if (group) process.kill(-child.pid, 'SIGKILL');
      else child.kill('SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  };
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, TIME_LIMIT);
  const done = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (status, signal) => {
      clearTimeout(timer);
      kill();
      child.once('close', () => {
        const problem = judge({ status, signal, late, output }, block);
        if (problem) block.problems.push(`${problem}\n${tail(output)}`);
        resolve();
      });
    });
  });
  return { done, kill };
}

function judge(end, block) {
  if (end.late) return `still running after ${TIME_LIMIT / 1000} s`;
  if (end.signal) return `ended by ${end.signal}`;
  if (end.status === 13) return 'a top-level await never settled';
  if (end.status !== 0) return `ended with exit code ${end.status}`;
  const absent = promisedOutput(block.text).filter((text) => !end.output.includes(text));
  return absent.length > 0 ? `did not print ${absent.map((text) => JSON.stringify(text)).join(', ')}` : null;
}

/** What comments say that a block prints: `console.log(…); // "text"`, `// e.g. "text"`. */
function promisedOutput(text) {
  return [...text.matchAll(/console\.\w+\(.*\);?\s*\/\/\s*"([^"]+)"|^\s*\/\/ e\.g\. "([^"]+)"/gm)].map((match) => match[1] || match[2]);
}

/** The module that runs a block: what it leaves out, the block, an orderly end. */
function program(block, folder) {
  const { source, sockets } = movePaths(block.text, folder);
  const { outputText } = ts.transpileModule(startServers(source), {
    fileName: 'block.mts',
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const needs = (name) => block.free.includes(name);
  const imports = ['SmartIpc', 'fs', 'path', 'spawn'].filter(needs).map((name) => SUPPLIED[name]);
  if (/\brequire\(/.test(source)) imports.push("import { createRequire as $createRequire } from 'module'; const require = $createRequire(import.meta.url);");
  if (/['"](\.\/)?server\.js['"]/.test(source)) writeServerScript(folder, sockets);
  return [
    `import { SmartIpc as $SmartIpc } from '${PACKAGE}';`,
    ...imports,
    ...(block.unknown.length > 0 ? [STAND_IN, ...block.unknown.map((name) => `const ${name} = $standIn;`)] : []),
    ...supplyEndpoints(block, folder, needs),
    ...missingServers(source),
    outputText,
    `await new Promise((resolve) => setTimeout(resolve, ${SETTLE}));`,
    'process.exit(0);',
  ].join('\n');
}

/** Statements that make the `server`, `client` and `clientId` which a block takes for granted. */
function supplyEndpoints(block, folder, needs) {
  if (!['server', 'client', 'clientId'].some(needs)) return [];
  const at = JSON.stringify(`${folder}/supplied.sock`);
  // Blocks name clients of their own, such as 'client-1': they must exist.
  const ids = [...new Set([...block.text.matchAll(/'(client-\w+)'/g)].map((match) => match[1]))];
  if (ids.length === 0) ids.push('client-1');
  const name = (own, free) => (needs(own) ? own : free);
  const server = name('server', '$server');
  const client = name('client', '$client');
  const lines = [
    `const ${server} = $SmartIpc.createServer({ id: 'supplied', socketPath: ${at} });`,
    `await ${server}.start({ readyWhen: 'accepting' });`,
    ...ids.map((id, index) => `const ${index === 0 ? client : `$client${index}`} = $SmartIpc.createClient({ id: 'supplied', socketPath: ${at}, clientId: '${id}' });`),
    ...ids.map((id, index) => `await ${index === 0 ? client : `$client${index}`}.connect();`),
  ];
  if (needs('clientId')) lines.push(`const clientId = ${client}.getClientId();`);

  // The other side of what the block shows one side of.
  const text = block.text;
  for (const type of typesOf(text, /\bclient\.request(?:<[^>]*>)?\(\s*'([^']+)'/g)) {
    if (!new RegExp(`server\\.onMessage(<[^>]*>)?\\(\\s*'${type}'`).test(text)) lines.push(`${server}.onMessage('${type}', () => ({}));`);
  }
  const listen = (send, receiver, variable) => {
    const sends = text.search(send);
    const listens = text.search(new RegExp(`\\b${receiver}\\.on\\('stream'`));
    if (sends >= 0 && (listens < 0 || listens > sends)) lines.push(`${variable}.on('stream', (info, readable) => readable.resume());`);
  };
  listen(/\bclient\.send(Stream|File)\(/, 'server', server);
  listen(/\bserver\.send(Stream|File)ToClient\(/, 'client', client);
  return lines;
}

function typesOf(text, pattern) {
  return [...new Set([...text.matchAll(pattern)].map((match) => match[1]))];
}

/** Servers for clients that wait for one which the block does not start. */
function missingServers(source) {
  if (/server\.js/.test(source)) return [];
  const served = new Set();
  const wanted = new Set();
  const visit = (node) => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && node.arguments.length > 0) {
      const where = addressOf(node.arguments[0].getText());
      const method = node.expression.name.text;
      if (where && method === 'createServer') served.add(where);
      if (where && method === 'createClient' && /connectRetry:\s*\{\s*enabled:\s*true/.test(node.getText())) wanted.add(where);
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(source));
  const handlers = typesOf(source, /\bclient\.request(?:<[^>]*>)?\(\s*'([^']+)'/g).map((type) => `$missing.onMessage('${type}', () => ({}));`);
  return [...wanted]
    .filter((where) => !served.has(where))
    .map((where) => `{ const $missing = $SmartIpc.createServer({ ${where} }); ${handlers.join(' ')} await $missing.start(); }`);
}

/** Where an endpoint with these options is found, as options. */
function addressOf(options) {
  const socket = /socketPath:\s*'[^']+'/.exec(options);
  const id = /\bid:\s*'[^']+'/.exec(options);
  return socket ? `id: 'missing', ${socket[0]}` : id && id[0];
}

/** Starts the servers whose clients a block uses without showing the start. */
function startServers(source) {
  const served = [];
  const used = new Set();
  const visit = (node) => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && node.arguments.length > 0) {
      const socket = /socketPath:\s*'[^']+'/.exec(node.arguments[0].getText());
      const method = node.expression.name.text;
      if (socket && method === 'createClient') used.add(socket[0]);
      const { parent } = node;
      if (socket && method === 'createServer' && ts.isVariableDeclaration(parent)) {
        served.push({ socket: socket[0], name: parent.name.getText(), end: parent.parent.parent.end });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(source));
  const missing = served.filter(({ socket, name }) => used.has(socket) && !source.includes(`${name}.start(`));
  return missing.reverse().reduce((text, { name, end }) => `${text.slice(0, end)} await ${name}.start();${text.slice(end)}`, source);
}

/** Moves absolute paths into the folder, and creates the files that are to be read. */
function movePaths(text, folder) {
  const moves = [];
  const sockets = [];
  const visit = (node) => {
    if ((ts.isStringLiteralLike(node) || ts.isTemplateHead(node)) && MOVED_PATH.test(node.text)) {
      const moved = folder.replace(/\\/g, '/') + (node.text.startsWith('/tmp/') ? node.text.slice(4) : node.text);
      const written = ts.isTemplateHead(node) ? `\`${moved}\${` : `'${moved}'`;
      moves.push({ start: node.getStart(), end: node.end, written });
      if (moved.endsWith('.sock')) sockets.push(moved);
      fs.mkdirSync(moved.endsWith('/') ? moved : path.dirname(moved), { recursive: true });
      if (node.text.startsWith('/path/')) fs.writeFileSync(moved, Buffer.alloc(300000, 'smartipc '));
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(text));
  let source = text;
  for (const { start, end, written } of moves.reverse()) source = source.slice(0, start) + written + source.slice(end);
  return { source, sockets };
}

/** The server script that a block starts; it ends with its parent. */
function writeServerScript(folder, sockets) {
  const lines = [
    `const { SmartIpc } = require('${PACKAGE}');`,
    `const server = SmartIpc.createServer({ id: 'spawned', socketPath: ${JSON.stringify(sockets[0])} });`,
    "server.onMessage('ping', () => 'pong');",
    'server.start();',
    'const parent = process.ppid;',
    'setInterval(() => process.ppid === parent || process.exit(), 200).unref();',
  ];
  fs.writeFileSync(path.join(folder, 'server.js'), `${lines.join('\n')}\n`);
}

function printTable(blocks) {
  const rows = blocks.map((block) => [
    block.numbers.join('+'),
    String(block.line),
    (block.text.split('\n').find((line) => line.trim() !== '') || '').trim().slice(0, 56),
    block.ran ? 'run' : block.kind === 'code' ? 'type-check' : block.kind,
    block.problems ? (block.problems.length > 0 ? 'FAILED' : 'ok') : 'not run',
    block.unknown && block.unknown.length > 0 ? `stand-in: ${block.unknown.join(', ')}` : '',
  ]);
  rows.unshift(['block', 'line', 'first line', 'kind', 'result', '']);
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  console.log();
  for (const row of rows) console.log(row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
}

function tail(output) {
  return output.trim().split('\n').slice(-12).join('\n');
}
