'use strict';

// Reads the parts of a record; the layout is in records.js.

const { decode, JSON_TEXT } = require('./codec');
const R = require('./records');

/** @type {any[]} */
const NOTHING = [];

function jsonAt(at, heads, text, extras) {
  const place = heads[at + 5];
  return heads[at + 4] & R.IN_EXTRAS ? extras[place + 1] : text.slice(place, place + heads[at + 6]);
}

function payloadAt(at, heads, text, extras) {
  const word = heads[at + 4];
  if (word >= R.IN_RUN) return inRun(at, word, heads, text);
  const encoding = word & 0xff;
  return encoding === 0 ? undefined : decode(encoding, jsonAt(at, heads, text, extras));
}

/** The payloads of a run, or none of one that has to be parsed one by one; and its first record. */
let run = NOTHING;
let runAt = 0;

/** One of the payloads that were parsed at once. Each is handed out a single time. */
function inRun(at, word, heads, text) {
  const place = ((word >>> R.PLACE_IN_RUN) & 0xff) - 1;
  const first = at - place * R.RECORD;
  if (first !== runAt) {
    run = parseRun(first, heads, text);
    runAt = first;
  }
  const payload = run[place];
  if (payload === undefined) return decode(JSON_TEXT, jsonAt(at, heads, text, NOTHING));
  // Nobody keeps what a handler has got and let go of.
  run[place] = undefined;
  return payload;
}

/**
 * A run is `[a,b,c]`, in which none can reach into another: what parses as so many
 * elements is what each of them is by itself. If it does not, each has to show.
 */
function parseRun(first, heads, text) {
  const count = heads[first + 4] >>> R.TEXTS_IN_RUN;
  const last = first + (count - 1) * R.RECORD;
  try {
    const payloads = decode(JSON_TEXT, text.slice(heads[first + 5] - 1, heads[last + 5] + heads[last + 6] + 1));
    return payloads.length === count ? payloads : NOTHING;
  } catch {
    return NOTHING;
  }
}

/** The records that were read are over. */
function forgetRun() {
  run = NOTHING;
  runAt = 0;
}

/** The same once more; it shares no bytes with the first. */
function anotherPayloadAt(at, heads, text, extras) {
  const encoding = heads[at + 4] & 0xff;
  if (encoding === 0) return undefined;
  const data = jsonAt(at, heads, text, extras);
  return decode(encoding, typeof data === 'string' ? data : Buffer.from(data));
}

function headersAt(at, heads, extras) {
  const place = heads[at + 7];
  return place === 0 ? undefined : extras[place];
}

module.exports = { anotherPayloadAt, forgetRun, headersAt, jsonAt, payloadAt };
