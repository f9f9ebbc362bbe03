'use strict';

// What has to work on every runtime, without streams (see streams.cjs). Run by
// scripts/runtimes/run.js, or alone: node __test__/runtimes/core.cjs [part of a name]
// The syntax stays that of Node 14.

const assert = require('assert');
const { fork } = require('child_process');
const path = require('path');
const { Worker } = require('worker_threads');

const { IpcClient, IpcError, IpcServer, SmartIpc } = require('@push.rocks/smartipc');
const { Child, SLOWDOWN, failure, once, recorder, run, test } = require('./runner.cjs');

const WINDOWS = process.platform === 'win32';
/** How fast a process has to end that has nothing open; starting it is not counted. */
const ENDS_WITHIN = 1000 * SLOWDOWN;

/** A started server and a connected client in this process. */
async function pair(t, options) {
  const common = Object.assign({ id: 'pair', socketPath: t.file('pair.sock') }, options);
  const server = t.close(SmartIpc.createServer(common));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = t.close(SmartIpc.createClient(Object.assign({ clientId: 'one' }, common)));
  await client.connect();
  return { server, client, common };
}

test('the classes are there, and the same on each require', async () => {
  assert.strictEqual(typeof SmartIpc.createServer, 'function');
  assert.strictEqual(require('../..').SmartIpc, SmartIpc);
  const error = new IpcError('IPC_ERR_X', 'text');
  assert(error instanceof Error && error.code === 'IPC_ERR_X');
});

test('the quick start, between two processes', async (t) => {
  const socketPath = t.file('quick.sock');
  const child = t.child('server', { id: 'quick', socketPath, autoCleanupSocketFile: true });
  const client = t.close(SmartIpc.createClient({ id: 'quick', socketPath, connectRetry: { enabled: true, totalTimeout: 20000 } }));
  await client.connect();
  assert.deepStrictEqual(await client.request('greet', { name: 'World' }), { response: 'Hello World!' });
  const { pid } = await child.report('ready');
  assert.deepStrictEqual(await client.request('whoami'), { pid });
});

test('requests in both directions, many at once, in any script', async (t) => {
  const { server, client } = await pair(t);
  client.onMessage('twice', async ({ n }) => ({ n: 2 * n }));
  assert.deepStrictEqual(await server.requestClient('one', 'twice', { n: 21 }), { n: 42 });
  const texts = ['', 'ascii', 'größer', '日本語', '😀 \u0000 \u2028', '{"a":"\\"}'];
  assert.deepStrictEqual(await Promise.all(texts.map((text) => client.request('echo', text))), texts);
  const many = Array.from({ length: 500 }, (_, n) => n);
  assert.deepStrictEqual(await Promise.all(many.map((n) => client.request('echo', n))), many);
  for (const value of [null, true, 0, -1.5, [], {}, [1, [2, { three: 3 }]]]) {
    assert.deepStrictEqual(await client.request('echo', value), value);
  }
  assert.strictEqual(await client.request('echo', undefined), undefined);
});

test('one-way messages in both directions, in order', async (t) => {
  const { server, client } = await pair(t);
  const atServer = recorder();
  const atClient = recorder();
  server.onMessage('note', (payload, clientId) => atServer(payload, clientId));
  client.onMessage('note', (payload) => atClient(payload));
  for (let n = 0; n < 2000; n++) client.sendMessage('note', { n });
  await server.sendToClient('one', 'note', { to: 'one' });
  await atServer.until(2000);
  assert(atServer.calls.every(([payload, clientId], n) => payload.n === n && clientId === 'one'));
  assert.deepStrictEqual(await atClient.until(1), [[{ to: 'one' }]]);
});

