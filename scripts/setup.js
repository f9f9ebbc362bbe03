'use strict';

// Makes a fresh clone ready: checks the tools, installs the development
// dependencies, links the package under the original's name and builds the
// addon. Harmless to repeat. The syntax stays that of Node 14, so that an old
// Node gets a message instead of a syntax error.

const { spawnSync } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');

const root = path.resolve(__dirname, '..');
const ALIAS = '@push.rocks/smartipc';
const CRATE = 'smartipc_native';
// The crate is a Rust library too, for its tests. Where Cargo builds both it leaves
// link-time optimisation out.
const ADDON_ONLY = ['--lib', '--crate-type', 'cdylib'];

// The package itself runs on 14.17; the test runner needs a newer Node.
const MIN_NODE_BUILD = '14.17.0';
const MIN_NODE_DEV = '20.19.0';

/** A problem the reader can fix; its message says how. */
class SetupError extends Error {
  constructor(message) {
    super(message);
    this.name = 'SetupError';
  }
}

/** Runs everything, or only the parts asked for; returns what checkTools found. */
function setup(options) {
  const { modules = true, build = true } = options || {};
  checkNode(modules ? MIN_NODE_DEV : MIN_NODE_BUILD);
  const tools = checkTools();
  if (modules) {
    installModules();
    linkAlias();
  }
  if (build) buildAddon(tools);
  return tools;
}

function checkNode(minimum) {
  const version = process.versions.node;
  if (compareVersions(version, minimum) < 0) {
    throw new SetupError(
      `Node ${version} is too old: building and testing need Node ${minimum} or later ` +
        `(the built package runs on 14.17 and later).\nGet one from https://nodejs.org/.`
    );
  }
  log(`node ${version}`);
}

/** Finds cargo, rustc and a linker; one message names all that is missing. */
function checkTools() {
  const minimum = rustVersion();
  if (toolVersion('cargo') === null) addCargoHome();
  const cargo = toolVersion('cargo');
  const rustc = toolVersion('rustc');
  const linker = findLinker();

  const problems = [];
  if (!cargo || !rustc) {
    problems.push(
      `Rust ${minimum} or later is needed to build the addon, but ` +
        `${!cargo && !rustc ? 'cargo and rustc were' : !cargo ? 'cargo was' : 'rustc was'} not found.\n` +
        (process.platform === 'win32'
          ? '  Install it with rustup: https://rustup.rs'
          : "  Install it with rustup:   curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh\n" +
            '  or with your system:      apt install cargo rustc · dnf install cargo · apk add cargo · brew install rust\n' +
            '  then open a new shell, so that cargo is on the PATH.')
    );
  } else if (compareVersions(rustc, minimum) < 0) {
    problems.push(
      `Rust ${rustc} is too old: version ${minimum} or later is needed.\n` +
        '  Update it with: rustup update stable (a distribution package may be too old; then use https://rustup.rs)'
    );
  }
  if (linker === null) {
    problems.push(
      'A C linker (cc) is needed by Rust, but none was found.\n' +
        '  Install one: apt install gcc libc6-dev · dnf install gcc · apk add gcc musl-dev · xcode-select --install'
    );
  }
  if (problems.length > 0) throw new SetupError(problems.join('\n'));
  log(`cargo ${cargo}, rustc ${rustc}${linker ? `, linker ${linker}` : ''}`);
  return { cargo, rustc, linker };
}

/** Runs `npm ci` unless it ran for this very lock file before. */
function installModules() {
  const modules = path.join(root, 'node_modules');
  const stamp = path.join(modules, '.smartipc-setup');
  const lock = path.join(root, 'package-lock.json');
  const wanted = crypto.createHash('sha256').update(fs.readFileSync(lock)).digest('hex');
  if (readOr(stamp, '') === wanted) {
    log('node_modules is up to date');
    return;
  }
  log('npm ci');
  // Development dependencies are the point here, whatever NODE_ENV says.
  run(npm(), ['ci', '--include=dev', '--no-audit', '--no-fund']);
  fs.mkdirSync(modules, { recursive: true });
  fs.writeFileSync(stamp, wanted);
}

