'use strict';

// Payloads to bytes and back. V8 does both; the native side only carries them.

const v8 = require('v8');

/** Encodings, as numbered on the wire. */
const NONE = 0;
const JSON_TEXT = 1;
const CLONE = 2;
const BYTES = 3;

/** The structured clone format of this Node: second byte of what it writes. */
const CLONE_VERSION = v8.serialize(0)[1];

// What `encode` made, instead of an object per call.
const encoded = { tag: NONE, data: /** @type {string | Uint8Array} */ (''), units: 0 };

/**
 * Encodes a payload into `encoded`. Throws what `JSON.stringify`, `v8.serialize`
 * or the payload's own `toJSON` throws.
 *
 * @param {unknown} payload
 * @param {boolean} advanced whether the peer takes structured clones
 */
function encode(payload, advanced) {
  if (payload instanceof Uint8Array) {
    encoded.tag = BYTES;
    encoded.data = payload;
    encoded.units = 0;
    return encoded;
  }
  if (advanced && payload !== undefined) {
    // First: getters of the payload may send something themselves.
    const data = v8.serialize(payload);
    encoded.tag = CLONE;
    encoded.data = data;
    encoded.units = 0;
    return encoded;
  }
  const text = JSON.stringify(payload);
  if (text === undefined) {
    encoded.tag = NONE;
    encoded.data = '';
    encoded.units = 0;
    return encoded;
  }
  encoded.tag = JSON_TEXT;
  encoded.data = text;
  encoded.units = text.length;
  return encoded;
}

/**
 * @param {number} tag
 * @param {any} data text or Buffer
 */
function decode(tag, data) {
  switch (tag) {
    case JSON_TEXT:
      return JSON.parse(data);
    case BYTES:
      return data;
    case CLONE:
      return v8.deserialize(data);
    default:
      return undefined;
  }
}

module.exports = { CLONE_VERSION, JSON_TEXT, encode, decode };
