// What a release is made of, as far as one platform can tell.

import { execFileSync } from 'child_process';
import fs from 'fs';
import path from 'path';
import { createRequire } from 'module';
import test from 'ava';
import { filesOf, temporary } from '../support/packages.cjs';

const require = createRequire(import.meta.url);
const { importedLibraries, inspect, newestGlibc } = require('../../scripts/platforms/inspect.js');
const { ELSEWHERE, LARGEST_ORDINARY, PLATFORMS } = require('../../scripts/platforms/list.js');
const { billOfMaterials, metadata } = require('../../scripts/platforms/sbom.js');
const { packAll } = require('../../scripts/pack.js');
const { platformName, root } = require('../../scripts/setup.js');

const folder = temporary(test);
const read = (file: string) => fs.readFileSync(path.join(root, file), 'utf8');
const addon = path.join(root, `smartipc-native.${platformName()}.node`);

test('every platform has a manifest for it, a way to be built, and a name in the loader', (t) => {
  const platforms = fs.readdirSync(path.join(root, 'npm')).sort();
  t.deepEqual([...Object.keys(PLATFORMS), ...Object.keys(ELSEWHERE)].sort(), platforms);
  const known = /const PLATFORMS = \[(.*?)\];/s.exec(read('native.js'))![1];
  t.deepEqual([...known.matchAll(/'([\w-]+)'/g)].map(([, name]) => name).sort(), platforms);
  for (const platform of platforms) {
    const { os, cpu, libc, files, main } = JSON.parse(read(`npm/${platform}/package.json`));
    const [system, machine, library] = platform.split('-');
    t.deepEqual([os, cpu, libc], [[system], [machine], library === undefined ? undefined : [library === 'gnu' ? 'glibc' : library]]);
    t.deepEqual(files, [main, 'sbom.cdx.json']);
  }
});

test('the addon is stripped, and not larger than it may be', (t) => {
  const { size, stripped } = inspect(addon, platformName());
  t.true(stripped);
  t.true(size <= LARGEST_ORDINARY, `${size} bytes`);
});

test('what a file needs of its system is read from the file', (t) => {
  t.is(newestGlibc('x\0GLIBC_2.2.5\0GLIBC_2.17\0GLIBC_2.9\0'), '2.17');
  t.is(newestGlibc('x'), '');
  t.deepEqual(importedLibraries('KERNEL32.dll\0\0ntdll.dll\0smartipc_native.dll\0'), ['kernel32.dll', 'ntdll.dll']);
});

test('the bill of materials names what is compiled in, as the lock file has it, and nothing else', (t) => {
  const locked = new Set([...read('Cargo.lock').matchAll(/name = "(.*)"\nversion = "(.*)"/g)].map(([, name, version]) => `pkg:cargo/${name}@${version}`));
  const bytes = Buffer.from('an addon');
  const linux = billOfMaterials(metadata('x86_64-unknown-linux-gnu', []), 'linux-x64-gnu', bytes);
  const windows = billOfMaterials(metadata('x86_64-pc-windows-gnu', []), 'win32-x64', bytes);
  const names = (bill: any) => bill.components.map((it: any) => it.name);
  t.deepEqual([linux.bomFormat, linux.specVersion], ['CycloneDX', '1.5']);
  for (const bill of [linux, windows]) {
    const references = bill.components.map((it: any) => it['bom-ref']);
    for (const reference of references) t.true(locked.has(reference), reference);
    t.is(new Set(references).size, references.length);
    for (const { ref, dependsOn } of bill.dependencies) {
      t.true(ref === bill.metadata.component['bom-ref'] || references.includes(ref), ref);
      for (const other of dependsOn) t.true(references.includes(other), other);
    }
    t.true(names(bill).includes('tokio'));
    // For tests, for building, and macros.
    for (const absent of ['proptest', 'napi-build', 'napi-derive', 'smartipc-native']) t.false(names(bill).includes(absent), absent);
  }
  t.true(names(linux).includes('rustix') && !names(linux).includes('windows-sys'));
  t.true(names(windows).includes('windows-sys') && !names(windows).includes('rustix'));
});

test("a platform's tarball has addon, manifest, licence and bill of materials", (t) => {
  const from = path.join(folder, 'built');
  fs.mkdirSync(from);
  fs.writeFileSync(path.join(from, 'smartipc-native.win32-x64.node'), 'addon');
  fs.writeFileSync(path.join(from, 'sbom.cdx.json'), '{}');
  const tarballs = packAll(path.join(folder, 'out'), ['win32-x64'], () => from);
  t.is(tarballs.length, 2);
  t.deepEqual(filesOf(tarballs[1]), ['LICENSE', 'package.json', 'sbom.cdx.json', 'smartipc-native.win32-x64.node']);
});

test('a release names its repository in every manifest, and a tarball of a checkout does not', (t) => {
  const from = path.join(folder, 'with-repository');
  fs.mkdirSync(from);
  fs.writeFileSync(path.join(from, 'smartipc-native.win32-x64.node'), 'addon');
  const repository = { type: 'git', url: 'git+https://example.org/some/where.git' };
  const manifests = (fields?: object) =>
    packAll(path.join(folder, fields ? 'release' : 'checkout'), ['win32-x64'], () => from, fields).map((tarball: string) =>
      JSON.parse(execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' }))
    );
  for (const manifest of manifests({ repository })) t.deepEqual(manifest.repository, repository);
  for (const manifest of manifests()) t.false('repository' in manifest);
});

test('workflows run npm scripts that are there, and actions by their commit', (t) => {
  const { scripts } = JSON.parse(read('package.json'));
  for (const file of fs.readdirSync(path.join(root, '.github/workflows'))) {
    const text = read(`.github/workflows/${file}`);
    for (const [, action] of text.matchAll(/uses: (.*)/g)) t.regex(action, /^\.\/|^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, file);
    for (const [, name] of text.matchAll(/run: npm (?:run )?([\w:]+)/g)) {
      t.true(name in scripts, `${file}: npm ${name}`);
    }
  }
});
