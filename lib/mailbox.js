'use strict';

// The boundary: takes batches from the native side, hands records to endpoints,
// and flushes what endpoints have queued, once per batch or turn.

const { performance } = require('perf_hooks');

const native = require('../native');
const { PREFIX, RECORD } = require('./records');

/** How long one visit may keep the event loop; the rest follows after others. */
const BUDGET_MS = 8;
/** Records between two looks at the clock, which costs as much as a small handler. */
const LOOK_EVERY = 4;
/** Records between two flushes within a batch. */
const FLUSH_EVERY = 32;

/** @type {Map<number, { receive(record: number, heads: Uint32Array, text: string, extras: any[]): void }>} */
const endpoints = new Map();
const heads = new Uint32Array(native.headsLength());

/** Endpoints with output since the last flush. */
let dirty = [];
let flushScheduled = false;
let visiting = false;
let exiting = false;

// Where the present batch stands; a visit may end in the middle of one.
let text = '';
let extras = [];
let record = 0;
let records = 0;

const mailbox = native.openMailbox(visit);

function visit() {
  // A handler can't re-enter: only the bell and setImmediate call this.
  const until = performance.now() + BUDGET_MS;
  visiting = true;
  try {
    for (;;) {
      if (record === records && !nextBatch()) break;
      const receiver = endpoints.get(heads[0]);
      while (record < records) {
        const at = PREFIX + record++ * RECORD;
        if (receiver !== undefined) receiver.receive(at, heads, text, extras);
        // Answers of a long batch set out while the rest is handled, so that
        // both processes work at the same time.
        if (record % FLUSH_EVERY === 0) flush();
        if (record % LOOK_EVERY === 0 && performance.now() > until) {
          setImmediate(visit);
          return;
        }
      }
    }
  } finally {
    visiting = false;
    flush();
  }
}

function nextBatch() {
  // What async handlers of the last batch answered goes out with this one.
  const mail = native.drain(mailbox, heads);
  record = 0;
  records = 0;
  text = '';
  extras = [];
  if (mail === undefined) return false;
  if (typeof mail === 'string') text = mail;
  else {
    text = mail[0];
    extras = mail;
  }
  records = heads[1];
  return true;
}

/** Remembers to flush an endpoint at the end of the batch or of the turn. */
function markDirty(endpoint) {
  if (exiting) {
    endpoint.flush();
    return;
  }
  if (endpoint.dirty) return;
  endpoint.dirty = true;
  dirty.push(endpoint);
  if (!flushScheduled && !visiting) {
    flushScheduled = true;
    process.nextTick(flush);
  }
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

/** Closes the native side of endpoints that were garbage collected. */
const registry = new FinalizationRegistry((number) => native.dispose(number));

module.exports = { mailbox, endpoints, registry, markDirty };
