'use strict';

// The client process of one measurement. Forked by run.js with a job; forks server.js, makes
// the load of one row, and sends run.js `{ result }` or `{ error }`.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { performance } = require('node:perf_hooks');
const { pinned } = require('./pin.js');
const { FIRST_NONCE } = require('./payload.js');
const peers = require('./peers');
const rows = require('./rows.js');

const SERVER_EXIT_MS = 2000;

const job = JSON.parse(process.argv[2]);
const peer = peers[job.peer];

const server = fork(path.join(__dirname, 'server.js'), [job.peer, job.address], {
  ...pinned(job.cpus?.server),
  serialization: peer.serialization,
  stdio: ['ignore', 2, 2, 'ipc'],
});
process.send({ serverPid: server.pid });

// When run.js is gone, nobody wants the result.
process.on('disconnect', () => {
  server.kill('SIGKILL');
  process.exit(1);
});

const serverLost = new Promise((_resolve, reject) => {
  server.once('error', reject);
  server.once('exit', (code, signal) => reject(new Error(`server ended: ${signal ?? code}`)));
});

Promise.race([measure(), serverLost])
  .then(
    (result) => ({ result }),
    (error) => ({ error: error?.stack ?? String(error) }),
  )
  .then(async (outcome) => {
    await endServer();
    process.send(outcome, () => process.exit(outcome.error ? 1 : 0));
  });

async function measure() {
  await once(server, 'message'); // ready
  const connection = await peer.connect(job.address, server);
  const nonces = { next: FIRST_NONCE };
  const row = rows[job.row];
  await row.run(connection, nonces, job.warmup);

  const serverBefore = await snapshot(connection, nonces);
  const clientBefore = process.cpuUsage();
  const start = performance.now();

  const { operations, samples } = await row.run(connection, nonces, job.seconds);

  // Answered after everything sent before it has been handled, so it closes the window of
  // one-way messages too: what is still on its way then does not count as delivered.
  const serverAfter = await snapshot(connection, nonces);
  const seconds = (performance.now() - start) / 1000;
  const clientCpu = total(process.cpuUsage(clientBefore)) / operations;
  const serverCpu = (total(serverAfter.cpu) - total(serverBefore.cpu)) / operations;

  const counted = serverAfter.received - serverBefore.received;
  const info = connection.info?.();
  await connection.close();
  return {
    operations,
    seconds,
    rate: counted / seconds,
    cpu: clientCpu + serverCpu,
    clientCpu,
    serverCpu,
    ...percentiles(samples),
    info,
  };
}

/** Asks the server for its CPU time and count, and fails if it saw anything but what was sent. */
async function snapshot(connection, nonces) {
  const state = await connection.request('snapshot', {});
  const sent = nonces.next - FIRST_NONCE;
  if (state.firstFault) throw new Error(`server received a wrong message: ${state.firstFault}`);
  if (state.received !== sent) throw new Error(`${sent} sent, ${state.received} received`);
  return state;
}

/** User and system time of all threads of a process, in µs. */
function total({ user, system }) {
  return user + system;
}

function percentiles(samples) {
  if (!samples) return {};
  samples.sort();
  const at = (share) => samples[Math.min(samples.length - 1, Math.floor(samples.length * share))];
  return { p50: at(0.5), p99: at(0.99) };
}

async function endServer() {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const timer = setTimeout(() => server.kill('SIGKILL'), SERVER_EXIT_MS);
  const exit = once(server, 'exit');
  if (server.connected) server.disconnect();
  await exit;
  clearTimeout(timer);
}
