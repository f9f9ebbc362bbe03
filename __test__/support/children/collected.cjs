'use strict';

// N16: requests while the collector runs all the time. What is freed too early
// shows under AddressSanitizer, what is freed too late in the memory at the end.

const os = require('os');
const path = require('path');

const { SmartIpc } = require('../../..');

const REQUESTS = Number(process.argv[2] || 10_000);
const GC_EVERY = 100;
/** Noise of the allocator, whatever the number of requests. */
const GROWTH = 64 * 1024 * 1024;

async function main() {
  const socketPath = path.join(os.tmpdir(), `collected-${process.pid}.sock`);
  const server = SmartIpc.createServer({ id: 'collected', socketPath });
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = SmartIpc.createClient({ id: 'collected', socketPath, clientOnly: true });
  await client.connect();
  let half = 0;
  for (let done = 0; done < REQUESTS; done += GC_EVERY) {
    const batch = Array.from({ length: GC_EVERY }, (_, at) => ({ number: done + at, text: 'ä'.repeat(at), bytes: Buffer.alloc(at, at) }));
    const answers = batch.map((payload) => client.request('echo', payload));
    global.gc();
    for (const [at, answer] of (await Promise.all(answers)).entries()) {
      if (answer.number !== done + at || answer.text.length !== at) throw new Error(`the answer to ${done + at} is another's`);
    }
    if (half === 0 && done >= REQUESTS / 2) half = process.memoryUsage().rss;
  }
  await client.disconnect();
  await server.stop();
  const growth = process.memoryUsage().rss - half;
  console.log(`${REQUESTS} requests; memory has changed by ${growth} bytes in the second half`);
  if (growth > GROWTH) throw new Error('memory grows');
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
