'use strict';

// Reads the parts of a record; the layout is in records.js.

const { decode } = require('./codec');
const R = require('./records');

function jsonAt(at, heads, text, extras) {
  const place = heads[at + 5];
  return heads[at + 4] & R.IN_EXTRAS ? extras[place + 1] : text.slice(place, place + heads[at + 6]);
}

function payloadAt(at, heads, text, extras) {
  const encoding = heads[at + 4] & 0xff;
  return encoding === 0 ? undefined : decode(encoding, jsonAt(at, heads, text, extras));
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

module.exports = { anotherPayloadAt, headersAt, jsonAt, payloadAt };
