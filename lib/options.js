'use strict';

// Options: checked here, defaulted by the native side. What is `undefined`
// counts as not given; what we don't know is left alone.

const fs = require('fs');
const path = require('path');

const check = require('./check');
const { cloneVersion } = require('./codec');
const { DRIVER } = require('./driver');
const { IpcError } = require('./errors');

const DEFAULT_TIMEOUT = 30000;
/** Longest path of a Unix socket, in bytes, without the NUL. */
const LONGEST_PATH = process.platform === 'linux' || process.platform === 'android' ? 107 : 103;

function wrong(name, expected, value) {
  return new TypeError(`${name} must be ${expected}, not ${check.shown(value)}`);
}

const kinds = {
  string(name, value) {
    if (typeof value !== 'string') throw wrong(name, 'a string', value);
    return value;
  },
  boolean(name, value) {
    if (typeof value !== 'boolean') throw wrong(name, 'a boolean', value);
    return value;
  },
  /** A boolean that may come out of a configuration as text. */
  flag(name, value) {
    if (value === 'true' || value === 'false') return value === 'true';
    return kinds.boolean(name, value);
  },
  number(name, value, { least = 0, most = Infinity, whole = false } = {}) {
    if (typeof value !== 'number') throw wrong(name, 'a number', value);
    if (!(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
      const kind = whole ? 'a whole number' : 'a number';
      const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
      throw new RangeError(`${name} must be ${kind} ${range}, not ${value}`);
    }
    return value;
  },
  /** A time that something waits; waiting for nothing would spin. */
  millis(name, value) {
    return kinds.number(name, value, { least: 1 });
  },
  /** A time that may be none. */
  pause(name, value) {
    return kinds.number(name, value);
  },
  count(name, value) {
    return kinds.number(name, value, { whole: true, most: 0xffffffff });
  },
  /** A number of attempts; Infinity means without end. */
  attempts(name, value) {
    if (value === Infinity) return undefined;
    return kinds.count(name, value);
  },
  object(name, value) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw wrong(name, 'an object', value);
    return value;
  },
  ids(name, value) {
    if (!Array.isArray(value)) throw wrong(name, 'an array of numbers', value);
    // map() would pass over what is missing.
    return Array.from(value, (id) => kinds.count(name, id));
  },
};

/** Reads one option. */
function read(options, name, kind, details) {
  const value = options[name];
  return value === undefined ? undefined : kinds[kind](name, value, details);
}

/** Reads one option inside another, and names both. */
function readWithin(outer, options, name, kind) {
  const value = options[name];
  return value === undefined ? undefined : kinds[kind](`${outer}.${name}`, value);
}

