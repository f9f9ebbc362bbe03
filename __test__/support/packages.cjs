'use strict';

// The packages as users get them: packed, and installed into empty projects.

const { execFile, spawnSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const { packAll } = require('../../scripts/pack.js');
const { npmScript, platformName } = require('../../scripts/setup.js');

const PLATFORM_PACKAGE = `smartipc-native-${platformName()}`;
const ALIAS = '@push.rocks/smartipc';

/** A folder that is removed when the tests of this file are over. */
function temporary(test) {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ipc-pack-')));
  test.after.always(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The tarballs of package and platform, made by the script that makes those to publish. */
function tarballs(folder) {
  const [main, platform] = packAll(folder);
  return { main, platform };
}

/** The files of a tarball, sorted, without npm's folder around them. */
function filesOf(tarball) {
  const { stdout, status, stderr } = spawnSync('tar', ['-tzf', tarball], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim().split('\n').map((file) => file.replace(/^package\//, '')).sort();
}

/** A folder with nothing in it but node: what is run there finds no compiler and no shell tools. */
function binFolder(folder) {
  const bin = path.join(folder, 'bin');
  fs.mkdirSync(bin, { recursive: true });
  const node = path.join(bin, path.basename(process.execPath));
  if (!fs.existsSync(node)) fs.symlinkSync(process.execPath, node);
  return bin;
}

/** Runs a program to its end: `{ code, stdout, stderr }`. */
function runToEnd(file, args, options) {
  return new Promise((resolve) => {
    execFile(file, args, { encoding: 'utf8', timeout: 60000, ...options }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code || error.signal : 0, stdout, stderr });
    });
  });
}

/** An empty project of a user, without network, compiler or npm cache. */
class Project {
  constructor(folder, name) {
    this.folder = path.join(folder, name);
    fs.mkdirSync(this.folder);
    this.env = { ...process.env, PATH: binFolder(folder), npm_config_cache: path.join(folder, 'cache') };
    for (const variable of Object.keys(this.env)) {
      if (/^(NODE_OPTIONS|NODE_PATH|SMARTIPC_\w+|CARGO\w*|RUST\w*|CC|CXX|npm_(?!config_cache).*)$/.test(variable)) delete this.env[variable];
    }
    this.write('package.json', JSON.stringify({ name, private: true }));
  }

  write(file, text) {
    const at = path.join(this.folder, file);
    fs.mkdirSync(path.dirname(at), { recursive: true });
    fs.writeFileSync(at, text);
    return at;
  }

  /** npm install, of tarballs only. */
  install(...packages) {
    // By our own Node: npm's launcher would look for one on the PATH.
    const args = [npmScript(), 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', ...packages];
    return runToEnd(process.execPath, args, { cwd: this.folder, env: this.env });
  }

  /** Puts a package where npm would, from its tarball. */
  unpack(tarball, name) {
    const target = path.join(this.folder, 'node_modules', name);
    fs.mkdirSync(target, { recursive: true });
    const { status, stderr } = spawnSync('tar', ['-xzf', tarball, '-C', target, '--strip-components=1'], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return target;
  }

  /** Runs a script of the project. */
  node(file, args = [], env = {}) {
    return runToEnd(process.execPath, [path.join(this.folder, file), ...args], { cwd: this.folder, env: { ...this.env, ...env } });
  }

  /** What `require` of the package throws, as JSON of its properties. */
  async requireError(env = {}, before = '') {
    const script = `${before}
      try { require('${ALIAS}'); console.log('{}'); }
      catch (error) { console.log(JSON.stringify({ code: error.code, message: error.message, cause: error.cause && error.cause.message })); }`;
    this.write('load.cjs', script);
    const { stdout, stderr } = await this.node('load.cjs', [], env);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout);
  }
}

module.exports = { ALIAS, PLATFORM_PACKAGE, Project, filesOf, tarballs, temporary };
