// Server and clients in one process, under a load whose outcome is counted:
// config { scenario, socketPath, clients, count, size }. Needs --expose-gc.
import { createHash, randomBytes } from 'crypto';
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';
import measure from './measure.cjs';

const { scenario, socketPath, clients, count, size } = config;
const filling = 'x'.repeat(size);
let peak = 0;
const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20).unref();

async function open(options = {}) {
  const server = SmartIpc.createServer({ id: 'load', socketPath, ...options });
  server.onMessage('echo', (payload) => payload);
  server.onMessage('later', async (payload) => {
    await new Promise((resolve) => setImmediate(resolve));
    return payload;
  });
  await server.start();
  const all = Array.from({ length: clients }, () => SmartIpc.createClient({ id: 'load', socketPath, ...options }));
  await Promise.all(all.map((client) => client.connect()));
  return { server, all };
}

/** So many calls, some at a time; `call` gets the number of each. */
async function calls(number, atOnce, call) {
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < number) await call(next++);
    }),
  );
}

const scenarios = {
  /** Many clients, each with requests of its own. */
  crowd: async () => {
    const { server, all } = await open();
    const run = async (number) => {
      let wrong = 0;
      await Promise.all(
        all.map((client, owner) =>
          calls(number, 8, async (index) => {
            const answer = await client.request(index % 2 ? 'echo' : 'later', { owner, index, filling });
            if (answer.owner !== owner || answer.index !== index || answer.filling !== filling) wrong++;
          }),
        ),
      );
      return wrong;
    };
    // What the first calls allocate stays.
    await run(Math.ceil(count / 5));
    const baseline = await measure.residentAfterGc();
    const wrong = await run(count);
    return { server, all, wrong, baseline, settled: await measure.residentAfterGc() };
  },

  /** One client, many requests at once, and one-way messages beside them. */
  window: async () => {
    const { server, all } = await open();
    const seen = [];
    server.onMessage('note', ({ index }) => void seen.push(index));
    let wrong = 0;
    await calls(count, 1000, async (index) => {
      if (index % 10 === 0) all[0].sendMessage('note', { index });
      const answer = await all[0].request('echo', { index });
      if (answer.index !== index) wrong++;
    });
    await all[0].request('echo', {});
    const ordered = seen.every((index, at) => at === 0 || index > seen[at - 1]);
    return { server, all, wrong, notes: seen.length, ordered };
  },

  /** Payloads of mebibytes, many at once. */
  large: async () => {
    // The queue of a connection takes twice this much.
    const { server, all } = await open({ maxMessageSize: 40 * 1024 * 1024 });
    const baseline = await measure.residentAfterGc();
    const bytes = randomBytes(size);
    const hash = createHash('sha256').update(bytes).digest('hex');
    let wrong = 0;
    peak = 0;
    await calls(count, count, async (index) => {
      const answer = await all[index % all.length].request('echo', bytes, { timeout: 120_000 });
      if (createHash('sha256').update(answer).digest('hex') !== hash) wrong++;
      // What is measured is what this package holds, not what V8 has not collected yet.
      globalThis.gc();
    });
    return { server, all, wrong, baseline, peak };
  },
};

const { server, all, ...outcome } = await scenarios[scenario]();
clearInterval(watch);
const { metrics } = server.getStats();
report('loaded', { ...outcome, errors: metrics.errors, requestsPending: metrics.requestsPending, queuedBytes: metrics.queuedBytes });
await Promise.all(all.map((client) => client.disconnect()));
await server.stop();
