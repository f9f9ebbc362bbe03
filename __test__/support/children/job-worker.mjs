// A worker process that reports a finished job without connecting first: config { socketPath, jobId, numbers }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const worker = SmartIpc.createClient({
  id: 'foreman',
  socketPath: config.socketPath,
  clientId: `worker-${process.pid}`,
});

await worker.sendMessage('job-done', {
  jobId: config.jobId,
  total: config.numbers.reduce((sum, number) => sum + number, 0),
});
report('sent', { pid: process.pid });
await worker.disconnect();
