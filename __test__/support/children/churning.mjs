// Comes and goes, or starts and stops, many times, and tells what it holds
// before and after: config { scenario, socketPath, rounds }. Needs --expose-gc.
import fs from 'fs';
import path from 'path';
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';
import measure from './measure.cjs';

const { socketPath, rounds } = config;
const newClient = (options) => SmartIpc.createClient({ id: 'churn', socketPath, ...options });
const newServer = (options) => SmartIpc.createServer({ id: 'churn', socketPath, ...options });

/** What this process and the server's hold; asked over a connection both times. */
async function holdings() {
  const observer = newClient({ clientId: 'observer' });
  const rss = await measure.residentAfterGc();
  const server = await observer.request('holdings');
  const own = { rss, descriptors: measure.descriptors(), threads: measure.threads().length };
  await observer.disconnect();
  return { own, server };
}

/** Reports at the beginning, at a fifth and at the end. */
async function measured(visit) {
  report('begun');
  for (let round = 0; round < 20; round++) await visit(round);
  report('baseline', await holdings());
  for (let round = 20; round < rounds; round++) {
    await visit(round);
    if (round + 1 === Math.floor(rounds / 5)) report('warm', await holdings());
  }
  report('end', await holdings());
  const client = newClient();
  await client.sendMessage('quit');
  await client.disconnect();
}

function check(truth, what) {
  if (!truth) throw new Error(what);
}

const reason = (promise) => promise.then(() => 'done', (error) => error.code);

/** A client in use must be one, or be none at all; then connecting works. */
async function isConsistent(client, what) {
  const answer = await reason(client.request('echo', what));
  if (client.getIsConnected()) check(answer === 'done', `${what}: connected, but ${answer}`);
  check(client.getIsConnected() === client.getStats().connected, `${what}: two opinions`);
  await client.connect();
  check(client.getIsConnected(), `${what}: not connected after connect()`);
  check((await client.request('echo', what)) === what, `${what}: a wrong answer`);
}

