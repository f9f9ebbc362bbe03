// Connections that do what no client may, as fast as they can, each in its own
// way and again as soon as it is thrown out: config { socketPath, connections, only }.
// Nothing of the library is imported here.
import { randomBytes } from 'crypto';
import net from 'net';
import { config, report } from './report.mjs';
import { frame, prefix } from '../raw-socket.mjs';

const { socketPath, connections, only } = config;
let names = 0;
const envelope = (type, payload, more = {}) => frame({ id: `${++names}`, type, timestamp: 1, payload, ...more });
const register = (more = {}) => envelope('__register__', { clientId: `hostile-${++names}`, ...more }, { headers: { requiresResponse: true } });
const repeat = (count, make) => Buffer.concat(Array.from({ length: count }, (_, at) => make(at)));

/** What connections write before they have registered, once and again. */
const strangers = [
  randomBytes(10_000),
  prefix(0xffffffff),
  prefix(0),
  Buffer.concat([prefix(1_000_000), randomBytes(1000)]),
  frame('{"id": '),
  frame('[]'),
  envelope('echo', 'not registered'),
  register({ topics: Array.from({ length: 5000 }, (_, at) => `t${at}.*`) }),
  register({ metadata: 'x'.repeat(1_000_000) }),
  Buffer.from('GET / HTTP/1.1\r\n\r\n'),
];

/** And afterwards. */
const members = [
  randomBytes(1000),
  repeat(500, () => envelope('echo', 'x'.repeat(500))),
  repeat(500, () => envelope('nobody', {}, { headers: { requiresResponse: true } })),
  repeat(2000, (at) => envelope('__subscribe__', { topic: `a.${at}.**` })),
  repeat(500, (at) => envelope('__publish__', { topic: `${'*a'.repeat(100)}${at}`, payload: {} })),
  repeat(1000, (at) => envelope('__stream_init__', { streamId: `s${at}` })),
  repeat(1000, (at) => envelope('echo_response', {}, { correlationId: `${at}` })),
  repeat(1000, () => envelope('__heartbeat__', {})),
  repeat(200, () => envelope('['.repeat(200), JSON.parse('['.repeat(2000) + ']'.repeat(2000)))),
  Buffer.from([0, 0, 0, 4, 0x7b, 0xff, 0xfe, 0x7d]),
];

const ways = [
  ...strangers.map((bytes) => ({ bytes, greet: () => bytes })),
  ...members.map((bytes) => ({ bytes, greet: register })),
];

let opened = 0;
let ended = 0;
let written = 0;

function attack(way) {
  const socket = net.connect(socketPath);
  socket.on('error', () => {});
  socket.once('connect', () => {
    opened++;
    const { bytes, greet } = ways[way];
    socket.write(greet());
    const again = () => {
      if (socket.destroyed) return;
      written += bytes.length;
      // Nobody reads: what the server answers piles up on its side.
      if (socket.write(bytes)) setImmediate(again);
      else socket.once('drain', again);
    };
    again();
  });
  // One that the server keeps goes by itself, so that all have their turn.
  const turn = setTimeout(() => socket.destroy(), 300 + Math.random() * 700);
  if (way % 2) socket.resume();
  socket.once('close', () => {
    clearTimeout(turn);
    ended++;
    setImmediate(attack, only === undefined ? Math.floor(Math.random() * ways.length) : only);
  });
}

for (let number = 0; number < connections; number++) attack(only === undefined ? number % ways.length : only);
const poll = setInterval(() => {
  if (opened < connections) return;
  clearInterval(poll);
  report('attacking');
}, 10);
process.on('SIGTERM', () => {
  report('attacked', { opened, ended, written });
  process.exit(0);
});
