import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** What `script` loads in a fresh process, beyond what Node has loaded for itself. */
function loadedBy(script: string): string[] {
  const program = `const before = new Set(process.moduleLoadList);
    const api = require(${JSON.stringify(root)}); ${script};
    const loaded = process.moduleLoadList.filter((name) => !before.has(name));
    process.stdout.write(JSON.stringify([...loaded, ...Object.keys(require.cache)]))`;
  const output = execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  return JSON.parse(output).map((name: string) => name.replace(root + path.sep, '').replaceAll(path.sep, '/'));
}

test('require loads nothing that a server or client may never use', (t) => {
  const loaded = loadedBy('');
  for (const name of ['channel', 'spawn', 'wait', 'tls', 'abort', 'streams/incoming', 'streams/outgoing', 'streams/save']) {
    t.false(loaded.includes(`lib/${name}.js`), name);
  }
  for (const name of ['child_process', 'crypto', 'net', 'os', 'perf_hooks', 'stream', 'tls', 'v8']) {
    t.false(loaded.includes(`NativeModule ${name}`), name);
  }
  t.true(loaded.includes('lib/client.js'));
});

test('IpcChannel is there when it is asked for', (t) => {
  t.true(loadedBy('if (typeof api.IpcChannel !== "function") throw new Error("no class")').includes('lib/channel.js'));
});