/** Lets the original's name resolve to this checkout. */
function linkAlias() {
  const link = path.join(root, 'node_modules', ALIAS);
  fs.mkdirSync(path.dirname(link), { recursive: true });
  if (resolvesTo(link, root)) return;
  const old = statOr(link);
  if (old && !old.isSymbolicLink()) {
    throw new SetupError(`node_modules/${ALIAS} is a real folder; remove it, so that a link to this checkout can take its place.`);
  }
  if (old) fs.unlinkSync(link);
  try {
    if (process.platform === 'win32') fs.symlinkSync(root, link, 'junction');
    else fs.symlinkSync(path.relative(path.dirname(link), root), link, 'dir');
  } catch (error) {
    // Another set-up may have been faster.
    if (!resolvesTo(link, root)) throw error;
  }
  log(`linked ${ALIAS} to this checkout`);
}

/** Builds the addon and puts it beside native.js, or where it is wanted; returns its path. */
function buildAddon(tools, options) {
  const { flags = ['--release'], target = path.join(root, `smartipc-native.${platformName()}.node`) } = options || {};
  const title = ['cargo rustc', ...flags].join(' ');
  log(title);
  const args = ['rustc', ...flags, ...ADDON_ONLY, '--message-format=json-render-diagnostics'];
  const result = spawnSync('cargo', args, {
    cwd: root,
    env: cargoEnv(tools),
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (result.error) throw new SetupError(`cargo could not be run: ${result.error.message}`);
  if (result.status !== 0) throw new SetupError(`${title} failed (${ending(result)}).`);

  // Cargo names the file itself, so every way to move the target folder works.
  const built = builtLibrary(result.stdout);
  if (!built) throw new SetupError(`${title} made no dynamic library of ${CRATE}.`);
  log(replaceFile(built, target) ? `wrote ${path.basename(target)}` : `${path.basename(target)} is up to date`);
  return target;
}

/** The name of this platform, as in npm/. */
function platformName() {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  return `${platform}-${arch}`;
}

/** Runs a command with its output on ours; throws when it fails. */
function run(command, args, options) {
  const [file, ...first] = Array.isArray(command) ? command : [command];
  const result = spawnSync(file, first.concat(args), Object.assign({ cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }, options));
  const title = [path.basename(file)].concat(first.map((arg) => path.basename(arg)), args).join(' ');
  if (result.error) throw new SetupError(`${title}: ${result.error.message}`);
  if (result.status !== 0) throw new SetupError(`${title} failed (${ending(result)}).`);
}

function ending(result) {
  return result.signal ? `ended by ${result.signal}` : `exit code ${result.status}`;
}

function log(line) {
  console.log(`setup: ${line}`);
}

/** Runs `main`, turning a SetupError into its message and exit code 1. */
function runMain(main) {
  return Promise.resolve()
    .then(main)
    .catch((error) => {
      console.error(error instanceof SetupError ? `setup: ${error.message}` : error);
      process.exitCode = 1;
    });
}

function npm() {
  const beside = path.join(path.dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js');
  const running = process.env.npm_execpath || '';
  if (path.basename(running) === 'npm-cli.js' && fs.existsSync(running)) return [process.execPath, running];
  // On Windows npm is a batch file, which can't be spawned without a shell.
  if (process.platform === 'win32' && fs.existsSync(beside)) return [process.execPath, beside];
  return ['npm'];
}

/** npm's own script, for a Node of our choice to run. */
function npmScript() {
  const [command, first] = npm();
  if (first) return first;
  const folders = (process.env.PATH || '').split(path.delimiter);
  const found = folders.map((folder) => path.join(folder, command)).find((file) => fs.existsSync(file));
  if (!found) throw new SetupError('npm is not on the PATH');
  return fs.realpathSync(found);
}

function rustVersion() {
  const manifest = fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8');
  const match = /^rust-version\s*=\s*"([\d.]+)"/m.exec(manifest);
  return match ? match[1] : '1.0';
}

function toolVersion(tool) {
  const result = spawnSync(tool, ['--version'], { cwd: root, encoding: 'utf8' });
  if (result.error || result.status !== 0) return null;
  const match = /(\d+\.\d+(?:\.\d+)?)/.exec(result.stdout);
  return match ? match[1] : null;
}

/** rustup adds its folder to the PATH of new shells only. */
function addCargoHome() {
  const home = process.env.CARGO_HOME || path.join(os.homedir(), '.cargo');
  const bin = path.join(home, 'bin');
  if (fs.existsSync(path.join(bin, process.platform === 'win32' ? 'cargo.exe' : 'cargo'))) {
    process.env.PATH = bin + path.delimiter + (process.env.PATH || '');
  }
}

/** The linker's name, null when there is none, '' where rustc finds it alone. */
function findLinker() {
  if (process.platform === 'win32') return '';
  const configured = Object.keys(process.env).find((name) => /^CARGO_TARGET_.*_LINKER$/.test(name));
  if (configured) return process.env[configured] || '';
  const found = ['cc', 'gcc', 'clang'].find((tool) => {
    const result = spawnSync(tool, ['--version'], { stdio: 'ignore' });
    return !result.error && result.status === 0;
  });
  return found || null;
}

function cargoEnv(tools) {
  const env = Object.assign({}, process.env);
  const linker = tools ? tools.linker : 'cc';
  if (linker === 'gcc' || linker === 'clang') {
    const host = spawnSync('rustc', ['-vV'], { cwd: root, encoding: 'utf8' });
    const match = /^host: (\S+)/m.exec(host.stdout || '');
    if (match) env[`CARGO_TARGET_${match[1].toUpperCase().replace(/-/g, '_')}_LINKER`] = linker;
  }
  // A static C library makes no dynamic libraries, which is musl's default.
  if (isMusl() && !env.RUSTFLAGS) env.RUSTFLAGS = '-C target-feature=-crt-static';
  return env;
}

function isMusl() {
  if (process.platform !== 'linux') return false;
  return !process.report.getReport().header.glibcVersionRuntime;
}

function builtLibrary(messages) {
  const files = [];
  for (const line of messages.split('\n')) {
    if (!line.startsWith('{')) continue;
    const message = JSON.parse(line);
    if (message.reason === 'compiler-artifact' && message.target.name === CRATE) {
      files.push(...message.filenames.filter((file) => /\.(so|dylib|dll)$/.test(file)));
    }
  }
  return files.pop();
}

/** Replaces `target` in one step: a process that has it loaded keeps the old one. */
function replaceFile(source, target) {
  const bytes = fs.readFileSync(source);
  if (statOr(target) && fs.readFileSync(target).equals(bytes)) return false;
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    fs.writeFileSync(temporary, bytes, { mode: 0o755 });
    fs.renameSync(temporary, target);
  } catch (error) {
    if (statOr(temporary)) fs.unlinkSync(temporary);
    throw error;
  }
  return true;
}

function resolvesTo(link, target) {
  try {
    return fs.realpathSync(link) === fs.realpathSync(target);
  } catch (_) {
    return false;
  }
}

function statOr(file) {
  try {
    return fs.lstatSync(file);
  } catch (_) {
    return null;
  }
}

function readOr(file, fallback) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (_) {
    return fallback;
  }
}

function compareVersions(a, b) {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] || 0) - (right[i] || 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

module.exports = {
  root,
  ADDON_ONLY,
  ALIAS,
  SetupError,
  setup,
  checkNode,
  checkTools,
  cargoEnv,
  installModules,
  linkAlias,
  buildAddon,
  replaceFile,
  run,
  npm,
  npmScript,
  platformName,
  runMain,
  ending,
};

if (require.main === module) {
  runMain(() => setup({ modules: !process.argv.includes('--build') }));
}