test('topics, with wildcards', async (t) => {
  const { server, client, common } = await pair(t);
  const other = t.close(SmartIpc.createClient(Object.assign({}, common, { clientId: 'two' })));
  await other.connect();
  const heard = recorder();
  const overheard = recorder();
  await client.subscribe('user.*', (payload, { topic, publisherId }) => heard(payload, topic, publisherId));
  await other.subscribe('**', (payload, { topic }) => overheard(payload, topic));
  await other.publish('user.login', 1);
  await other.publish('user.login.failed', 2);
  await overheard.until(2);
  await server.publish('user.logout', 3);
  await overheard.until(3);
  await other.publish('user.end', 4);
  await overheard.until(4);
  await heard.until(3);
  assert.deepStrictEqual(heard.calls, [
    [1, 'user.login', 'two'],
    [3, 'user.logout', undefined],
    [4, 'user.end', 'two'],
  ]);
  await client.unsubscribe('user.*');
  await other.publish('user.login', 5);
  await overheard.until(5);
  assert.strictEqual(heard.calls.length, 3);
});

test('broadcasts to all and to some', async (t) => {
  const { server, client, common } = await pair(t);
  const other = t.close(SmartIpc.createClient(Object.assign({}, common, { clientId: 'two' })));
  await other.connect();
  const one = recorder();
  const two = recorder();
  client.onMessage('news', one);
  other.onMessage('news', two);
  await server.broadcast('news', 'for all');
  assert.deepStrictEqual(await server.broadcastTo(['two', 'nobody'], 'news', 'for two'), ['nobody']);
  await two.until(2);
  await one.until(1);
  assert.deepStrictEqual(one.calls.map(([payload]) => payload), ['for all']);
  assert.deepStrictEqual(two.calls.map(([payload]) => payload), ['for all', 'for two']);
});

test('errors: time-out, no handler, and what a handler throws', async (t) => {
  const { server, client } = await pair(t);
  server.onMessage('hang', () => new Promise(() => {}));
  server.onMessage('throw', async () => {
    throw Object.assign(new RangeError('too far'), { code: 'E_FAR' });
  });
  const late = await failure(client.request('hang', {}, { timeout: 50 }));
  assert.strictEqual(late.message, 'Request timeout for hang');
  assert.strictEqual(late.code, 'IPC_ERR_TIMEOUT');
  assert.strictEqual(late.mayHaveRun, true);
  const nobody = await failure(client.request('nobody', {}));
  assert.strictEqual(nobody.message, 'No handler registered for message type: nobody');
  assert.strictEqual(nobody.code, 'IPC_ERR_NO_HANDLER');
  const thrown = await failure(client.request('throw', {}));
  assert(thrown instanceof IpcError);
  assert.deepStrictEqual([thrown.message, thrown.name, thrown.code, thrown.origin], ['too far', 'RangeError', 'E_FAR', 'peer']);
  assert.throws(() => SmartIpc.createServer({ id: 7 }), TypeError);
});

test('cancellation by a signal reaches the handler', async (t) => {
  const { server, client } = await pair(t);
  const aborted = recorder();
  const begun = recorder();
  server.onMessage('long', (_payload, _clientId, { signal }) => {
    begun();
    return new Promise(() => signal.addEventListener('abort', () => aborted(signal.aborted)));
  });
  const controller = newController();
  const outcome = failure(client.request('long', {}, { signal: controller.signal }));
  await begun.until(1);
  controller.abort();
  const error = await outcome;
  assert.strictEqual(error.name, 'AbortError');
  assert.strictEqual(error.code, 'IPC_ERR_ABORTED');
  assert.deepStrictEqual(await aborted.until(1), [[true]]);
});

/** An AbortController, or on Node 14 what its users have instead. */
function newController() {
  const Native = Reflect.get(globalThis, 'AbortController');
  if (Native !== undefined) return new Native();
  const { EventEmitter } = require('events');
  const events = new EventEmitter();
  const signal = {
    aborted: false,
    addEventListener: (name, listener) => events.on(name, listener),
    removeEventListener: (name, listener) => events.off(name, listener),
  };
  return {
    signal,
    abort() {
      signal.aborted = true;
      events.emit('abort');
    },
  };
}

