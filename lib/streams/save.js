'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');

const check = require('../check');
const { IpcError } = require('../errors');
const { IncomingStream } = require('./incoming');

function nothing() {}

/**
 * Writes a stream to a file: under a temporary name first, so that nobody ever
 * finds half a file under the real one. The sender's promise waits for it.
 *
 * @param {any} readable
 * @param {string} filePath
 * @param {{ fsync?: boolean, mode?: number, onProgress?: (progress: { bytes: number, total?: number }) => void }} [options]
 * @returns {Promise<void>}
 */
async function pipeStreamToFile(readable, filePath, options = {}) {
  if (readable === null || typeof readable !== 'object' || typeof readable[Symbol.asyncIterator] !== 'function') {
    throw new TypeError(`readable must be a Readable, not ${check.shown(readable)}`);
  }
  const { fsync, mode, onProgress } = checked(filePath, options);
  if (readable.destroyed || readable.readableEnded) {
    throw new IpcError('IPC_ERR_STREAM_CANCELLED', 'The stream is over already');
  }
  const incoming = readable instanceof IncomingStream ? readable : undefined;
  if (incoming !== undefined) incoming.hold();
  const temporary = temporaryName(filePath);
  let handle;
  try {
    handle = await fs.promises.open(temporary, 'wx', mode);
    await write(handle, readable, onProgress);
    if (fsync) await handle.sync();
    await close(handle);
    handle = undefined;
    await fs.promises.rename(temporary, filePath);
    if (fsync) await syncFolder(path.dirname(filePath));
  } catch (error) {
    give(readable, incoming, error);
    if (handle !== undefined) await close(handle).catch(nothing);
    await fs.promises.unlink(temporary).catch(nothing);
    throw error;
  }
  if (incoming !== undefined) incoming.release();
}

function checked(filePath, options) {
  check.path('filePath', filePath);
  if (options === null || typeof options !== 'object') throw new TypeError(`options must be an object, not ${check.shown(options)}`);
  const { fsync = false, mode = 0o666, onProgress } = options;
  if (typeof fsync !== 'boolean') throw new TypeError(`fsync must be a boolean, not ${check.shown(fsync)}`);
  if (typeof mode !== 'number') throw new TypeError(`mode must be a number, not ${check.shown(mode)}`);
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new TypeError(`onProgress must be a function, not ${check.shown(onProgress)}`);
  }
  return { fsync, mode, onProgress };
}

/** Beside the file: only within a file system is a rename all or nothing. */
function temporaryName(filePath) {
  // Short enough for names of the greatest length.
  return path.join(path.dirname(filePath), `.smartipc-${crypto.randomBytes(8).toString('hex')}.part`);
}

async function write(handle, readable, onProgress) {
  let bytes = 0;
  const total = readable instanceof IncomingStream ? readable.total : undefined;
  for await (const piece of readable) {
    const data = typeof piece === 'string' ? Buffer.from(piece) : piece;
    for (let at = 0; at < data.length; ) at += (await handle.write(data, at, data.length - at)).bytesWritten;
    bytes += data.length;
    if (onProgress !== undefined) onProgress({ bytes, total });
  }
}

async function close(handle) {
  await handle.close();
}

/** Makes the rename itself last. Not every system lets one open a folder. */
async function syncFolder(folder) {
  const handle = await fs.promises.open(folder, 'r').catch(nothing);
  if (handle === undefined) return;
  await handle.sync().catch(nothing);
  await close(handle);
}

/** Ends the stream; the sender hears why, but no path of this side. */
function give(readable, incoming, error) {
  if (incoming === undefined) {
    readable.destroy(error);
    return;
  }
  const code = typeof error.code === 'string' ? error.code : '';
  const message = error.syscall === undefined ? error.message : `The receiver could not save the stream: ${code}`;
  incoming.fail(error, { message, name: 'Error', code });
}

module.exports = { pipeStreamToFile };
