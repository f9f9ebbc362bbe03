import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** What a fresh process has loaded after `script`. */
function loadedBy(script: string): string[] {
  const report = `process.stdout.write(JSON.stringify([...process.moduleLoadList, ...Object.keys(require.cache)]))`;
  const output = execFileSync(process.execPath, ['-e', `const api = require(${JSON.stringify(root)}); ${script}; ${report}`], { encoding: 'utf8' });
  return JSON.parse(output).map((name: string) => name.replace(root + path.sep, '').replaceAll(path.sep, '/'));
}

test('require loads nothing that a server or client may never use', (t) => {
  const loaded = loadedBy('');
  for (const name of ['lib/channel.js', 'lib/spawn.js', 'lib/wait.js', 'lib/streams/save.js', 'NativeModule child_process', 'NativeModule crypto', 'NativeModule tls', 'NativeModule v8']) {
    t.false(loaded.includes(name), name);
  }
  t.true(loaded.includes('lib/client.js'));
});

test('IpcChannel is there when it is asked for', (t) => {
  t.true(loadedBy('if (typeof api.IpcChannel !== "function") throw new Error("no class")').includes('lib/channel.js'));
});
