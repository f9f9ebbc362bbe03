'use strict';

// What is of Windows alone; run by scripts/platforms/run.js, or alone there:
// node __test__/platforms/windows.cjs [part of a name]

const assert = require('assert');
const fs = require('fs');
const net = require('net');
const path = require('path');
const { Readable } = require('stream');

const { SmartIpc } = require('@push.rocks/smartipc');
const { failure, once, recorder, run, test } = require('../runtimes/runner.cjs');

const strangers = [];
/** A case that needs a system which denies the first instance of a pipe that exists. */
function strangerTest(name, body) {
  strangers.push({ name, body });
}

/** Whether it does; wine 8 does not. */
function deniesStrangers() {
  const socketPath = pipe();
  const [first, second] = [net.createServer(), net.createServer()];
  return new Promise((resolve) => {
    const told = (denies) => {
      first.close();
      second.close();
      resolve(denies);
    };
    second.on('error', () => told(true));
    first.listen(socketPath, () => second.listen(socketPath, () => told(false)));
  });
}

let names = 0;
function pipe() {
  return `\\\\.\\pipe\\smartipc-test-${process.pid}-${++names}`;
}

async function server(t, options) {
  const made = t.close(SmartIpc.createServer({ id: 'w', ...options }));
  made.onMessage('echo', (payload) => payload);
  await made.start();
  return made;
}

async function client(t, options) {
  const made = t.close(SmartIpc.createClient({ id: 'w', clientOnly: true, ...options }));
  await made.connect();
  return made;
}

test('a path becomes a pipe, the same for all who write it as a file of the same place', async (t) => {
  const listening = await server(t, { socketPath: 'C:\\Apps\\One\\app.sock' });
  assert(/^\\\\\.\\pipe\\c--apps-one-app\.sock-[0-9a-f]{16}$/.test(listening.address()), listening.address());
  for (const socketPath of ['C:/Apps/One/app.sock', 'c:\\apps\\one\\APP.SOCK', listening.address()]) {
    const found = await client(t, { socketPath });
    assert.strictEqual(await found.request('echo', socketPath), socketPath);
  }
  const other = await failure(SmartIpc.createClient({ id: 'w', socketPath: 'C:\\Apps\\Two\\app.sock', clientOnly: true }).connect());
  assert.strictEqual(other.code, 'ENOENT');
  assert.strictEqual(other.message, 'Server not available (ENOENT); clientOnly prevents auto-start');
});

test('without a path: the pipe of the user and the id', async (t) => {
  const id = `default ${process.pid}`;
  const listening = await server(t, { id });
  assert(/^\\\\\.\\pipe\\smartipc-[^\\]+-default_\d+-[0-9a-f]{16}$/.test(listening.address()), listening.address());
  const found = await client(t, { id });
  assert.strictEqual(await found.request('echo', 1), 1);
});

test('a name that no pipe can have is refused', async (t) => {
  for (const socketPath of ['\\\\.\\pipe\\', `\\\\.\\pipe\\${'x'.repeat(300)}`]) {
    const code = socketPath.length > 100 ? 'ENAMETOOLONG' : 'EINVAL';
    assert.strictEqual((await failure(SmartIpc.createServer({ id: 'w', socketPath }).start())).code, code);
    assert.strictEqual((await failure(t.close(SmartIpc.createClient({ id: 'w', socketPath })).connect())).code, code);
  }
});

test('a name that somebody has is EADDRINUSE, and he keeps it', async (t) => {
  const socketPath = pipe();
  const first = await server(t, { socketPath });
  const second = t.close(SmartIpc.createServer({ id: 'w', socketPath }));
  assert.strictEqual((await failure(second.start())).code, 'EADDRINUSE');
  const found = await client(t, { socketPath });
  assert.strictEqual(await found.request('echo', 'first'), 'first');
  assert.deepStrictEqual(first.getStats().connectedClients, 1);
});

strangerTest('a name that a program without this package has is EADDRINUSE as well', async (t) => {
  const socketPath = pipe();
  const squatter = net.createServer().listen(socketPath);
  await once(squatter, 'listening');
  t.after(() => new Promise((resolve) => squatter.close(resolve)));
  squatter.on('connection', (socket) => socket.on('error', () => {}).destroy());
  assert.strictEqual((await failure(t.close(SmartIpc.createServer({ id: 'w', socketPath })).start())).code, 'EADDRINUSE');
});

strangerTest('nobody else gets a name that a server has', async (t) => {
  const socketPath = pipe();
  await server(t, { socketPath });
  const squatter = net.createServer().listen(socketPath);
  const [error] = await once(squatter, 'error');
  assert(['EADDRINUSE', 'EACCES', 'EPERM'].includes(error.code), error.code);
});

test('a hundred clients connect at the same moment', async (t) => {
  const socketPath = pipe();
  const listening = await server(t, { socketPath });
  const clients = await Promise.all(Array.from({ length: 100 }, () => client(t, { socketPath })));
  const answers = await Promise.all(clients.map((one, n) => one.request('echo', n)));
  assert.deepStrictEqual(answers, clients.map((_, n) => n));
  assert.strictEqual(listening.getStats().connectedClients, 100);
});

