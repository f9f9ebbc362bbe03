// A native server with a witness: a good client that must never notice what
// happens on the other connections.

import { SmartIpc } from '@push.rocks/smartipc';
import helpers from './helpers.cjs';
import { RawPeer } from './raw-peer.mjs';

const { closeAfter, freePort, once, recorder, tempSocket, within } = helpers;

/**
 * @param {any} t
 * @param {{ tcp?: boolean, server?: object, witness?: object }} [options] options of the server and the witness
 */
export async function wireServer(t, { tcp = false, server: serverOptions = {}, witness = {} } = {}) {
  const where = tcp ? { host: '127.0.0.1', port: await freePort() } : { socketPath: tempSocket(t) };
  const address = tcp ? where : { path: where.socketPath };
  const server = closeAfter(t, SmartIpc.createServer({ id: 'wire', ...where, ...serverOptions }));
  const calls = recorder();
  server.on('error', () => {});
  server.onMessage('echo', (payload) => payload);
  server.onMessage('note', (payload, clientId) => void calls(payload, clientId));
  await server.start();
  return new Wire(t, { server, where, address, calls }).withWitness(witness);
}

class Wire {
  constructor(t, { server, where, address, calls }) {
    this.t = t;
    /** @type {import('@push.rocks/smartipc').IpcServer} */
    this.server = server;
    /** Options of a native client. */
    this.where = where;
    /** Argument of `net.connect`. */
    this.address = address;
    /** What `note` was sent: `[payload, clientId]`. */
    this.calls = calls;
    this.noticed = recorder();
    /** @type {import('@push.rocks/smartipc').IpcClient} */
    this.witness = /** @type {any} */ (undefined);
  }

  async withWitness(options) {
    this.witness = await this.native({ clientId: 'witness', ...options });
    for (const event of ['disconnect', 'error', 'heartbeatTimeout', 'reconnecting']) {
      this.witness.on(event, (...args) => this.noticed(event, ...args));
    }
    return this;
  }

  /** A native client that is connected. */
  async native(options = {}) {
    const client = closeAfter(this.t, SmartIpc.createClient({ id: 'wire', ...this.where, clientOnly: true, ...options }));
    await client.connect();
    return client;
  }

  /** A raw connection that has not registered. */
  async raw(options = {}) {
    const peer = await RawPeer.connect(this.address, options);
    this.t.teardown(() => peer.destroy());
    return peer;
  }

  /** A raw client that is registered. */
  async client(registration = {}, options = {}) {
    const peer = await this.raw(options);
    await this.register(peer, registration);
    return peer;
  }

  /** Registers a raw peer, and waits until the server's owner has been told of it. */
  async register(peer, registration = {}) {
    const wanted = { clientId: 'raw', ...registration };
    const told = once(this.server, 'clientConnect', { where: (id) => id === wanted.clientId });
    const welcome = await peer.register(wanted);
    if (!welcome.success) throw new Error(`not let in: ${JSON.stringify(welcome)}`);
    await told;
    return welcome;
  }

  /** The reason of the next `clientDisconnect` of this client; call it before the cause. */
  async leaving(clientId = 'raw') {
    return (await once(this.server, 'clientDisconnect', { where: (id) => id === clientId }))[1];
  }

  /** How often connections were closed for this reason. */
  closes(reason) {
    return this.server.getStats().metrics.closeReasons[reason] || 0;
  }

  /** Waits until the counter of a reason has reached `count`: no event tells of unregistered connections. */
  async untilCloses(reason, count = 1, timeout = 10000) {
    const deadline = Date.now() + timeout;
    while (this.closes(reason) < count) {
      if (Date.now() > deadline) {
        const seen = JSON.stringify(this.server.getStats().metrics.closeReasons);
        throw new Error(`${reason} was not counted ${count} times within ${timeout} ms: ${seen}`);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The server serves, and the witness has noticed nothing. */
  async unharmed() {
    const proof = { proof: Math.random() };
    this.t.deepEqual(await within(this.witness.request('echo', proof), 'the request of the witness'), proof);
    this.t.deepEqual(this.noticed.calls, [], 'the witness noticed');
    this.t.true(this.server.getIsReady(), 'the server is still ready');
    this.t.true(this.server.getClientIds().includes('witness'));
  }

  /** Somebody new can come in. */
  async admits() {
    const peer = await this.client({ clientId: `newcomer-${Math.random()}` });
    this.t.is(await peer.request('echo', 'new'), 'new');
    peer.destroy();
  }
}
