// A server in a process with few descriptors, which tells what it uses: config { socketPath, options }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe, report } from './report.mjs';

const server = SmartIpc.createServer({ id: 'scarce', socketPath: config.socketPath, ...config.options });
server.onMessage('echo', (payload) => payload);
server.onMessage('usage', () => ({ cpu: process.cpuUsage(), at: process.hrtime.bigint().toString() }));
server.on('error', (error) => report('error', describe(error)));
await server.start();
report('ready', { pid: process.pid });
