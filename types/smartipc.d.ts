// The entry point.

import { ChildProcess, SpawnOptions } from 'child_process';

import { IpcChannel } from './channel';
import { IpcClient } from './client';
import { IIpcContract } from './contract';
import { IIpcChannelOptions, IIpcClientOptions, IIpcServerOptions, IIpcTlsOptions } from './options';
import { IpcServer } from './server';
import { IPipeStreamToFileOptions } from './streams';


/** Makes servers and clients, and helps tests. */
export class SmartIpc {
  /**
   * Makes a server. It listens after `start()`.
   *
   * @typeParam C what clients and server have agreed on; anything, if it isn't given
   * @throws `TypeError` or `RangeError` naming the option that is wrong
   */
  static createServer<C extends IIpcContract = any>(options: IIpcServerOptions): IpcServer<C>;

  /**
   * Makes a client. It connects with `connect()`, or with its first call.
   *
   * @typeParam C what client and server have agreed on; anything, if it isn't given
   * @throws `TypeError` or `RangeError` naming the option that is wrong
   */
  static createClient<C extends IIpcContract = any>(options: IIpcClientOptions): IpcClient<C>;

  /**
   * Makes a channel between two processes that are given the same options.
   *
   * @typeParam C what both have agreed on; anything, if it isn't given
   * @throws `TypeError` or `RangeError` naming the option that is wrong
   */
  static createChannel<C extends IIpcContract = any>(options: IIpcChannelOptions): IpcChannel<C>;

  /**
   * Resolves when a server answers, without appearing in its events or counts.
   *
   * Rejects with `IPC_ERR_SERVER_NOT_READY` (its text starts with `Server not
   * ready`) when none does within `timeoutMs`, with a `TypeError` or `RangeError`
   * for a wrong option.
   */
  static waitForServer(options: IWaitForServerOptions): Promise<void>;

  /**
   * Runs a server script in a child process and connects a client to it.
   *
   * Rejects with `IPC_ERR_CHILD_EXITED`, which has the exit code and the last of
   * stderr in its text, when the child ends before its server answers; with what
   * `waitForServer()` and `connect()` reject with; with a `TypeError` or
   * `RangeError` for a wrong option, such as neither `socketPath` nor `port`. The child
   * is killed then, or was never started.
   */
  static spawnAndConnect<C extends IIpcContract = any>(
    options: ISpawnAndConnectOptions
  ): Promise<ISpawnedServer<C>>;

  /**
   * Writes a stream to a file, which appears under its name when it is complete:
   * until then it has a name of its own beside it, and a failure removes it. A file
   * that is there already is replaced. The name is yours: of a received one use the
   * `basename`, which has no folders in it.
   *
   * A received stream that nobody has read from or listened to is claimed: it emits
   * `end` and `close`, but no `data`, and `destroy()` cancels it. Any other may be
   * read beside this; the file has what comes from the call on. A link is followed;
   * what is no regular file is not replaced (`IPC_ERR_NOT_A_FILE`).
   *
   * Rejects with the errno of the operating system (`ENOSPC`, `EACCES`, `ENOENT`),
   * with what the stream fails with, and with a `TypeError` or `RangeError` for
   * wrong arguments. The stream is destroyed then.
   *
   * ```ts
   * server.on('stream', async (info, readable) => {
   *   await SmartIpc.pipeStreamToFile(readable, `/data/${info.meta?.basename}`);
   * });
   * ```
   */
  static pipeStreamToFile(
    readable: NodeJS.ReadableStream,
    filePath: string,
    options?: IPipeStreamToFileOptions
  ): Promise<void>;
}

/** Options of {@link SmartIpc.waitForServer}: a `socketPath`, or a `port` with or without `host`. */
export interface IWaitForServerOptions {
  /** Path of the Unix socket, or name of the Windows pipe. */
  socketPath?: string | undefined;
  /**
   * Host for TCP.
   *
   * @default '127.0.0.1' when a port is given
   */
  host?: string | undefined;
  /** Port for TCP. */
  port?: number | undefined;
  /**
   * TLS, as the client of that server has it. Without it a server that speaks TLS is
   * noticed, but its certificate is not looked at.
   */
  tls?: IIpcTlsOptions | undefined;
  /**
   * How long to wait.
   *
   * @default 10000
   */
  timeoutMs?: number | undefined;
}

/** Options of {@link SmartIpc.spawnAndConnect}: the script's, and the client's. */
export interface ISpawnAndConnectOptions extends Omit<IIpcClientOptions, 'id'> {
  /** The script to run, with the Node of this process. */
  serverScript: string;
  /**
   * Id of the client.
   *
   * @default 'spawned'
   */
  id?: string | undefined;
  /**
   * Never host a hub in this process, see {@link IIpcChannelOptions.clientOnly}.
   *
   * @default true
   */
  clientOnly?: boolean | undefined;
  /**
   * How long the server may take to answer.
   *
   * @default 10000
   */
  timeoutMs?: number | undefined;
  /**
   * Passed on to `child_process.spawn`.
   *
   * @default { stdio: ['ignore', 'pipe', 'pipe'] }
   */
  spawnOptions?: SpawnOptions | undefined;
}

/** What {@link SmartIpc.spawnAndConnect} resolves with. */
export interface ISpawnedServer<C extends IIpcContract = any> {
  /** Connected to the server. */
  client: IpcClient<C>;
  /** The process of the server; ending it is up to the caller. */
  serverProcess: ChildProcess;
}
