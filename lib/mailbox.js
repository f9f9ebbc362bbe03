'use strict';

// The boundary: takes batches from the native side, hands records to endpoints,
// and flushes what endpoints have queued, once per batch or turn.

const native = require('./native');
const { DRIVER } = require('./driver');
const { forgetRun } = require('./payload-at');
const { PREFIX, RECORD, STREAM_OPEN } = require('./records');
const { uncaught } = require('./uncaught');

/** How long one visit may keep the event loop; the rest follows after others. */
const BUDGET_MS = 8;
/** Records between two looks at the clock, which costs as much as a small handler. */
const LOOK_EVERY = 4;
/** Records between two flushes within a batch. */
const FLUSH_EVERY = 64;

/**
 * @typedef {object} Receiver
 * @property {boolean} dirty whether it is on the list to be flushed
 * @property {(record: number, heads: Uint32Array, text: string, extras: any[]) => void} receive
 * @property {() => void} flush
 */

/** @type {Map<number, Receiver>} */
const endpoints = new Map();
const heads = new Uint32Array(native.headsLength());

const DONE = Promise.resolve();

/** Endpoints with output since the last flush. */
let dirty = [];
let flushScheduled = false;
let visiting = false;
let visited = 0;
let heard = 0;
/** The rest of a visit that took too long comes with setImmediate. */
let interrupted = false;
let exiting = false;

// Where the present batch stands; a visit may end in the middle of one.
let text = '';
let extras = [];
let record = 0;
let records = 0;
/** Whether the native side may have more, and will not ring for it. */
let comeAgain = true;

const mailbox = native.openMailbox(visit, DRIVER === 'loop');

/** Node's clock is loaded by the first batch that needs it: `require` is to be cheap. */
let read = () => {
  const { performance } = require('perf_hooks');
  read = () => performance.now();
  return read();
};

/** Milliseconds, from whenever. */
function clock() {
  return read();
}

function resume() {
  interrupted = false;
  visit();
}

function visit() {
  // Others are to have their turn first.
  if (interrupted) return;
  // A handler can't re-enter: only the bell, the event loop and setImmediate
  // call this.
  let until = Infinity;
  let handled = 0;
  comeAgain = true;
  visiting = true;
  visited++;
  try {
    for (;;) {
      if (record === records && !(comeAgain ? nextBatch() : letGo())) return;
      const receiver = endpoints.get(heads[0]);
      while (record < records) {
        const at = PREFIX + record++ * RECORD;
        if (heads[at] < STREAM_OPEN) heard++;
        if (receiver !== undefined) receive(receiver, at);
        handled++;
        // Answers of a long batch set out while the rest is handled, so that
        // both processes work at the same time.
        if (handled % FLUSH_EVERY === 0) {
          flush();
          native.flush(0);
        }
        if (handled % LOOK_EVERY === 1 && (handled > 1 || record < records)) {
          const now = clock();
          if (now > until) {
            interrupted = true;
            setImmediate(resume);
            return;
          }
          // A visit to a single record needs no clock.
          if (until === Infinity) until = now + BUDGET_MS;
        }
      }
    }
  } finally {
    visiting = false;
    flush();
  }
}

/** One record's failure must not keep the others from their endpoints. */
function receive(receiver, at) {
  try {
    receiver.receive(at, heads, text, extras);
  } catch (error) {
    uncaught(error);
  }
}

function nextBatch() {
  const mail = native.drain(mailbox, heads);
  letGo();
  if (mail === undefined) return false;
  if (typeof mail === 'string') text = mail;
  else {
    text = mail[0];
    extras = mail;
  }
  records = heads[1];
  comeAgain = heads[2] !== 0;
  if (heads[3] !== 0) {
    const receiver = endpoints.get(heads[0]);
    if (receiver !== undefined) markDirty(receiver);
  }
  return true;
}

/** Keeps nothing of a batch that has been handled. */
function letGo() {
  record = 0;
  records = 0;
  text = '';
  extras = [];
  forgetRun();
  return false;
}

/**
 * Remembers to flush an endpoint at the end of the batch or of the turn. Not
 * needed where the native side does it by itself, after a visit: see `TO_FLUSH`.
 */
function markDirty(endpoint) {
  if (exiting) {
    endpoint.flush();
    return;
  }
  if (!endpoint.dirty) {
    endpoint.dirty = true;
    dirty.push(endpoint);
  }
  flushInTick();
}

function flushInTick() {
  if (flushScheduled || visiting) return;
  flushScheduled = true;
  process.nextTick(flush);
}

/**
 * The same for messages that nobody answers. Node runs ticks before promise
 * callbacks, so whoever awaits each of many would see the first one written alone.
 */
function markDirtyAtLeisure(endpoint) {
  if (exiting) {
    endpoint.flush();
    return;
  }
  if (endpoint.dirty) return;
  endpoint.dirty = true;
  dirty.push(endpoint);
  if (!flushScheduled && !visiting) DONE.then(flushIfDirty);
}

/** Whether whoever has output may write it in a later turn: there is one, and this is no visit. */
function mayHold() {
  return !exiting && !visiting;
}

/** Promise callbacks that are queued by now have run, and what they queue runs before the tick. */
function flushIfDirty() {
  if (dirty.length > 0) flushInTick();
}

function flush() {
  flushScheduled = false;
  if (dirty.length === 0) return;
  const now = dirty;
  dirty = [];
  for (const endpoint of now) {
    endpoint.dirty = false;
    endpoint.flush();
  }
}

// What was sent just before process.exit() is not lost.
process.on('exit', () => {
  exiting = true;
  flush();
  native.flushAll();
});

/** How often the native side has been visited: it is not twice in a turn, as a rule. */
function visits() {
  return visited;
}

/** How many records have come that are not about streams. */
function messages() {
  return heard;
}

/** Closes the native side of endpoints that were garbage collected. */
const registry = new FinalizationRegistry((number) => native.dispose(number));

module.exports = { clock, mailbox, endpoints, registry, markDirty, markDirtyAtLeisure, mayHold, messages, visits };
