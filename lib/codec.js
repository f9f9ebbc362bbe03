'use strict';

// Payloads to bytes and back. V8 does both; the native side only carries them.

const v8 = require('v8');

/** Encodings, as numbered on the wire. */
const NONE = 0;
const JSON_TEXT = 1;
const CLONE = 2;
const BYTES = 3;

/** Where the versions of another engine's structured clone format begin. */
const OTHER_FORMAT = 0x10000;

/**
 * The structured clones that this runtime writes and reads: V8's version, or,
 * under Bun, that of JavaScriptCore above `OTHER_FORMAT`.
 */
const CLONE_VERSION = cloneVersion(v8.serialize(0));

/** @param {Buffer} written any structured clone */
function cloneVersion(written) {
  // V8 begins with a mark and its version, JavaScriptCore with its version.
  return written[0] === 0xff ? written[1] : OTHER_FORMAT + written.readUInt16LE(0);
}

/**
 * Whether a peer that reads clones of one version can read those of another:
 * an engine reads its own older ones, and nothing of another engine.
 */
function readsClones(peerVersion, version) {
  return peerVersion >= OTHER_FORMAT === version >= OTHER_FORMAT && peerVersion >= version;
}

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

module.exports = { CLONE_VERSION, JSON_TEXT, encode, decode, readsClones };
