'use strict';

// What the endurance and lifecycle tests count and draw, in the tests and in
// their child programs alike.

const fs = require('fs');

/** What has to happen promptly gets this long. */
const PROMPTLY = 1000;

/**
 * How often to repeat: the environment's number, or a small one.
 *
 * @param {string} name
 * @param {number} fallback
 * @returns {number}
 */
function rounds(name, fallback) {
  const given = Number(process.env[`SMARTIPC_${name}`]);
  return Number.isInteger(given) && given > 0 ? given : fallback;
}

/**
 * Numbers from 0 to 1 that are the same for the same seed (mulberry32).
 *
 * @param {number} seed
 * @returns {() => number}
 */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of this run, to be named when it fails. */
function seed() {
  return rounds('SEED', 1 + (Date.now() % 1e6));
}

/** Whether the system tells what a process has open. */
const hasProc = process.platform === 'linux';

/**
 * Open descriptors of a process; undefined where the system does not tell.
 * Programs don't count: Node leaves the one open that a thread was reading
 * when it was terminated.
 *
 * @param {number | 'self'} pid
 * @returns {number | undefined}
 */
function descriptors(pid = 'self') {
  if (!hasProc) return undefined;
  const targets = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => target(`/proc/${pid}/fd/${fd}`));
  return targets.filter((file) => file !== undefined && !/\.[cm]?js$/.test(file)).length;
}

function target(link) {
  try {
    return fs.readlinkSync(link);
  } catch (error) {
    // The one that was open for listing them.
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The library's threads in a process, by name; undefined where the system does not tell.
 *
 * @param {number | 'self'} pid
 * @returns {string[] | undefined}
 */
function ownThreads(pid = 'self') {
  if (!hasProc) return undefined;
  return threads(pid).filter((name) => name.startsWith('smartipc-'));
}

/**
 * The names of all threads of a process.
 *
 * @param {number | 'self'} pid
 * @returns {string[]}
 */
function threads(pid = 'self') {
  const names = [];
  for (const id of fs.readdirSync(`/proc/${pid}/task`)) {
    try {
      names.push(fs.readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8').trim());
    } catch (error) {
      // It ended between the two looks.
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    }
  }
  return names;
}

/**
 * Resident memory after everything that can go has gone. Needs `--expose-gc`.
 *
 * @returns {Promise<number>} bytes
 */
async function residentAfterGc() {
  for (let turn = 0; turn < 3; turn++) {
    /** @type {any} */ (globalThis).gc();
    // Finalizers run in turns of their own.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage().rss;
}

/** @param {number} bytes */
function mebibytes(bytes) {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

module.exports = { PROMPTLY, descriptors, hasProc, mebibytes, ownThreads, randomFrom, residentAfterGc, rounds, seed, threads };
