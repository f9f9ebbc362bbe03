// Whatever a program passes in: it works, or one error says what is wrong. Nothing
// is left waiting, and nothing throws where nobody can catch it.

import * as path from 'node:path';
import { createRequire } from 'node:module';
import test from 'ava';
import fc from 'fast-check';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, tempSocket } from '../support/helpers.cjs';

const require = createRequire(import.meta.url);
const { bareName } = require('../../lib/streams/bare-name.js');
const { defaultPath } = require('../../lib/options.js');

/** What no text can be made of: the error about it must not fail itself. */
const UNPRINTABLE = [Symbol('s'), [Symbol('s')], Object.create(null), [Object.create(null)], { toString: 1, valueOf: 1, [Symbol.toStringTag]: 'T' }, () => {}];

const anything = fc.oneof(
  fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
  }),
  fc.constantFrom<unknown>(...UNPRINTABLE)
);

const thrownByAnybody = fc.oneof(
  anything,
  fc.record({ message: anything, name: anything, code: anything }),
  fc.constant({
    get message() {
      throw new Error('a getter that throws');
    },
  })
);

const COMMON = [
  'id', 'socketPath', 'host', 'port', 'tls', 'encryption', 'authToken', 'timeout', 'noDelay',
  'maxMessageSize', 'serialization', 'busyPoll', 'heartbeat', 'heartbeatInterval', 'heartbeatTimeout',
  'heartbeatInitialGracePeriodMs', 'heartbeatThrowOnTimeout', 'maxConcurrentStreams', 'socketMode',
];
const OF_SERVERS = [
  'maxClients', 'maxClientsPerUid', 'clientIdleTimeout', 'autoCleanupSocketFile', 'slowConsumer',
  'writeTimeout', 'handshakeTimeout', 'frameTimeout', 'allowedUids', 'allowedGids',
];
const OF_CLIENTS = [
  'clientId', 'clientOnly', 'metadata', 'connectRetry', 'registerTimeoutMs', 'expectServerUid',
  'autoReconnect', 'reconnectDelay', 'maxReconnectDelay', 'reconnectMultiplier', 'maxReconnectAttempts',
];

/** An error that is made for the caller, not one that an engine gives on the way. */
function isClear(error: any) {
  const ours = error instanceof TypeError || error instanceof RangeError || error instanceof IpcError;
  return ours && !/cannot convert|undefined|not a function|not iterable|Symbol value/i.test(error.message.replace(/, not .*/s, ''));
}

for (const [kind, names] of [
  ['server', [...COMMON, ...OF_SERVERS]],
  ['client', [...COMMON, ...OF_CLIENTS]],
] as const) {
  const create = (options: any) => (kind === 'server' ? SmartIpc.createServer(options) : SmartIpc.createClient(options));

  test(`any value of an option makes a ${kind} or an error that names it`, (t) => {
    const property = fc.property(fc.constantFrom(...names), anything, (name, value) => {
      try {
        create({ id: 'any', [name]: value });
      } catch (error: any) {
        return isClear(error) && (error.message.includes(name) || name === 'host');
      }
    });
    fc.assert(property, { numRuns: 2000 });
    t.pass();
  });

  test(`anything in place of the options makes a ${kind} or a clear error`, (t) => {
    const property = fc.property(anything, (options) => {
      try {
        create(options);
      } catch (error) {
        return isClear(error);
      }
    });
    fc.assert(property);
    t.pass();
  });
}

