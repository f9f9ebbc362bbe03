'use strict';

// How much the readers of all streams take in one turn of the event loop. Without a bound,
// readers that keep up would read for as long as their senders send, and every message
// would wait for them.

const { messages, visits } = require('../mailbox');

/** Bytes in a turn where messages come too. */
const SHARE = 64 * 1024;
/**
 * Where none has come for so many turns, nobody waits for the streams: they get several
 * shares, and the loop goes round, and wakes their senders, less often. More than four
 * gained nothing.
 */
const CALM_TURNS = 64;
const CALM_SHARES = 4;
/**
 * A turn that takes long has other reasons, and in a busy process streams would crawl:
 * they get a share for each of so many milliseconds, and at most so many.
 */
const LONG = 8;
const MOST_SHARES = 8;

/** Bytes taken in this turn, and bytes that may be. */
let taken = 0;
let allowed = SHARE;
/** The visit of the native side in which this turn's first byte was taken. */
let visit = 0;
/** Messages that had come by the last turn, and turns since another one came. */
let heard = 0;
let calm = 0;
/** Who goes on in the next turn, and since when they wait. */
let waiting = [];
let begun = 0;

/** Bytes that may be taken in this turn: none more, or at least a share. */
function room() {
  if (visit !== visits()) {
    visit = visits();
    taken = 0;
  }
  return taken < allowed ? Math.max(allowed - taken, SHARE) : 0;
}

/** So many bytes were taken. */
function took(bytes) {
  taken += bytes;
}

/** Calls `goOn` in the next turn. It must not throw. */
function wait(goOn) {
  if (waiting.push(goOn) > 1) return;
  begun = Date.now();
  setImmediate(nextTurn);
}

function nextTurn() {
  calm = heard === messages() ? calm + 1 : 0;
  heard = messages();
  // A clock that is set does no harm: it is a matter of one turn.
  const shares = Math.max(Math.floor((Date.now() - begun) / LONG), calm > CALM_TURNS ? CALM_SHARES : 1);
  allowed = SHARE * Math.min(shares, MOST_SHARES);
  taken = 0;
  const now = waiting;
  waiting = [];
  for (const goOn of now) goOn();
}

module.exports = { room, took, wait };
