'use strict';

// Brings a pinned program from the npm registry into .setup/tools, once. Takes
// the tarball alone: no install script runs, and what is run is what was pinned.

const { spawnSync } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');

const { root, npm } = require('../setup.js');

const CACHE = path.join(root, '.setup', 'tools');

/** Why a program is not there; the message is for the summary. */
class NotFetched extends Error {}

/**
 * The path of the program, fetched if it is not there yet.
 *
 * @param {import('./list.js').Tool} tool
 * @returns {string}
 */
function fetchTool(tool) {
  const folder = path.join(CACHE, `${tool.package.replace(/\W+/g, '-').replace(/^-/, '')}-${tool.version}`);
  const file = path.join(folder, tool.file);
  if (fs.existsSync(file)) return file;

  fs.mkdirSync(CACHE, { recursive: true });
  const work = fs.mkdtempSync(path.join(CACHE, 'fetch-'));
  try {
    const tarball = download(tool, work);
    verify(tool, tarball);
    unpack(tarball, path.join(work, 'unpacked'), tool.whole ? [] : [`package/${tool.file}`]);
    if (!tool.whole) fs.chmodSync(path.join(work, 'unpacked', tool.file), 0o755);
    moveTo(path.join(work, 'unpacked'), folder, file);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
  return file;
}

function download(tool, work) {
  const name = `${tool.package}@${tool.version}`;
  const [command, ...first] = npm();
  // Offline this must not take minutes: the usual pauses between attempts are long.
  const patience = ['--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'];
  const args = [...first, 'pack', name, '--prefer-offline', '--loglevel=error', ...patience, '--pack-destination', work];
  const result = spawnSync(command, args, { cwd: work, encoding: 'utf8', timeout: 5 * 60 * 1000 });
  const tarballs = fs.readdirSync(work).filter((entry) => entry.endsWith('.tgz'));
  if (result.error || result.status !== 0 || tarballs.length !== 1) {
    const why = result.error ? result.error.message : npmError(result.stderr);
    throw new NotFetched(`npm pack ${name} failed: ${why}`);
  }
  return path.join(work, tarballs[0]);
}

function verify(tool, tarball) {
  const [algorithm] = tool.integrity.split('-');
  const found = `${algorithm}-${crypto.createHash(algorithm).update(fs.readFileSync(tarball)).digest('base64')}`;
  if (found !== tool.integrity) {
    throw new NotFetched(`${tool.package}@${tool.version} is not the package that was pinned (${found})`);
  }
}

function unpack(tarball, folder, members) {
  fs.mkdirSync(folder);
  // Not every package calls its folder "package".
  const result = spawnSync('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1', ...members], { encoding: 'utf8' });
  if (result.error || result.status !== 0) {
    throw new NotFetched(`tar could not unpack ${path.basename(tarball)}: ${result.error ? result.error.message : lastLine(result.stderr)}`);
  }
}

/** In one step, so that another run never finds half a program. */
function moveTo(unpacked, folder, file) {
  try {
    // What is there without the file is of no use.
    if (!fs.existsSync(file)) fs.rmSync(folder, { recursive: true, force: true });
    fs.renameSync(unpacked, folder);
  } catch (error) {
    // Another run may have been faster.
    if (!fs.existsSync(file)) throw error;
  }
}

/** What npm says is wrong, in one line. */
function npmError(text) {
  const lines = (text || '').split('\n').map((line) => /^npm (?:error|ERR!) (.*)/.exec(line));
  const said = lines.filter((match) => match !== null && !/^(code|errno|syscall) |complete log/.test(match[1]));
  return said.length > 0 ? said[0][1] : 'is the registry within reach?';
}

function lastLine(text) {
  return (text || '').trim().split('\n').pop();
}

module.exports = { NotFetched, fetchTool };
