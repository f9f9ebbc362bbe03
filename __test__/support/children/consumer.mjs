// A server that takes notes and tells what they have cost: config { socketPath }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const server = SmartIpc.createServer({ id: 'consumer', socketPath: config.socketPath });
let notes = 0;
server.onMessage('note', () => void notes++);
server.onMessage('cpu', () => {
  const { user, system } = process.cpuUsage();
  return { micros: user + system, notes };
});
await server.start();
report('ready');