const scenarios = {
  // The server that the visitors come to.
  server: async () => {
    const server = newServer();
    server.onMessage('echo', (payload) => payload);
    server.onMessage('holdings', async () => ({
      rss: await measure.residentAfterGc(),
      descriptors: measure.descriptors(),
      threads: measure.threads().length,
      stats: server.getStats(),
    }));
    server.onMessage('quit', () => {
      setImmediate(() => server.stop());
    });
    await server.start();
    report('ready');
  },

  'new clients': () =>
    measured(async (round) => {
      const client = newClient();
      await client.connect();
      await client.subscribe(`topic.${round % 50}`, () => {});
      check((await client.request('echo', round)) === round, 'a wrong answer');
      await client.disconnect();
    }),

  'one client': async () => {
    const client = newClient({ clientId: 'regular' });
    await measured(async (round) => {
      await client.connect();
      check((await client.request('echo', round)) === round, 'a wrong answer');
      await client.disconnect();
    });
  },

  'start, stop, start': async () => {
    const directory = path.dirname(socketPath);
    const lock = `${path.basename(socketPath)}.lock`;
    const server = newServer();
    server.onMessage('echo', (payload) => payload);
    const files = () => fs.readdirSync(directory).sort().join();
    let before;
    for (let round = 0; round < rounds; round++) {
      // Every other time another server takes over.
      const present = round % 2 ? server : newServer();
      if (present !== server) present.onMessage('echo', (payload) => payload);
      await present.start();
      check(files() === `${path.basename(socketPath)},${lock}`, `while serving: ${files()}`);
      const client = newClient({ autoReconnect: false });
      check((await client.request('echo', round)) === round, 'a wrong answer');
      if (round % 3) await client.disconnect();
      await present.stop();
      if (round % 3 === 0) await client.disconnect();
      check(files() === lock, `after stopping: ${files()}`);
      if (round === 1) before = measure.descriptors();
    }
    report('stopped', { before, after: measure.descriptors() });
  },

  'start twice': async () => {
    for (let round = 0; round < rounds; round++) {
      const server = newServer();
      let starts = 0;
      server.on('start', () => starts++);
      server.onMessage('echo', (payload) => payload);
      await Promise.all([server.start(), server.start(), server.start()]);
      await server.start();
      check(starts === 1 && server.getIsReady(), `${starts} starts`);
      const client = newClient({ autoReconnect: false });
      check((await client.request('echo', round)) === round, 'a wrong answer');
      await client.disconnect();
      await server.stop();
    }
  },

  'stop twice': async () => {
    const server = newServer();
    let stops = 0;
    server.on('stop', () => stops++);
    for (let round = 1; round <= rounds; round++) {
      await server.start();
      await Promise.all([server.stop(), server.stop(), server.stop()]);
      await server.stop();
      check(stops === round && !server.getIsReady(), `${stops} stops in round ${round}`);
      check(!fs.existsSync(socketPath), 'the file is still there');
    }
  },

  'stop during start': async () => {
    const server = newServer();
    server.onMessage('echo', (payload) => payload);
    for (let round = 0; round < rounds; round++) {
      const starting = reason(server.start());
      if (round % 2) await new Promise((resolve) => setImmediate(resolve));
      const stopping = reason(server.stop());
      const again = round % 3 === 0 ? reason(server.start()) : undefined;
      const outcomes = [await starting, await stopping, await again];
      check(outcomes[1] === 'done', `stop(): ${outcomes[1]}`);
      check(server.getIsReady() === server.getStats().isRunning, 'two opinions');
      // Whatever the order was: from here it goes as it should.
      await server.stop();
      check(!server.getIsReady() && !fs.existsSync(socketPath), `not stopped after ${outcomes}`);
      await server.start();
      check(server.getIsReady() && server.address() === socketPath, 'not started');
      const client = newClient({ autoReconnect: false });
      check((await client.request('echo', round)) === round, 'a wrong answer');
      await client.disconnect();
      await server.stop();
    }
  },

  'connect during disconnect': async () => {
    const client = newClient({ clientId: 'hasty' });
    for (let round = 0; round < rounds; round++) {
      await client.connect();
      if (round % 3 === 0) client.request('echo', round).catch(() => {});
      const leaving = reason(client.disconnect());
      if (round % 2) await new Promise((resolve) => setImmediate(resolve));
      const coming = reason(client.connect());
      check((await leaving) === 'done', `disconnect(): ${await leaving}`);
      check((await coming) === 'done', `connect(): ${await coming}`);
      check(client.getIsConnected(), 'not connected after connect()');
      await isConsistent(client, `round ${round}`);
      await client.disconnect();
      check(!client.getIsConnected(), 'still connected');
    }
  },

  'disconnect during connect': async () => {
    for (let round = 0; round < rounds; round++) {
      const client = newClient({ clientId: `${round % 2 ? 'hasty' : round}` });
      const coming = reason(client.connect());
      for (let turn = 0; turn < round % 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      const asked = round % 3 ? undefined : reason(client.request('echo', round));
      const leaving = reason(client.disconnect());
      check((await leaving) === 'done', `disconnect(): ${await leaving}`);
      check(!client.getIsConnected(), 'connected after disconnect()');
      const outcome = await coming;
      check(outcome === 'done' || outcome === 'IPC_ERR_DISCONNECTED', `connect(): ${outcome}`);
      await asked;
      await isConsistent(client, `round ${round}`);
      await client.disconnect();
    }
  },

  'everything at once': async () => {
    const client = newClient({ clientId: 'mad' });
    const random = measure.randomFrom(config.seed);
    for (let round = 0; round < rounds; round++) {
      const calls = Array.from({ length: 8 }, async () => {
        const draw = random();
        if (draw > 0.5) await new Promise((resolve) => setTimeout(resolve, random() * 3));
        if (draw % 0.1 < 0.05) await reason(client.connect());
        else if (draw % 0.1 < 0.08) await reason(client.disconnect());
        else await reason(client.request('echo', round));
      });
      await Promise.all(calls);
      await isConsistent(client, `round ${round}`);
    }
    await client.disconnect();
  },
};

process.on('unhandledRejection', (error) => {
  report('unhandledRejection', { message: String(error && error.message) });
  process.exit(9);
});
await scenarios[config.scenario]();
report('finished');
