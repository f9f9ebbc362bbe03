'use strict';

// `npm run bench`: measures the peers side by side. See README.md beside this file.

const { fork } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { version } = require('../package.json');
const { PAYLOAD_BYTES } = require('./payload.js');
const peers = require('./peers');
const pin = require('./pin.js');
const { markdown, summarise } = require('./report.js');
const rows = require('./rows.js');

const USAGE = `npm run bench -- [options]
  --rounds N        rounds over all rows and peers (5)
  --seconds S       timed window of a measurement (2)
  --warmup S        load before the window, not counted (1)
  --only ROW,...    of ${Object.keys(rows).join(', ')}
  --peers PEER,...  of ${Object.keys(peers).join(', ')}
  --pin MODE        one: both processes on one CPU; two: on one each; free (default)
  --quick           one round, half a second each: does it run at all?
  --json FILE       write the results there as well`;

const OVERTIME_MS = 30_000; // start, connect, drain and close, on a slow machine

/** What must go when this process ends, in whatever way. */
const leftovers = { client: undefined, serverPid: undefined, folder: undefined };

function options() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      warmup: { type: 'string' },
      only: { type: 'string', default: Object.keys(rows).join() },
      peers: { type: 'string', default: Object.keys(peers).join() },
      pin: { type: 'string', default: 'free' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const chosen = {
    rounds: positive('--rounds', values.rounds ?? (values.quick ? 1 : 5)),
    seconds: positive('--seconds', values.seconds ?? (values.quick ? 0.5 : 2)),
    warmup: positive('--warmup', values.warmup ?? (values.quick ? 0.3 : 1)),
    rows: listed('--only', values.only, Object.keys(rows)),
    peers: listed('--peers', values.peers, Object.keys(peers)),
    pin: listed('--pin', values.pin, ['one', 'two', 'free'])[0],
    json: values.json,
    help: values.help,
  };
  if (!Number.isInteger(chosen.rounds)) throw new Error('--rounds takes a whole number');
  return chosen;
}

function positive(name, value) {
  const number = Number(value);
  if (!(number > 0 && number < 1e6)) throw new Error(`${name} takes a number above 0`);
  return number;
}

function listed(name, text, known) {
  const names = text.split(',');
  const stranger = names.find((item) => !known.includes(item));
  if (stranger !== undefined) throw new Error(`${name}: "${stranger}" is none of ${known.join()}`);
  return names;
}

async function main() {
  const chosen = options();
  if (chosen.help) return console.log(USAGE);
  const place = pin.choose(chosen.pin);
  leftovers.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'smartipc-bench-'));

  const started = new Date();
  const loadBefore = load();
  const measurements = [];
  for (let round = 0; round < chosen.rounds; round++) {
    for (const row of chosen.rows) {
      for (const peer of rotated(chosen.peers, round)) {
        const { warmup, seconds } = chosen;
        const address = addressOf(measurements.length);
        const result = await measure({ peer, row, address, warmup, seconds, cpus: place.cpus });
        measurements.push({ round, row, peer, result });
        progress(measurements.at(-1), measurements.length, chosen);
      }
    }
  }

  const environment = {
    'smartipc-native': [version, ...drivers(measurements)].join(', '),
    'Node.js': process.version,
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    CPU: `${os.cpus()[0]?.model.trim() ?? 'unknown'}, ${os.cpus().length} cores`,
    'load average': `${loadBefore} before, ${load()} after`,
    date: started.toISOString(),
    method:
      `${chosen.rounds} rounds, ${chosen.warmup} s warm-up and ${chosen.seconds} s window each, ` +
      `payload ${PAYLOAD_BYTES} B of JSON`,
    'pinned to CPUs': place.text,
  };
  const summary = summarise(measurements, rows, chosen.rows, chosen.peers);
  console.log(markdown(environment, summary, rows));
  save({ environment, summary, measurements }, started, chosen.json);
}

/** Runs one job in a client and a server process of its own. */
function measure(job) {
  return new Promise((resolve, reject) => {
    const what = `${job.peer}, ${job.row}`;
    const client = fork(path.join(__dirname, 'client.js'), [JSON.stringify(job)], {
      ...pin.pinned(job.cpus?.client),
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    leftovers.client = client;
    let outcome = { error: 'client ended without a result' };
    const limit = (job.warmup + job.seconds) * 3000 + OVERTIME_MS;
    const timer = setTimeout(() => {
      outcome = { error: `no result after ${limit / 1000} s` };
      client.kill('SIGKILL');
    }, limit);
    client.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    client.on('message', (message) => {
      leftovers.serverPid = message.serverPid; // an outcome names none: the server has ended
      if (!message.serverPid) outcome = message;
    });
    client.on('exit', () => {
      clearTimeout(timer);
      leftovers.client = undefined;
      if (outcome.error) return reject(new Error(`${what}: ${outcome.error}`));
      resolve(outcome.result);
    });
  });
}

function addressOf(index) {
  if (process.platform === 'win32') return `\\\\.\\pipe\\smartipc-bench-${process.pid}-${index}`;
  return path.join(leftovers.folder, `${index}.sock`);
}

/** Nobody always goes first. */
function rotated(list, by) {
  const start = by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}

function load() {
  return os.loadavg()[0].toFixed(2);
}

function drivers(measurements) {
  const infos = measurements.filter(({ peer }) => peer === 'smartipc').map((m) => m.result.info);
  return [...new Set(infos.filter(Boolean))].map((info) => `driver: ${info}`);
}

function progress({ row, peer, result }, done, chosen) {
  const all = chosen.rounds * chosen.rows.length * chosen.peers.length;
  const speed = row === 'roundtrip' ? `${result.p50.toFixed(1)} µs` : `${Math.round(result.rate)}/s`;
  console.error(`${done}/${all} ${row} ${peer}: ${speed}, CPU ${result.cpu.toFixed(2)} µs/op`);
}

function save(results, started, extra) {
  const text = JSON.stringify(results, null, 2) + '\n';
  const folder = path.join(__dirname, 'results');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, `${started.toISOString().replaceAll(':', '-')}.json`), text);
  if (extra) fs.writeFileSync(extra, text);
}

process.on('exit', () => {
  leftovers.client?.kill('SIGKILL');
  try {
    if (leftovers.serverPid) process.kill(leftovers.serverPid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
  if (leftovers.folder) fs.rmSync(leftovers.folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

main().catch((error) => {
  console.error(`benchmark failed: ${error.message}`);
  process.exitCode = 1;
});