function oneOf(options, name, allowed) {
  const value = options[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw wrong(name, `one of ${allowed.join(', ')}`, value);
  if (!allowed.includes(value)) throw new RangeError(`${name} must be one of ${allowed.join(', ')}, not '${value}'`);
  return value;
}

/** Where an endpoint without an address is found; the same for all who share the id. */
function defaultPath(id) {
  const plain = id.replace(/[^A-Za-z0-9._-]/g, '_');
  if (process.platform === 'win32') {
    const user = require('os').userInfo().username.replace(/[^A-Za-z0-9._-]/g, '_');
    return `\\\\.\\pipe\\smartipc-${user}-${short(plain, id, 200)}`;
  }
  const uid = process.getuid ? process.getuid() : 0;
  const runtime = `/run/user/${uid}`;
  const prefix = isDirectory(runtime)
    ? path.join(runtime, 'smartipc-')
    : path.join(require('os').tmpdir(), `smartipc-${uid}-`);
  return `${prefix}${short(plain, id, LONGEST_PATH - Buffer.byteLength(prefix) - '.sock'.length)}.sock`;
}

/** The id, or a hash of it where it would be too long or was not kept as it is. */
function short(plain, id, room) {
  if (plain === id && plain.length <= room) return plain;
  const hash = require('crypto').createHash('sha256').update(id).digest('hex').slice(0, 16);
  const kept = plain.slice(0, Math.max(0, room - hash.length - 1));
  return kept === '' ? hash : `${kept}-${hash}`;
}

function isDirectory(file) {
  try {
    return fs.statSync(file).isDirectory();
  } catch (_) {
    return false;
  }
}

function address(options) {
  const socketPath = read(options, 'socketPath', 'string');
  const host = read(options, 'host', 'string');
  const port = read(options, 'port', 'number', { whole: true, most: 65535 });
  if (socketPath !== undefined) {
    if (socketPath === '') throw new RangeError('socketPath must not be empty');
    return { socketPath };
  }
  if (port !== undefined || host !== undefined) return { host: host === undefined ? '127.0.0.1' : host, port: port === undefined ? 0 : port };
  return { socketPath: defaultPath(options.id) };
}

/**
 * Windows has no users and groups by number, and a pipe has no mode: what was to
 * protect somebody is refused rather than left out, and a mode that lets others in
 * is warned of, as it has no effect.
 */
function checkSupported(options) {
  if (process.platform !== 'win32') return;
  for (const name of ['allowedUids', 'allowedGids', 'expectServerUid']) {
    if (options[name] === undefined) continue;
    const text = `${name} is not available on Windows, which has no users and groups by number; a pipe lets in its own user only`;
    throw new IpcError('IPC_ERR_UNSUPPORTED', text);
  }
  const { socketMode } = options;
  if (socketMode !== undefined && (socketMode & 0o077) !== 0) {
    const text = `socketMode 0o${socketMode.toString(8)} lets others in, which has no effect on Windows: a pipe is for its own user`;
    process.emitWarning(new IpcError('IPC_ERR_UNSUPPORTED', text));
  }
}

/**
 * @param {any} options
 * @param {'client' | 'server'} end
 * @returns {{ native: any, settings: any }}
 */
function common(options, end) {
  if (options === null || typeof options !== 'object') throw wrong('options', 'an object', options);
  check.string('id', options.id);
  const where = address(options);
  const encryption = read(options, 'encryption', 'boolean');
  const tls = read(options, 'tls', 'object');
  if (encryption && where.socketPath === undefined && tls === undefined) {
    throw new TypeError('encryption over TCP needs the option tls');
  }
  if (tls !== undefined && where.socketPath !== undefined) {
    throw new TypeError('tls is for TCP; bytes of a socket path never leave the machine');
  }
  const heartbeatClose = read(options, 'heartbeatThrowOnTimeout', 'flag');
  const serialization = oneOf(options, 'serialization', ['json', 'advanced']);
  return {
    native: {
      ...where,
      authToken: read(options, 'authToken', 'string'),
      noDelay: read(options, 'noDelay', 'boolean'),
      maxMessageSize: read(options, 'maxMessageSize', 'number', { whole: true, least: 1024, most: 0x7fffffff }),
      maxConcurrentStreams: read(options, 'maxConcurrentStreams', 'count'),
      heartbeat: read(options, 'heartbeat', 'boolean'),
      heartbeatInterval: read(options, 'heartbeatInterval', 'millis'),
      heartbeatTimeout: read(options, 'heartbeatTimeout', 'millis'),
      heartbeatGrace: read(options, 'heartbeatInitialGracePeriodMs', 'pause'),
      heartbeatClose,
      busyPoll: read(options, 'busyPoll', 'pause'),
      cloneVersion: cloneVersion(),
      tls: tls === undefined ? undefined : require('./tls')[end](tls, where.host),
    },
    settings: {
      timeout: options.timeout === undefined ? DEFAULT_TIMEOUT : check.time('timeout', options.timeout),
      advanced: serialization === 'advanced',
      cloneVersion: cloneVersion(),
      closeOnTimeout: heartbeatClose !== false,
      // Only tokio can wait for a socket whose bytes pass through TLS.
      driver: tls === undefined ? DRIVER : 'tokio',
      plainTextTo: tls === undefined && where.host !== undefined ? require('./tls').exposed(where.host) : undefined,
    },
  };
}

function server(options) {
  const { native, settings } = common(options, 'server');
  const socketMode = read(options, 'socketMode', 'number', { whole: true, most: 0o777 });
  checkSupported(options);
  return {
    settings,
    native: {
      common: native,
      maxClients: read(options, 'maxClients', 'count'),
      maxClientsPerUid: read(options, 'maxClientsPerUid', 'count'),
      idleTimeout: read(options, 'clientIdleTimeout', 'millis'),
      cleanup: read(options, 'autoCleanupSocketFile', 'boolean'),
      socketMode,
      slowConsumer: oneOf(options, 'slowConsumer', ['disconnect', 'drop-oldest', 'wait']),
      writeTimeout: read(options, 'writeTimeout', 'millis'),
      handshakeTimeout: read(options, 'handshakeTimeout', 'millis'),
      frameTimeout: read(options, 'frameTimeout', 'millis'),
      allowedUids: read(options, 'allowedUids', 'ids'),
      allowedGids: read(options, 'allowedGids', 'ids'),
    },
  };
}

function jsonText(name, value) {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new TypeError(`${name} must be possible to write as JSON: ${error.message}`);
  }
}

function clientOnlyByEnvironment() {
  return ['1', 'true', 'TRUE'].includes(process.env.SMARTIPC_CLIENT_ONLY || '');
}

function client(options) {
  const { native, settings } = common(options, 'client');
  if (native.socketPath === undefined && native.port === 0) {
    throw new RangeError('port must be from 1 to 65535 for a client: it says which server is meant');
  }
  const clientId = read(options, 'clientId', 'string');
  if (clientId !== undefined) check.string('clientId', clientId);
  const retry = read(options, 'connectRetry', 'object') || {};
  const clientOnly = read(options, 'clientOnly', 'boolean');
  const retryEnabled = readWithin('connectRetry', retry, 'enabled', 'boolean');
  const metadata = jsonText('metadata', options.metadata);
  const socketMode = read(options, 'socketMode', 'number', { whole: true, most: 0o777 });
  checkSupported(options);
  return {
    settings,
    native: {
      common: native,
      clientId: clientId === undefined ? require('crypto').randomUUID() : clientId,
      metadata,
      clientOnly: clientOnlyByEnvironment() || clientOnly,
      socketMode,
      registerTimeout: read(options, 'registerTimeoutMs', 'millis'),
      expectServerUid: read(options, 'expectServerUid', 'count'),
      retryEnabled,
      retryInitialDelay: readWithin('connectRetry', retry, 'initialDelay', 'pause'),
      retryMaxDelay: readWithin('connectRetry', retry, 'maxDelay', 'pause'),
      retryMaxAttempts: readWithin('connectRetry', retry, 'maxAttempts', 'attempts'),
      retryTotalTimeout: readWithin('connectRetry', retry, 'totalTimeout', 'millis'),
      reconnect: read(options, 'autoReconnect', 'boolean'),
      reconnectDelay: read(options, 'reconnectDelay', 'pause'),
      reconnectMaxDelay: read(options, 'maxReconnectDelay', 'pause'),
      reconnectMultiplier: read(options, 'reconnectMultiplier', 'number', { least: 1 }),
      reconnectMaxAttempts: read(options, 'maxReconnectAttempts', 'attempts'),
    },
  };
}

module.exports = { client, defaultPath, oneOf, server };