test('a payload of 5 MiB, there and back', async (t) => {
  const { client } = await pair(t, { maxMessageSize: 16 * 1024 * 1024 });
  const ascii = 'x'.repeat(5 * 1024 * 1024);
  assert(sameText((await client.request('echo', { text: ascii })).text, ascii));
  const wide = 'ü€😀'.repeat(512 * 1024);
  assert(sameText(await client.request('echo', wide), wide));
  const tooLarge = await failure(client.request('echo', 'x'.repeat(17 * 1024 * 1024)));
  assert(/^Message size \d+ exceeds maximum \d+/.test(tooLarge.message), tooLarge.message);
});

/** Without the megabytes in the message of a failure. */
function sameText(found, wanted) {
  return found === wanted;
}

test('a Buffer, and other bytes, arrive as a Buffer', async (t) => {
  const { client } = await pair(t);
  const bytes = Buffer.from(Array.from({ length: 1024 }, (_, n) => n & 0xff));
  const answer = await client.request('echo', bytes);
  assert(Buffer.isBuffer(answer));
  assert(answer.equals(bytes));
  const view = await client.request('echo', new Uint8Array(bytes.buffer, bytes.byteOffset + 7, 5));
  assert(Buffer.isBuffer(view));
  assert.deepStrictEqual([...view], [7, 8, 9, 10, 11]);
  const large = Buffer.alloc(3 * 1024 * 1024, 0x5a);
  assert((await client.request('echo', large)).equals(large));
});

test("serialization: 'advanced' carries what JSON can't", async (t) => {
  const { server, client } = await pair(t, { serialization: 'advanced' });
  const got = recorder();
  server.onMessage('take', (payload) => got(payload));
  const value = {
    map: new Map([['key', new Set([1, 2])]]),
    date: new Date(1700000000000),
    big: BigInt('12345678901234567890'),
    list: [undefined, NaN, -0],
    floats: new Float64Array([1.5, -2]),
  };
  assert.deepStrictEqual(await client.request('echo', value), value);
  const inside = await client.request('echo', { bytes: Buffer.from([0, 1, 255]) });
  assert.deepStrictEqual([...inside.bytes], [0, 1, 255]);
  assert(Buffer.isBuffer(inside.bytes));
  const itself = {};
  itself.itself = itself;
  await client.sendMessage('take', itself);
  const [[seen]] = await got.until(1);
  assert.strictEqual(seen.itself, seen);
});

test('a client comes back when its server was killed', async (t) => {
  const socketPath = t.file('phoenix.sock');
  const config = { id: 'phoenix', socketPath, autoCleanupSocketFile: true };
  const first = t.child('server', config);
  await first.report('ready');
  const client = t.close(SmartIpc.createClient({ id: 'phoenix', socketPath, clientId: 'ash', reconnectDelay: 20, maxReconnectDelay: 100 }));
  await client.connect();
  const heard = recorder();
  await client.subscribe('news.*', (payload) => heard(payload));
  const pending = failure(client.request('hang'));
  await first.report('hanging');
  const lost = once(client, 'disconnect');
  first.kill('SIGKILL');
  const error = await pending;
  assert.strictEqual(error.code, 'IPC_ERR_CONNECTION_LOST');
  assert.strictEqual(error.mayHaveRun, true);
  await lost;
  const back = once(client, 'connect');
  const second = t.child('server', config);
  await back;
  const { pid } = await second.report('ready');
  assert.deepStrictEqual(await client.request('whoami'), { pid });
  await client.publish('news.again', 'same subscription');
  assert.deepStrictEqual(await heard.until(1), [['same subscription']]);
  assert.strictEqual(client.getStats().metrics.reconnects, 1);
});

