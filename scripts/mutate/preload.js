'use strict';

// Loaded into every process of a test run: switches one public name off, as
// SMARTIPC_MUTATE says ("kind owner name").

const Module = require('module');
const path = require('path');

const LIB = path.join(__dirname, '..', '..', 'lib');
const [kind, owner, name] = (process.env.SMARTIPC_MUTATE || '').split(' ');

/** Patches by module: each gets the exports once the module has run. */
const patches = new Map();

function patch(file, change) {
  const at = path.join(LIB, file);
  patches.set(at, [...(patches.get(at) || []), change]);
}

const load = Module._load;
Module._load = function (request, parent, isMain) {
  const exports = load.call(this, request, parent, isMain);
  if (!request.startsWith('.') && !path.isAbsolute(request)) return exports;
  let at;
  try {
    at = Module._resolveFilename(request, parent, isMain);
  } catch (_) {
    return exports;
  }
  const changes = patches.get(at);
  if (changes !== undefined) {
    patches.delete(at);
    for (const change of changes) change(exports);
  }
  return exports;
};

const FILES = { SmartIpc: 'smartipc.js', IpcServer: 'server.js', IpcClient: 'client.js', IpcChannel: 'channel.js', IpcError: 'errors.js' };

function without(value) {
  if (value === null || typeof value !== 'object' || !(name in value)) return value;
  const copy = Object.create(Object.getPrototypeOf(value));
  for (const key of Object.keys(value)) if (key !== name) copy[key] = value[key];
  return copy;
}

/** Wraps a function so that one argument comes without the name. */
function stripArgument(object, method, at) {
  const original = object[method];
  object[method] = function (...args) {
    args[at] = without(args[at]);
    return original.apply(this, args);
  };
}

/** Wraps a function so that its result comes without the name. */
function stripResult(object, method, change = without) {
  const original = object[method];
  object[method] = function (...args) {
    const result = original.apply(this, args);
    return result instanceof Promise ? result.then(change) : change(result);
  };
}

const options = {
  // A channel hands its options on to a server and a client.
  constructor: () => patch('options.js', (exports) => ['client', 'server'].forEach((method) => stripArgument(exports, method, 0))),
  connectRetry() {
    const change = (given) => (given && given.connectRetry ? { ...given, connectRetry: without(given.connectRetry) } : given);
    patch('options.js', (exports) => {
      const { client } = exports;
      exports.client = (given) => client(change(given));
    });
  },
  start: () => patch('server.js', ({ IpcServer }) => stripArgument(IpcServer.prototype, 'start', 0)),
  connect: () => patch('client.js', ({ IpcClient }) => stripArgument(IpcClient.prototype, 'connect', 0)),
  request() {
    patch('client.js', ({ IpcClient }) => stripArgument(IpcClient.prototype, 'request', 2));
    patch('server.js', ({ IpcServer }) => stripArgument(IpcServer.prototype, 'requestClient', 3));
  },
  stream: () => patch(path.join('streams', 'options.js'), (exports) => stripArgument(exports, 'streamOptions', 0)),
  save: () => patch('smartipc.js', ({ SmartIpc }) => stripArgument(SmartIpc, 'pipeStreamToFile', 2)),
  waitForServer: () => patch('smartipc.js', ({ SmartIpc }) => stripArgument(SmartIpc, 'waitForServer', 0)),
  spawnAndConnect: () => patch('smartipc.js', ({ SmartIpc }) => stripArgument(SmartIpc, 'spawnAndConnect', 0)),
};

const inMetrics = (stats) => ({ ...stats, metrics: without(stats.metrics) });
const inPeer = (info) => info && { ...info, peer: without(info.peer) };

