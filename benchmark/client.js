'use strict';

// The client process of one measurement. Forked by measure.js with a job; forks server.js,
// makes the load of one row, and sends `{ result }` or `{ error }`.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { Control } = require('./control.js');
const pin = require('./pin.js');
const { FIRST_NONCE, payloads } = require('./payload.js');
const { peers } = require('./peers');

const SERVER_EXIT_MS = 2000;

const job = JSON.parse(process.argv[2]);
const peer = peers[job.peer];
const load = require(`./loads/${job.load}.js`);
const server = load.alone ? undefined : forkServer();

// When run.js is gone, nobody wants the result.
process.on('disconnect', () => {
  server?.kill('SIGKILL');
  process.exit(1);
});

Promise.race([measure(), serverLost()])
  .then(
    (result) => ({ result }),
    (error) => ({ error: error?.stack ?? String(error) }),
  )
  .then(async (outcome) => {
    if (server) await endServer();
    process.send(outcome, () => process.exit(outcome.error ? 1 : 0));
  });

function forkServer() {
  const flags = ['--expose-gc', ...(job.flags ?? [])];
  return fork(path.join(__dirname, 'server.js'), [JSON.stringify(job)], {
    ...pin.started(job.cpus?.server, flags, job.under?.server),
    serialization: peer.serialization,
    stdio: ['ignore', 2, 2, 'ipc'],
  });
}

function serverLost() {
  return new Promise((_resolve, reject) => {
    server?.once('error', reject);
    server?.once('exit', (code, signal) => reject(new Error(`server ended: ${signal ?? code}`)));
  });
}

async function measure() {
  if (load.alone) return load.run({ job, peer });
  const [{ pid }] = await once(server, 'message'); // ready
  const bench = new Bench();
  const result = await load.run(bench);
  for (const connection of bench.connections) await connection.close();
  return { ...result, info: bench.info, pids: { client: process.pid, server: pid } };
}

/** What a load works with. */
class Bench {
  constructor() {
    this.job = job;
    this.payload = payloads(job.payload, peer.buffers);
    this.nonce = FIRST_NONCE; // of the next message
    this.connections = [];
    this.control = new Control(server);
  }

  async connect() {
    const connection = await peer.connect(job.address, server);
    this.connections.push(connection);
    this.info ??= connection.info?.();
    return connection;
  }

  async request(connection) {
    const nonce = this.nonce++;
    const answer = await connection.request('echo', this.payload.message(nonce));
    if (!this.payload.isAnswer(answer, nonce)) {
      throw new Error(`wrong answer to nonce ${nonce}: ${JSON.stringify(answer)?.slice(0, 200)}`);
    }
  }

  /**
   * The state of both processes once the server has handled all that was sent, so that it
   * closes the window of one-way messages too. Throws if the server saw anything but that.
   */
  async snapshot({ collect = false } = {}) {
    const count = this.nonce - FIRST_NONCE;
    const state = await this.control.call('snapshot', { count, collect });
    if (state.firstFault) throw new Error(`server received a wrong message: ${state.firstFault}`);
    if (state.received !== count) throw new Error(`${count} sent, ${state.received} received`);
    return { server: state, client: { cpu: process.cpuUsage(), rss: process.memoryUsage.rss() }, at: performance.now() };
  }
}

async function endServer() {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const timer = setTimeout(() => server.kill('SIGKILL'), SERVER_EXIT_MS);
  const exit = once(server, 'exit');
  if (server.connected) server.disconnect();
  await exit;
  clearTimeout(timer);
}
