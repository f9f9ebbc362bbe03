// A peer that knows the protocol from docs/protocol.md alone: plain sockets and
// the JSON profile, either role. Nothing of the library is imported here.

import { randomUUID } from 'crypto';
import net from 'net';
import { DEFAULT_TIMEOUT, RawSocket } from './raw-socket.mjs';

export { frame, prefix } from './raw-socket.mjs';

/** A predicate for `expectFrame`: an envelope of this type. */
export function ofType(type) {
  return (envelope) => envelope.type === type;
}

/** Whether a topic matches a pattern: `*` is one segment, `**` any number. */
function matches([segment, ...pattern], topic) {
  if (segment === undefined) return topic.length === 0;
  if (segment === '**') return topic.some((_, at) => matches(pattern, topic.slice(at))) || matches(pattern, []);
  return topic.length > 0 && (segment === '*' || segment === topic[0]) && matches(pattern, topic.slice(1));
}

/** One connection that answers pings, requests and answers by itself. */
export class RawPeer extends RawSocket {
  /**
   * @param {net.Socket} socket
   * @param {{ beats?: boolean }} [options] `beats: false` leaves pings unanswered, for `expectFrame`
   */
  constructor(socket, { beats = true } = {}) {
    super(socket);
    this.beats = beats;
    this.clientId = '';
    this.ids = 0;
    this.pending = new Map();
    this.handlers = new Map();
    this.topics = new Map();
    this.running = new Map();
  }

  /** @returns {Promise<RawPeer>} */
  static connect(address, options = {}) {
    return this.open(address, options);
  }

  ended() {
    for (const { reject } of this.pending.values()) reject(new Error('the connection was closed'));
    this.pending.clear();
    return super.ended();
  }

  dispatch(envelope) {
    if (envelope.type === undefined) return this.keep(envelope);
    const { id, type, correlationId, headers = {} } = envelope;
    if (type === '__heartbeat__' && this.beats) return this.send({ id: '0', type: '__heartbeat_response__', correlationId: id });
    if (type === '__cancel__' && this.running.has(envelope.payload.id)) return this.running.get(envelope.payload.id).abort();
    if (correlationId !== undefined && this.pending.has(correlationId)) {
      const { resolve, reject } = this.pending.get(correlationId);
      this.pending.delete(correlationId);
      if (headers.error === undefined) return resolve(payloadOf(envelope));
      return reject(Object.assign(new Error(headers.error), { name: headers.errorName, code: headers.errorCode }));
    }
    if (type.startsWith('topic:') && this.topics.size > 0) return this.deliver(type.slice('topic:'.length), envelope);
    if (correlationId === undefined && this.handlers.has(type)) return this.handle(envelope);
    this.keep(envelope);
  }

  deliver(topic, envelope) {
    const context = { topic, publisherId: envelope.headers?.publisherId };
    for (const [pattern, handler] of this.topics) {
      if (matches(pattern.split('.'), topic.split('.'))) handler(payloadOf(envelope), context);
    }
  }

  async handle(envelope) {
    const controller = new AbortController();
    const context = { headers: envelope.headers, signal: controller.signal };
    const answer = envelope.headers?.requiresResponse === true;
    if (answer) this.running.set(envelope.id, controller);
    try {
      const value = await this.handlers.get(envelope.type)(payloadOf(envelope), context);
      if (answer && !controller.signal.aborted) this.answer(envelope, value);
    } catch (error) {
      if (answer && !controller.signal.aborted) this.refuse(envelope, error);
    } finally {
      this.running.delete(envelope.id);
    }
  }

  // --- the JSON profile, either role ---

  envelope(type, payload, headers) {
    if (Buffer.isBuffer(payload)) {
      payload = payload.toString('base64');
      headers = { ...headers, encoding: 'base64' };
    }
    return { id: randomUUID(), type, timestamp: Date.now(), payload, headers };
  }

  sendMessage(type, payload, headers) {
    return this.send(this.envelope(type, payload, headers));
  }

  /**
   * @param {string} type
   * @param {any} [payload]
   * @param {{ headers?: object, signal?: AbortSignal, timeout?: number }} [options]
   * @returns {Promise<any>}
   */
  request(type, payload, { headers = {}, signal, timeout = DEFAULT_TIMEOUT } = {}) {
    const id = `${++this.ids}`;
    this.send({ ...this.envelope(type, payload, { ...headers, requiresResponse: true, timeout }), id });
    const answer = this.awaitAnswer(id, `of ${type}`, timeout);
    if (signal) {
      const abort = () => {
        this.pending.get(id)?.reject(Object.assign(new Error('aborted'), { code: 'IPC_ERR_ABORTED' }));
        this.pending.delete(id);
        this.cancel(id);
      };
      signal.addEventListener('abort', abort, { once: true });
    }
    return answer;
  }

