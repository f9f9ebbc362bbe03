'use strict';

const fs = require('fs');

/** How a call may fail where peers are killed, stand still and time out. */
const EXPECTED = new Set([
  'IPC_ERR_ABORTED',
  'IPC_ERR_BACKPRESSURE',
  'IPC_ERR_CONNECTION_LOST',
  'IPC_ERR_DISCONNECTED',
  'IPC_ERR_HEARTBEAT_TIMEOUT',
  // A stream, on the tokio driver: the end of the connection has not been told yet.
  'IPC_ERR_NOT_CONNECTED',
  'IPC_ERR_REGISTRATION',
  'IPC_ERR_STREAM_CANCELLED',
  'IPC_ERR_TIMEOUT',
  'IPC_ERR_TOO_MANY_STREAMS',
  'IPC_ERR_UNKNOWN_CLIENT',
]);
/** How long a call that hangs shows no sign of life. None may take so long: each has a
 * limit of its own, but for streams, whose pieces are signs. On a machine that is busy
 * with other things all take longer, and come to their end. */
const STUCK = 120_000;

/** Every call that was made, until it has settled. */
class Account {
  constructor() {
    this.made = 0;
    this.resolved = 0;
    this.failed = new Map();
    this.open = new Map();
    this.wrong = [];
  }

  /**
   * Enters a call; resolves with what it did, or undefined if it failed as it may.
   *
   * @param {string} what
   * @param {Promise<any>} promise
   * @param {{ at: number }} [sign] when something was last seen of it
   */
  async call(what, promise, sign = { at: Date.now() }) {
    const number = this.made++;
    this.open.set(number, { what, sign });
    try {
      const result = await promise;
      this.resolved++;
      return result;
    } catch (error) {
      this.failed.set(error.code, (this.failed.get(error.code) || 0) + 1);
      if (!EXPECTED.has(error.code)) this.say(`${what}: ${error.stack}`);
      return undefined;
    } finally {
      this.open.delete(number);
    }
  }

  /** Notes what must not be. */
  say(what) {
    if (this.wrong.length < 10) this.wrong.push(what);
  }

  /** What this process holds, and what went wrong in it. */
  async sample(endpoint) {
    global.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
    global.gc();
    for (const { what, sign } of this.open.values()) {
      if (Date.now() - sign.at > STUCK) this.say(`${what} has not settled, nor moved, in ${STUCK} ms`);
    }
    const { metrics, connectedClients = 0 } = endpoint === undefined ? { metrics: {} } : endpoint.getStats();
    const failed = [...this.failed.values()].reduce((sum, count) => sum + count, 0);
    if (this.made !== this.resolved + failed + this.open.size) this.say('calls are not accounted for');
    return {
      rss: Math.round(process.memoryUsage().rss / 1024),
      // Where to look if that grows.
      v8: Math.round(process.memoryUsage().heapTotal / 1024),
      heap: mapped('[heap]'),
      // Clients come and go; what they leave is what counts.
      descriptors: held('fd') - connectedClients,
      threads: held('task'),
      pending: this.open.size,
      queued: metrics.queuedBytes,
      requestsPending: metrics.requestsPending,
      made: this.made,
      failed: Object.fromEntries(this.failed),
      closeReasons: metrics.closeReasons,
      wrong: this.wrong,
    };
  }
}

function held(what) {
  return fs.existsSync('/proc/self') ? fs.readdirSync(`/proc/self/${what}`).length : 0;
}

/** What is resident of a mapping, in KiB. */
function mapped(name) {
  const maps = fs.existsSync('/proc/self/smaps') ? fs.readFileSync('/proc/self/smaps', 'latin1').split('\n') : [];
  const at = maps.findIndex((line) => line.endsWith(name));
  const rss = maps.slice(at + 1).find((line) => line.startsWith('Rss:'));
  return at < 0 || rss === undefined ? 0 : parseInt(rss.slice('Rss:'.length), 10);
}

module.exports = { Account };
