'use strict';

// What a run was made with, for the report.

const { spawnSync } = require('node:child_process');
const os = require('node:os');
const path = require('node:path');
const { version } = require('../package.json');
const { versionOf } = require('./peers');

function environment({ rounds, warmup, seconds, started, loadBefore, peers, drivers }) {
  const [cpu] = os.cpus();
  return {
    'smartipc-native': [version, commit(), ...drivers].filter(Boolean).join(', '),
    'Node.js': process.version,
    peers: peers.map((name) => [name, versionOf(name)]).filter(([, found]) => found).map((pair) => pair.join(' ')).join(', '),
    machine: `${cpu?.model.trim() ?? 'unknown'}, ${os.cpus().length} cores, ${Math.round(os.totalmem() / 2 ** 30)} GiB${virtual()}`,
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    'load average': `${loadBefore} before, ${load()} after`,
    date: started.toISOString().slice(0, 16).replace('T', ' ') + ' UTC',
    method: `medians of ${rounds} rounds, each a warm-up of ${warmup} s and a window of ${seconds} s`,
  };
}

function load() {
  return os.loadavg()[0].toFixed(2);
}

function commit() {
  const git = (...args) => spawnSync('git', args, { cwd: path.join(__dirname, '..'), encoding: 'utf8' });
  const { status, stdout } = git('rev-parse', '--short', 'HEAD');
  return status === 0 ? `commit ${stdout.trim()}` : undefined;
}

/** Times of a virtual machine hold for virtual machines. */
function virtual() {
  if (process.platform !== 'linux') return '';
  const { status, stdout } = spawnSync('systemd-detect-virt', ['--vm'], { encoding: 'utf8' });
  if (status === 0) return `, virtual (${stdout.trim()})`;
  const flags = /^flags\s*:.*\bhypervisor\b/m;
  return flags.test(require('node:fs').readFileSync('/proc/cpuinfo', 'utf8')) ? ', virtual' : '';
}

module.exports = { environment, load };
