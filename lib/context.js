'use strict';

/** What a handler learns about a message besides its payload. */
class Context {
  /**
   * @param {{ clientId: string, peer: { pid: number | null, uid: number | null, gid: number | null } }} from
   * @param {string | undefined} headersText
   */
  constructor(from, headersText) {
    this._from = from;
    this._headersText = headersText;
    this._headers = undefined;
    this._controller = undefined;
    this._aborted = false;
  }

  get clientId() {
    return this._from.clientId;
  }

  get peer() {
    return this._from.peer;
  }

  get headers() {
    if (this._headers === undefined) {
      this._headers = this._headersText === undefined ? {} : JSON.parse(this._headersText);
    }
    return this._headers;
  }

  /** Made on first use: most handlers never look. */
  get signal() {
    if (this._controller === undefined) {
      const { AbortController } = require('./abort');
      this._controller = new AbortController();
      if (this._aborted) this._controller.abort();
    }
    return this._controller.signal;
  }

  abort() {
    this._aborted = true;
    if (this._controller !== undefined) this._controller.abort();
  }
}

module.exports = { Context };
