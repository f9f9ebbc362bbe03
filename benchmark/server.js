'use strict';

// The server process of one measurement. Forked by client.js with the same job.

const { setImmediate: nextTurn } = require('node:timers/promises');
const { Control } = require('./control.js');
const { peers } = require('./peers');
const { FIRST_NONCE, payloads } = require('./payload.js');

const job = JSON.parse(process.argv[2]);
const peer = peers[job.peer];
const payload = payloads(job.payload, peer.buffers);

let server;
let received = 0;
let bytes = 0;
let published = 0;
let firstFault;
let waiter; // for a number of messages

/** Messages must arrive whole, once, and in the order they were sent in. */
function check(message) {
  const nonce = FIRST_NONCE + received++;
  // In the rows with many clients each has the numbers of all: they ask one at a time.
  if (!firstFault && !payload.isMessage(message, nonce)) {
    firstFault = `message ${received}, nonce due ${nonce}: got ${JSON.stringify(message)?.slice(0, 200)}`;
  }
  if (received === waiter?.count) waiter.resolve();
  return nonce;
}

const handlers = new Map([
  ['echo', (message) => payload.answer(check(message))],
  ['note', (message) => void check(message)],
]);

/** Where streams and files go. */
const sink = {
  file: job.file?.target,
  fanout: job.publish !== undefined,
  take(chunk) {
    bytes += chunk.length;
    if (chunk[0] !== job.fill || chunk[chunk.length - 1] !== job.fill) firstFault ??= 'a chunk with wrong bytes';
  },
};

new Control(process, {
  /** CPU time and counts, once so many messages have been handled. */
  async snapshot({ count, collect }) {
    if (received < count) {
      await new Promise((resolve) => {
        waiter = { count, resolve };
      });
    }
    if (collect) await collectGarbage();
    return { received, bytes, firstFault, cpu: process.cpuUsage(), rss: process.memoryUsage.rss() };
  },

  /** Publishes to all: so many turns of the loop with so many messages each. */
  async publish({ turns, burst }) {
    for (let turn = 0; turn < turns; turn++) {
      for (let i = 0; i < burst; i++) {
        const message = payload.message(FIRST_NONCE + published++);
        await (job.publish === 'topic' ? server.publish('bench.tick', message) : server.broadcast('tick', message));
      }
      await nextTurn();
    }
    return published;
  },
});

async function collectGarbage() {
  for (let i = 0; i < 3; i++) {
    global.gc();
    await nextTurn();
  }
}

// The channel to client.js is also the leash: when that process ends, so does this one.
process.on('disconnect', () => process.exit());

peer.serve(job.address, handlers, sink).then(
  (started) => {
    server = started;
    process.send({ ready: true, pid: process.pid });
  },
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
