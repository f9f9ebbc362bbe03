// Sends small messages in one turn, which are collected, and does not live to see the end of
// it: config { scenario, socketPath, count }.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { SmartIpc } from '@push.rocks/smartipc';

const { config, report } = isMainThread ? await import('./report.mjs') : workerData;
const { scenario, socketPath, count } = config;

async function sendAll() {
  const client = SmartIpc.createClient({ id: 'collecting', socketPath, clientOnly: true });
  await client.connect();
  for (let number = 0; number < count; number++) client.sendMessage('note', { number });
  return client;
}

const scenarios = {
  'process.exit()': async () => {
    await sendAll();
    process.exit(0);
  },
  'a listener of exit sends more': async () => {
    const client = await sendAll();
    process.on('exit', () => {
      for (let number = count; number < 2 * count; number++) client.sendMessage('note', { number });
    });
    process.exit(0);
  },
  'an uncaught exception': async () => {
    const client = await sendAll();
    client.sendMessage('note', { number: count });
    process.on('uncaughtException', () => process.exit(0));
    queueMicrotask(() => {
      throw new Error('uncaught');
    });
  },
  'disconnect()': async () => {
    const client = await sendAll();
    await client.disconnect();
  },
  'a thread that is ended': async () => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { config: { ...config, scenario: 'busy for ever' } } });
    worker.on('message', async () => {
      await worker.terminate();
      report('ended');
    });
  },
  'busy for ever': async () => {
    await sendAll();
    parentPort.postMessage('sent');
    for (;;);
  },
};

await scenarios[scenario]();
