// A server that tells what it holds: config { socketPath }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';
import measure from './measure.cjs';

const server = SmartIpc.createServer({ id: 'besieged', socketPath: config.socketPath });
server.on('error', () => {});
server.on('stream', (_info, readable) => readable.on('error', () => {}).resume());
server.onMessage('echo', (payload) => payload);
server.onMessage('usage', async () => {
  const rss = await measure.residentAfterGc();
  return { rss, connected: server.getStats().connectedClients, closeReasons: server.getStats().metrics.closeReasons };
});
await server.start();
report('ready');
