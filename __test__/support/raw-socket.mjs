// The framing of docs/protocol.md over plain sockets. Nothing of the library is imported here.

import net from 'net';

export const DEFAULT_TIMEOUT = 10000;

/** A frame: the body's length, then the body, given as bytes, text or envelope. */
export function frame(body) {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return Buffer.concat([prefix(bytes.length), bytes]);
}

/** Four bytes that announce a body. */
export function prefix(length) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

/** One connection, cut into frames. What `dispatch` doesn't take is kept for `expectFrame`. */
export class RawSocket {
  /** @param {net.Socket} socket */
  constructor(socket) {
    this.socket = socket;
    /** @type {any[]} */
    this.frames = [];
    this.bytesReceived = 0;
    this.buffer = Buffer.alloc(0);
    this.waiting = new Set();
    /** @type {any} */
    this.failure = undefined;
    this.isClosed = false;
    if (!socket.destroyed) socket.setNoDelay(true);
    socket.on('data', (chunk) => this.read(chunk));
    socket.on('error', (error) => (this.failure = error));
    /** @type {Promise<{ code: string | undefined, bytesReceived: number }>} */
    this.ending = new Promise((resolve) => socket.once('close', () => resolve(this.ended())));
  }

  /**
   * A new connection, wrapped in the class this is called on.
   *
   * @param {any} address of `net.connect`
   * @param {any} [options] of the constructor
   * @returns {Promise<any>}
   */
  static open(address, options) {
    return new Promise((resolve, reject) => {
      const socket = net.connect(address);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        resolve(new this(socket, options));
      });
    });
  }

  ended() {
    this.isClosed = true;
    for (const { end } of [...this.waiting]) end();
    return { code: this.failure && this.failure.code, bytesReceived: this.bytesReceived };
  }

  read(chunk) {
    this.bytesReceived += chunk.length;
    this.buffer = Buffer.concat([this.buffer, chunk]);
    while (this.buffer.length >= 4) {
      const end = 4 + this.buffer.readUInt32BE();
      if (this.buffer.length < end) break;
      const body = this.buffer.subarray(4, end);
      this.buffer = this.buffer.subarray(end);
      this.dispatch(body[0] === 0x7b ? JSON.parse(body.toString()) : { kind: body[0], body });
    }
  }

  dispatch(received) {
    this.keep(received);
  }

  keep(received) {
    for (const { take } of this.waiting) if (take(received)) return;
    this.frames.push(received);
  }

  /**
   * The first frame nobody has taken yet that `predicate` accepts. Envelopes are
   * objects; frames of the binary profile are `{ kind, body }`.
   *
   * @param {(frame: any) => boolean} predicate
   * @param {{ timeout?: number, what?: string }} [options]
   * @returns {Promise<any>}
   */
  expectFrame(predicate, { timeout = DEFAULT_TIMEOUT, what = String(predicate) } = {}) {
    return new Promise((resolve, reject) => {
      const index = this.frames.findIndex(predicate);
      if (index >= 0) return resolve(this.frames.splice(index, 1)[0]);
      const finish = (settle, value) => {
        this.waiting.delete(waiter);
        clearTimeout(timer);
        settle(value);
      };
      const fail = (why) => finish(reject, new Error(`no frame ${what} ${why}; unclaimed: ${JSON.stringify(this.frames).slice(0, 2000)}`));
      const timer = setTimeout(() => fail(`within ${timeout} ms`), timeout);
      const end = () => fail(`before the connection was closed (${this.failure ? this.failure.code : 'end'})`);
      const take = (received) => {
        if (!predicate(received)) return false;
        finish(resolve, received);
        return true;
      };
      const waiter = { take, end };
      this.waiting.add(waiter);
      if (this.isClosed) end();
    });
  }

  /** How the connection ended. Rejects when it doesn't within the time. */
  closed({ timeout = DEFAULT_TIMEOUT, what = 'the connection' } = {}) {
    /** @type {any} */
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what} was not closed within ${timeout} ms`)), timeout);
    });
    return Promise.race([this.ending, late]).finally(() => clearTimeout(timer));
  }

  /** Writes bytes as they are; resolves when the kernel has taken them. */
  write(bytes) {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve(undefined)));
  }

  /** Writes one frame. */
  send(body) {
    return this.write(frame(body));
  }

  /** Writes pieces of these sizes one after the other, then the rest. */
  async writeInPieces(bytes, sizes) {
    let at = 0;
    for (const size of [...sizes, bytes.length]) {
      if (at >= bytes.length || this.isClosed) return;
      await this.write(bytes.subarray(at, at + size));
      // The next turn: the receiver has had the chance to see this piece alone.
      await new Promise((resolve) => setImmediate(resolve));
      at += size;
    }
  }

  halfClose() {
    this.socket.end();
  }

  /** Closes with RST; TCP only. */
  rst() {
    this.socket.resetAndDestroy();
  }

  destroy() {
    this.socket.destroy();
  }
}
