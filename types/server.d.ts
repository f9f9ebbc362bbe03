// The server, its events and what it tells about itself.

import {
  AnyMessageType,
  AnyTopic,
  IIpcContract,
  MessageType,
  PublishedTopic,
  RequestOf,
  ResponseOf,
  ServerHandlers,
  TopicPayload,
} from './contract';
import { IIpcEventError, IpcError } from './errors';
import { TypedEmitter } from './events';
import { IIpcMessageContext, IIpcPeerCredentials, IIpcRequestOptions, IpcHeaders } from './messages';
import { IIpcMetrics, IpcCloseReason } from './metrics';
import { IIpcServerOptions } from './options';
import {
  IIpcIncomingStream,
  IIpcOutgoingStream,
  IIpcServerStreamInfo,
  IIpcStreamOptions,
  IpcStreamSource,
} from './streams';
// The links of the comments.
import { IpcClient } from './client';

/**
 * Accepts clients, answers their requests, and sends them messages.
 *
 * It keeps the process alive while it runs, see {@link IpcServer.unref}.
 *
 * @typeParam C what clients and server have agreed on; anything, if it isn't given
 */
export class IpcServer<C extends IIpcContract = any> extends TypedEmitter<IIpcServerEvents> {
  /** @throws `TypeError` or `RangeError` naming the option that is wrong */
  constructor(options: IIpcServerOptions);

  /**
   * Listens. Resolves when clients can connect. A second call joins the first;
   * after `stop()` it starts again.
   *
   * Rejects with the errno of the operating system (`EADDRINUSE` when a server
   * listens there already, `EACCES`, `ENOENT`), `IPC_ERR_PATH_TOO_LONG`,
   * `IPC_ERR_INVALID_PATH`, `IPC_ERR_NOT_A_SOCKET`, and `IPC_ERR_DISCONNECTED`
   * when it was stopped meanwhile.
   *
   * @throws `TypeError` or `RangeError` for wrong options
   */
  start(options?: IServerStartOptions): Promise<void>;

  /**
   * Stops listening, lets work that is under way finish for up to five seconds,
   * rejects the rest, then closes every connection. Harmless when stopped.
   */
  stop(): Promise<void>;

  /** Whether clients can connect. */
  getIsReady(): boolean;

  /**
   * Sets the handler of a message type; the last one set wins.
   *
   * What it returns, or its promise resolves with, answers a request and is
   * dropped for a one-way message. What it throws rejects the caller's request
   * with the same `message`, `name` and `code`; of a one-way message it becomes
   * an `error` event.
   *
   * @typeParam Req payload that the handler gets
   * @typeParam Res payload that it answers with
   * @throws `TypeError` or `RangeError` for a wrong type or handler
   */
  onMessage<K extends MessageType<C>>(type: K, handler: ServerHandlers<C>[K]): void;
  onMessage<Req = any, Res = any>(
    type: AnyMessageType<C>,
    handler: (payload: Req, clientId: string, context: IIpcMessageContext) => Res | PromiseLike<Res>
  ): void;

  /** Removes the handler of a message type. */
  offMessage(type: MessageType<C> | AnyMessageType<C>): void;

  /**
   * Sends a one-way message to one client. Resolves when it is accepted by the
   * operating system, or queued below the mark (1 MiB); above it, when the queue
   * is shorter again.
   *
   * Rejects with `IPC_ERR_UNKNOWN_CLIENT`, `IPC_ERR_BACKPRESSURE` when the
   * client's queue is full, `IPC_ERR_MESSAGE_TOO_LARGE`, `IPC_ERR_CONNECTION_LOST`,
   * a `TypeError` or `RangeError` for wrong arguments. When nobody awaits it, the
   * failure is an `error` event.
   */
  sendToClient<K extends MessageType<C>>(
    clientId: string,
    type: K,
    payload: RequestOf<C, K>,
    headers?: IpcHeaders
  ): Promise<void>;
  sendToClient<T = any>(clientId: string, type: AnyMessageType<C>, payload: T, headers?: IpcHeaders): Promise<void>;

