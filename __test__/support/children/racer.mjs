// Waits for the starting gun, then tries to be the server of a path; the winner
// serves until it is killed: config { gun }. The gun is a plain socket: it says
// a line with { socketPath, cleanup } and hears one with the outcome.
import net from 'net';
import readline from 'readline';
import { SmartIpc } from '@push.rocks/smartipc';
import { config } from './report.mjs';

const gun = net.connect(config.gun);
const say = (line) => gun.write(`${JSON.stringify(line)}\n`);
gun.on('close', () => process.exit(0));

readline.createInterface({ input: gun }).on('line', async (line) => {
  const { socketPath, cleanup } = JSON.parse(line);
  const server = SmartIpc.createServer({ id: 'race', socketPath, autoCleanupSocketFile: cleanup });
  server.onMessage('who', () => ({ pid: process.pid }));
  try {
    await server.start();
    say({ won: true, pid: process.pid });
  } catch (error) {
    say({ won: false, pid: process.pid, code: error.code, message: error.message, ready: server.getIsReady() });
  }
});
say({ ready: true, pid: process.pid });
