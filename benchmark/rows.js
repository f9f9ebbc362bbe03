'use strict';

// The rows of the report. Each is a load (loads/*.js) with its parameters, for the peers that
// can do what it needs.

const { peers } = require('./peers');

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

const METRICS = {
  p50: { label: 'p50 µs', better: 'lower', digits: 1 },
  p99: { label: 'p99 µs', better: 'lower', digits: 1 },
  inTurn: { label: 'p50 µs, all in turn', better: 'lower', digits: 1 },
  rate: { label: 'per second', better: 'higher', digits: 0 },
  mibRate: { label: 'MiB/s', better: 'higher', digits: 0, of: 'rate' },
  cpu: { label: 'CPU µs, both', better: 'lower', digits: 2 },
  cpuGib: { label: 'CPU ms/GiB, both', better: 'lower', digits: 0, of: 'cpu' },
  serverCpu: { label: 'CPU µs, server', better: 'lower', digits: 2 },
  rss: { label: 'RSS MiB, both', better: 'lower', digits: 0 },
  serverKiB: { label: 'KiB of the server each', better: 'lower', digits: 1 },
  perServerCpuSecond: { label: 'deliveries per CPU s of the server', better: 'higher', digits: 0 },
  over: { label: 'ms over an empty script', better: 'lower', digits: 1 },
};

const PINS = { one: 'both processes on one core', two: 'each process on a core of its own', free: 'free to move' };

const SIZES = [
  { kind: 'json', size: 0, name: '0 B' },
  { kind: 'json', size: KIB, name: '1 KiB' },
  { kind: 'json', size: 16 * KIB, name: '16 KiB' },
  { kind: 'json', size: 128 * KIB, name: '128 KiB' },
  { kind: 'json', size: MIB, name: '1 MiB' },
  { kind: 'buffer', size: 64 * KIB, name: 'Buffer of 64 KiB' },
  { kind: 'buffer', size: MIB, name: 'Buffer of 1 MiB' },
];

const rows = {};

for (const pin of ['one', 'two', 'free']) {
  add(`roundtrip-${pin}`, `Round trip, ${PINS[pin]}`, ['p50', 'p99', 'cpu'], { load: 'roundtrip', pin });
}
add('roundtrip-tcp', `Round trip over TCP, ${PINS.one}`, ['p50', 'p99', 'cpu'], { load: 'roundtrip', pin: 'one', transport: 'tcp' });
add('roundtrip-beside', 'Round trip beside a program that computes, all three on one core', ['rate', 'p50', 'p99', 'cpu'], { load: 'roundtrip', pin: 'one', beside: true });
for (const pin of ['one', 'two']) {
  add(`pipelined-${pin}`, `Requests, 128 in flight, ${PINS[pin]}`, ['rate', 'cpu', 'rss'], { load: 'pipelined', pin, inFlight: 128 });
}
add('pipelined-tcp', `Requests over TCP, 128 in flight, ${PINS.two}`, ['rate', 'cpu'], { load: 'pipelined', pin: 'two', inFlight: 128, transport: 'tcp' });
for (const pin of ['one', 'two']) {
  const needs = 'oneway';
  add(`awaited-${pin}`, `One-way messages, each awaited, ${PINS[pin]}`, ['rate', 'cpu'], { load: 'one-way', needs, pin, awaited: true });
  add(`burst-${pin}`, `One-way messages in bursts of 1000, ${PINS[pin]}`, ['rate', 'cpu'], { load: 'one-way', needs, pin, awaited: false });
}
for (const { name, ...payload } of SIZES) {
  const id = `size-${payload.kind === 'buffer' ? 'buffer-' : ''}${name.replace('Buffer of ', '').replace(' ', '').toLowerCase()}`;
  add(id, `Round trip, ${name} each way, ${PINS.one}`, ['p50', 'p99', 'cpu'], { load: 'roundtrip', pin: 'one', payload });
}
for (const clients of [1, 100, 1000]) {
  const title = clients === 1 ? 'One client' : `${clients.toLocaleString('en-US')} clients, one of them asks`;
  const metrics = clients === 1 ? ['p50', 'cpu'] : ['p50', 'inTurn', 'cpu', 'serverKiB'];
  add(`clients-${clients}`, `${title}, ${PINS.two}`, metrics, { load: 'clients', needs: 'clients', pin: 'two', clients, quick: { clients: Math.min(clients, 40) } });
}
for (const publish of ['broadcast', 'topic']) {
  for (const subscribers of [1, 50, 500]) {
    const title = `${publish === 'topic' ? 'Topic' : 'Broadcast'}, 1 KiB to ${subscribers}, one a turn`;
    addFanout(`${publish}-${subscribers}`, title, { publish, subscribers, burst: 1 });
  }
}
addFanout('broadcast-50-burst', 'Broadcast, 1 KiB to 50, 16 a turn', { publish: 'broadcast', subscribers: 50, burst: 16 });
add('file', 'File to file, 1 GiB in memory', ['mibRate', 'cpuGib'], { load: 'bulk', yardstick: 'net', needs: 'file', pin: 'two', file: true, bytes: GIB, warmupBytes: GIB, quick: { bytes: 16 * MIB, warmupBytes: MIB } });
// A GiB takes as long as the other rows' warm-up: V8 compiles meanwhile, on the same processors.
add('stream', 'Stream of Buffers of 64 KiB', ['mibRate', 'cpuGib'], { load: 'bulk', yardstick: 'net', needs: 'stream', pin: 'two', fill: 115, bytes: GIB, warmupBytes: GIB, quick: { bytes: 16 * MIB, warmupBytes: MIB } });
add('require', 'Loading the package', ['over'], { load: 'require', needs: 'require', pin: 'one', starts: 15, quick: { starts: 2 } });

function addFanout(id, title, parameters) {
  const payload = { kind: 'json', size: KIB };
  const needs = parameters.publish === 'topic' ? 'topics' : 'broadcast';
  const quick = { subscribers: Math.min(parameters.subscribers, 40) };
  add(id, title, ['perServerCpuSecond', 'rate', 'serverCpu'], { load: 'fanout', needs, pin: 'two', payload, quick, ...parameters });
}

/** `metrics[0]` is the one that plots look at; `yardstick` is the peer that the ratios are to. */
function add(id, title, metrics, { yardstick = 'plain', needs = 'requests', transport = 'unix', payload = { kind: 'json', size: 100 }, ...parameters }) {
  const able = Object.keys(peers).filter((name) => peers[name].does.includes(needs) && (transport !== 'tcp' || peers[name].does.includes('tcp')));
  rows[id] = { title, metrics, yardstick, peers: able, parameters: { transport, payload, ...parameters } };
}

module.exports = { rows, METRICS };
