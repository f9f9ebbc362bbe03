// Starts and ends threads that use the library: config { scenario, directory, rounds, workers, seed }.
import path from 'path';
import { fileURLToPath } from 'url';
import { Worker } from 'worker_threads';
import { config, report } from './report.mjs';
import measure from './measure.cjs';

const { directory, rounds, workers, seed } = config;
const script = fileURLToPath(new URL('./traffic-worker.mjs', import.meta.url));
const random = measure.randomFrom(seed);
let started = 0;

function startWorker(data) {
  const socketPath = path.join(directory, `${started++}.sock`);
  const worker = new Worker(script, { workerData: { socketPath, clients: 3, ...data } });
  const failed = new Promise((_resolve, reject) => worker.on('error', reject));
  const working = new Promise((resolve) => worker.once('message', resolve));
  const exited = new Promise((resolve) => worker.on('exit', resolve));
  failed.catch(() => {});
  return {
    socketPath,
    worker,
    working: Promise.race([working, failed]),
    exited: Promise.race([exited, failed]),
  };
}

/** Ends a thread at a random moment: while it starts, or in traffic. */
async function endSometime({ worker, exited }) {
  const millis = random() * 150;
  if (millis > 5) await new Promise((resolve) => setTimeout(resolve, millis));
  await worker.terminate();
  await exited;
}

const scenarios = {
  'beside the main thread': async () => {
    const { SmartIpc } = await import('@push.rocks/smartipc');
    const mainPath = path.join(directory, 'main.sock');
    const server = SmartIpc.createServer({ id: 'main', socketPath: mainPath });
    for (const type of ['echo', 'later']) server.onMessage(type, (payload) => payload);
    server.on('error', () => {});
    await server.start();
    const client = SmartIpc.createClient({ id: 'main', socketPath: mainPath, clientId: 'own' });
    await client.connect();
    let served = 0;
    let stopped = false;
    const serving = (async () => {
      for (; !stopped; served++) {
        const nonce = Math.random();
        const answer = await client.request('echo', { nonce });
        if (answer.nonce !== nonce) throw new Error('a wrong answer');
        if (served % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    let most = 0;
    let baseline;
    for (let round = 0; round < rounds; round++) {
      const all = Array.from({ length: workers }, () => startWorker({ mainPath }));
      if (round % 2 === 0) await Promise.all(all.map(({ working }) => working));
      most = Math.max(most, (measure.ownThreads() || []).length);
      const before = served;
      await Promise.all(all.map(endSometime));
      if (served === before) throw new Error('the main thread stood still');
      await client.request('echo', { round });
      // The threads' connections are let go of by the I/O thread.
      while (server.getStats().connectedClients > 1) await new Promise((resolve) => setImmediate(resolve));
      // Node opens something of its own with the first threads.
      if (round === 0) baseline = measure.descriptors();
    }
    stopped = true;
    await serving;
    // The last sockets may still be closing.
    const until = Date.now() + 5000;
    while (measure.descriptors() > baseline && Date.now() < until) await new Promise((resolve) => setImmediate(resolve));
    const descriptors = measure.descriptors();
    report('served', { served, most, baseline, descriptors });
    await client.disconnect();
    await server.stop();
    report('threads', { names: measure.ownThreads() });
  },

  'only in threads': async () => {
    let most = 0;
    for (let round = 0; round < rounds; round++) {
      const leave = ['in order', 'process.exit', undefined][round % 3];
      const count = round % 2 ? 1 : 3;
      const all = Array.from({ length: count }, () => startWorker({ leave }));
      if (leave) await Promise.all(all.map(({ exited }) => exited));
      else {
        await Promise.all(all.map(({ working }) => working));
        most = Math.max(most, (measure.ownThreads() || []).length);
        await Promise.all(all.map(endSometime));
      }
      const names = measure.ownThreads();
      if (names && names.length > 0) throw new Error(`threads left after round ${round}: ${names}`);
    }
    // The main thread lives on, with work that moves what was unloaded or freed.
    let sum = 0;
    for (let turn = 0; turn < 50; turn++) {
      const rest = Array.from({ length: 10_000 }, (_, index) => ({ index, turn }));
      sum += rest.length;
      globalThis.gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
    report('lived on', { most, sum, descriptors: measure.descriptors() });
  },

  'many endpoints': async () => {
    const { SmartIpc } = await import('@push.rocks/smartipc');
    const endpoints = [];
    for (let number = 0; number < workers; number++) {
      const socketPath = path.join(directory, `many-${number}.sock`);
      const server = SmartIpc.createServer({ id: 'many', socketPath, autoCleanupSocketFile: true });
      server.onMessage('echo', (payload) => payload);
      await server.start();
      const clients = Array.from({ length: 3 }, () => SmartIpc.createClient({ id: 'many', socketPath }));
      await Promise.all(clients.map((client) => client.request('echo', number)));
      endpoints.push({ server, clients });
    }
    report('open', { names: measure.ownThreads() });
    await Promise.all(endpoints.flatMap(({ clients }) => clients.map((client) => client.disconnect())));
    await Promise.all(endpoints.map(({ server }) => server.stop()));
  },
};

await scenarios[config.scenario]();
report('finished');
