import fs from 'fs';
import path from 'path';
import test from 'ava';
import { ALIAS, PLATFORM_PACKAGE, Project, filesOf, tarballs, temporary } from '../support/packages.cjs';

const root = new URL('../../', import.meta.url);
const folder = temporary(test);
let packed: { main: string; platform: string };

test.before(() => {
  packed = tarballs(path.join(folder, 'tarballs'));
});

const QUICK_START = `
  const socketPath = process.argv[2];
  const server = SmartIpc.createServer({ id: 'quick', socketPath, autoCleanupSocketFile: true });
  server.onMessage('greet', async (data) => ({ response: 'Hello ' + data.name + '!' }));
  await server.start({ readyWhen: 'accepting' });
  const client = SmartIpc.createClient({ id: 'quick', socketPath, connectRetry: { enabled: true, maxAttempts: 10 } });
  await client.connect();
  console.log((await client.request('greet', { name: 'World' })).response);
  await client.disconnect();
  await server.stop();
`;

test('the package holds what its whitelist names, and no more', (t) => {
  const { files } = JSON.parse(fs.readFileSync(new URL('package.json', root), 'utf8'));
  const wanted = [...files.flatMap((file: string) => filesIn(file)), 'package.json', 'README.md', 'LICENSE'];
  t.deepEqual(filesOf(packed.main), wanted.sort());
  // The whitelist itself names what users load, and no tests, sources or addons.
  for (const file of wanted) t.regex(file, /^((lib|types)\/([\w.-]+\/)?)?[\w.-]+\.(js|mjs|d\.ts|d\.mts|md)$|^package\.json$|^LICENSE$/);
});

/** A file, or all files of a folder. */
function filesIn(file: string): string[] {
  if (!fs.statSync(new URL(file, root)).isDirectory()) return [file];
  return fs.readdirSync(new URL(file, root)).flatMap((entry) => filesIn(`${file}/${entry}`));
}

test("the platform's package holds the addon, and no more", (t) => {
  const addon = `${PLATFORM_PACKAGE.replace('smartipc-native-', 'smartipc-native.')}.node`;
  t.deepEqual(filesOf(packed.platform), ['LICENSE', 'package.json', addon]);
});

test('the published manifests have no scripts and no dependencies but the platforms, pinned', (t) => {
  const project = new Project(folder, 'manifests');
  const read = (tarball: string, name: string) => JSON.parse(fs.readFileSync(path.join(project.unpack(tarball, name), 'package.json'), 'utf8'));
  const main = read(packed.main, 'main');
  const platforms = fs.readdirSync(new URL('npm', root)).map((platform) => `${main.name}-${platform}`);
  t.deepEqual(main.optionalDependencies, Object.fromEntries(platforms.sort().map((name) => [name, main.version])));
  for (const manifest of [main, read(packed.platform, 'platform')]) {
    for (const field of ['scripts', 'dependencies', 'devDependencies', 'peerDependencies', 'gypfile']) t.is(manifest[field], undefined, field);
  }
});

test('both install under the name of the original, without network or compiler, and run', async (t) => {
  const project = new Project(folder, 'user');
  const installed = await project.install(`${ALIAS}@file:${packed.main}`, packed.platform);
  t.is(installed.code, 0, installed.stderr);
  t.deepEqual(fs.readdirSync(path.join(project.folder, 'node_modules')).filter((name) => !name.startsWith('.')), ['@push.rocks', PLATFORM_PACKAGE]);

  project.write('module.mjs', `import { SmartIpc } from '${ALIAS}';\n${QUICK_START}`);
  project.write('common.cjs', `const { SmartIpc } = require('${ALIAS}');\n(async () => {${QUICK_START}})();`);
  for (const file of ['module.mjs', 'common.cjs']) {
    const ran = await project.node(file, [path.join(project.folder, `${file}.sock`)]);
    t.deepEqual([ran.code, ran.stdout, ran.stderr], [0, 'Hello World!\n', ''], file);
  }
});

test('without the platform package it installs, and says on loading what is missing', async (t) => {
  const project = new Project(folder, 'bare');
  const installed = await project.install(`${ALIAS}@file:${packed.main}`);
  t.is(installed.code, 0, installed.stderr);
  const { code, message } = await project.requireError();
  t.is(code, 'IPC_ERR_NATIVE_LOAD');
  t.true(message.includes(`npm install ${PLATFORM_PACKAGE}@`), message);
});
