// node --import ./scripts/register-ts.mjs: imports TypeScript files, transpiled
// by the compiler that checks them. Loaders with a native part of their own
// would tie the lock file to the platforms known when it was written.

import { createHash } from 'crypto';
import fs from 'fs';
import { createRequire, register } from 'module';
import { fileURLToPath } from 'url';
import { threadId } from 'worker_threads';

const require = createRequire(import.meta.url);
const cache = new URL('../node_modules/.cache/smartipc-ts/', import.meta.url);
const TYPESCRIPT = /\.[mc]?ts$/;

/** Finds `x.ts` where `./x.js` or `./x` is imported, as the compiler does. */
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (!/^\.{0,2}\//.test(specifier)) throw error;
    for (const name of [specifier.replace(/\.([mc]?)js$/, '.$1ts'), `${specifier}.ts`, `${specifier}/index.ts`]) {
      const url = new URL(name, context.parentURL);
      if (TYPESCRIPT.test(url.pathname) && fs.existsSync(url)) return { url: url.href, shortCircuit: true };
    }
    throw error;
  }
}

export async function load(url, context, next) {
  const { protocol, pathname } = new URL(url);
  if (protocol !== 'file:' || !TYPESCRIPT.test(pathname)) return next(url, context);
  const path = fileURLToPath(url);
  return { format: 'module', source: transpile(path, fs.readFileSync(path, 'utf8')), shortCircuit: true };
}

/** Loading the compiler takes longer than most test files: the result is kept. */
function transpile(path, source) {
  const { version } = require('typescript/package.json');
  const key = createHash('sha256').update([version, path, source].join('\0')).digest('hex');
  const cached = new URL(`${key}.mjs`, cache);
  if (fs.existsSync(cached)) return fs.readFileSync(cached, 'utf8');

  const ts = require('typescript');
  const { outputText } = ts.transpileModule(source, {
    fileName: path,
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, inlineSourceMap: true, inlineSources: true },
  });
  fs.mkdirSync(cache, { recursive: true });
  const temporary = new URL(`${key}.${process.pid}.${threadId}.tmp`, cache);
  fs.writeFileSync(temporary, outputText);
  fs.renameSync(temporary, cached);
  return outputText;
}

// Node runs the hooks in a thread of their own, which loads this file again.
if (!import.meta.url.includes('?hooks')) {
  process.setSourceMapsEnabled(true);
  register(`${import.meta.url}?hooks`);
}
