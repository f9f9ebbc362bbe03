'use strict';

const check = require('../check');

const DEFAULT_CHUNK = 64 * 1024;
/** Larger chunks would only hold up the messages beside them. */
const LARGEST_CHUNK = 1024 * 1024;

/** Longest `meta`, in bytes of JSON: what a peer takes. */
const LONGEST_META = 64 * 1024;

/**
 * @typedef {object} StreamOptions
 * @property {string} streamId
 * @property {string | undefined} meta JSON text
 * @property {string | undefined} headers JSON text
 * @property {number} chunkSize
 * @property {boolean} isChunkGiven whether somebody asked for that
 * @property {((progress: { bytes: number, total: number | undefined }) => void) | undefined} onProgress
 * @property {any} signal
 */

/**
 * Checks the options of a stream to send.
 *
 * @param {any} given
 * @returns {StreamOptions}
 */
function streamOptions(given) {
  const options = given === undefined || given === null ? {} : given;
  if (typeof options !== 'object') throw new TypeError(`options must be an object, not ${check.shown(options)}`);
  const { streamId = require('crypto').randomUUID(), chunkSize, meta, headers, onProgress, signal } = options;
  check.string('streamId', streamId);
  const chunk = chunkSize === undefined ? DEFAULT_CHUNK : chunkSize;
  if (typeof chunk !== 'number') throw new TypeError(`chunkSize must be a number of bytes, not ${check.shown(chunkSize)}`);
  if (!(chunk >= 1)) throw new RangeError(`chunkSize must be at least 1, not ${chunkSize}`);
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new TypeError(`onProgress must be a function, not ${check.shown(onProgress)}`);
  }
  check.signal(signal);
  const metaText = JSON.stringify(meta);
  if (metaText !== undefined && Buffer.byteLength(metaText) > LONGEST_META) {
    throw new RangeError(`meta must have at most ${LONGEST_META} bytes of JSON`);
  }
  return {
    streamId,
    meta: metaText,
    headers: check.headers(headers),
    chunkSize: Math.min(Math.floor(chunk), LARGEST_CHUNK),
    isChunkGiven: chunkSize !== undefined,
    onProgress,
    signal,
  };
}

/** The size that a stream's `meta` tells, if it does. */
function sizeIn(meta) {
  const size = meta !== null && typeof meta === 'object' ? meta.size : undefined;
  return typeof size === 'number' ? size : undefined;
}

module.exports = { sizeIn, streamOptions };
