'use strict';

// The processes of a soak test: `roles.js <role> <socket path> <client id> [activity]`.

const { setTimeout: sleep } = require('timers/promises');
const { Worker, isMainThread, workerData } = require('worker_threads');

const { SmartIpc } = require('../..');
const { Account } = require('./account.js');
const { keepBusy, takeStream } = require('./traffic.js');

const [role, socketPath, clientId, only] = isMainThread ? process.argv.slice(2) : workerData;
const account = new Account();
const filling = 'x'.repeat(8000);
/** Requests of the server that a client has not answered yet: more than come together
 * while it stands still. */
const MOST_ASKED = 1000;
let stopped = false;

const roles = { server, client, slow, threads, thread: client };
process.on('disconnect', () => process.exit(0));
roles[role]().catch((error) => {
  console.error(error);
  process.exit(1);
});

function nothing() {}

async function server() {
  const endpoint = SmartIpc.createServer({
    id: 'soak',
    socketPath,
    heartbeatInterval: 1000,
    heartbeatTimeout: 5000,
    writeTimeout: 2000,
  });
  endpoint.onMessage('echo', (payload) => payload);
  endpoint.onMessage('later', async (payload) => {
    await sleep(Math.random() * 20);
    return payload;
  });
  endpoint.onMessage('never', (_payload, _clientId, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)));
  endpoint.onMessage('note', nothing);
  endpoint.on('stream', (info, readable) => void takeStream(account, info, readable));
  endpoint.on('error', nothing);
  await endpoint.start();
  answer(endpoint, async () => {
    await endpoint.stop();
  });
  const asked = new Map();
  for (let round = 0; !stopped; round++) {
    await sleep(5);
    if (only || stopped) continue;
    account.call('publish', endpoint.publish(`news.${round % 5}`, { round }));
    account.call('bulk', endpoint.publish('bulk', { round, filling }));
    if (round % 20 === 0) account.call('broadcast', endpoint.broadcast('note', { round }));
    for (const id of endpoint.getClientIds()) {
      const open = asked.get(id) || 0;
      // Nobody is asked faster than he answers, whatever else the machine has to do:
      // a client that only answers would get nothing else done.
      if (!/^(steady|victim|threads)/.test(id) || open >= MOST_ASKED) continue;
      asked.set(id, open + 1);
      account.call('back', endpoint.requestClient(id, 'echo', { round }, { timeout: 30_000 })).then((same) => {
        asked.set(id, asked.get(id) - 1);
        if (same !== undefined && same.round !== round) account.say('a client gave another answer');
      });
    }
  }
}

async function join(subscriptions) {
  const endpoint = SmartIpc.createClient({
    id: 'soak',
    socketPath,
    clientId,
    clientOnly: true,
    reconnectDelay: 20,
    maxReconnectDelay: 500,
    // Whoever had the name may have been killed a moment ago.
    connectRetry: { enabled: true, initialDelay: 50, totalTimeout: 60_000 },
  });
  endpoint.on('error', nothing);
  endpoint.onMessage('echo', (payload) => payload);
  endpoint.onMessage('note', nothing);
  await endpoint.connect();
  for (const topic of subscriptions) await endpoint.subscribe(topic, nothing);
  return endpoint;
}

/** Mixed traffic. In a thread it ends with the thread. */
async function client() {
  const endpoint = await join(['news.*']);
  const busy = keepBusy({ account, endpoint, socketPath, only, stopped: () => stopped });
  if (isMainThread) {
    answer(endpoint, async () => {
      await busy;
      await endpoint.disconnect();
    });
  }
  await busy;
}

/** Stands still for longer than its server puts up with, again and again. */
async function slow() {
  const endpoint = await join(['news.*', 'bulk']);
  answer(endpoint, () => endpoint.disconnect());
  while (!stopped) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.random() * 4000);
    await sleep(Math.random() * 2000);
  }
}

/**
 * Threads in traffic, ended at random moments. There are none while this process is
 * looked at: what isolates in full traffic hold says nothing of what they leave.
 */
async function threads() {
  const running = new Set();
  let halted = false;
  const lane = async (number) => {
    while (!stopped && !halted) {
      const worker = new Worker(__filename, { workerData: ['thread', socketPath, `${clientId}-${number}`] });
      running.add(worker);
      worker.on('error', (error) => account.say(`a thread failed: ${error.stack}`));
      worker.on('exit', () => running.delete(worker));
      await sleep(Math.random() * 2500);
      await account.call('terminate', worker.terminate());
    }
  };
  const start = () => Promise.all([0, 1].map(lane));
  let lanes = start();
  const nothingMore = () => lanes;
  answer(undefined, nothingMore, async () => {
    halted = true;
    await lanes;
    if (running.size > 0) account.say(`${running.size} threads did not end`);
    const sample = await account.sample();
    halted = false;
    if (!stopped) lanes = start();
    return sample;
  });
}

/** Tells the main process what this one holds, and ends when it says so. */
function answer(endpoint, finish, look = () => account.sample(endpoint)) {
  process.on('message', async (question) => {
    if (question === 'finish') {
      stopped = true;
      await account.call('finish', finish());
    }
    process.send(await look());
    if (question === 'finish') process.disconnect();
  });
  process.send('ready');
}
