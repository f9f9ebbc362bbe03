'use strict';

// node scripts/soak.js --minutes 30: mixed traffic between a server
// and clients in processes of their own, some of which are killed at random.
// Each minute it prints what the server and a client that stays hold, in the
// end how that grew. Fails on a wrong answer, an error, or on growth.

const { fork } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { setTimeout: sleep } = require('timers/promises');

const { SmartIpc } = require('..');

const CLIENTS = 4;
/** Between two kills. */
const KILL_EVERY = [200, 3000];
/** What may grow by how much a minute, once a run is long enough to tell; memory in KiB. */
const LIMITS = { rss: 50, descriptors: 0.1, threads: 0.1, pending: 0.5 };
const LONG_ENOUGH = 10;

const roles = { main, server, client };
const [role = 'main', socketPath, clientId] = process.argv[2] === '--as' ? process.argv.slice(3) : [];
roles[role]().catch((error) => {
  console.error(error);
  process.exit(1);
});

async function main() {
  const at = process.argv.indexOf('--minutes');
  const minutes = at < 0 ? 1 : Number(process.argv[at + 1]);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'soak-'));
  const socket = path.join(directory, 'soak.sock');
  const children = new Set();
  const victims = [];
  let failed = false;
  let ending = false;
  let kills = 0;
  process.on('exit', () => {
    for (const child of children) child.kill('SIGKILL');
    fs.rmSync(directory, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

  const run = async (as, id) => {
    const child = fork(__filename, ['--as', as, socket, id], { execArgv: ['--expose-gc'] });
    children.add(child);
    child.on('exit', (code, signal) => {
      children.delete(child);
      if (ending || signal === 'SIGKILL') return;
      console.error(`${as} ${id} ended with ${code === null ? signal : code}`);
      failed = true;
    });
    await new Promise((resolve) => child.once('message', resolve));
    return child;
  };

  const served = await run('server', 'server');
  const steady = await run('client', 'steady');
  for (let index = 0; index < CLIENTS - 1; index++) victims.push(await run('client', `victim-${index}`));
  const killing = (async () => {
    for (;;) {
      await sleep(KILL_EVERY[0] + Math.random() * (KILL_EVERY[1] - KILL_EVERY[0]));
      if (ending) return;
      const index = Math.floor(Math.random() * victims.length);
      victims[index].kill('SIGKILL');
      kills++;
      victims[index] = await run('client', `victim-${index}`);
    }
  })();

  const samples = { server: [], client: [] };
  const begun = Date.now();
  for (let minute = 1; minute <= minutes && !failed; minute++) {
    await sleep(begun + minute * 60_000 - Date.now());
    for (const [name, child] of [['server', served], ['client', steady]]) {
      if (!child.connected) continue;
      const sample = await ask(child);
      samples[name].push(sample);
      const shown = Object.entries(sample).map(([key, value]) => `${key} ${value}`);
      console.log(`minute ${minute}, ${name}: ${shown.join(', ')}, ${kills} kills so far`);
      failed = failed || sample.wrong > 0;
    }
  }
  ending = true;
  await killing;
  for (const [name, all] of Object.entries(samples)) {
    // The first half warms up.
    const late = all.slice(Math.floor(all.length / 2));
    for (const [key, limit] of Object.entries(LIMITS)) {
      const growth = slope(late.map((sample) => sample[key]));
      console.log(`${name}: ${key} grows by ${growth.toFixed(2)} a minute`);
      failed = failed || (minutes >= LONG_ENOUGH && growth > limit);
    }
  }
  console.log(failed ? 'failed' : 'passed');
  process.exit(failed ? 1 : 0);
}

async function server() {
  const endpoint = SmartIpc.createServer({ id: 'soak', socketPath });
  endpoint.onMessage('echo', (payload) => payload);
  endpoint.onMessage('later', async (payload) => {
    await sleep(Math.random() * 20);
    return payload;
  });
  endpoint.onMessage('never', (_payload, _clientId, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)));
  endpoint.onMessage('note', () => {});
  endpoint.on('error', () => {});
  await endpoint.start();
  tell(endpoint);
  for (let round = 0; ; round++) {
    await sleep(5);
    await endpoint.publish(`news.${round % 5}`, { round });
    if (round % 20 === 0) await endpoint.broadcast('note', { round });
    for (const id of endpoint.getClientIds()) {
      endpoint.requestClient(id, 'echo', { round }, { timeout: 20_000 }).then(({ round: same }) => endpoint.wrong += Number(same !== round), () => {});
    }
  }
}

async function client() {
  const endpoint = SmartIpc.createClient({ id: 'soak', socketPath, clientId });
  const filling = 'x'.repeat(200_000);
  endpoint.on('error', () => {});
  endpoint.onMessage('echo', (payload) => payload);
  endpoint.onMessage('note', () => {});
  // Whoever had the name may have been killed a moment ago.
  while (!(await endpoint.connect().then(() => true, () => false))) await sleep(50);
  await endpoint.subscribe('news.*', () => {});
  tell(endpoint);
  for (let lane = 0; lane < 8; lane++) work(endpoint, lane, filling);
}

/** One of several lines of calls, without end. */
async function work(endpoint, lane, filling) {
  for (let number = 0; ; number++) {
    const draw = Math.random();
    if (draw < 0.6) {
      const size = draw < 0.01 ? filling.length : Math.floor(Math.random() * 500);
      const answer = await endpoint.request(draw < 0.4 ? 'echo' : 'later', { lane, number, filling: filling.slice(0, size) });
      endpoint.wrong += Number(answer.lane !== lane || answer.number !== number || answer.filling.length !== size);
    } else if (draw < 0.8) await endpoint.sendMessage('note', { number });
    else if (draw < 0.9) await endpoint.publish(`news.${number % 5}`, { number });
    else if (draw < 0.92) await endpoint.subscribe(`own.${lane}`, nothing);
    else if (draw < 0.94) await endpoint.unsubscribe(`own.${lane}`);
    else if (draw < 0.96) await endpoint.request('never', {}, { timeout: 1 + Math.random() * 50 }).catch(nothing);
    else if (draw < 0.98) {
      const controller = new AbortController();
      const request = endpoint.request('never', {}, { signal: controller.signal }).catch(nothing);
      setImmediate(() => controller.abort());
      await request;
    } else if (draw < 0.982) {
      const visitor = SmartIpc.createClient({ id: 'soak', socketPath });
      await visitor.request('echo', { number });
      await visitor.disconnect();
    } else await sleep(Math.random() * 10);
  }
}

function nothing() {}

/** Answers the main process with what this one holds. */
function tell(endpoint) {
  endpoint.wrong = 0;
  process.on('disconnect', () => process.exit(0));
  process.on('message', async () => {
    global.gc();
    await sleep(50);
    global.gc();
    const { metrics } = endpoint.getStats();
    const count = (what) => (fs.existsSync('/proc/self') ? fs.readdirSync(`/proc/self/${what}`).length : 0);
    process.send({
      rss: Math.round(process.memoryUsage().rss / 1024),
      descriptors: count('fd'),
      threads: count('task'),
      pending: metrics.requestsPending,
      queued: metrics.queuedBytes,
      messages: metrics.messagesReceived,
      wrong: endpoint.wrong,
    });
  });
  process.send('ready');
}

function ask(child) {
  return new Promise((resolve) => {
    child.once('message', resolve);
    child.send('how are you?');
  });
}

/** Of the straight line through the values, by least squares. */
function slope(values) {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const spread = values.reduce((sum, _value, at) => sum + (at - middle) ** 2, 0);
  return spread === 0 ? 0 : values.reduce((sum, value, at) => sum + (at - middle) * (value - mean), 0) / spread;
}
