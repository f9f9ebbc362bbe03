'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { PassThrough } = require('stream');

const check = require('../check');
const { IpcError } = require('../errors');
const { IncomingStream } = require('./incoming');
const { rename } = require('./rename');
const { bytesOf } = require('./source');
const { uncaught } = require('../uncaught');

/** Readables that are being saved: two readers would get a part each. */
const saving = new WeakSet();

/** Bytes written at once, where they come faster than that. */
const WRITE_SIZE = 256 * 1024;

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
  if (readable === null || typeof readable !== 'object' || typeof readable.pipe !== 'function' || typeof readable.destroy !== 'function') {
    throw new TypeError(`readable must be a Readable, not ${check.shown(readable)}`);
  }
  const { fsync, mode, onProgress } = checked(filePath, options);
  const incoming = readable instanceof IncomingStream ? readable : undefined;
  if (readable.destroyed || readable.readableEnded) {
    // In the words of who ended it, so that a listener that awaits this passes on no more.
    throw (incoming && incoming.lost) || new IpcError('IPC_ERR_STREAM_CANCELLED', 'The stream is over already');
  }
  if (saving.has(readable)) throw new IpcError('IPC_ERR_STREAM_IN_USE', 'The stream is being saved already');
  saving.add(readable);
  if (incoming !== undefined) incoming.hold();
  // At once: what flowed to others before the file is open would be missing.
  const isClaimed = incoming !== undefined && incoming.claim();
  const next = isClaimed ? claimed(incoming) : piped(readable);
  let temporary;
  let handle;
  try {
    const target = await targetOf(filePath, mode);
    temporary = temporaryName(target.file);
    handle = await fs.promises.open(temporary, 'wx', target.mode);
    if (target.keepsMode) await handle.chmod(target.mode);
    await (saveNatively(handle, isClaimed && incoming, onProgress) || write(handle, next, incoming, onProgress));
    if (fsync) await handle.sync();
    await handle.close();
    handle = undefined;
    await rename(temporary, target.file);
    if (fsync) await syncFolder(path.dirname(target.file));
  } catch (cause) {
    const error = (incoming && incoming.lost) || cause;
    if (handle !== undefined) await handle.close().catch(nothing);
    if (temporary !== undefined) await fs.promises.unlink(temporary).catch(nothing);
    // Who hears of it may try again at once, on a disk that was full.
    give(readable, incoming, error);
    throw error;
  }
  if (incoming !== undefined) incoming.release();
}

/** The file behind links, and the mode that it is to have. */
async function targetOf(filePath, mode) {
  let file = filePath;
  let stat;
  try {
    file = await fs.promises.realpath(filePath);
    stat = await fs.promises.stat(file);
  } catch (_) {
    // Not there; or opening will tell what is wrong.
    return { file: filePath, mode: mode === undefined ? 0o666 : mode, keepsMode: false };
  }
  // A rename would put a file in the place of the device or the FIFO. (Of a
  // folder the rename itself says what it is.)
  if (!stat.isFile() && !stat.isDirectory()) {
    throw new IpcError('IPC_ERR_NOT_A_FILE', 'The place to save to is no regular file');
  }
  return mode === undefined ? { file, mode: stat.mode & 0o777, keepsMode: true } : { file, mode, keepsMode: false };
}

/** The pieces of a stream that nobody else reads. */
function claimed(incoming) {
  return async () => {
    const pieces = await incoming.nextPieces(WRITE_SIZE);
    if (pieces.length === 0) {
      incoming.endClaimed();
      return undefined;
    }
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  };
}

/** The pieces of any Readable: those who listen to it too, or pipe it, get theirs. */
function piped(readable) {
  const own = new PassThrough({ objectMode: true });
  let failure;
  const fail = (error) => {
    failure = failure || { error };
    own.destroy(error);
  };
  // It may fail before anybody reads it.
  own.on('error', nothing);
  readable.on('error', fail);
  // Not all that can be piped say so themselves.
  let ended = false;
  readable.on('end', () => {
    ended = true;
  });
  readable.on('close', () => {
    if (!ended && !readable.readableEnded) fail(new IpcError('IPC_ERR_STREAM_CANCELLED', 'The stream was closed before its end'));
  });
  readable.pipe(own);
  const iterator = own[Symbol.asyncIterator]();
  return async () => {
    if (failure !== undefined) throw failure.error;
    const { done, value } = await iterator.next();
    if (failure !== undefined) throw failure.error;
    return done ? undefined : bytesOf(value);
  };
}

function checked(filePath, options) {
  check.path('filePath', filePath);
  if (options === null || typeof options !== 'object') throw new TypeError(`options must be an object, not ${check.shown(options)}`);
  const { fsync = false, mode, onProgress } = options;
  if (typeof fsync !== 'boolean') throw new TypeError(`fsync must be a boolean, not ${check.shown(fsync)}`);
  if (mode !== undefined && typeof mode !== 'number') throw new TypeError(`mode must be a number, not ${check.shown(mode)}`);
  if (mode !== undefined && !(Number.isInteger(mode) && mode >= 0 && mode <= 0o7777)) throw new RangeError(`mode must be 0 to 0o7777, not ${mode}`);
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

/** Has the native side write, with no byte passing by here; none if it can't. */
function saveNatively(handle, incoming, onProgress) {
  if (!incoming || typeof handle.fd !== 'number') return undefined;
  const onBytes = onProgress === undefined ? undefined : (bytes) => tell(onProgress, { bytes, total: incoming.total });
  return incoming.saveTo(handle.fd, onBytes);
}

async function write(handle, next, incoming, onProgress) {
  let bytes = 0;
  const total = incoming === undefined ? undefined : incoming.total;
  // Not `for await`: when writing fails, it would end the stream without the reason.
  for (;;) {
    const data = await next();
    if (data === undefined) return;
    for (let at = 0; at < data.length; ) at += (await handle.write(data, at, data.length - at)).bytesWritten;
    bytes += data.length;
    if (onProgress !== undefined) tell(onProgress, { bytes, total });
  }
}

/** What the user's callback throws is uncaught, and stops nothing here. */
function tell(onProgress, progress) {
  try {
    onProgress(progress);
  } catch (error) {
    uncaught(error);
  }
}

/** Makes the rename itself last. Not every system lets one open a folder. */
async function syncFolder(folder) {
  const handle = await fs.promises.open(folder, 'r').catch(nothing);
  if (handle === undefined) return;
  await handle.sync().catch(nothing);
  await handle.close().catch(nothing);
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
