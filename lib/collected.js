'use strict';

// Small messages cross the boundary together. Once the addon has said that there is room
// for a whole batch on a connection, they are collected here, and handed over when a batch
// is full or anything else is asked of the addon: see lib/native.js.

const addon = require('../native');
const { fromNative } = require('./errors');
const { ROOM_FOR_BATCH } = require('./records');

// The addon answers ROOM_FOR_BATCH by these: src/binding/fast/messages.rs.
/** Messages of a batch. */
const MOST = 64;
/** Units of UTF-16 of one of them. */
const LONGEST = 2 * 1024;
/** A batch of as many units is full, whatever comes next. */
const FULL = 6 * 1024;

/** Two words a message: the number of its type, and its units. */
const words = new Uint32Array(2 * MOST);
let text = '';
let count = 0;
/** To whom the next messages may be collected, and from whom. */
let receiver;
let sender;

/** Whether a JSON text for that peer may be added. */
function collects(peer, units) {
  return receiver === peer && peer !== undefined && units <= LONGEST;
}

/** The addon has room for a batch from `endpoint` to `peer`. */
function collectFor(endpoint, peer) {
  sender = endpoint;
  receiver = peer;
}

/** Adds a message, which counts as accepted; true if it is the first of a batch. */
function add(name, data, units) {
  words[2 * count] = name;
  words[2 * count + 1] = units;
  text += data;
  count++;
  if (count === MOST || text.length >= FULL) {
    const [from, to] = [sender, receiver];
    if ((handOver() & ROOM_FOR_BATCH) !== 0) collectFor(from, to);
    return false;
  }
  return count === 1;
}

/**
 * Gives the addon what is here. Nothing is collected until the addon says again that it
 * has room: whatever is asked of it now may take that.
 *
 * @returns {number} a status
 */
function handOver() {
  if (receiver === undefined) return 0;
  const [from, to, all, number] = [sender, receiver, text, count];
  sender = undefined;
  receiver = undefined;
  text = '';
  count = 0;
  if (number === 0) return 0;
  const status = addon.messages(from._number, to.conn, number, words, all);
  if (typeof status !== 'string') return status;
  // Later: a listener may send something, and is not to do so in the middle of another call.
  setImmediate(() => from._report(fromNative(status), to.clientId));
  return 0;
}

module.exports = { add, collectFor, collects, handOver };