  awaitAnswer(id, what, timeout = DEFAULT_TIMEOUT) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(id);
        reject(new Error(`no answer ${what} within ${timeout} ms`));
      }, timeout);
      const settle = (end) => (value) => (clearTimeout(timer), end(value));
      this.pending.set(id, { resolve: settle(resolve), reject: settle(reject) });
    });
  }

  /**
   * @param {string} type
   * @param {(payload: any, context: { headers: any, signal: AbortSignal }) => any} handler
   */
  onMessage(type, handler) {
    this.handlers.set(type, handler);
  }

  /** Answers a request that `expectFrame` gave. */
  answer({ id, type }, value) {
    return this.send({ ...this.envelope(`${type}_response`, value), correlationId: id });
  }

  refuse({ id, type }, error) {
    const headers = { error: error.message, errorName: error.name, errorCode: error.code };
    return this.send({ ...this.envelope(`${type}_response`, null, headers), correlationId: id });
  }

  cancel(id) {
    return this.send({ ...this.envelope('__cancel__', { id }) });
  }

  goAway(reason, message = '') {
    return this.sendMessage('__goaway__', { reason, message });
  }

  /** Asks for a sign of life; resolves when it comes. */
  beat() {
    const id = `${++this.ids}`;
    this.send({ id, type: '__heartbeat__', timestamp: Date.now() });
    return this.awaitAnswer(id, 'to a heartbeat');
  }

  // --- client ---

  /** @returns {Promise<any>} the payload of the answer, whether let in or not */
  async register(registration = {}) {
    await this.send({ ...this.envelope('__register__', registration, { requiresResponse: true }), id: 'hello' });
    const answer = await this.expectFrame(ofType('__register___response'), { what: 'that answers the registration' });
    this.clientId = answer.payload.clientId;
    return answer.payload;
  }

  /**
   * @param {string} topic
   * @param {(payload: any, context: { topic: string, publisherId?: string }) => any} [handler]
   */
  async subscribe(topic, handler = () => {}) {
    this.topics.set(topic, handler);
    return this.control('__subscribe__', { topic });
  }

  async unsubscribe(topic) {
    await this.control('__unsubscribe__', { topic });
    this.topics.delete(topic);
  }

  /** A control message that is acknowledged. */
  control(type, payload) {
    const id = `${++this.ids}`;
    this.send({ id, type, timestamp: Date.now(), payload, headers: { requiresResponse: true } });
    return this.awaitAnswer(id, `of ${type}`);
  }

  publish(topic, payload, headers) {
    const { payload: inner, ...rest } = this.envelope('__publish__', payload, headers);
    return this.send({ ...rest, payload: { topic, payload: inner } });
  }

  // --- server ---

  /** Lets a client in, as the server; gives its registration. */
  async letIn(welcome = {}) {
    const { id, payload } = await this.expectFrame(ofType('__register__'), { what: 'that registers' });
    await this.answer({ id, type: '__register__' }, { success: true, clientId: payload.clientId, ...welcome });
    return payload;
  }
}

function payloadOf({ payload, headers = {} }) {
  return headers.encoding === 'base64' ? Buffer.from(payload, 'base64') : payload;
}

/** A server of raw peers. */
export class RawServer {
  constructor(options) {
    /** @type {RawPeer[]} */
    this.peers = [];
    this.arrived = [];
    this.waiting = [];
    this.listener = net.createServer({ allowHalfOpen: false }, (socket) => {
      const peer = new RawPeer(socket, options);
      this.peers.push(peer);
      if (this.waiting.length > 0) this.waiting.shift()(peer);
      else this.arrived.push(peer);
    });
  }

  /** @param {net.ListenOptions} address @returns {Promise<RawServer>} */
  static listen(address, options = {}) {
    const server = new RawServer(options);
    return new Promise((resolve, reject) => {
      server.listener.once('error', reject).listen(address, () => resolve(server));
    });
  }

  /** The next connection. @returns {Promise<RawPeer>} */
  accept() {
    const peer = this.arrived.shift();
    return peer ? Promise.resolve(peer) : new Promise((resolve) => this.waiting.push(resolve));
  }

  close() {
    for (const peer of this.peers) peer.destroy();
    return new Promise((resolve) => this.listener.close(resolve));
  }
}
