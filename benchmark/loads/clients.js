'use strict';

// Many clients of one server, all in one process: memory of the server for each idle client,
// and round trips while the others are idle, or of all clients in turn.

const { timed } = require('./window.js');
const { oneByOne } = require('./roundtrip.js');

const AT_ONCE = 32; // connections that are being made; servers bound their backlog

async function run(bench) {
  const first = await bench.connect();
  await oneByOne(bench, bench.job.warmup, () => first);
  const alone = await bench.snapshot({ collect: true });
  while (bench.connections.length < bench.job.clients) {
    const missing = bench.job.clients - bench.connections.length;
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, missing) }, () => bench.connect()));
  }
  // Some servers only know a client after its first request.
  for (const connection of bench.connections) await bench.request(connection);
  const all = await bench.snapshot({ collect: true });
  const others = Math.max(bench.job.clients - 1, 1);

  const quiet = await timed(bench, (seconds) => oneByOne(bench, seconds, () => first));
  let turn = 0;
  const next = () => bench.connections[turn++ % bench.connections.length];
  const inTurn = await timed(bench, (seconds) => oneByOne(bench, seconds, next));
  return {
    ...quiet,
    inTurn: inTurn.p50,
    serverKiB: bench.job.clients === 1 ? undefined : (all.server.rss - alone.server.rss) / 1024 / others,
  };
}

module.exports = { run };
