'use strict';

// node scripts/measure-files.js [--mib 1024] [--rounds 5]: a file from one process
// to another over a Unix socket, in memory where the system has a place for files:
//
//   - sendFile to pipeStreamToFile
//   - pipeline(createReadStream, socket) to pipeline(socket, createWriteStream)
//   - chunks of 64 KiB as base64 in JSON envelopes over node:net
//
// Rounds in turn, after one that does not count; medians, and the ratios to ours.

const { fork } = require('child_process');
const fs = require('fs');
const net = require('net');
const os = require('os');
const path = require('path');
const { pipeline } = require('stream');

const { SmartIpc } = require('..');

const MIB = 1024 * 1024;
const CHUNK = 64 * 1024;

const isReceiver = process.argv[2] === '--receiver';
(isReceiver ? receiver(process.argv[3]) : main()).catch((error) => {
  console.error(error);
  process.exit(1);
});

function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}

async function main() {
  const bytes = option('mib', 1024) * MIB;
  const rounds = option('rounds', 5);
  const dir = fs.mkdtempSync(path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'measure-'));
  const source = path.join(dir, 'source');
  const piece = Buffer.alloc(MIB, 'smartipc');
  const fd = fs.openSync(source, 'w');
  for (let at = 0; at < bytes; at += piece.length) fs.writeSync(fd, piece);
  fs.closeSync(fd);
  const child = fork(__filename, ['--receiver', dir]);
  const heard = () => new Promise((resolve) => child.once('message', resolve));
  try {
    await heard();
    const client = SmartIpc.createClient({ id: 'files', socketPath: path.join(dir, 'ours.sock') });
    await client.connect();
    const ways = {
      'sendFile to pipeStreamToFile': () => client.sendFile(source),
      'pipeline over net': () => overNet(source, path.join(dir, 'net.sock')),
      'base64 in JSON over net': () => asJson(source, path.join(dir, 'json.sock')),
    };
    const rates = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
    for (let round = 0; round <= rounds; round++) {
      for (const [name, run] of Object.entries(ways)) {
        const begun = process.hrtime.bigint();
        const saved = heard();
        await run();
        await saved;
        const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
        const { size } = fs.statSync(path.join(dir, 'saved'));
        if (size !== bytes) throw new Error(`${name}: ${size} of ${bytes} bytes`);
        fs.rmSync(path.join(dir, 'saved'));
        if (round > 0) rates[name].push(bytes / seconds / 1e9);
      }
    }
    report(bytes, rates);
    await client.disconnect();
  } finally {
    child.kill();
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

function report(bytes, rates) {
  const medians = Object.entries(rates).map(([name, all]) => [name, [...all].sort((a, b) => a - b)[all.length >> 1], all]);
  console.log(`${bytes / MIB} MiB, medians in GB/s`);
  for (const [name, median, all] of medians) {
    const ratio = medians[0][1] / median;
    console.log(`  ${name}: ${median.toFixed(2)} (${all.map((rate) => rate.toFixed(2)).join(' ')})${ratio === 1 ? '' : `; ours is ${ratio.toFixed(1)} times that`}`);
  }
}

function overNet(source, address) {
  return new Promise((resolve, reject) => {
    pipeline(fs.createReadStream(source), net.connect(address), (error) => (error ? reject(error) : resolve()));
  });
}

/** As a library of JSON envelopes sends a file: piece by piece, as the socket takes them. */
async function asJson(source, address) {
  const socket = net.connect(address);
  for await (const data of fs.createReadStream(source, { highWaterMark: CHUNK })) {
    const body = Buffer.from(JSON.stringify({ id: 'x', type: '__stream_chunk__', payload: { streamId: 'x', chunk: data.toString('base64') } }));
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(body.length);
    socket.write(prefix);
    if (!socket.write(body)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  await new Promise((resolve) => socket.end(resolve));
}

/** The other process: saves what comes in any of the ways, and says so. */
async function receiver(dir) {
  const target = path.join(dir, 'saved');
  const saved = (error) => process.send(error ? `failed: ${error}` : 'saved');
  const server = SmartIpc.createServer({ id: 'files', socketPath: path.join(dir, 'ours.sock') });
  server.on('stream', (_info, readable) => SmartIpc.pipeStreamToFile(readable, target).then(() => saved(), saved));
  await server.start();
  const listen = (name, onSocket) => new Promise((resolve) => net.createServer(onSocket).listen(path.join(dir, name), () => resolve(undefined)));
  await listen('net.sock', (socket) => pipeline(socket, fs.createWriteStream(target), saved));
  await listen('json.sock', (socket) => pipeline(socket, unpacked, fs.createWriteStream(target), saved));
  process.send('ready');
}

async function* unpacked(socket) {
  let pieces = [];
  let have = 0;
  for await (const data of socket) {
    pieces.push(data);
    have += data.length;
    if (have < 4 || (pieces.length > 1 && have < CHUNK)) continue;
    let rest = pieces.length === 1 ? data : Buffer.concat(pieces);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      yield Buffer.from(JSON.parse(rest.toString('utf8', 4, end)).payload.chunk, 'base64');
      rest = rest.subarray(end);
    }
    pieces = [rest];
    have = rest.length;
  }
  let rest = Buffer.concat(pieces);
  while (rest.length >= 4) {
    const end = 4 + rest.readUInt32BE(0);
    yield Buffer.from(JSON.parse(rest.toString('utf8', 4, end)).payload.chunk, 'base64');
    rest = rest.subarray(end);
  }
}
