'use strict';

// A limit for the memory of this process and those it starts, by a control group
// of either version. Needs root, or a group that we may write to.

const fs = require('fs');
const path = require('path');

const ROOT = '/sys/fs/cgroup';
const VERSIONS = [
  { root: path.join(ROOT, 'memory'), limit: 'memory.limit_in_bytes', peak: 'memory.max_usage_in_bytes', kills: 'memory.oom_control' },
  { root: ROOT, limit: 'memory.max', peak: 'memory.peak', kills: 'memory.events' },
];

/**
 * Puts this process into a group of its own.
 *
 * @param {number} mebibytes
 * @returns {{ peak(): number, kills(): number, leave(): void }} the most that was in use, in
 *   bytes; how often the kernel has killed one of us for want of memory; the way out
 */
function limitMemory(mebibytes) {
  const failures = [];
  for (const version of VERSIONS) {
    const group = path.join(version.root, `soak-${process.pid}`);
    try {
      if (!fs.existsSync(path.join(version.root, 'cgroup.procs'))) throw new Error(`no ${version.root}`);
      fs.mkdirSync(group);
      try {
        fs.writeFileSync(path.join(group, version.limit), String(mebibytes * 1024 * 1024));
        fs.writeFileSync(path.join(group, 'cgroup.procs'), String(process.pid));
      } catch (error) {
        fs.rmdirSync(group);
        throw error;
      }
      return inside(version, group);
    } catch (error) {
      failures.push(error.message);
    }
  }
  throw new Error(`no control group: ${failures.join('; ')}`);
}

function inside(version, group) {
  const read = (file) => fs.readFileSync(path.join(group, file), 'utf8');
  return {
    peak: () => Number(read(version.peak)),
    kills: () => Number((/^oom_kill (\d+)$/m.exec(read(version.kills)) || ['', 0])[1]),
    leave() {
      fs.writeFileSync(path.join(version.root, 'cgroup.procs'), String(process.pid));
      fs.rmdirSync(group);
    },
  };
}

module.exports = { limitMemory };
