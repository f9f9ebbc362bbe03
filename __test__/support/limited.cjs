'use strict';

// limited.cjs <MiB> <program> [arguments]: runs it inside a limit of memory.

const { spawn } = require('child_process');

const { limitMemory } = require('../../scripts/soak/limit.js');

const [mebibytes, program, ...args] = process.argv.slice(2);
const group = limitMemory(Number(mebibytes));
const child = spawn(program, args, { stdio: 'inherit' });
process.on('SIGTERM', () => child.kill('SIGKILL'));
child.on('close', (code, signal) => {
  const kills = group.kills();
  group.leave();
  if (kills > 0) console.error(`killed for want of memory: ${mebibytes} MiB`);
  process.exitCode = signal === null && kills === 0 ? Number(code) : 1;
});
