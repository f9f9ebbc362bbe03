'use strict';

// Broadcasts that follow each other, turn of the event loop after turn, faster than they
// can be written: they are held back and leave together, one system call a receiver for
// all of them. Nothing is held for longer than writing took the last time, so that waiting
// at most doubles what a receiver waits for anyway (the "ski rental" bound), and nothing
// beyond the first turn that brings no broadcast.

const { clock, mayHold, markDirtyAtLeisure } = require('./mailbox');

/** So many have to come quickly one after the other: fewer prove nothing. */
const QUICK = 3;
/** To write to so many takes less time than a turn of the event loop. */
const FEW = 3;
/** Milliseconds; writing that took longer was interrupted, or has thousands of receivers. */
const MOST = 0.25;

/** What one server holds back. */
class Cork {
  /** @param {{ dirty: boolean, receive: any, flush: () => void }} endpoint whose `flush()` tells `wrote()` */
  constructor(endpoint, now = clock, nextTurn = setImmediate) {
    this._endpoint = endpoint;
    this._now = now;
    this._nextTurn = nextTurn;
    /** There are broadcasts that have not been written. */
    this.isPending = false;
    this._held = false;
    /** Whether any came since `_look` was called. */
    this._fresh = false;
    this._scheduled = false;
    this._since = 0;
    /** How long writing took, when it ended, and how many have come sooner after it. */
    this._cost = 0;
    this._ended = -Infinity;
    this._quick = 0;
    this._look = this._look.bind(this);
  }

  /** A broadcast for so many is queued: sees to it that it is written. */
  add(receivers) {
    this._fresh = true;
    if (this._held && mayHold()) return;
    if (!this.isPending && receivers > FEW) {
      this.isPending = true;
      const now = this._now();
      this._quick = now - this._ended < this._cost ? this._quick + 1 : 0;
      if (this._quick >= QUICK && mayHold()) {
        this._held = true;
        this._since = now;
        this._schedule();
        return;
      }
    }
    markDirtyAtLeisure(this._endpoint);
  }

  /** All is written. */
  wrote(begun, ended) {
    this.isPending = false;
    this._held = false;
    this._cost = Math.min(ended - begun, MOST);
    this._ended = ended;
  }

  _schedule() {
    if (this._scheduled) return;
    this._scheduled = true;
    this._nextTurn(this._look);
  }

  /** Another turn is over. */
  _look() {
    this._scheduled = false;
    if (!this._held) return;
    const more = this._fresh;
    this._fresh = false;
    if (more && this._now() - this._since < this._cost) this._schedule();
    else this._endpoint.flush();
  }
}

module.exports = { Cork, FEW, QUICK };
