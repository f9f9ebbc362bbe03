// Buffers back and forth, and what V8 keeps of them: config { socketPath, rounds }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';
import measure from './measure.cjs';

const server = SmartIpc.createServer({ id: 'external', socketPath: config.socketPath });
server.onMessage('echo', (payload) => payload);
await server.start();
const client = SmartIpc.createClient({ id: 'external', socketPath: config.socketPath });
await client.connect();

async function run(rounds) {
  for (let round = 0; round < rounds; round++) {
    await Promise.all(Array.from({ length: 16 }, () => client.request('echo', Buffer.alloc(256 * 1024, round))));
  }
  await measure.residentAfterGc();
  return process.memoryUsage().external;
}

const before = await run(2);
report('external', { before, after: await run(config.rounds) });
await client.disconnect();
await server.stop();
