import fs from 'fs';
import path from 'path';
import test from 'ava';
import { ALIAS, PLATFORM_PACKAGE, Project, tarballs, temporary } from '../support/packages.cjs';

const folder = temporary(test);
const PLATFORM = PLATFORM_PACKAGE.replace('smartipc-native-', '');
const ADDON = `smartipc-native.${PLATFORM}.node`;
let packed: { main: string; platform: string };
let projects = 0;

test.before(() => {
  packed = tarballs(path.join(folder, 'tarballs'));
});

/** A project with the package, and what is asked for in place of its platform's. */
function project() {
  const made = new Project(folder, `project-${++projects}`);
  const main = made.unpack(packed.main, ALIAS);
  return Object.assign(made, { main });
}

/** The manifest of a platform's package, without an addon. */
function install(at: Project, platform: string, addon?: string | Buffer) {
  const main = `smartipc-native.${platform}.node`;
  at.write(`node_modules/smartipc-native-${platform}/package.json`, JSON.stringify({ name: `smartipc-native-${platform}`, version: '0.1.0', main }));
  if (addon !== undefined) at.write(`node_modules/smartipc-native-${platform}/${main}`, addon as string);
}

/** Runs before the package is required: another machine, as far as it can see. */
function pretend(properties: object) {
  return Object.entries(properties)
    .map(([name, value]) => `Object.defineProperty(process, '${name}', { value: ${JSON.stringify(value)} });`)
    .join('\n');
}

/** An executable of 64 bits whose program interpreter has this name; '' for a static one. */
function elf(interpreter: string): Buffer {
  const head = Buffer.alloc(64 + 2 * 56);
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(2, 56);
  head.writeUInt32LE(1, 64);
  if (interpreter !== '') {
    head.writeUInt32LE(3, 64 + 56);
    head.writeBigUInt64LE(BigInt(head.length), 64 + 56 + 8);
    head.writeBigUInt64LE(BigInt(interpreter.length + 1), 64 + 56 + 32);
  }
  return Buffer.concat([head, Buffer.from(`${interpreter}\0`)]);
}

test('the package of another platform only: the error names platform, cause and remedy', async (t) => {
  const user = project();
  const other = PLATFORM === 'darwin-arm64' ? 'linux-x64-gnu' : 'darwin-arm64';
  install(user, other, 'not for here');
  const { code, message, cause } = await user.requireError();

  t.is(code, 'IPC_ERR_NATIVE_LOAD');
  t.true(message.includes(`on ${process.platform}, ${process.arch}`), message);
  if (process.platform === 'linux') t.regex(message, /, (glibc|musl) \(Node/);
  t.true(message.includes(`${PLATFORM_PACKAGE} isn't installed, but smartipc-native-${other} is`), message);
  t.regex(message, new RegExp(`Remedy: npm install ${PLATFORM_PACKAGE}@\\d`));
  t.regex(cause, /Cannot find module/);
});

const LIBCS = { '/lib/ld-musl-x86_64.so.1': 'musl', '/lib64/ld-linux-x86-64.so.2': 'gnu', '/nix/store/glibc/lib/ld-linux-x86-64.so.2': 'gnu' };
for (const [interpreter, libc] of Object.entries(LIBCS)) {
  test(`a Node that is run by ${interpreter} gets the addon for ${libc}`, async (t) => {
    const user = project();
    const execPath = user.write('other-node', elf(interpreter) as any);
    const { message } = await user.requireError({}, pretend({ platform: 'linux', arch: 'x64', execPath }));
    t.true(message.includes(`linux, x64, ${libc === 'gnu' ? 'glibc' : libc} (`), message);
    t.true(message.includes(`smartipc-native-linux-x64-${libc} isn't installed`), message);
  });
}

const REPORTS = { '{ header: { glibcVersionRuntime: "2.31" } }': 'gnu', '{ header: {} }': 'musl' };
for (const [report, libc] of Object.entries(REPORTS)) {
  test(`a static Node that reports ${report} gets the addon for ${libc}`, async (t) => {
    const user = project();
    const execPath = user.write('static-node', elf('') as any);
    const reports = `Object.defineProperty(process, 'report', { value: { getReport: () => (${report}) } });`;
    const { message } = await user.requireError({}, pretend({ platform: 'linux', arch: 'arm64', execPath }) + reports);
    t.true(message.includes(`smartipc-native-linux-arm64-${libc} isn't installed`), message);
  });
}

test('a platform that has no package is told what there is', async (t) => {
  const { code, message } = await project().requireError({}, pretend({ platform: 'freebsd', arch: 'x64' }));
  t.is(code, 'IPC_ERR_NATIVE_LOAD');
  t.true(message.includes('there is no prebuilt addon for freebsd-x64'), message);
  t.true(message.includes('linux-x64-musl'), message);
});

test('a damaged addon: what the loader of the system says is passed on', async (t) => {
  const user = project();
  install(user, PLATFORM, 'this is no library');
  const { code, message, cause } = await user.requireError();
  t.is(code, 'IPC_ERR_NATIVE_LOAD');
  t.true(message.includes('built for another platform or is damaged'), message);
  t.true(message.includes(`Reported: ${cause.split('\n')[0]}`), message);
});

test('a Node that may load no addons: the error says which flag is in the way', async (t) => {
  const user = project();
  user.unpack(packed.platform, PLATFORM_PACKAGE);
  const { message } = await user.requireError({ NODE_OPTIONS: '--no-addons' });
  t.true(message.includes('Remedy: leave --no-addons out, or add --allow-addons'), message);
});

test('an addon of another version is refused', async (t) => {
  const user = project();
  user.unpack(packed.platform, PLATFORM_PACKAGE);
  const manifest = path.join(user.main, 'package.json');
  fs.writeFileSync(manifest, fs.readFileSync(manifest, 'utf8').replace(/"version": ".*"/, '"version": "99.0.0"'));
  const { code, message } = await user.requireError();
  t.is(code, 'IPC_ERR_VERSION_MISMATCH');
  t.regex(message, /99\.0\.0 has loaded a native addon of version \d+\.\d+\.\d+ from /);
});

test('the addon in its own folder comes before the package', async (t) => {
  const user = project();
  install(user, PLATFORM, 'this one is damaged');
  fs.copyFileSync(path.join(user.unpack(packed.platform, 'elsewhere'), ADDON), path.join(user.main, ADDON));
  t.deepEqual(await user.requireError(), {} as any);
});

test('SMARTIPC_NATIVE_PATH comes before both', async (t) => {
  const user = project();
  install(user, PLATFORM, 'this one is damaged');
  const file = path.join(user.unpack(packed.platform, 'elsewhere'), ADDON);
  t.deepEqual(await user.requireError({ SMARTIPC_NATIVE_PATH: file }), {} as any);
  t.deepEqual(await user.requireError({ SMARTIPC_NATIVE_PATH: path.relative(user.folder, file) }), {} as any);

  const { code, message } = await user.requireError({ SMARTIPC_NATIVE_PATH: '/nowhere/addon.node' });
  t.is(code, 'IPC_ERR_NATIVE_LOAD');
  t.true(message.includes('correct or unset SMARTIPC_NATIVE_PATH'), message);
});