  /**
   * Asks one client and waits for its answer.
   *
   * Rejects with `IPC_ERR_UNKNOWN_CLIENT` and as {@link IpcClient.request}.
   *
   * @typeParam Req payload of the request
   * @typeParam Res payload of the answer
   */
  requestClient<K extends MessageType<C>>(
    clientId: string,
    type: K,
    payload: RequestOf<C, K>,
    options?: IIpcRequestOptions
  ): Promise<ResponseOf<C, K>>;
  requestClient<Req = any, Res = any>(
    clientId: string,
    type: AnyMessageType<C>,
    payload: Req,
    options?: IIpcRequestOptions
  ): Promise<Res>;

  /**
   * Sends a one-way message to every client. Resolves when it is queued for each;
   * a client that does not keep up gets the `slowConsumer` policy, and the others
   * never wait for it.
   *
   * Rejects with `IPC_ERR_NOT_CONNECTED` when the server is not running,
   * `IPC_ERR_MESSAGE_TOO_LARGE`, a `TypeError` or `RangeError` for wrong arguments.
   */
  broadcast<K extends MessageType<C>>(type: K, payload: RequestOf<C, K>): Promise<void>;
  broadcast<T = any>(type: AnyMessageType<C>, payload: T): Promise<void>;

  /**
   * Sends a one-way message to some clients, as {@link IpcServer.broadcast} does.
   * Resolves with the ids that it did not reach.
   */
  broadcastTo<K extends MessageType<C>>(
    clientIds: readonly string[],
    type: K,
    payload: RequestOf<C, K>
  ): Promise<string[]>;
  broadcastTo<T = any>(clientIds: readonly string[], type: AnyMessageType<C>, payload: T): Promise<string[]>;

  /**
   * Publishes to the clients that subscribed to a topic. Resolves also when there
   * are none.
   *
   * Rejects with `IPC_ERR_NOT_CONNECTED` when the server is not running,
   * `IPC_ERR_INVALID_TOPIC` for a wildcard, `IPC_ERR_MESSAGE_TOO_LARGE`, a
   * `TypeError` or `RangeError` for wrong arguments.
   */
  publish<T extends string>(topic: T & PublishedTopic<C, T>, payload: TopicPayload<C, T>): Promise<void>;
  publish<T = any>(topic: AnyTopic<C>, payload: T): Promise<void>;

  /**
   * Sends a stream to one client, as {@link IpcClient.sendStream} does.
   *
   * Rejects with `IPC_ERR_UNKNOWN_CLIENT` and as {@link IpcClient.sendStream}.
   */
  sendStreamToClient(clientId: string, readable: IpcStreamSource, options?: IIpcStreamOptions): IIpcOutgoingStream;

  /**
   * Sends a file to one client, as {@link IpcClient.sendFile} does.
   *
   * Rejects with `IPC_ERR_UNKNOWN_CLIENT` and as {@link IpcClient.sendFile}.
   */
  sendFileToClient(clientId: string, filePath: string, options?: IIpcStreamOptions): IIpcOutgoingStream;

  /**
   * Cancels a stream that a client is sending: the client's promise rejects with
   * `IPC_ERR_STREAM_CANCELLED`, and the Readable here is destroyed.
   *
   * @returns whether there was such a stream
   */
  cancelIncomingStreamFromClient(clientId: string, streamId: string): boolean;

  /**
   * Cancels a stream that is being sent to a client: its promise rejects with
   * `IPC_ERR_STREAM_CANCELLED`.
   *
   * @returns whether there was such a stream
   */
  cancelOutgoingStreamToClient(clientId: string, streamId: string): boolean;

  /** Another way to {@link IpcServer.cancelIncomingStreamFromClient}. */
  readonly primaryChannel: IIpcPrimaryChannel;

