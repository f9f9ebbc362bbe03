// Processes that share a path without a server, and what they tell of it.
import fs from 'fs';
import net from 'net';
import readline from 'readline';
import helpers from './helpers.cjs';

/** Many processes on few cores take their time. */
const PATIENCE = 30_000;

/** One process, as the test sees it. */
class Member {
  constructor(child) {
    this.child = child;
    this.pid = child.pid;
    /** Everything told so far, in order. */
    this.told = [];
    this.waiting = new Set();
  }

  hear(line) {
    this.told.push(line);
    for (const check of this.waiting) check();
  }

  order(what, details = {}) {
    this.socket.write(`${JSON.stringify({ do: what, ...details })}\n`);
  }

  count(event) {
    return this.told.filter((line) => line.event === event).length;
  }

  numbers() {
    return this.told.filter((line) => line.event === 'number').map((line) => line.number);
  }

  /** Waits until what was told satisfies `enough`. */
  until(what, enough) {
    const waited = new Promise((resolve) => {
      const check = () => {
        if (!enough(this)) return;
        this.waiting.delete(check);
        resolve(undefined);
      };
      this.waiting.add(check);
      check();
    });
    return helpers.within(waited, `${what} of process ${this.pid}`, PATIENCE).catch((error) => {
      const last = this.told.slice(-8).map((line) => JSON.stringify(line));
      throw new Error(`${error.message}; last told: ${last.join(' ')}${this.child.stderr}`);
    });
  }

  /** Waits for the next line of that kind, counting from now or from `from`. */
  async next(event, from = this.count(event)) {
    await this.until(event, () => this.count(event) > from);
    return this.told.filter((line) => line.event === event)[from];
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.child.exited();
  }
}

/**
 * @param {import('ava').ExecutionContext<any>} t
 * @param {string} socketPath where the bus is
 */
export async function newBus(t, socketPath) {
  const control = helpers.tempSocket(t, 'control.sock');
  const members = new Map();
  const server = net.createServer((socket) => {
    let pid;
    socket.on('error', () => {});
    // Ended by order; nothing more is told.
    socket.on('close', () => pid !== undefined && members.get(pid).hear({ event: 'silent', pid }));
    readline.createInterface({ input: socket }).on('line', (text) => {
      const line = JSON.parse(text);
      pid = line.pid;
      const member = members.get(pid);
      member.socket = socket;
      member.hear(line);
    });
  });
  await new Promise((resolve) => server.listen(control, () => resolve(undefined)));
  t.teardown(() => server.close());

  return {
    /** A process that waits for orders. */
    async member(options = {}, program = 'bus-member') {
      const child = helpers.startChild(t, program, { control, socketPath, options });
      const member = new Member(child);
      members.set(child.pid, member);
      await member.until('arrival', () => member.count('here') > 0);
      return member;
    },
    /** The process that the lock file names as host. */
    host() {
      const [, role, pid] = fs.readFileSync(`${socketPath}.lock`, 'utf8').split(' ');
      if (role !== 'hub') throw new Error(`the path is held by a ${role}`);
      return Number(pid);
    },
  };
}
