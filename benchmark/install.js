'use strict';

// The peers from npm, in a node_modules of their own: `npm ci`, unless it ran for this very
// lock file before. No install scripts run; zeromq brings its binaries in the package.

const { spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { npm } = require('../scripts/setup.js');

/** Returns a text when the peers could not be installed: the others can still be measured. */
function installPeers() {
  const modules = path.join(__dirname, 'node_modules');
  const stamp = path.join(modules, '.installed');
  const lock = fs.readFileSync(path.join(__dirname, 'package-lock.json'));
  const wanted = crypto.createHash('sha256').update(lock).digest('hex');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted) return undefined;
  console.error('installing the peers: npm ci in benchmark/');
  const [file, ...first] = npm();
  const args = [...first, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status, error } = spawnSync(file, args, { cwd: __dirname, stdio: ['ignore', 2, 2] });
  if (error || status !== 0) return `npm ci failed (${error?.message ?? `exit code ${status}`})`;
  fs.writeFileSync(stamp, wanted);
  return undefined;
}

module.exports = { installPeers };
