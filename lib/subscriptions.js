'use strict';

const native = require('../native');

/** Topics whose handlers are remembered; beyond, all are forgotten. */
const MAX_REMEMBERED = 1024;

/** A client's subscriptions: topics and patterns with their handlers. */
class Subscriptions {
  constructor() {
    /** @type {Map<string, Set<Function>>} */
    this._handlers = new Map();
    /** Handlers by topic of a message; patterns are matched once per topic. */
    this._found = new Map();
  }

  has(topic) {
    return this._handlers.has(topic);
  }

  /** The same topic and handler twice count once. */
  add(topic, handler) {
    this._found.clear();
    const handlers = this._handlers.get(topic);
    if (handlers === undefined) this._handlers.set(topic, new Set([handler]));
    else handlers.add(handler);
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
        found.push(...handlers);
      }
    }
    if (this._found.size >= MAX_REMEMBERED) this._found.clear();
    this._found.set(topic, found);
    return found;
  }
}

module.exports = { Subscriptions };