test('TCP with a token', async (t) => {
  const server = t.close(SmartIpc.createServer({ id: 'tcp', host: '127.0.0.1', port: 0, authToken: 'secret' }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const { port } = server.address();
  const client = t.close(SmartIpc.createClient({ id: 'tcp', host: '127.0.0.1', port, authToken: 'secret' }));
  await client.connect();
  assert.deepStrictEqual(await client.request('echo', { over: 'tcp' }), { over: 'tcp' });
  const stranger = t.close(SmartIpc.createClient({ id: 'tcp', port, authToken: 'guess', autoReconnect: false }));
  const refused = await failure(stranger.connect());
  assert.strictEqual(refused.code, 'IPC_ERR_UNAUTHORIZED');
  assert(refused.message.includes('Failed to register'), refused.message);
});

test('waitForServer waits for a server, and gives up in time', async (t) => {
  const socketPath = t.file('awaited.sock');
  const nobody = await failure(SmartIpc.waitForServer({ socketPath, timeoutMs: 100 }));
  assert(nobody.message.startsWith('Server not ready'), nobody.message);
  const waiting = SmartIpc.waitForServer({ socketPath, timeoutMs: 20000 });
  t.child('server', { id: 'awaited', socketPath });
  await waiting;
});

test('spawnAndConnect runs a script and connects', async (t) => {
  const socketPath = t.file('spawned.sock');
  const { client, serverProcess } = await SmartIpc.spawnAndConnect({
    serverScript: path.join(__dirname, 'spawned.cjs'),
    socketPath,
    clientId: 'parent',
    timeoutMs: 20000,
    connectRetry: { enabled: true, maxAttempts: 10 },
    spawnOptions: { env: Object.assign({}, process.env, { SOCKET_PATH: socketPath }) },
  });
  t.close(client);
  const ended = new Promise((resolve) => serverProcess.on('exit', resolve));
  assert.deepStrictEqual(await client.request('ping', {}), { pong: serverProcess.pid });
  await client.disconnect();
  serverProcess.kill();
  await ended;
  const failed = await failure(
    SmartIpc.spawnAndConnect({ serverScript: path.join(__dirname, 'missing.cjs'), socketPath: t.file('never.sock') })
  );
  assert.strictEqual(failed.code, 'IPC_ERR_CHILD_EXITED');
});

test('heartbeats find a peer that stands still, and leave a silent one alone', async (t) => {
  const socketPath = t.file('heart.sock');
  const quick = { heartbeatInterval: 50, heartbeatTimeout: 1000, heartbeatThrowOnTimeout: false };
  const server = t.close(SmartIpc.createServer(Object.assign({ id: 'heart', socketPath }, quick)));
  const timedOut = once(server, 'heartbeatTimeout');
  await server.start();
  const silent = t.close(SmartIpc.createClient({ id: 'heart', socketPath, clientId: 'silent', heartbeat: false }));
  await silent.connect();
  const child = t.child('client', { id: 'heart', socketPath, clientId: 'stopped', heartbeat: false });
  await child.report('connected');
  const before = server.getStats().metrics.bytesReceived;
  // Windows can't stop a process: there its JavaScript stands still.
  if (WINDOWS) await server.sendToClient('stopped', 'block', 3000);
  else child.kill('SIGSTOP');
  const [clientId, error] = await timedOut;
  if (!WINDOWS) child.kill('SIGCONT');
  assert.strictEqual(clientId, 'stopped');
  assert(error instanceof IpcError);
  // The silent one has answered pings all the while.
  assert(server.getStats().metrics.bytesReceived > before);
  assert(server.getClientIds().includes('silent'));
  assert.strictEqual(server.getStats().metrics.heartbeatTimeouts, 1);
  assert.strictEqual(await server.requestClient('stopped', 'echo', 'awake'), 'awake');
});

test('what fails where nobody listens: the network warns, a handler is uncaught', async (t) => {
  const socketPath = t.file('quiet.sock');
  const server = t.child('server', { id: 'quiet', socketPath });
  await server.report('ready');
  const config = { id: 'quiet', socketPath, maxReconnectAttempts: 1, reconnectDelay: 10 };
  const child = t.child('unheard', config, { stderr: 'ignore' });
  await child.report('connected');
  server.kill('SIGKILL');
  const { code } = await child.report('warning');
  assert(code === 'ECONNREFUSED' || code === 'ENOENT' || code.startsWith('IPC_ERR_'), code);
  // It lives, and now serves a message whose handler throws.
  const second = t.child('server', { id: 'quiet', socketPath, autoCleanupSocketFile: true });
  await second.report('ready');
  await child.report('back');
  const { message } = await child.report('uncaught');
  assert.strictEqual(message, 'thrown by a handler');
  const end = await child.exited;
  assert.strictEqual(end.code, 3);
});

test('stats and client info', async (t) => {
  const { server, client, common } = await pair(t, { metadata: { role: 'web' } });
  await client.request('echo', 'x');
  const stats = server.getStats();
  assert.deepStrictEqual([stats.isRunning, stats.connectedClients, stats.totalConnections], [true, 1, 1]);
  assert(stats.metrics.messagesReceived >= 1 && stats.metrics.bytesSent > 0);
  const { metrics, connected } = client.getStats();
  assert.strictEqual(connected, true);
  assert(metrics.messagesSent >= 1 && metrics.connectedAt <= Date.now());
  const info = server.getClientInfo('one');
  assert.deepStrictEqual(info.metadata, { role: 'web' });
  assert.strictEqual(info.peer.pid, process.pid);
  if (WINDOWS) assert(server.address().startsWith('\\\\.\\pipe\\'), server.address());
  else assert.strictEqual(server.address(), common.socketPath);
  assert(server instanceof IpcServer && client instanceof IpcClient);
});

test('auto-start: the first client hosts, others find it, and one takes over; a server comes', async (t) => {
  const config = { id: 'hub', socketPath: t.file('hub.sock'), autoCleanupSocketFile: true };
  const host = t.child('host', Object.assign({ clientId: 'host' }, config));
  await host.report('hosting');
  const hosting = [];
  const members = ['one', 'two'].map((clientId) => {
    const member = t.close(SmartIpc.createClient(Object.assign({ clientId, reconnectDelay: 20, maxReconnectDelay: 100 }, config)));
    member.on('hosting', () => hosting.push(clientId));
    return member;
  });
  const heard = recorder();
  for (const member of members) {
    await member.connect();
    await member.subscribe('news', (payload) => heard(payload));
  }
  assert.deepStrictEqual(hosting, []);
  await members[0].publish('news', 'hosted');
  await heard.until(2);

  const again = members.map((member) => once(member, 'connect'));
  host.kill('SIGKILL');
  await Promise.all(again);
  assert.strictEqual(hosting.length, 1);
  await members[0].publish('news', 'taken over');
  await heard.until(4);

  const found = members.map((member) => once(member, 'connect'));
  const server = t.close(SmartIpc.createServer(config));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  await Promise.all(found);
  for (const member of members) assert.strictEqual(await member.request('echo', 'served'), 'served');
});

test('a process with nothing open ends, within a second', async (t) => {
  const child = t.child('ending', { id: 'ending', socketPath: t.file('ending.sock') });
  const { at } = await child.report('closed');
  const end = await child.exited;
  assert.deepStrictEqual([end.code, end.signal], [0, null]);
  assert(end.at - at < ENDS_WITHIN, `it took ${end.at - at} ms`);
});

test('what is unref()ed does not keep a process', async (t) => {
  const child = t.child('unref', { id: 'unref', socketPath: t.file('unref.sock') });
  const { at } = await child.report('closed');
  const end = await child.exited;
  assert.deepStrictEqual([end.code, end.signal], [0, null]);
  assert(end.at - at < ENDS_WITHIN, `it took ${end.at - at} ms`);
});

test('what was sent just before process.exit() arrives', async (t) => {
  const { server, common } = await pair(t);
  const notes = recorder();
  server.onMessage('note', (payload, clientId) => notes(payload, clientId));
  const child = t.child('leaving', Object.assign({}, common, { clientId: 'leaver' }));
  assert.deepStrictEqual(await notes.until(1), [['last words', 'leaver']]);
  const { code, signal } = await child.exited;
  assert.deepStrictEqual([code, signal], [7, null]);
});

test('worker_threads: four threads in traffic are terminated', async (t) => {
  const { server, common } = await pair(t);
  const workers = [0, 1, 2, 3].map(
    () => new Worker(path.join(__dirname, 'worker.cjs'), { workerData: { id: common.id, socketPath: common.socketPath } })
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const gone = recorder();
  server.on('clientDisconnect', (clientId) => gone(clientId));
  await Promise.all(workers.map((worker) => worker.terminate()));
  await gone.until(4);
  assert.deepStrictEqual(server.getClientIds(), ['one']);
  const client = t.close(SmartIpc.createClient({ id: common.id, socketPath: common.socketPath }));
  await client.connect();
  assert.strictEqual(await client.request('echo', 'still here'), 'still here');
});

test('child_process.fork: beside its own channel', async (t) => {
  const { common } = await pair(t);
  const config = JSON.stringify(Object.assign({}, common, { clientId: 'forked' }));
  const forked = fork(path.join(__dirname, 'children.cjs'), ['forked', config], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  const child = t.track(new Child('forked', forked));
  const [ready] = await once(forked, 'message');
  assert.deepStrictEqual(ready, { ready: true });
  forked.send({ through: 'both' });
  const [message] = await once(forked, 'message');
  assert.deepStrictEqual(message, { answer: { through: 'both' } });
  const { code, signal } = await child.exited;
  assert.deepStrictEqual([code, signal], [0, null]);
});

test('cluster: the primary serves its workers', async (t) => {
  const child = t.child('cluster', { id: 'cluster', socketPath: t.file('cluster.sock') });
  const { codes, clients } = await child.report('finished');
  assert.deepStrictEqual(codes, [0, 0, 0]);
  assert.strictEqual(clients, 3);
  const { code } = await child.exited;
  assert.strictEqual(code, 0);
});

test('ES modules: import() here, static imports in another process', async (t) => {
  const imported = await import('@push.rocks/smartipc');
  assert.strictEqual(imported.SmartIpc, SmartIpc);
  assert.strictEqual(imported.default.IpcClient, IpcClient);
  const child = t.child('imports', { id: 'esm', socketPath: t.file('esm.sock') }, { script: path.join(__dirname, 'imports.mjs') });
  const found = await child.report('imported');
  assert.deepStrictEqual(found, { event: 'imported', response: 'Hello module!', same: true, classes: true });
  const { code } = await child.exited;
  assert.strictEqual(code, 0);
});

// The Node that runs the matrix, as the peer of this runtime.
const other = process.env.SMARTIPC_OTHER_RUNTIME;
if (other) {
  for (const serialization of ['json', 'advanced']) {
    test(`another runtime at the other end, serialization '${serialization}'`, async (t) => {
      const socketPath = t.file('other.sock');
      const theirs = t.child('server', { id: 'other', socketPath, serialization }, { exec: other });
      await theirs.report('ready');
      const client = t.close(SmartIpc.createClient({ id: 'other', socketPath, serialization }));
      await client.connect();
      const ours = t.close(SmartIpc.createServer({ id: 'mine', socketPath: t.file('mine.sock'), serialization }));
      await ours.start();
      const them = t.child('client', { id: 'mine', socketPath: t.file('mine.sock'), clientId: 'them', serialization }, { exec: other });
      await them.report('connected');
      for (const ask of [(payload) => client.request('echo', payload), (payload) => ours.requestClient('them', 'echo', payload)]) {
        assert.deepStrictEqual(await ask({ text: 'größer', list: [1, null, true] }), { text: 'größer', list: [1, null, true] });
        assert((await ask(Buffer.from([1, 2, 3]))).equals(Buffer.from([1, 2, 3])));
        // A Date, or where the ends share no format, what JSON makes of it.
        const { date } = await ask({ date: new Date(0) });
        assert.strictEqual(new Date(date).getTime(), 0);
      }
    });
  }
}

run();
