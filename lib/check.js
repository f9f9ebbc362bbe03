'use strict';

// Checks of arguments. What is wrong throws a TypeError or RangeError that
// names it.

const LONGEST_NAME = 256;
const MAX_SEGMENTS = 127;
/** Longest timer of the native side: 32 bits of milliseconds. */
const LONGEST_TIME = 0xffffffff;

/** A value in an error's text; of some objects no text can be made. */
function shown(value) {
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

function string(name, value) {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string, not ${shown(value)}`);
  if (value === '') throw new RangeError(`${name} must not be empty`);
  if (value.length > LONGEST_NAME / 3 && Buffer.byteLength(value) > LONGEST_NAME) {
    throw new RangeError(`${name} must have at most ${LONGEST_NAME} bytes`);
  }
}

/** A message type that users may send. */
function type(value) {
  string('type', value);
  if (value.startsWith('topic:') || /^__.*__$/s.test(value)) {
    throw new TypeError(`type '${value}' is reserved: __…__ and topic:… belong to the protocol`);
  }
}

/** A topic or pattern; the server would drop one that it can't match. */
function topic(value) {
  string('topic', value);
  if (value.length >= 2 * MAX_SEGMENTS && value.split('.').length > MAX_SEGMENTS) {
    throw new RangeError(`topic must have at most ${MAX_SEGMENTS} segments`);
  }
}

function handler(value) {
  if (typeof value !== 'function') throw new TypeError(`handler must be a function, not ${shown(value)}`);
}

/** Milliseconds for the native side; 0 stands for no limit. */
function time(name, value) {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number of milliseconds, not ${shown(value)}`);
  if (!(value > 0)) throw new RangeError(`${name} must be greater than 0, not ${value}`);
  return value === Infinity ? 0 : Math.min(Math.max(1, Math.ceil(value)), LONGEST_TIME);
}

function headers(value) {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new TypeError(`headers must be an object, not ${shown(value)}`);
  }
  const text = JSON.stringify(value);
  return text === '{}' ? undefined : text;
}

function signal(value) {
  if (value !== undefined && (value === null || typeof value.addEventListener !== 'function')) {
    throw new TypeError(`signal must be an AbortSignal, not ${shown(value)}`);
  }
}

/** The path of a file. */
function path(name, value) {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string, not ${shown(value)}`);
  if (value === '') throw new RangeError(`${name} must not be empty`);
  // Node's own error has the path in its text, and might go to a peer.
  if (value.includes('\0')) throw new RangeError(`${name} must not contain a NUL`);
}

const NO_OPTIONS = { timeout: 0, signal: undefined, headers: undefined };

function requestOptions(options, defaultTimeout) {
  if (options === undefined || options === null) {
    NO_OPTIONS.timeout = defaultTimeout;
    return NO_OPTIONS;
  }
  if (typeof options !== 'object') throw new TypeError(`options must be an object, not ${shown(options)}`);
  signal(options.signal);
  return {
    timeout: options.timeout === undefined ? defaultTimeout : time('timeout', options.timeout),
    signal: options.signal,
    headers: headers(options.headers),
  };
}

module.exports = { handler, headers, path, requestOptions, shown, signal, string, time, topic, type };