const results = {
  serverStats: () => patch('server.js', ({ IpcServer }) => stripResult(IpcServer.prototype, 'getStats')),
  clientStats: () => patch('client.js', ({ IpcClient }) => stripResult(IpcClient.prototype, 'getStats')),
  metrics() {
    patch('server.js', ({ IpcServer }) => stripResult(IpcServer.prototype, 'getStats', inMetrics));
    patch('client.js', ({ IpcClient }) => stripResult(IpcClient.prototype, 'getStats', inMetrics));
  },
  clientInfo: () => patch('server.js', ({ IpcServer }) => stripResult(IpcServer.prototype, 'getClientInfo')),
  peer() {
    patch('server.js', ({ IpcServer }) => stripResult(IpcServer.prototype, 'getClientInfo', inPeer));
    patch('context.js', ({ Context }) => {
      const { get } = Object.getOwnPropertyDescriptor(Context.prototype, 'peer');
      Object.defineProperty(Context.prototype, 'peer', { get() { return without(get.call(this)); } });
    });
  },
  address: () => patch('server.js', ({ IpcServer }) => stripResult(IpcServer.prototype, 'address')),
  spawned: () => patch('smartipc.js', ({ SmartIpc }) => stripResult(SmartIpc, 'spawnAndConnect')),
  context: () => patch('context.js', ({ Context }) => Object.defineProperty(Context.prototype, name, { value: undefined })),
  topicInfo() {
    patch('client.js', ({ IpcClient }) => stripArgument(IpcClient.prototype, '_callAll', 2));
  },
  streamInfo() {
    patch(path.join('streams', 'streaming.js'), ({ Streaming }) => stripArgument(Streaming.prototype, '_callStreamListener', 1));
  },
  sent() {
    patch(path.join('streams', 'streaming.js'), ({ Streaming }) => {
      const { _sendFrom } = Streaming.prototype;
      Streaming.prototype._sendFrom = function (...args) {
        const promise = _sendFrom.apply(this, args);
        delete promise[name];
        return promise;
      };
    });
  },
  primaryChannel() {
    // Set by the constructor.
    const kept = new WeakMap();
    patch('server.js', ({ IpcServer }) =>
      Object.defineProperty(IpcServer.prototype, 'primaryChannel', {
        get() { return kept.get(this); },
        set(channel) { kept.set(this, without(channel)); },
      })
    );
  },
  progress() {
    patch(path.join('streams', 'options.js'), (exports) => {
      const { streamOptions } = exports;
      exports.streamOptions = (given) => {
        const read = streamOptions(given);
        if (read.onProgress !== undefined) stripArgument(read, 'onProgress', 0);
        return read;
      };
    });
    patch(path.join('streams', 'incoming.js'), ({ IncomingStream }) => {
      const { emit } = IncomingStream.prototype;
      IncomingStream.prototype.emit = function (event, ...args) {
        return emit.call(this, event, ...(event === 'progress' ? args.map(without) : args));
      };
    });
  },
};

const kinds = {
  member() {
    patch(FILES[owner], (exports) => {
      const target = owner === 'SmartIpc' ? exports[owner] : exports[owner].prototype;
      Object.defineProperty(target, name, { get: () => undefined, set() {}, configurable: true });
    });
  },
  field() {
    // Set by the constructor itself: made impossible to set.
    patch('errors.js', ({ IpcError }) => {
      const hidden = { get: () => undefined, set() {}, configurable: true };
      Object.defineProperty(IpcError.prototype, name, hidden);
      const { defineProperty } = Object;
      Object.defineProperty = (object, key, how) => (object instanceof IpcError && key === name ? object : defineProperty(object, key, how));
    });
  },
  event() {
    patch(FILES[owner], (exports) => {
      const { prototype } = exports[owner];
      const { emit, rawListeners } = prototype;
      prototype.emit = function (event, ...args) {
        return event === name ? false : emit.call(this, event, ...args);
      };
      prototype.rawListeners = function (event) {
        return event === name ? [] : rawListeners.call(this, event);
      };
    });
  },
  option: () => options[owner](),
  result: () => results[owner](),
};

if (kind !== '') kinds[kind === 'member' && owner === 'IpcError' ? 'field' : kind]();
