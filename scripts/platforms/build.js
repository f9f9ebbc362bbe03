'use strict';

// npm run build:platforms: builds the addon for every platform that a Debian
// machine can build for, into npm/<platform>.
//
//   npm run build:platforms -- --only=win32-x64,linux-x64-musl
//   npm run build:platforms -- --allow-skip=darwin-arm64    no failure if it can't be built
//
// What is needed is fetched by fetch.js. A platform that can't be built is named
// with the reason, and makes the exit code 1.

const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');

const { root, ADDON_ONLY, ending, replaceFile, runMain, SetupError } = require('../setup.js');
const { STORE, NotFetched, debian, rustWithSources, windowsLibraries, zig } = require('./fetch.js');
const { inspect } = require('./inspect.js');
const { inLanes } = require('./lanes.js');
const { LARGEST, PLATFORMS } = require('./list.js');
const { seconds, summarise } = require('./report.js');
const { writeBillOfMaterials } = require('./sbom.js');

/** Without what would name the functions of a backtrace: a stripped addon has no names. */
const STD_FEATURES = '-Zbuild-std-features=panic-unwind,backtrace-trace-only';

if (require.main === module) {
  runMain(async () => {
    const options = parseArgs(process.argv.slice(2), ['only', 'allow-skip']);
    const rows = await inLanes(options.only, (platform, lane) => buildRow(platform, lane));
    process.exitCode = summarise('addons', rows, options.allowSkip);
  });
}

/** Reads `--only=a,b` and `--allow-skip=a,b`, which name platforms. */
function parseArgs(args, lists) {
  const options = { only: Object.keys(PLATFORMS), allowSkip: [] };
  for (const arg of args) {
    const [, name, value] = /^--([\w-]+)=(.*)$/.exec(arg) || [];
    if (!lists.includes(name)) throw new SetupError(`unknown argument ${arg}; there are ${lists.map((it) => `--${it}=`).join(', ')}`);
    options[name === 'allow-skip' ? 'allowSkip' : name] = value.split(',');
  }
  const unknown = [...options.only, ...options.allowSkip].filter((name) => !(name in PLATFORMS));
  if (unknown.length > 0) throw new SetupError(`no platform is called ${unknown.join(', ')}; there are ${Object.keys(PLATFORMS).join(', ')}.`);
  return options;
}

async function buildRow(platform, lane) {
  console.log(`${platform}: begun`);
  const begin = Date.now();
  try {
    const file = await build(platform, { lane });
    const found = inspect(file, platform);
    const { glibc, largest = LARGEST } = PLATFORMS[platform];
    const problems = [];
    if (found.size > largest) problems.push(`${found.size} bytes are more than ${largest}`);
    if (!found.stripped) problems.push('it has debugging symbols');
    if (glibc && newer(found.glibc, glibc)) problems.push(`it needs glibc ${found.glibc}, and is to run on ${glibc}`);
    writeBillOfMaterials(platform);
    const text = `${found.size} bytes${found.glibc ? `, glibc ${found.glibc}` : ''}${found.needs ? `, needs ${found.needs.join(' ')}` : ''}`;
    return { title: platform, state: problems.length > 0 ? 'FAILED' : 'ok', text: `${text} (${seconds(begin)})`, names: problems };
  } catch (error) {
    if (error instanceof NotFetched) return { title: platform, state: 'skipped', text: error.message, names: [] };
    if (error instanceof SetupError) return { title: platform, state: 'FAILED', text: error.message, names: [] };
    throw error;
  }
}

/**
 * Builds the addon of a platform; its path.
 *
 * @param {string} platform
 * @param {{ profile?: 'release' | 'dev', into?: string, lane?: number }} [options]
 */
async function build(platform, { profile = 'release', into = path.join(root, 'npm', platform), lane = 0 } = {}) {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new NotFetched('is built on Linux x64 only');
  const { target } = PLATFORMS[platform];
  const { command, args, env } = commandFor(platform, lane);
  const all = [...args, ...ADDON_ONLY, '--profile', profile, '--locked', '--target', withGlibc(platform)];
  // Nobody looks at the symbols of a build that is made for one run.
  if (profile === 'dev') env.CARGO_PROFILE_DEV_DEBUG = 'false';
  const result = await runAndShow(platform, command, all, env);
  // zig leaves it behind, for macOS.
  fs.rmSync(path.join(root, '.intentionally-empty-file.o'), { force: true });
  if (result.error) throw new SetupError(`cargo could not be run: ${result.error.message}`);
  if (result.status !== 0) {
    const missing = /^.*(failed to download|download of .* failed|Could not resolve host).*$/m.exec(result.said);
    if (missing) throw new NotFetched(`cargo: ${missing[0].trim()}`);
    throw new SetupError(`cargo rustc for ${target} failed (${ending(result)})`);
  }
  const built = path.join(env.CARGO_TARGET_DIR, target, profile === 'dev' ? 'debug' : profile, libraryName(platform));
  const file = path.join(into, `smartipc-native.${platform}.node`);
  replaceFile(built, file);
  return file;
}

/** Runs a compiler. What it says is shown at its end, for others say something meanwhile. */
function runAndShow(title, command, args, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(chunk));
    child.once('error', (error) => resolve({ error, said: '', status: null, signal: null }));
    child.once('close', (status, signal) => {
      const text = Buffer.concat(said).toString();
      console.log(`\n=== ${title} ===\n${text}`);
      resolve({ error: undefined, said: text, status, signal });
    });
  });
}

/** cargo for a platform, up to what is to be built, with the folder of one lane. */
function commandFor(platform, lane = 0) {
  const { linker, packages = [], target, zig: byZig, features = [], env = {} } = PLATFORMS[platform];
  if (linker) debian(linker, ...packages);
  const toolchain = rustWithSources();
  const linking = byZig ? zig() : undefined;
  const paths = [toolchain.bin, ...(linking ? [linking.bin] : []), process.env.PATH];
  const all = {
    ...process.env,
    ...toolchain.env,
    ...(linking ? linking.env : {}),
    ...(target.includes('windows') ? windowsLibraries(toolchain, target) : {}),
    ...env,
    PATH: paths.join(path.delimiter),
    // Compilers of different versions would build everything anew for each other.
    CARGO_TARGET_DIR: path.join(STORE, lane === 0 ? 'target' : `target-${lane + 1}`),
  };
  if (linker) all[`CARGO_TARGET_${target.toUpperCase().replace(/-/g, '_')}_LINKER`] = linker;
  const args = ['rustc', '-Zbuild-std=std,panic_unwind', STD_FEATURES];
  if (features.length > 0) args.push('--features', features.join(','));
  return { command: byZig ? path.join(linking.bin, 'cargo-zigbuild') : toolchain.cargo, args, env: all };
}

function withGlibc(platform) {
  const { target, glibc } = PLATFORMS[platform];
  return glibc ? `${target}.${glibc}` : target;
}

function libraryName(platform) {
  if (platform.startsWith('win32')) return 'smartipc_native.dll';
  return platform.startsWith('darwin') ? 'libsmartipc_native.dylib' : 'libsmartipc_native.so';
}

/** Whether version `a` is above version `b`. */
function newer(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  return left[0] !== right[0] ? left[0] > right[0] : left[1] > right[1];
}

module.exports = { build, commandFor, parseArgs };