  /** What is known of a client; `undefined` if it is not connected. */
  getClientInfo(clientId: string): IIpcClientInfo | undefined;

  /** The ids of all connected clients. */
  getClientIds(): string[];

  /**
   * Closes the connection of a client, which will not reconnect by itself. The
   * text becomes the `message` of its `disconnect` event.
   *
   * Rejects with `IPC_ERR_UNKNOWN_CLIENT`.
   */
  disconnectClient(clientId: string, reason?: string): Promise<void>;

  /** State and counters, since the server was made. */
  getStats(): IIpcServerStats;

  /** Where the server listens: a path or pipe name, or address and port; `null` when it does not. */
  address(): string | IIpcAddress | null;

  /** Keeps the process alive while the server runs; the default. */
  ref(): this;

  /** Lets the process end although the server runs. */
  unref(): this;
}

/** The events of {@link IpcServer}, with the arguments of their listeners. */
export interface IIpcServerEvents {
  /** The server listens. */
  start: [];
  /** Clients can connect. */
  ready: [];
  /** The server has stopped. */
  stop: [];
  /** A client has registered. `metadata` is what it gave in its options. */
  clientConnect: [clientId: string, metadata: any];
  /** A client's connection has ended. `message` is a text for people. */
  clientDisconnect: [clientId: string, reason: IpcCloseReason, message: string];
  /**
   * A connection, a peer or a handler of a one-way message failed. Without a
   * listener, a failure of the peer or the network becomes a process warning, and
   * that of a handler is uncaught.
   */
  error: [error: IIpcEventError, clientId?: string];
  /** A client gave no sign of life for `heartbeatTimeout`. */
  heartbeatTimeout: [clientId: string, error: IpcError];
  /**
   * A client sends a stream or a file. Without a listener it is refused. What a
   * listener throws is an `error` event.
   */
  stream: [info: IIpcServerStreamInfo, readable: IIpcIncomingStream];
}

/** What {@link IpcServer.primaryChannel} can do. */
export interface IIpcPrimaryChannel {
  /**
   * Cancels a stream that a client is sending.
   *
   * @returns whether there was such a stream
   */
  cancelIncomingStream(streamId: string, from: { clientId: string }): boolean;
}

/** Options of {@link IpcServer.start}. */
export interface IServerStartOptions {
  /**
   * What to wait for. Both are reached at the same moment.
   *
   * @default 'socket-bound'
   */
  readyWhen?: 'socket-bound' | 'accepting' | undefined;
}

/** State and counters of a server. */
export interface IIpcServerStats {
  /** Whether the server is started. */
  isRunning: boolean;
  /**
   * Whether new clients find it. False once somebody else has removed or replaced the
   * file of its socket: those who are connected are served as before, but `stop()` and
   * `start()` are needed for others to come.
   */
  isReachable: boolean;
  /** Clients connected now. */
  connectedClients: number;
  /** Clients that have connected so far, reconnects included. */
  totalConnections: number;
  /**
   * What waits for the sockets of registered clients: `loop`, the event loop of Node
   * (the default on Linux and macOS), or `tokio`, a thread of the addon (Windows,
   * Bun, Deno). For diagnosis; the environment variable `SMARTIPC_DRIVER` chooses.
   */
  driver: string;
  /** Counters of all connections together. */
  metrics: IIpcMetrics;
}

/** What a server knows of a connected client. */
export interface IIpcClientInfo {
  /** When it connected, in ms since the epoch. */
  connectedAt: number;
  /** When something was last received from it, in ms since the epoch. */
  lastActivity: number;
  /** What the client gave in its options; `undefined` if nothing. */
  metadata?: any;
  /** The process at the other end, as the operating system names it. */
  peer: IIpcPeerCredentials;
}

/** An address over TCP. */
export interface IIpcAddress {
  /** IP address. */
  address: string;
  /** Its family. */
  family: 'IPv4' | 'IPv6';
  /** Port; the one that the system chose when the option was 0. */
  port: number;
}
