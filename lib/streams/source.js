'use strict';

// What can be sent as a stream, behind one face: `next()` as of an iterator, or `flow()`
// of what comes by itself, and `stop()` for when nobody wants the rest.

const { finished } = require('stream');

const check = require('../check');

/**
 * @typedef {object} Source
 * @property {() => Promise<{ done?: boolean, value?: any }> | { done?: boolean, value?: any }} [next]
 * @property {(take: (piece: any) => void, end: () => void, fail: (error: any) => void) => void} [flow] instead of `next`
 * @property {() => void} [pause] what flows
 * @property {() => void} [resume] what flows
 * @property {number} [chunkSize] what to send at once unless the sender says
 * @property {(endpoint: number, conn: number, stream: number, watched: boolean) => boolean} [handTo] lets the native side read it
 * @property {() => void} stop gives up what is left; harmless at the end
 */

function nothing() {}

/**
 * @param {any} given a Readable, a ReadableStream, an iterable of bytes, or bytes
 * @returns {Source}
 */
function sourceOf(given) {
  if (given instanceof Uint8Array) return iterated([given][Symbol.iterator]());
  if (given !== null && typeof given === 'object') {
    if (typeof given.pipe === 'function' && typeof given.read === 'function') return readable(given);
    if (typeof given.getReader === 'function') return web(given);
    if (typeof given[Symbol.asyncIterator] === 'function') return iterated(given[Symbol.asyncIterator]());
    if (typeof given[Symbol.iterator] === 'function') return iterated(given[Symbol.iterator]());
  }
  throw new TypeError(`readable must be a Readable, a ReadableStream or an iterable of bytes, not ${check.shown(given)}`);
}

/**
 * A Node stream. It flows, as into a pipe: read with `read()`, what it has ready would
 * be joined into one piece, which copies all of it.
 */
function readable(stream) {
  let failure;
  // It may fail before anybody reads it.
  stream.on('error', (error) => {
    failure = failure || { error };
  });
  return {
    flow(take, end, fail) {
      if (failure !== undefined) throw failure.error;
      // Node 14 takes a stream that was destroyed for one that has ended.
      if (stream.destroyed && !stream.readableEnded) throw stream.errored || unfinished();
      stream.on('data', take);
      finished(stream, { writable: false }, (error) => {
        if (failure === undefined && !error) end();
        else fail(failure === undefined ? error : failure.error);
      });
      stream.resume();
    },
    pause() {
      stream.pause();
    },
    resume() {
      stream.resume();
    },
    stop() {
      stream.destroy();
    },
  };
}

/** The error that later versions of Node give. */
function unfinished() {
  return Object.assign(new Error('Premature close'), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
}

function web(stream) {
  const reader = stream.getReader();
  return {
    next: () => reader.read(),
    stop() {
      Promise.resolve(reader.cancel()).catch(nothing);
    },
  };
}

function iterated(iterator) {
  return {
    next: () => iterator.next(),
    stop() {
      if (typeof iterator.return !== 'function') return;
      // Not waited for: a generator that waits for something answers only then.
      new Promise((resolve) => resolve(iterator.return())).catch(nothing);
    },
  };
}

/** Gives up what is to be a source and has not been read. It may fail all the same. */
function discard(given) {
  if (given === null || typeof given !== 'object') return;
  if (typeof given.on === 'function') given.on('error', nothing);
  if (typeof given.destroy === 'function') given.destroy();
  else if (typeof given.cancel === 'function') Promise.resolve(given.cancel()).catch(nothing);
}

/** One piece of a source as bytes. */
function bytesOf(piece) {
  if (piece instanceof Uint8Array) return piece;
  if (typeof piece === 'string') return Buffer.from(piece);
  if (piece instanceof ArrayBuffer) return new Uint8Array(piece);
  if (ArrayBuffer.isView(piece)) return new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
  throw new TypeError(`a stream must consist of bytes or strings, not of ${check.shown(piece)}`);
}

module.exports = { bytesOf, discard, sourceOf };
