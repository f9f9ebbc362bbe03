// A server that tells what it takes: config { socketPath, maxClients }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';
import measure from './measure.cjs';

const server = SmartIpc.createServer({ id: 'idle', ...config });
server.onMessage('rss', () => measure.residentAfterGc());
await server.start();
// One that comes and goes, for what only the first one costs.
const first = SmartIpc.createClient({ id: 'idle', socketPath: config.socketPath });
await first.request('rss', {});
await first.disconnect();
report('ready', { rss: await measure.residentAfterGc() });
