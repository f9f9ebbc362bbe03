'use strict';

// node scripts/measure-streams.js [--mib 512] [--seconds 5]: what streams cost
// and what they leave to requests beside them, between two processes. Prints
// figures and judges none. Files lie in memory where the system has a place.
//
//   - requests alone, then beside four bulk streams from the client, then
//     beside four from the server: median and p99 of their times. First with
//     files (sendFile to pipeStreamToFile), then with Buffers, where what the
//     receiver's garbage collector does to its own requests is in the figures
//   - a stream from memory to nowhere, each way
//   - sendFile to pipeStreamToFile, each way

const { fork } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const { SmartIpc } = require('..');

const STREAMS = 4;
const PIECE = Buffer.alloc(256 * 1024, 'smartipc');
const MIB = 1024 * 1024;

const roles = { main, server };
const [role = 'main', socketPath] = process.argv[2] === '--as' ? process.argv.slice(3) : [];
roles[role]().catch((error) => {
  console.error(error);
  process.exit(1);
});

function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}

async function main() {
  const bytes = option('mib', 512) * MIB;
  const seconds = option('seconds', 5);
  const dir = fs.mkdtempSync(path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'measure-'));
  const socket = path.join(os.tmpdir(), `measure-${process.pid}.sock`);
  const child = fork(__filename, ['--as', 'server', socket]);
  try {
    await new Promise((resolve) => child.once('message', resolve));
    const client = SmartIpc.createClient({ id: 'measure', socketPath: socket });
    client.on('stream', take);
    await client.connect();
    await latencies(client, seconds, dir);
    await throughput(client, bytes, dir);
    await client.disconnect();
  } finally {
    child.kill();
    for (const rest of [dir, socket, `${socket}.lock`]) fs.rmSync(rest, { recursive: true, force: true });
  }
}

/** The other process: answers, takes streams, and sends some when asked to. */
async function server() {
  const endpoint = SmartIpc.createServer({ id: 'measure', socketPath });
  endpoint.onMessage('echo', (payload) => payload);
  endpoint.onMessage('send', ({ bytes, file, to }, clientId) =>
    file ? endpoint.sendFileToClient(clientId, file, { meta: { to } }) : endpoint.sendStreamToClient(clientId, memory(bytes))
  );
  let bulk;
  endpoint.onMessage('bulk', (file, clientId) => {
    bulk = startBulk(
      file,
      (source, options) => endpoint.sendStreamToClient(clientId, source, options),
      (path, options) => endpoint.sendFileToClient(clientId, path, options)
    );
  });
  endpoint.onMessage('enough', (_payload, clientId) => bulk((streamId) => endpoint.cancelOutgoingStreamToClient(clientId, streamId)));
  endpoint.onMessage('cpu', () => process.cpuUsage());
  endpoint.on('stream', take);
  await endpoint.start();
  process.send('ready');
}

/** Reads a stream to nowhere, or saves it where its sender says. */
function take(info, readable) {
  if (info.meta && info.meta.to) SmartIpc.pipeStreamToFile(readable, info.meta.to).catch(() => {});
  else readable.resume();
}

function* memory(bytes) {
  for (let at = 0; at < bytes; at += PIECE.length) yield PIECE;
}

/**
 * Keeps four streams going: of a file, over and over, or of Buffers. Returns what
 * ends them, and settles once they have ended.
 */
function startBulk(file, sendStream, sendFile) {
  let going = true;
  const keep = async (number) => {
    const streamId = `bulk-${number}`;
    while (going) {
      if (file) await sendFile(file, { streamId, meta: { to: `${file}.${number}` } });
      else await sendStream(memory(Infinity), { streamId });
    }
  };
  const ended = Array.from({ length: STREAMS }, (_, number) => keep(number).catch(() => {}));
  return async (cancel) => {
    going = false;
    for (let number = 0; number < STREAMS; number++) cancel(`bulk-${number}`);
    await Promise.all(ended);
  };
}

async function latencies(client, seconds, dir) {
  console.log(`requests of 100 bytes, one after the other, for ${seconds} s each; times in µs`);
  const file = path.join(dir, 'bulk');
  fs.writeFileSync(file, Buffer.alloc(64 * MIB, 'smartipc'));
  for (const [kind, source] of [['files', file], ['streams of Buffers', undefined]]) {
    const quiet = await requests('quiet', client, seconds);
    const said = (moved, p99) => console.log(`  the ${kind} beside it: ${Math.round(moved / seconds / MIB)} MiB/s; p99 ${(p99 / quiet).toFixed(1)} times the quiet one`);

    const enough = startBulk(
      source,
      (...args) => client.sendStream(...args),
      (...args) => client.sendFile(...args)
    );
    const before = client.getStats().metrics.bytesSent;
    const up = await requests(`${STREAMS} ${kind} from the client`, client, seconds);
    said(client.getStats().metrics.bytesSent - before, up);
    await enough((streamId) => client.cancelOutgoingStream(streamId));

    await client.request('bulk', source);
    const received = client.getStats().metrics.bytesReceived;
    const down = await requests(`${STREAMS} ${kind} from the server`, client, seconds);
    said(client.getStats().metrics.bytesReceived - received, down);
    await client.request('enough');
  }
}

async function requests(name, client, seconds) {
  const payload = 'x'.repeat(100);
  const times = [];
  const until = Date.now() + seconds * 1000;
  while (Date.now() < until) {
    const begun = process.hrtime.bigint();
    await client.request('echo', payload);
    times.push(Number(process.hrtime.bigint() - begun) / 1000);
  }
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  console.log(`  ${name}: ${times.length} requests, median ${at(0.5).toFixed(0)}, p90 ${at(0.9).toFixed(0)}, p99 ${at(0.99).toFixed(0)}, longest ${times[times.length - 1].toFixed(0)}`);
  return at(0.99);
}

async function throughput(client, bytes, dir) {
  console.log(`${bytes / MIB} MiB, one stream; CPU of both processes`);
  const file = path.join(dir, 'file');
  const fd = fs.openSync(file, 'w');
  for (let at = 0; at < bytes; at += PIECE.length) fs.writeSync(fd, PIECE);
  fs.closeSync(fd);
  const saved = `${file}.saved`;
  const ways = {
    'memory, client to server': () => client.sendStream(memory(bytes)),
    'memory, server to client': () => client.request('send', { bytes }, { timeout: 600_000 }),
    'file to file, client to server': () => client.sendFile(file, { meta: { to: saved } }),
    'file to file, server to client': () => client.request('send', { file, to: saved }, { timeout: 600_000 }),
  };
  for (const [name, run] of Object.entries(ways)) {
    const cpu = await cpuOf(client);
    const begun = process.hrtime.bigint();
    await run();
    const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
    const used = ((await cpuOf(client)) - cpu) / 1e6;
    console.log(`  ${name}: ${Math.round(bytes / MIB / seconds)} MiB/s, ${((used / (bytes / MIB)) * 1e6).toFixed(0)} µs of CPU a MiB`);
    fs.rmSync(saved, { force: true });
  }
}

async function cpuOf(client) {
  const theirs = await client.request('cpu');
  const ours = process.cpuUsage();
  return theirs.user + theirs.system + ours.user + ours.system;
}