test('a call with anything ends, or fails with a clear error', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'any', socketPath }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client: any = closeAfter(t, SmartIpc.createClient({ id: 'any', socketPath, timeout: 5000 }));
  await client.connect();
  const options = (...names: string[]) => {
    const some = fc.record(Object.fromEntries(names.map((name) => [name, anything])), { requiredKeys: [] });
    return fc.oneof(anything, some);
  };
  const type = fc.oneof(fc.constant('echo'), anything);
  const calls = fc.oneof(
    fc.tuple(fc.constantFrom('request', 'sendMessage'), fc.tuple(type, anything, options('timeout', 'signal', 'headers'))),
    fc.tuple(fc.constantFrom('publish', 'onMessage', 'unsubscribe'), fc.tuple(anything, anything)),
    fc.tuple(fc.constant('sendStream'), fc.tuple(anything, options('streamId', 'chunkSize', 'meta', 'headers', 'signal')))
  );
  const property = fc.asyncProperty(calls, async ([name, args]) => {
    try {
      await client[name](...args);
    } catch (error: any) {
      // A payload is told off by who writes it down: JSON.stringify, its own toJSON.
      if (!(error instanceof Error)) throw new Error(`${name} failed with no error: ${String(typeof error)}`);
    }
  });
  await fc.assert(property, { numRuns: 1000 });
  t.is(await client.request('echo', 'still here'), 'still here');
});

test('whatever a handler throws, its request fails', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'any', socketPath }));
  let thrown: unknown;
  server.onMessage('throw', () => {
    throw thrown;
  });
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'any', socketPath, timeout: 5000 }));
  await client.connect();
  const property = fc.asyncProperty(thrownByAnybody, async (value) => {
    thrown = value;
    const error: any = await client.request('throw', undefined).then(() => undefined, (error) => error);
    return error instanceof IpcError && error.origin === 'peer' && error.code !== 'IPC_ERR_TIMEOUT';
  });
  await fc.assert(property, { numRuns: 300 });
  t.pass();
});

test('whatever a source throws, its stream fails at both ends', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'any', socketPath }));
  const ended: ((error: unknown) => void)[] = [];
  server.on('stream', (_info: unknown, readable: any) => {
    readable.on('error', (error: unknown) => ended.shift()?.(error)).resume();
  });
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'any', socketPath }));
  await client.connect();
  const property = fc.asyncProperty(thrownByAnybody, async (value) => {
    async function* source() {
      yield Buffer.from('some');
      throw value;
    }
    const received = new Promise<any>((resolve) => ended.push(resolve));
    const sent = await client.sendStream(source()).then(() => false, () => true);
    const error = await received;
    return sent && error instanceof IpcError && error.origin === 'peer';
  });
  await fc.assert(property, { numRuns: 200 });
  t.pass();
});

test('any id has a path of its own that can be listened on', (t) => {
  const id = fc.string({ unit: 'binary', minLength: 1, maxLength: 300 });
  const folder = path.dirname(defaultPath('plain'));
  // What the kernel takes; a pipe's name is far shorter than it may be.
  const most = process.platform === 'linux' ? 107 : process.platform === 'win32' ? 256 : 103;
  const property = fc.property(id, id, (one, other) => {
    const found = defaultPath(one);
    t.true(Buffer.byteLength(found) <= most, found);
    t.is(path.dirname(found), folder);
    t.is(defaultPath(one), found);
    t.is(one === other, found === defaultPath(other));
  });
  fc.assert(property, { numRuns: 1000 });
});

test('the bare name of a file leads nowhere else', (t) => {
  const part = fc.oneof(
    fc.constantFrom('..', '.', '/', '\\', 'C:', 'con', 'NUL.txt', ' ', '\0', '*'),
    fc.string({ unit: 'binary', maxLength: 8 })
  );
  const device = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
  const property = fc.property(fc.array(part, { maxLength: 8 }), fc.constantFrom('linux', 'win32'), (parts, platform) => {
    const windows = platform === 'win32';
    const paths = windows ? path.win32 : path.posix;
    const folder = windows ? 'C:\\downloads' : '/downloads';
    const bare = bareName(parts.join(''), platform);
    t.is(paths.dirname(paths.join(folder, bare)), folder, bare);
    t.false(bare.includes('\0'));
    t.false(windows && device.test(bare), bare);
    // It is one already.
    t.is(bareName(bare, platform), bare);
  });
  fc.assert(property, { numRuns: 2000 });
});
