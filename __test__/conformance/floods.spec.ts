// One good client works while many others do all that is forbidden.
// SMARTIPC_FLOOD_SECONDS says for how long, SMARTIPC_FLOOD_WAY which of it. With the
// first of them, on a machine that does nothing else, the times are held to their limit.
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, recorder, startChild, tempSocket } from '../support/helpers.cjs';
import { descriptors, hasProc, mebibytes, rounds } from '../support/children/measure.cjs';

const CONNECTIONS = 50;
const SECONDS = rounds('FLOOD_SECONDS', 5);
/** In milliseconds. Beside other tests it only shows that the client is served at all. */
const P99 = process.env.SMARTIPC_FLOOD_SECONDS ? 250 : 5000;
/** One way of being hostile, by its number in the child; all of them if none is named. */
const ONLY = process.env.SMARTIPC_FLOOD_WAY ? Number(process.env.SMARTIPC_FLOOD_WAY) : undefined;
const MIB = 1024 * 1024;
/** What the server may take: for each connection what it may send unregistered, and what may wait for it. */
const MOST = 64 * 2 * MIB + CONNECTIONS * 2 * MIB;

test(`${CONNECTIONS} hostile connections for ${SECONDS} s: a good client sees no error, and is served`, async (t) => {
  t.timeout(60_000 + SECONDS * 3000);
  const socketPath = tempSocket(t);
  const server = startChild(t, 'besieged', { socketPath }, { nodeArgs: ['--expose-gc'] });
  await server.report('ready');
  const good = closeAfter(t, SmartIpc.createClient({ id: 'besieged', socketPath, clientId: 'good' }));
  const noticed = recorder();
  for (const event of ['error', 'disconnect', 'reconnecting', 'heartbeatTimeout'] as const) {
    good.on(event as any, (...args: any[]) => noticed(event, ...args));
  }
  await good.connect();
  const heard: number[] = [];
  await good.subscribe('good', (index: any) => void heard.push(index));
  const before = await good.request('usage', {});
  const baseline = descriptors(server.pid);
  const attackers = startChild(t, 'hostile', { socketPath, connections: CONNECTIONS, only: ONLY });
  await attackers.report('attacking');

  const times: number[] = [];
  const until = Date.now() + SECONDS * 1000;
  for (let index = 0; Date.now() < until; index++) {
    const asked = process.hrtime.bigint();
    t.deepEqual(await good.request('echo', { index }), { index });
    times.push(Number(process.hrtime.bigint() - asked) / 1e6);
    if (index % 10 === 0) await good.publish('good', index);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  // Nor is somebody new kept out.
  const begun = Date.now();
  const late = closeAfter(t, SmartIpc.createClient({ id: 'besieged', socketPath, clientOnly: true }));
  await late.connect();
  const joined = Date.now() - begun;
  attackers.kill('SIGTERM');
  const { opened, ended, written } = await attackers.report('attacked');
  await late.disconnect();

  times.sort((a, b) => a - b);
  const [median, p99] = [0.5, 0.99].map((share) => times[Math.floor(times.length * share)]);
  t.log(`median ${median.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, most ${times[times.length - 1].toFixed(1)} ms of ${times.length} requests; a newcomer took ${joined} ms`);
  t.log(`${opened} connections opened, ${ended} ended, ${mebibytes(written)} written`);
  t.true(p99 <= P99, `p99 ${p99.toFixed(1)} ms`);
  t.true(joined <= 20 * P99, `a newcomer took ${joined} ms`);
  t.true(opened > CONNECTIONS && ended > 0);
  t.deepEqual(noticed.calls, []);
  t.deepEqual(heard, heard.map((_, at) => at * 10));
  t.true(heard.length > 0);

  // What they cost is given back.
  let after = await good.request('usage', {});
  const deadline = Date.now() + 10_000;
  while (after.connected > 1 && Date.now() < deadline) after = await good.request('usage', {});
  t.is(after.connected, 1);
  if (hasProc) {
    while (descriptors(server.pid)! > baseline! && Date.now() < deadline) await good.request('echo', 'turn');
    t.is(descriptors(server.pid), baseline);
  }
  t.true(after.rss - before.rss <= MOST, `the server grew by ${mebibytes(after.rss - before.rss)}`);
  t.log(`the server: ${mebibytes(before.rss)}, then ${mebibytes(after.rss)}; closed ${JSON.stringify(after.closeReasons)}`);
});
