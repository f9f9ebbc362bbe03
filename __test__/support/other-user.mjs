// Programs that run as another user, and folders that both can enter.

import { spawnSync } from 'child_process';
import fs from 'fs';
import path from 'path';
import { notRun } from './conformance.mjs';
import { startChild, tempDir } from './helpers.cjs';

/** The user and group `nobody`. */
export const NOBODY = 65534;
/** A group that `nobody` is not in by itself. */
export const GUESTS = 64999;

/** Why nobody else's programs can be run here, if they can't. */
export const missing = findMissing();

function findMissing() {
  if (process.getuid === undefined || process.getuid() !== 0) return 'needs root';
  const node = [process.execPath, '-e', 'require(process.argv[1])', path.resolve('index.js')];
  const { error, status } = spawnSync('setpriv', [...as(), ...node], { stdio: 'ignore' });
  if (error) return 'needs setpriv';
  return status === 0 ? undefined : 'another user cannot read this checkout';
}

function as({ uid = NOBODY, gid = NOBODY, groups = [] } = {}) {
  const others = groups.length > 0 ? `--groups=${groups.join(',')}` : '--clear-groups';
  return [`--reuid=${uid}`, `--regid=${gid}`, others];
}

/**
 * Runs a program of `support/children` as another user.
 *
 * @param {import('ava').ExecutionContext<any>} t
 * @param {string} name
 * @param {object} config
 * @param {{ uid?: number, gid?: number, groups?: number[] }} [who]
 */
export function startAs(t, name, config, who) {
  return startChild(t, name, config, { command: ['setpriv', ...as(who)] });
}

/**
 * A socket path in a folder that everybody may enter and nobody else may change.
 *
 * @param {import('ava').ExecutionContext<any>} t
 */
export function openSocket(t) {
  const folder = tempDir(t);
  fs.chmodSync(folder, 0o755);
  return path.join(folder, 'open.sock');
}

/**
 * A test that runs programs of another user.
 *
 * @param {(t: import('ava').ExecutionContext<any>) => any} run
 */
export function withOtherUser(run) {
  return (t) => (missing === undefined ? run(t) : notRun(t, missing));
}
