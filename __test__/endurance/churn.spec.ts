import test from 'ava';
import { startChild, tempSocket } from '../support/helpers.cjs';
import { hasProc, mebibytes, rounds, seed } from '../support/children/measure.cjs';

const VISITS = rounds('CHURN', 300);
const RESTARTS = rounds('RESTARTS', 20);
const OVERLAPS = rounds('OVERLAPS', 20);
const PATIENCE = 60_000 + 20 * VISITS;
/** What a process may grow by without a leak; a leak shows in many visits. */
const NOISE = 4 * 1024 * 1024;
const BYTES_PER_VISIT = 200;
const nodeArgs = ['--expose-gc', '--max-semi-space-size=2'];

function runs(t: any, config: object) {
  t.timeout(2 * PATIENCE);
  return startChild(t, 'churning', config, { nodeArgs });
}

async function endsWell(t: any, child: any) {
  await child.report('finished', PATIENCE);
  const { code, signal, stderr } = await child.exited();
  t.is(signal, null);
  t.is(code, 0, stderr);
  t.is(stderr, '');
}

for (const scenario of ['new clients', 'one client']) {
  test.serial(`L3: ${VISITS} × connect and disconnect, ${scenario}: nothing is left of them`, async (t) => {
    const socketPath = tempSocket(t);
    const server = runs(t, { scenario: 'server', socketPath });
    await server.report('ready');
    const visitor = runs(t, { scenario, socketPath, rounds: VISITS });

    const baseline = await visitor.report('baseline', PATIENCE);
    const warm = await visitor.report('warm', PATIENCE);
    const end = await visitor.report('end', PATIENCE);
    for (const side of ['own', 'server']) {
      if (hasProc) {
        t.is(end[side].descriptors, baseline[side].descriptors, `descriptors, ${side}`);
        // The one for blocking calls ends when it has had nothing to do for a while.
        t.true(end[side].threads <= baseline[side].threads, `threads, ${side}`);
      }
      const growth = end[side].rss - warm[side].rss;
      const perVisit = growth / (VISITS * 0.8);
      t.true(growth <= NOISE + BYTES_PER_VISIT * VISITS, `${side}: ${mebibytes(growth)} more`);
      t.log(`${side}: ${mebibytes(warm[side].rss)}, then ${mebibytes(end[side].rss)}, ${Math.round(perVisit)} bytes a visit`);
    }
    // The three observers come and go as well.
    t.is(end.server.stats.totalConnections, VISITS + 3);
    t.is(end.server.stats.connectedClients, 1);
    t.like(end.server.stats.metrics, { requestsPending: 0, errors: 0 });
    for (const child of [visitor, server]) {
      if (child === visitor) await endsWell(t, child);
      else t.is((await child.exited()).code, 0);
    }
  });
}

test.serial(`X5: ${RESTARTS} × start and stop on one path: no EADDRINUSE, no file left but the lock`, async (t) => {
  const child = runs(t, { scenario: 'start, stop, start', socketPath: tempSocket(t), rounds: RESTARTS });
  const { before, after } = await child.report('stopped', PATIENCE);
  t.is(after, before, 'descriptors');
  await endsWell(t, child);
});

for (const scenario of ['start twice', 'stop twice', 'stop during start']) {
  test.serial(`X6: ${OVERLAPS} × ${scenario}`, async (t) => {
    await endsWell(t, runs(t, { scenario, socketPath: tempSocket(t), rounds: OVERLAPS }));
  });
}

for (const scenario of ['connect during disconnect', 'disconnect during connect', 'everything at once']) {
  test.serial(`X6: ${OVERLAPS} × ${scenario}`, async (t) => {
    const socketPath = tempSocket(t);
    const drawn = seed();
    t.log(`seed ${drawn}`);
    const server = runs(t, { scenario: 'server', socketPath });
    await server.report('ready');
    await endsWell(t, runs(t, { scenario, socketPath, rounds: OVERLAPS, seed: drawn }));
  });
}
