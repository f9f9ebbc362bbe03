// Many streams with every kind of end at random, in a process of their own:
// config { socketPath, streams, seed }. Needs --expose-gc. Reports what they
// came to and what is left of them.
import { fork } from 'child_process';
import { SmartIpc } from '@push.rocks/smartipc';
import { childEnv, childScript } from '../child-process.cjs';
import { kept } from '../streams.mjs';
import { config, report } from './report.mjs';
import measure from './measure.cjs';
import { randomSource, readAtRandom } from './random-stream.mjs';

const { socketPath, streams, seed } = config;
/** At one time; some of them run into the limit. */
const LANES = 40;

const random = measure.randomFrom(seed);
const turn = () => new Promise((resolve) => setImmediate(resolve));
const counts = { resolved: 0, rejected: 0, readables: 0, closed: 0, kills: 0, reconnects: 0 };
const codes = {};
const closings = new Set();
/** What has begun and not ended, for the report of a run that hangs. */
const open = new Map();
setInterval(() => report('open', { counts, open: [...open.values()].slice(0, 5), readables: closings.size }), 10_000).unref();
process.on('unhandledRejection', (error) => {
  report('unhandledRejection', { message: String(error && error.stack) });
  process.exit(9);
});

const server = SmartIpc.createServer({ id: 'settle', socketPath });
server.on('error', () => {});
server.on('stream', take);
await server.start();
const client = SmartIpc.createClient({ id: 'settle', socketPath, clientId: 'lasting', reconnectDelay: 5, maxReconnectDelay: 20 });
client.on('error', () => {});
client.on('stream', take);
await client.connect();

function take(_info, readable) {
  counts.readables++;
  const closing = readAtRandom(readable, random).then(() => {
    counts.closed++;
    closings.delete(closing);
  });
  closings.add(closing);
}

// One process that is killed again and again.
let peer;
let trouble = Promise.resolve();
async function renew() {
  const env = childEnv({ socketPath, clientId: `peer-${counts.kills}`, seed: seed + counts.kills });
  peer = fork(childScript('settling'), [], { env, execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  // Nobody uses the channel, and it would keep the process.
  peer.disconnect();
  const arrived = (clientId) => clientId === `peer-${counts.kills}`;
  while (!server.getClientIds().some(arrived)) await turn();
}
async function kill() {
  const gone = new Promise((resolve) => peer.on('exit', resolve));
  peer.kill('SIGKILL');
  await gone;
}
await renew();

async function one(number) {
  const streamId = `s${number}`;
  const controller = new AbortController();
  const options = { streamId, signal: random() < 0.5 ? controller.signal : undefined, chunkSize: 1 + Math.floor(random() * 100_000) };
  const where = random();
  // Some find nobody there, but not all of them.
  if (random() < 0.9) await trouble;
  const source = randomSource(random);
  const to = where < 0.6 ? 'lasting' : `peer-${counts.kills}`;
  const mine = where < 0.3;
  const fate = random();
  const turns = Math.floor(random() * 20);
  open.set(number, { number, to, mine, fate });
  const sent = mine ? client.sendStream(source, options) : server.sendStreamToClient(to, source, options);
  const settled = sent.then(
    () => counts.resolved++,
    (error) => {
      counts.rejected++;
      codes[error.code] = (codes[error.code] || 0) + 1;
    },
  );
  await meddle(number, fate, turns, { streamId, controller, mine, to });
  await settled;
  open.delete(number);
}

async function meddle(number, fate, turns, { streamId, controller, mine, to }) {
  for (let each = 0; each < turns; each++) await turn();
  if (fate < 0.1) {
    if (mine) client.cancelOutgoingStream(streamId);
    else server.cancelOutgoingStreamToClient(to, streamId);
  } else if (fate < 0.2) {
    if (mine) server.cancelIncomingStreamFromClient('lasting', streamId);
    else client.cancelIncomingStream(streamId);
  } else if (fate < 0.3) controller.abort();
  else if (number % 97 === 96) await (trouble = trouble.then(() => reconnect(number)));
  else if (number % 101 === 100) {
    await (trouble = trouble.then(async () => {
      await kill();
      counts.kills++;
      await renew();
    }));
  }
}

async function reconnect(number) {
  counts.reconnects++;
  const gone = new Promise((resolve) => client.once('disconnect', resolve));
  if (number % 2) await client.disconnect();
  else await server.disconnectClient('lasting');
  await gone;
  await client.connect();
}

const descriptors = { before: measure.descriptors() };
const rss = {};
let begun = 0;
async function lane() {
  while (begun < streams) {
    const number = begun++;
    if (number === Math.floor(streams / 2)) rss.warm = await measure.residentAfterGc();
    await one(number);
  }
}
await Promise.all(Array.from({ length: LANES }, lane));
await kill();
// Some end only when the peer's end is heard of.
while (closings.size > 0) await Promise.race(closings);
while (server.getClientIds().length > 1) await turn();
descriptors.after = measure.descriptors();
rss.end = await measure.residentAfterGc();
const left = { client: kept(client), server: kept(server) };
// A stream that the native side had not forgotten would be waited for.
const closing = Date.now();
await client.disconnect();
await server.stop();
report('settled', { counts, codes, left, descriptors, rss, closing: Date.now() - closing });
