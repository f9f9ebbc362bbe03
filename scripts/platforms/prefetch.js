'use strict';

// The Nodes of platforms, fetched all at once: each is some 50 MB, from a registry that
// takes its time. Whatever goes wrong goes wrong again, and is reported, where that Node
// is needed.

const { spawn } = require('child_process');

const { NotFetched, debian, muslLoader, nodeOf } = require('./fetch.js');
const { PLATFORMS } = require('./list.js');

/** @param {string[]} platforms */
async function prefetchNodes(platforms) {
  const wanted = platforms.flatMap((platform) => {
    const { by = 'native', nodes = [] } = PLATFORMS[platform].run || {};
    return by === 'native' ? [] : nodes.map((line) => [line, platform]);
  });
  try {
    // Of these there is one for all, and one apt at a time.
    if (wanted.some(([, platform]) => platform.endsWith('musl'))) muslLoader('x64');
    if (wanted.some(([, platform]) => platform === 'linux-x64-musl')) debian('patchelf', 'patchelf');
  } catch (error) {
    if (!(error instanceof NotFetched)) throw error;
    return;
  }
  await Promise.all(wanted.map((one) => inProcess(one)));
}

/** Fetching is synchronous: at once means in processes. */
function inProcess(args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [__filename, ...args], { stdio: 'ignore' });
    child.once('error', resolve);
    child.once('exit', resolve);
  });
}

if (require.main === module) nodeOf(process.argv[2], process.argv[3]);

module.exports = { prefetchNodes };
