// Many streams with every kind of end at random: each settles, and nothing is
// left of any. SMARTIPC_STREAMS sets how many, SMARTIPC_SEED repeats a run.
import v8 from 'v8';
import vm from 'vm';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, once, startChild, tempSocket, within } from '../support/helpers.cjs';
import { descriptors, hasProc, mebibytes, randomFrom, rounds, seed } from '../support/children/measure.cjs';
import { randomSource, readAtRandom } from '../support/children/random-stream.mjs';
import { kept } from '../support/streams.mjs';

const STREAMS = rounds('STREAMS', 300);
/** At one time; some of them run into the limit. */
const LANES = 40;
const PATIENCE = 60_000 + 40 * STREAMS;
/** What RSS may grow by between a fifth of the run and its end, if that is long enough to tell. */
const NOISE = 32 * 1024 * 1024;
const LONG_ENOUGH = 1000;
/** Far below the grace that streams which have been forgotten would cost. */
const NO_GRACE = 2500;

test(`${STREAMS} streams of random size and fate: all settle, nothing is left`, async (t) => {
  t.timeout(2 * PATIENCE);
  const drawn = seed();
  try {
    await run(t, drawn);
  } catch (error) {
    error.message = `seed ${drawn}: ${error.message}`;
    throw error;
  }
  if (!t.passed) t.log(`seed ${drawn}`);
});

async function run(t: any, drawn: number) {
  const random = randomFrom(drawn);
  const socketPath = tempSocket(t);
  const server: any = closeAfter(t, SmartIpc.createServer({ id: 'settle', socketPath }));
  server.on('error', () => {});
  const closings = new Set<Promise<any>>();
  const counts = { resolved: 0, rejected: 0, readables: 0, closed: 0, kills: 0, reconnects: 0 };
  const codes = new Map<string, number>();
  const take = (_info: any, readable: any) => {
    counts.readables++;
    const closing = readAtRandom(readable, random).then(() => {
      counts.closed++;
      closings.delete(closing);
    });
    closings.add(closing);
  };
  server.on('stream', take);
  await server.start();
  const client: any = closeAfter(
    t,
    SmartIpc.createClient({ id: 'settle', socketPath, clientId: 'lasting', reconnectDelay: 5, maxReconnectDelay: 20 }),
  );
  client.on('error', () => {});
  client.on('stream', take);
  await client.connect();

  // One process that is killed again and again.
  let peer: any;
  let trouble = Promise.resolve();
  const renew = async () => {
    peer = startChild(t, 'settling', { socketPath, clientId: `peer-${counts.kills}`, seed: drawn + counts.kills });
    await peer.report('ready', PATIENCE);
  };
  await renew();
  const fdsBefore = descriptors();
  const timersBefore = timers();
  let warm = 0;

  let begun = 0;
  const lane = async () => {
    while (begun < STREAMS) {
      const number = begun++;
      if (number === Math.floor(STREAMS / 5)) warm = await settledMemory();
      await one(number);
    }
  };
  const one = async (number: number) => {
    const streamId = `s${number}`;
    const controller = new AbortController();
    const options = { streamId, signal: random() < 0.5 ? controller.signal : undefined, chunkSize: 1 + Math.floor(random() * 100_000) };
    const where = random();
    // Some find nobody there, but not all of them.
    if (random() < 0.9) await trouble;
    const source = randomSource(random);
    const to = where < 0.6 ? 'lasting' : `peer-${counts.kills}`;
    const sent = where < 0.3 ? client.sendStream(source, options) : server.sendStreamToClient(to, source, options);
    const fate = random();
    const turns = Math.floor(random() * 20);
    const meddling = meddle(number, fate, turns, { streamId, controller, mine: where < 0.3, to });
    await within(
      sent.then(
        () => counts.resolved++,
        (error: any) => {
          counts.rejected++;
          codes.set(error.code, (codes.get(error.code) || 0) + 1);
        },
      ),
      `stream ${number}`,
      PATIENCE,
    );
    await meddling;
  };
  const meddle = async (number: number, fate: number, turns: number, { streamId, controller, mine, to }: any) => {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (fate < 0.1) mine ? client.cancelOutgoingStream(streamId) : server.cancelOutgoingStreamToClient(to, streamId);
    else if (fate < 0.2) mine ? server.cancelIncomingStreamFromClient('lasting', streamId) : client.cancelIncomingStream(streamId);
    else if (fate < 0.3) controller.abort();
    else if (number % 97 === 96) {
      await (trouble = trouble.then(async () => {
        counts.reconnects++;
        const gone = once(client, 'disconnect', { timeout: PATIENCE });
        if (number % 2) await client.disconnect();
        else await server.disconnectClient('lasting');
        await gone;
        await client.connect();
      }));
    } else if (number % 101 === 100) {
      await (trouble = trouble.then(async () => {
        peer.kill('SIGKILL');
        await peer.exit;
        counts.kills++;
        await renew();
      }));
    }
  };
  await within(Promise.all(Array.from({ length: LANES }, lane)), 'all streams', PATIENCE);
  peer.kill('SIGKILL');
  await peer.exit;
  await within(drained(closings), 'all Readables', PATIENCE);

  t.is(counts.resolved + counts.rejected, STREAMS);
  t.is(counts.closed, counts.readables);
  t.true(counts.resolved > STREAMS / 10 && counts.rejected > STREAMS / 10, JSON.stringify(counts));
  t.is(kept(client), 0);
  // The server may read of the killed peer a little later.
  while (server.getStats().connectedClients > 1) await new Promise((resolve) => setImmediate(resolve));
  t.is(kept(server), 0);
  const memory = await settledMemory();
  if (STREAMS >= LONG_ENOUGH) t.true(memory - warm < NOISE, `${mebibytes(memory - warm)} more`);
  // A stream that the native side had not forgotten would be waited for.
  const closing = Date.now();
  await client.disconnect();
  await server.stop();
  t.true(Date.now() - closing < NO_GRACE, `closing took ${Date.now() - closing} ms`);
  if (hasProc) t.true(descriptors()! <= fdsBefore!, `${fdsBefore} descriptors, then ${descriptors()}`);
  t.true(timers() <= timersBefore, `${timersBefore} timers, then ${timers()}`);
  t.log(`seed ${drawn}: ${JSON.stringify(counts)}, ${JSON.stringify(Object.fromEntries(codes))}`);
  t.log(`RSS ${mebibytes(warm)}, then ${mebibytes(memory)}; descriptors ${fdsBefore}, then ${descriptors()}`);
}

/** Some end only when the peer's end is heard of. */
async function drained(closings: Set<Promise<any>>) {
  while (closings.size > 0) await Promise.race(closings);
}

function timers() {
  const resources = (process as any).getActiveResourcesInfo?.() ?? [];
  return resources.filter((resource: string) => resource === 'Timeout' || resource === 'Immediate').length;
}

async function settledMemory() {
  v8.setFlagsFromString('--expose-gc');
  const gc = vm.runInNewContext('gc');
  for (let turn = 0; turn < 3; turn++) {
    gc();
    // Finalizers run in turns of their own.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage().rss;
}
