// Does jobs until the boss has gone. Run it with: node worker.mjs [socket path] [ms per job]
import { SmartIpc } from '@push.rocks/smartipc';

const client = SmartIpc.createClient({
  id: 'jobs',
  socketPath: process.argv[2] || '/tmp/job-workers.sock',
  clientId: `worker-${process.pid}`,
  connectRetry: { enabled: true, totalTimeout: 10000 },
  autoReconnect: false,
});
const pause = Number(process.argv[3] || 100);

// Before connecting, so that no job comes too early.
client.onMessage('job', async ({ number }) => {
  console.log(`job ${number}`);
  await new Promise((resolve) => setTimeout(resolve, pause));
  return { square: number * number };
});
client.on('disconnect', (reason) => console.log(`the boss has gone (${reason})`));

await client.connect();
