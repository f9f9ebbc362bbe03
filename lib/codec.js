'use strict';

// Payloads to bytes and back. V8 does both; the native side only carries them.

/** Encodings, as numbered on the wire. */
const NONE = 0;
const JSON_TEXT = 1;
const CLONE = 2;
const BYTES = 3;

/** Where the versions of another engine's structured clone format begin. */
const OTHER_FORMAT = 0x10000;

/**
 * Node's module, loaded by the first endpoint: that takes a tenth of the time of
 * `require` of this package.
 *
 * @type {typeof import('v8')}
 */
let v8;
let ownVersion = 0;

/**
 * The structured clones that this runtime writes and reads: V8's version, or,
 * under Bun, that of JavaScriptCore above `OTHER_FORMAT`.
 */
function cloneVersion() {
  if (ownVersion === 0) {
    v8 = require('v8');
    const written = v8.serialize(0);
    // V8 begins with a mark and its version, JavaScriptCore with its version.
    ownVersion = written[0] === 0xff ? written[1] : OTHER_FORMAT + written.readUInt16LE(0);
  }
  return ownVersion;
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

module.exports = { cloneVersion, JSON_TEXT, encode, decode, readsClones };
