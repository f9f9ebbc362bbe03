'use strict';

// Builds an addon in which tests can have a bug strike at a place of their choice,
// and runs those tests with it, on both drivers:
//
//   node scripts/faults.js
//
// The addon that is in use stays as it is.

const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const { root, setup, buildAddon, runMain } = require('./setup.js');

const SUITE = '__test__/lifecycle/bugs.spec.ts';
const DRIVERS = process.platform === 'win32' ? ['tokio'] : ['loop', 'tokio'];

runMain(() => {
  const tools = setup({ build: false });
  const target = path.join(root, 'target', 'faults.node');
  fs.mkdirSync(path.dirname(target), { recursive: true });
  // Not the profile `test`: with it, `cargo rustc` would make a program of tests.
  buildAddon(tools, { flags: ['--profile', 'dev', '--features', 'faults'], target });
  const ava = path.join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
  const failed = DRIVERS.filter((driver) => {
    console.log(`\n=== ${driver} driver ===`);
    const env = Object.assign({}, process.env, { SMARTIPC_NATIVE_PATH: target, SMARTIPC_DRIVER: driver });
    const result = spawnSync(process.execPath, [ava, SUITE], { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
    return result.status !== 0;
  });
  process.exitCode = failed.length > 0 ? 1 : 0;
});
