'use strict';

// Starts a Node of another platform on this machine.

const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');

const { STORE, debian, muslLoader, nodeOf, wine } = require('./fetch.js');

/**
 * @typedef {object} Runner
 * @property {string} title as in the table
 * @property {string} command
 * @property {Record<string, string>} env
 * @property {boolean} interop whether this machine's Node can be its peer
 */

/**
 * What runs scripts on a line of Node of a platform; fetches what it needs.
 *
 * @param {string} platform
 * @param {string} line
 * @param {string} by
 * @returns {Runner}
 */
function runnerOf(platform, line, by) {
  if (by === 'native') return { title: `Node ${process.versions.node}`, command: process.execPath, env: {}, interop: false };
  if (by === 'wine') return underWine(platform, line);
  if (by === 'qemu') return underQemu(platform, line);
  return { title: `musl Node ${line}`, command: nodeOf(line, platform), env: {}, interop: true };
}

function underWine(platform, line) {
  const node = nodeOf(line, platform);
  const { program, env } = wine();
  const command = script(`${platform}-${line}`, `exec ${quoted(program)} ${quoted(node)} "$@"`);
  return { title: `node.exe ${line} (wine)`, command, env: { ...env, SMARTIPC_SLOWDOWN: '2' }, interop: false };
}

function underQemu(platform, line) {
  const musl = platform.endsWith('musl');
  debian('qemu-aarch64-static', 'qemu-user-static');
  // These packages are the libraries of an arm64 system.
  if (!musl) debian('/usr/aarch64-linux-gnu/lib/libstdc++.so.6', 'libc6-arm64-cross', 'libstdc++6-arm64-cross');
  const libraries = musl ? muslLoader('arm64') : '/usr/aarch64-linux-gnu';
  const node = nodeOf(line, platform);
  const name = `${platform}-${line}`;
  const command = path.join(STORE, 'run', name);
  // The kernel can't start an arm64 program: a Node that starts another one has to
  // start qemu.
  const preload = path.join(STORE, 'run', `${name}.cjs`);
  fs.mkdirSync(path.dirname(preload), { recursive: true });
  fs.writeFileSync(preload, `process.execPath = process.argv[0] = ${JSON.stringify(command)};\n`);
  script(name, `exec qemu-aarch64-static -L ${quoted(libraries)} ${quoted(node)} -r ${quoted(preload)} "$@"`);
  // A processor without pointer authentication, which is emulated bit by bit: Node 18
  // would take 13 s to start.
  const env = { QEMU_CPU: 'cortex-a72', SMARTIPC_SLOWDOWN: '4' };
  return { title: `arm64${musl ? ' musl' : ''} Node ${line} (qemu)`, command, env, interop: true };
}

function script(name, line) {
  const file = path.join(STORE, 'run', name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  return file;
}

function quoted(text) {
  return `'${text.replace(/'/g, "'\\''")}'`;
}

/**
 * Runs a command to its end. Its output goes to files, for under wine a Node can't
 * write to pipes that are not Windows' own.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd: string, env: Record<string, string | undefined>, limit: number }} options
 * @returns {Promise<{ output: string, errors: string, status: number | null, signal: string | null }>}
 */
function runToFiles(command, args, { cwd, env, limit }) {
  const folder = fs.mkdtempSync(path.join(STORE, 'output-'));
  const [out, err] = ['out', 'err'].map((name) => fs.openSync(path.join(folder, name), 'w'));
  const read = (name) => fs.readFileSync(path.join(folder, name), 'utf8');
  return new Promise((resolve) => {
    // A group of its own: what a hanging emulator has started goes with it.
    const group = process.platform !== 'win32';
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', out, err], detached: group });
    const kill = () => (group && child.pid ? process.kill(-child.pid, 'SIGKILL') : child.kill('SIGKILL'));
    const timer = setTimeout(kill, limit);
    const end = (status, signal, said = '') => {
      clearTimeout(timer);
      fs.closeSync(out);
      fs.closeSync(err);
      const result = { output: read('out').replace(/\r\n/g, '\n'), errors: read('err') + said, status, signal };
      fs.rmSync(folder, { recursive: true });
      resolve(result);
    };
    child.once('error', (error) => end(127, null, error.message));
    child.once('exit', (status, signal) => end(status, signal));
  });
}

module.exports = { runToFiles, runnerOf };
