'use strict';

// The option tls: PEM texts, or files that hold them. What is in them is judged
// by the native side.

const fs = require('fs');
const net = require('net');

const check = require('./check');
const { IpcError } = require('./errors');

const PEM = '-----BEGIN ';

/** A PEM text, given as such or as the path of its file. */
function pem(name, value) {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (typeof value !== 'string') {
    throw new TypeError(`${name} must be a PEM text, a Buffer or a path, not ${check.shown(value)}`);
  }
  if (value.includes(PEM)) return value;
  check.path(name, value);
  try {
    return fs.readFileSync(value, 'latin1');
  } catch (cause) {
    throw new IpcError(cause.code, `Cannot read ${name}: ${cause.message}`, { origin: 'io', cause });
  }
}

function optional(given, name, kind, read) {
  const value = given[name];
  return value === undefined ? undefined : read(`tls.${name}`, value, kind);
}

function typed(name, value, kind) {
  if (typeof value !== kind) throw new TypeError(`${name} must be a ${kind}, not ${check.shown(value)}`);
  return value;
}

function authorities(value) {
  if (value === undefined) return undefined;
  return (Array.isArray(value) ? value : [value]).map((one) => pem('tls.ca', one));
}

/** Those that Node trusts; newer versions know of those that were added. */
function nodesAuthorities() {
  // Loaded by those who use TLS, not by all.
  const { getCACertificates, rootCertificates } = /** @type {any} */ (require('tls'));
  const known = typeof getCACertificates === 'function' ? getCACertificates('default') : rootCertificates;
  return known === undefined ? [] : [...known];
}

/** What both ends understand, so that they may be given the same object. */
function common(given) {
  if (given.rejectUnauthorized !== undefined && given.rejectUnauthorized !== true) {
    throw new TypeError('tls.rejectUnauthorized can only be true; give the authority of a private certificate as tls.ca');
  }
  return {
    cert: optional(given, 'cert', undefined, pem),
    key: optional(given, 'key', undefined, pem),
    ca: authorities(given.ca),
    requestCert: optional(given, 'requestCert', 'boolean', typed) === true,
    servername: optional(given, 'servername', 'string', typed),
  };
}

/** @param {any} given see `IIpcTlsOptions` */
function server(given) {
  const { cert, key, ca, requestCert } = common(given);
  return { cert, key, ca: requestCert && ca !== undefined ? ca : [], requestCert };
}

/**
 * @param {any} given see `IIpcTlsOptions`
 * @param {string} host
 */
function client(given, host) {
  const { cert, key, ca, servername } = common(given);
  return {
    cert,
    key,
    ca: ca === undefined ? nodesAuthorities() : ca,
    requestCert: false,
    servername: servername === undefined ? host : servername,
  };
}

/** The host, if others than this machine may be there. Names are not looked up for it. */
function exposed(host) {
  if (host === undefined) return undefined;
  const own = net.isIPv4(host) ? host.startsWith('127.') : net.isIPv6(host) ? /^[0:]*:0*1$/.test(host) : /^(.+\.)?localhost$/i.test(host);
  return own ? undefined : host;
}

let warned = false;

/** Warns, once in a process, that others may read what passes. */
function warnOfPlainText(host) {
  if (warned || host === undefined) return;
  warned = true;
  const text = `Messages to or from ${host} cross the network unencrypted, and so does an authToken; see the option tls`;
  process.emitWarning(text, { type: 'SecurityWarning', code: 'IPC_WARN_PLAIN_TEXT' });
}

module.exports = { client, exposed, server, warnOfPlainText };
