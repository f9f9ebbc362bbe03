// One endpoint of ours, server or client, registered with one talker. What a
// case does to it is the same in all four ways, and so is what must not happen.

import net from 'net';
import { SmartIpc } from '@push.rocks/smartipc';
import helpers from './helpers.cjs';
import { Talker } from './talker.mjs';
import { wireServer } from './wire.mjs';

const { closeAfter, freePort, once, recorder, tempSocket, within } = helpers;

/** @typedef {'server' | 'client'} Role */
/** @typedef {'json' | 'binary'} Profile */
/** @typedef {'unix' | 'tcp'} Transport */

const ROLES = /** @type {Role[]} */ (['server', 'client']);
const PROFILES = /** @type {Profile[]} */ (['json', 'binary']);

/** Every way a case can be run over a Unix socket. */
export const WAYS = ROLES.flatMap((role) => PROFILES.map((profile) => ({ role, profile })));

/**
 * @param {any} t
 * @param {{ role: Role, profile: Profile, transport?: Transport }} way
 * @param {object} [options] options of the endpoint
 */
export async function subject(t, { role, profile, transport = 'unix' }, options = {}) {
  const made = role === 'server' ? new ServerSubject(t) : new ClientSubject(t);
  await made.start({ profile, tcp: transport === 'tcp' }, options);
  return made;
}

class Subject {
  constructor(t) {
    this.t = t;
    /** What the handler of `note` was told. */
    this.notes = recorder();
    /** Failures that the owner heard of. */
    this.errors = recorder();
    /** @type {Talker} */
    this.talker = /** @type {any} */ (undefined);
    /** @type {any} */
    this.endpoint = undefined;
  }

  serve() {
    this.endpoint.on('error', this.errors);
    this.onMessage('note', (payload) => void this.notes(payload));
    this.onMessage('echo', (payload) => payload);
  }

  /** Sets a handler: `(payload, context)`, on either side. */
  onMessage(type, handler) {
    const isServer = this.role === 'server';
    this.endpoint.onMessage(type, (payload, ...others) => handler(payload, others[isServer ? 1 : 0]));
  }

  /** Ends the connection and makes a new one. */
  async replace() {
    const left = this.left();
    this.talker.destroy();
    await left;
    return this.again();
  }

  get metrics() {
    return this.endpoint.getStats().metrics;
  }

  /** Still connected, in order, and up to date. */
  async works() {
    const proof = `proof ${Math.random()}`;
    this.t.is(await this.talker.ask(4123456789, 'echo', proof), proof);
  }
}

class ServerSubject extends Subject {
  role = 'server';

  async start({ profile, tcp }, options) {
    this.wire = await wireServer(this.t, { tcp, server: options });
    this.endpoint = this.wire.server;
    this.profile = profile;
    this.serve();
    await this.again();
  }

  /** A new connection, in place of the one that ended. */
  async again() {
    this.talker = await Talker.connect(this.wire.address, { profile: this.profile });
    this.t.teardown(() => this.talker.destroy());
    await this.wire.register(this.talker, {});
    return this.talker;
  }

  /** The reason with which the connection ends; call it before the cause. */
  left(timeout) {
    return once(this.endpoint, 'clientDisconnect', { timeout, where: (id) => id === 'raw' }).then(([, reason]) => reason);
  }

  request(type, payload, options) {
    return this.endpoint.requestClient('raw', type, payload, options);
  }

  send(type, payload) {
    return this.endpoint.sendToClient('raw', type, payload);
  }

  unharmed() {
    return this.wire.unharmed();
  }
}

class ClientSubject extends Subject {
  role = 'client';

  async start({ profile, tcp }, options) {
    const where = tcp ? { host: '127.0.0.1', port: await freePort() } : { socketPath: tempSocket(this.t) };
    this.profile = profile;
    this.arrived = [];
    this.waiting = [];
    const listener = net.createServer((socket) => {
      const talker = new Talker(socket, { profile });
      if (this.waiting.length > 0) this.waiting.shift()(talker);
      else this.arrived.push(talker);
    });
    await new Promise((resolve, reject) => {
      listener.once('error', reject).listen(tcp ? where : { path: where.socketPath }, () => resolve(undefined));
    });
    this.t.teardown(() => {
      this.talker.destroy();
      return new Promise((resolve) => listener.close(resolve));
    });
    this.endpoint = closeAfter(
      this.t,
      SmartIpc.createClient({ id: 'subject', ...where, clientId: 'subject', clientOnly: true, autoReconnect: false, ...options }),
    );
    this.serve();
    await this.again();
  }

  /** The next connection of our client, before it is let in. */
  accept() {
    const talker = this.arrived.shift();
    return talker ? Promise.resolve(talker) : within(new Promise((resolve) => this.waiting.push(resolve)), 'a connection of the client');
  }

  async again() {
    const connecting = this.endpoint.connect();
    connecting.catch(() => {});
    this.talker = await this.accept();
    await this.talker.letIn();
    await connecting;
    return this.talker;
  }

  left(timeout) {
    return once(this.endpoint, 'disconnect', { timeout }).then(([reason]) => reason);
  }

  request(type, payload, options) {
    return this.endpoint.request(type, payload, options);
  }

  send(type, payload) {
    return this.endpoint.sendMessage(type, payload);
  }

  /** It can be used as if nothing had been. */
  async unharmed() {
    if (!this.endpoint.getIsConnected()) await this.again();
    await this.works();
  }
}
