'use strict';

const native = require('./native');

/** Topics whose handlers are remembered; beyond, all are forgotten. */
const MAX_REMEMBERED = 1024;

/**
 * A handler of a topic.
 *
 * @typedef {object} Asked
 * @property {string} topic
 * @property {Function} handler
 * @property {number} pending calls that wait for the server's answer
 * @property {boolean} held whether it has said yes to one
 */

/** A client's subscriptions: topics and patterns with their handlers. */
class Subscriptions {
  constructor() {
    /** @type {Map<string, Map<Function, Asked>>} */
    this._handlers = new Map();
    /** Handlers by topic of a message; patterns are matched once per topic. */
    this._found = new Map();
  }

  /**
   * The server is asked for it. The same topic and handler twice count once.
   *
   * @returns {Asked}
   */
  ask(topic, handler) {
    this._found.clear();
    const handlers = this._handlers.get(topic) || new Map();
    this._handlers.set(topic, handlers);
    const asked = handlers.get(handler) || { topic, handler, pending: 0, held: false };
    handlers.set(handler, asked);
    asked.pending++;
    return asked;
  }

  /**
   * It has answered, or has not. What nobody else has been promised is forgotten, unless
   * it has been ended meanwhile; returns whether nobody listens to the topic any more.
   *
   * @param {Asked} asked
   */
  answered(asked, held) {
    asked.pending--;
    asked.held = asked.held || held;
    const { topic, handler } = asked;
    const handlers = this._handlers.get(topic);
    const wanted = asked.held || asked.pending > 0;
    if (wanted || handlers === undefined || handlers.get(handler) !== asked) return false;
    return this.remove(topic, handler);
  }

  /** Returns whether nobody listens to the topic any more. */
  remove(topic, handler) {
    this._found.clear();
    const handlers = this._handlers.get(topic);
    if (handlers === undefined) return false;
    if (handler === undefined) handlers.clear();
    else handlers.delete(handler);
    if (handlers.size > 0) return false;
    this._handlers.delete(topic);
    return true;
  }

  /** Whom a message of `topic` concerns, each subscription once. */
  handlersOf(topic) {
    const known = this._found.get(topic);
    if (known !== undefined) return known;
    const found = [];
    for (const [pattern, handlers] of this._handlers) {
      if (pattern === topic || (pattern.includes('*') && native.topicMatches(pattern, topic))) {
        found.push(...handlers.keys());
      }
    }
    if (this._found.size >= MAX_REMEMBERED) this._found.clear();
    this._found.set(topic, found);
    return found;
  }
}

module.exports = { Subscriptions };
