'use strict';

// The other processes of core.cjs: node children.cjs <part> <configuration as JSON>.
// They report by lines of JSON. The syntax stays that of Node 14.

const path = require('path');

const { IpcClient, SmartIpc } = require('@push.rocks/smartipc');

const [, , part, json] = process.argv;
const config = JSON.parse(json || '{}');

function report(event, more) {
  process.stdout.write(`${JSON.stringify(Object.assign({ event }, more))}\n`);
}

const parts = {
  async server() {
    const server = SmartIpc.createServer(config);
    server.onMessage('echo', (payload) => payload);
    server.onMessage('greet', async (data) => ({ response: `Hello ${data.name}!` }));
    server.onMessage('whoami', () => ({ pid: process.pid }));
    server.onMessage('note', (payload, clientId) => report('note', { payload, clientId }));
    server.onMessage('kind', (payload) => kindOf(payload));
    server.onMessage('note back', (_payload, clientId) => server.sendToClient(clientId, 'note', 1));
    server.onMessage('hang', (_payload, clientId) => {
      report('hanging', { clientId });
      return new Promise(() => {});
    });
    server.on('heartbeatTimeout', (clientId) => report('heartbeatTimeout', { clientId }));
    server.on('clientConnect', (clientId) => report('clientConnect', { clientId }));
    await server.start({ readyWhen: 'accepting' });
    report('ready', { pid: process.pid, address: server.address() });
  },

  async client() {
    const client = SmartIpc.createClient(config);
    client.onMessage('echo', (payload) => payload);
    client.onMessage('note', (payload) => report('note', { payload }));
    client.onMessage('block', (millis) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis);
    });
    await client.connect();
    await client.subscribe('news.**', (payload, { topic }) => report('news', { payload, topic }));
    report('connected');
  },

  /** Finds nobody, and hosts a hub. */
  async host() {
    const client = SmartIpc.createClient(config);
    client.on('hosting', () => report('hosting'));
    await client.connect();
  },

  /** Has no `error` listener: loses its server, then throws in a handler. */
  async unheard() {
    const client = SmartIpc.createClient(Object.assign({}, config, { connectRetry: { enabled: true, totalTimeout: 20000 } }));
    client.onMessage('note', () => {
      throw new Error('thrown by a handler');
    });
    process.once('warning', async (warning) => {
      report('warning', { code: String(warning.code), name: warning.name });
      await client.connect();
      report('back');
      process.once('uncaughtException', (error) => {
        report('uncaught', { message: error.message });
        process.exitCode = 3;
        client.disconnect();
      });
      client.request('note back');
    });
    await client.connect();
    report('connected');
  },

  /** Opens, uses and closes everything, and has to end by itself. */
  async ending() {
    const server = SmartIpc.createServer(config);
    server.onMessage('echo', (payload) => payload);
    await server.start();
    const client = SmartIpc.createClient(config);
    await client.connect();
    await client.request('echo', 1);
    await client.disconnect();
    await server.stop();
    report('closed', { at: Date.now() });
  },

  /** Has open what it does not want to wait for. */
  async unref() {
    const server = SmartIpc.createServer(config);
    server.onMessage('echo', (payload) => payload);
    await server.start();
    const client = SmartIpc.createClient(config);
    await client.connect();
    await client.request('echo', 1);
    client.unref();
    server.unref();
    report('closed', { at: Date.now() });
  },

  /** What was sent in the turn of process.exit() still arrives. */
  async leaving() {
    const client = new IpcClient(config);
    await client.connect();
    client.sendMessage('note', 'last words');
    process.exit(7);
  },

  /** Sends a stream that has no end. */
  async endless() {
    const { Readable } = require('stream');
    const client = SmartIpc.createClient(config);
    await client.connect();
    const source = new Readable({
      read() {
        this.push(Buffer.alloc(64 * 1024));
      },
    });
    await client.sendStream(source);
  },

  /** Saves the files it gets, and sends them back under another name. */
  async mirror() {
    const { folder, ...options } = config;
    const server = SmartIpc.createServer(options);
    server.on('stream', async (info, readable) => {
      const file = path.join(folder, `back-${info.meta.basename}`);
      await SmartIpc.pipeStreamToFile(readable, file);
      await server.sendFileToClient(info.clientId, file);
    });
    await server.start();
    report('ready');
  },

  async forked() {
    const client = SmartIpc.createClient(config);
    await client.connect();
    process.on('message', async (message) => {
      process.send({ answer: await client.request('echo', message) });
      await client.disconnect();
      process.disconnect();
    });
    process.send({ ready: true });
  },

  /** The primary of a cluster serves its workers. */
  async cluster() {
    const cluster = require('cluster');
    const server = SmartIpc.createServer(config);
    const seen = new Set();
    server.onMessage('work', ({ worker, pid }, clientId) => {
      seen.add(clientId);
      return { worker, pid, servedBy: process.pid };
    });
    await server.start();
    const setup = cluster.setupPrimary || cluster.setupMaster;
    setup.call(cluster, { exec: __filename, args: ['clusterWorker', json] });
    const ended = [0, 1, 2].map(
      () =>
        new Promise((resolve) => {
          cluster.fork().on('exit', (code, signal) => resolve(code === 0 ? 0 : code || signal));
        })
    );
    const codes = await Promise.all(ended);
    await server.stop();
    report('finished', { codes, clients: seen.size });
  },

  async clusterWorker() {
    const cluster = require('cluster');
    const client = SmartIpc.createClient(Object.assign({}, config, { clientId: `worker-${cluster.worker.id}` }));
    await client.connect();
    const answer = await client.request('work', { worker: cluster.worker.id, pid: process.pid });
    await client.disconnect();
    process.exitCode = answer.pid === process.pid && answer.servedBy !== process.pid ? 0 : 1;
    process.disconnect();
  },
};

/** What a value is, for a peer to whom it can't be sent back. */
function kindOf(value) {
  if (Buffer.isBuffer(value)) return 'Buffer';
  return Object.prototype.toString.call(value).slice(8, -1);
}

process.on('unhandledRejection', (error) => {
  console.error(error);
  process.exit(99);
});

parts[part]();
