'use strict';

/**
 * Every failure of the library. Codes are listed in docs/errors.md and never
 * change.
 */
class IpcError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ origin?: 'local' | 'peer' | 'io', mayHaveRun?: boolean, name?: string, cause?: unknown }} [details]
   */
  constructor(code, message, details = {}) {
    super(message);
    this.code = code;
    /** Where it began: here, in the peer, or in the operating system. */
    this.origin = details.origin || 'local';
    // Only calls whose fate is unknown carry it.
    if (details.mayHaveRun) this.mayHaveRun = true;
    const hidden = { name: details.name || 'IpcError' };
    // Not every supported Node knows the constructor's option.
    if ('cause' in details) Object.assign(hidden, { cause: details.cause });
    for (const [key, value] of Object.entries(hidden)) {
      Object.defineProperty(this, key, { value, configurable: true, writable: true });
    }
  }
}

/**
 * The error that the native side described.
 *
 * A peer's handler gives its error's name and code; `origin` stays `peer`, so
 * that it can't pass for a failure of this library.
 *
 * @param {string} text JSON
 */
function fromNative(text) {
  const { code, message, origin, mayHaveRun, remoteName, remoteCode } = JSON.parse(text);
  const name = remoteName && remoteName !== 'Error' ? remoteName : undefined;
  return new IpcError(remoteCode || code, message, { origin, mayHaveRun, name });
}

/** The error that Node's own call would give, for one that the native side made. */
function systemError(code, syscall) {
  // Not before it is needed, so that loading the package takes no longer.
  const number = require('os').constants.errno[code];
  return Object.assign(new Error(`${code}: ${syscall} failed`), { code, syscall, errno: number === undefined ? undefined : -number });
}

/** What of an error may cross to the peer: no stack, no path. Whatever was thrown. */
function toPeer(thrown) {
  try {
    if (thrown === null || typeof thrown !== 'object') return { message: String(thrown), name: 'Error', code: '' };
    const { message, name, code } = thrown;
    return {
      message: typeof message === 'string' ? message : String(message),
      name: typeof name === 'string' && name !== 'IpcError' ? name : 'Error',
      code: typeof code === 'string' ? code : '',
    };
  } catch (_) {
    // A getter threw, or no text can be made of it.
    return { message: 'It failed with something unreadable', name: 'Error', code: '' };
  }
}

module.exports = { IpcError, fromNative, systemError, toPeer };
