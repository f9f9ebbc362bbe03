'use strict';

// Broadcasts, or messages on a topic, to many subscribers that share a process.

const { setTimeout: wait } = require('node:timers/promises');
const { FIRST_NONCE } = require('../payload.js');
const { used } = require('./window.js');

const DELIVERIES_PER_CALL = 3200; // at least; keeps the call that starts them out of the result
const AT_ONCE = 32;
const RETRY_MS = 20;

async function run(bench) {
  const { subscribers, burst, warmup, seconds, publish } = bench.job;
  const deliveries = new Deliveries(bench.payload);
  while (bench.connections.length < subscribers) {
    const missing = subscribers - bench.connections.length;
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, missing) }, () => subscribe()));
  }
  // A subscription may need a moment to take effect, so publish until it has.
  while (deliveries.started < subscribers) {
    const published = await bench.control.call('publish', { turns: 1, burst: 1 });
    await Promise.race([deliveries.allHave(published, subscribers), wait(RETRY_MS)]);
  }

  const turns = Math.ceil(DELIVERIES_PER_CALL / (subscribers * burst));
  const load = async (duration) => {
    const end = performance.now() + duration * 1000;
    let operations = 0;
    do {
      const published = await bench.control.call('publish', { turns, burst });
      await deliveries.allHave(published, subscribers);
      operations += turns * burst * subscribers;
    } while (performance.now() < end);
    return operations;
  };
  await load(warmup);
  const before = await bench.snapshot();
  const operations = await load(seconds);
  const after = await bench.snapshot();
  if (deliveries.fault) throw new Error(deliveries.fault);
  const result = used(before, after, operations);
  return { operations, ...result, perServerCpuSecond: 1e6 / result.serverCpu };

  async function subscribe() {
    const connection = await bench.connect();
    const handler = deliveries.handler();
    await (publish === 'topic' ? connection.subscribe('bench.tick', handler) : connection.on('tick', handler));
  }
}

/** Counts what arrives, and sees to it that each subscriber gets all, once and in order. */
class Deliveries {
  constructor(payload) {
    this.payload = payload;
    this.started = 0;
    this.upToDate = new Map(); // number of the newest message → subscribers that have it
    this.waiter = undefined;
  }

  handler() {
    let nonce;
    return (message) => {
      if (nonce === undefined) this.started++;
      nonce = nonce === undefined ? message.nonce : nonce + 1;
      if (!this.payload.isMessage(message, nonce)) this.fault ??= `wrong message, nonce due ${nonce}: ${JSON.stringify(message)?.slice(0, 200)}`;
      const number = nonce - FIRST_NONCE + 1;
      const have = (this.upToDate.get(number) ?? 0) + 1;
      this.upToDate.set(number, have);
      if (this.waiter?.number === number && have === this.waiter.subscribers) this.waiter.resolve();
    };
  }

  /** Resolves when all subscribers have the message of this number, the newest. */
  async allHave(number, subscribers) {
    if (this.upToDate.get(number) !== subscribers) {
      await new Promise((resolve) => {
        this.waiter = { number, subscribers, resolve };
      });
    }
    this.upToDate.clear();
  }
}

module.exports = { run };
