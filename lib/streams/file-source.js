'use strict';

const fs = require('fs');
const path = require('path');

const native = require('../native');
const { IpcError, systemError } = require('../errors');

/** Bytes sent at once where nothing else is asked for: fewer cost more calls. */
const CHUNK = 256 * 1024;

/** Bytes read at once, into one of two buffers: one is read while the other is sent. */
const READ_SIZE = 128 * 1024;

function nothing() {}

/**
 * Opens a regular file to be sent. Never blocks on what is none, such as a FIFO
 * without a writer.
 *
 * @param {string} file
 * @returns {Promise<FileSource>}
 */
async function openFile(file) {
  const failed = (code, why, details) => new IpcError(code, `Cannot send '${file}': ${why}`, details);
  let handle;
  try {
    handle = await fs.promises.open(file, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK || 0));
    const stat = await handle.stat();
    if (stat.isDirectory()) throw failed('EISDIR', 'it is a directory', { origin: 'io' });
    if (!stat.isFile()) throw failed('IPC_ERR_NOT_A_FILE', 'it is no regular file');
    return new FileSource(file, handle, stat.size);
  } catch (cause) {
    if (handle !== undefined) handle.close().catch(nothing);
    if (cause instanceof IpcError) throw cause;
    throw failed(cause.code, cause.code, { origin: 'io', cause });
  }
}

/** A source of a file's bytes: exactly as many as it had when it was opened. */
class FileSource {
  constructor(file, handle, size) {
    this.about = { type: 'file', basename: path.basename(file), size };
    this.chunkSize = CHUNK;
    this._handle = handle;
    this._size = size;
    this._at = 0;
    this._buffers = [];
    this._ahead = undefined;
    this._stopped = false;
  }

  /**
   * Has the native side send the file, with no byte passing by here; false where it
   * can't. Then it is neither read here nor open any more.
   */
  handTo(endpoint, conn, stream, watched) {
    const { fd } = this._handle;
    const taken = typeof fd === 'number' && native.streamFromFile(endpoint, conn, stream, fd, this._size, watched);
    if (taken) this.stop();
    return taken;
  }

  async next() {
    const read = this._ahead === undefined ? this._read() : this._ahead;
    this._ahead = undefined;
    const bytes = await read;
    if (bytes.length === 0) {
      this.stop();
      return { done: true };
    }
    if (!this._stopped) {
      this._ahead = this._read();
      // Whoever asks next gets the failure.
      this._ahead.catch(nothing);
    }
    return { done: false, value: bytes };
  }

  async _read() {
    const buffer = this._buffers.length < 2 ? Buffer.allocUnsafeSlow(READ_SIZE) : this._buffers.shift();
    this._buffers.push(buffer);
    // One byte more than there should be shows a file that has grown.
    const wanted = Math.min(READ_SIZE, this._size - this._at + 1);
    const { bytesRead } = await this._handle.read(buffer, 0, wanted, this._at).catch((cause) => {
      throw unreadable(cause);
    });
    this._at += bytesRead;
    if (this._at > this._size) throw changed('grew');
    if (bytesRead === 0 && this._at < this._size) throw changed('shrank');
    return buffer.subarray(0, bytesRead);
  }

  stop() {
    if (this._stopped) return;
    this._stopped = true;
    // A read that is under way ends first.
    this._handle.close().catch(nothing);
  }
}

function unreadable(cause) {
  return new IpcError(cause.code, `Cannot read the file: ${cause.code}`, { origin: 'io', cause });
}

/** What went wrong where the native side reads a file. */
function readingFailed(trouble) {
  return trouble === 'grew' || trouble === 'shrank' ? changed(trouble) : unreadable(systemError(trouble, 'read'));
}

function changed(how) {
  return new IpcError('IPC_ERR_FILE_CHANGED', `The file ${how} while it was being sent`);
}

module.exports = { openFile, readingFailed };
