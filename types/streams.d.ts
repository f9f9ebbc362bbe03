// Streams and files.

import { Readable } from 'stream';

import { IpcAbortSignal, IIpcAbortSignalLike, IpcHeaders } from './messages';

/**
 * What can be sent as a stream: a Node or web stream of bytes or text, anything
 * that gives Buffers, Uint8Arrays or strings one after the other, or bytes. Text is
 * sent as UTF-8.
 */
export type IpcStreamSource =
  | NodeJS.ReadableStream
  | IIpcWebStreamLike
  | Uint8Array
  | AsyncIterable<Uint8Array | string>
  | (Iterable<Uint8Array | string> & object);

/** What is used of a web `ReadableStream`. */
export interface IIpcWebStreamLike {
  /** Takes the stream for oneself. */
  getReader(): {
    read(): Promise<{ done: boolean; value?: any }>;
    cancel(reason?: any): Promise<void>;
    releaseLock(): void;
  };
}

/** Options of `sendStream`, `sendFile` and their counterparts of a server. */
export interface IIpcStreamOptions {
  /**
   * Told to the receiver, as `info.meta`. A file's `{ type: 'file', basename, size }`
   * goes under what is given here. At most 64 KiB of JSON text.
   *
   * @default none; of a file `{ type: 'file', basename, size }`
   */
  meta?: Record<string, any> | undefined;
  /**
   * Told to the receiver, as `info.headers`. At most 64 KiB of JSON text.
   *
   * @default none
   */
  headers?: IpcHeaders | undefined;
  /**
   * Largest piece that is sent at once, in bytes; 1 to 1 MiB, more counts as that.
   *
   * @default 65536; of a file 262144
   */
  chunkSize?: number | undefined;
  /**
   * Names the stream; must be unlike those of other streams that this side has open.
   *
   * @default a new one
   */
  streamId?: string | undefined;
  /** Cancels the stream: it rejects with `IPC_ERR_STREAM_CANCELLED` and the name `AbortError`. */
  signal?: IpcAbortSignal | IIpcAbortSignalLike | undefined;
  /** Called as bytes leave, at most once per chunk. What it throws is uncaught. */
  onProgress?: ((progress: IIpcStreamProgress) => void) | undefined;
}

/** How far a stream or file is. */
export interface IIpcStreamProgress {
  /** Bytes so far. */
  bytes: number;
  /** All bytes, where that is known: of a file, or what the sender's `meta.size` says. */
  total?: number | undefined;
}

/**
 * The promise of a stream that is being sent. It resolves when the receiver has
 * read everything out of its Readable, or has it in a file under its name. When
 * nobody awaits it, its failure is an `error` event.
 */
export interface IIpcOutgoingStream extends Promise<void> {
  /** What `cancelOutgoingStream` takes. */
  readonly streamId: string;
}

/** What a `stream` event tells about a stream. */
export interface IIpcStreamInfo {
  /** Names the stream, for `cancelIncomingStream`. */
  streamId: string;
  /**
   * What the sender gave as `meta`; of a file `type`, `basename` and `size` too.
   * It is the sender's word: `basename` is reduced to a bare file name, the rest
   * arrives as it was given.
   */
  meta?: Record<string, any> | undefined;
  /** What the sender gave as headers; an empty object if nothing. */
  headers: IpcHeaders;
  /** The client that sent it; on a client, the client itself. */
  clientId?: string | undefined;
}

/** What a server's `stream` event tells: there, the client is always known. */
export interface IIpcServerStreamInfo extends IIpcStreamInfo {
  /** The client that sent it. */
  clientId: string;
}

/**
 * A stream that is being received. The sender is granted more as it is read, so a
 * slow reader holds its sender up and nothing else. `destroy()` cancels it. A lost
 * connection or a sender that fails is an `error`; without a listener of yours it
 * does not end the process.
 */
export interface IIpcIncomingStream extends Readable {
  addListener(event: 'progress', listener: (progress: IIpcStreamProgress) => void): this;
  addListener(event: string | symbol, listener: (...args: any[]) => void): this;
  on(event: 'progress', listener: (progress: IIpcStreamProgress) => void): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
  once(event: 'progress', listener: (progress: IIpcStreamProgress) => void): this;
  once(event: string | symbol, listener: (...args: any[]) => void): this;
}

/** Options of `SmartIpc.pipeStreamToFile`. */
export interface IPipeStreamToFileOptions {
  /**
   * Have the disk confirm the file before the promise resolves: it survives a
   * power failure then.
   *
   * @default false
   */
  fsync?: boolean | undefined;
  /**
   * Permissions of the file, 0 to 0o7777, less the umask; without it a file that is
   * there keeps its own. Unix only.
   *
   * @default 0o666
   */
  mode?: number | undefined;
  /** Called as bytes reach the file, at most once per chunk. What it throws is uncaught, and stops nothing. */
  onProgress?: ((progress: IIpcStreamProgress) => void) | undefined;
}