test('a server stops and starts on the same pipe, and its client comes back', async (t) => {
  const socketPath = pipe();
  const listening = await server(t, { socketPath });
  const one = await client(t, { socketPath, clientId: 'one', reconnectDelay: 20, maxReconnectDelay: 50 });
  for (let round = 0; round < 5; round++) {
    const back = once(one, 'connect');
    await listening.stop();
    await listening.start();
    await back;
    assert.strictEqual(await one.request('echo', round), round);
  }
  assert.strictEqual(one.getStats().metrics.reconnects, 5);
});

test('a client of another language: bytes over net.connect', async (t) => {
  const socketPath = pipe();
  await server(t, { socketPath });
  const socket = net.connect(socketPath);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  const body = Buffer.from(JSON.stringify({ id: '1', type: '__register__', timestamp: Date.now(), payload: { clientId: 'raw' } }));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  socket.write(Buffer.concat([head, body]));
  const [answer] = await once(socket, 'data');
  const { payload } = JSON.parse(answer.slice(4).toString());
  assert.strictEqual(payload.success, true);
});

test('a silent client does not keep others out', async (t) => {
  const socketPath = pipe();
  await server(t, { socketPath });
  const silent = Array.from({ length: 40 }, () => net.connect(socketPath).on('error', () => {}));
  t.after(() => silent.forEach((socket) => socket.destroy()));
  const one = await client(t, { socketPath });
  assert.strictEqual(await one.request('echo', 'through'), 'through');
});

test('a received name leads to no device, drive or folder', async (t) => {
  const socketPath = pipe();
  const listening = await server(t, { socketPath });
  const one = await client(t, { socketPath });
  const got = recorder();
  listening.on('stream', async (info, readable) => {
    const target = t.file(info.meta.basename);
    await SmartIpc.pipeStreamToFile(readable, target);
    got(info.meta.basename, fs.readFileSync(target, 'utf8'));
  });
  const wanted = { CON: '_CON', 'nul.txt': '_nul.txt', 'C:\\windows\\system.ini': 'system.ini', 'a.txt:hidden': 'hidden', 'what?.txt': 'what_.txt', 'dots...': 'dots' };
  for (const basename of Object.keys(wanted)) await one.sendStream(Readable.from([Buffer.from(basename)]), { meta: { basename } });
  assert.deepStrictEqual(Object.fromEntries(got.calls.map(([name, text]) => [text, name])), wanted);
});

test('a file is saved over one that somebody has open for a moment', async (t) => {
  const socketPath = pipe();
  const listening = await server(t, { socketPath });
  const one = await client(t, { socketPath });
  const target = t.file('busy.bin');
  fs.writeFileSync(target, 'old');
  // libuv's flag for opening a file that nobody else may touch.
  const held = fs.openSync(target, fs.constants.O_RDWR | 0x10000000);
  const folder = path.dirname(target);
  const saved = recorder();
  listening.on('stream', (_info, readable) => SmartIpc.pipeStreamToFile(readable, target).then(saved, saved));
  const sending = one.sendStream(Readable.from([Buffer.from('new')]));
  // All is written, and renaming is what is left.
  const temporary = () => fs.readdirSync(folder).find((name) => name.endsWith('.part') && fs.statSync(path.join(folder, name)).size === 3);
  while (temporary() === undefined && saved.calls.length === 0) await new Promise(setImmediate);
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  fs.closeSync(held);
  assert.deepStrictEqual(await saved.until(1), [[undefined]]);
  await sending;
  assert.strictEqual(fs.readFileSync(target, 'utf8'), 'new');
});

test('long paths, and names in any script, are sent and saved', async (t) => {
  const socketPath = pipe();
  const listening = await server(t, { socketPath });
  const one = await client(t, { socketPath });
  const folder = path.join(path.dirname(t.file('x')), ...Array.from({ length: 8 }, () => 'd'.repeat(40)));
  fs.mkdirSync(folder, { recursive: true });
  const source = path.join(folder, 'größe 日本.bin');
  fs.writeFileSync(source, 'content');
  const target = path.join(folder, 'saved.bin');
  assert(target.length > 260, 'longer than MAX_PATH');
  const named = recorder();
  listening.on('stream', (info, readable) => SmartIpc.pipeStreamToFile(readable, target).then(() => named(info.meta.basename)));
  await one.sendFile(source);
  assert.deepStrictEqual(await named.until(1), [['größe 日本.bin']]);
  assert.strictEqual(fs.readFileSync(target, 'utf8'), 'content');
});

test('what Windows can not honour is refused, or warned of', async () => {
  const socketPath = pipe();
  for (const option of ['allowedUids', 'allowedGids']) {
    assert.throws(() => SmartIpc.createServer({ id: 'w', socketPath, [option]: [0] }), { code: 'IPC_ERR_UNSUPPORTED' });
  }
  assert.throws(() => SmartIpc.createClient({ id: 'w', socketPath, expectServerUid: 0 }), { code: 'IPC_ERR_UNSUPPORTED' });
  const warned = once(process, 'warning');
  SmartIpc.createServer({ id: 'w', socketPath, socketMode: 0o666 });
  const [warning] = await warned;
  assert.strictEqual(warning.code, 'IPC_ERR_UNSUPPORTED');
  assert(warning.message.startsWith('socketMode 0o666'), warning.message);
});

deniesStrangers().then((denies) => {
  for (const { name, body } of strangers) {
    if (denies) test(name, body);
    else console.log(`# not run: ${name}: this system gives one pipe to two servers`);
  }
  run();
});
