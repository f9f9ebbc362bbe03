/// <reference types="node" />

import { EventEmitter } from 'events';
import { ChildProcess, SpawnOptions } from 'child_process';

// Written by hand for TypeScript 4.0 and later. Times are in milliseconds and
// sizes in bytes unless said otherwise. An option that is `undefined` counts as
// not given.

// Entry point -----------------------------------------------------------------

/** Makes servers and clients, and helps tests. */
export class SmartIpc {
  /**
   * Makes a server. It listens after `start()`.
   *
   * @throws `TypeError` or `RangeError` naming the option that is wrong
   */
  static createServer(options: IIpcServerOptions): IpcServer;

  /**
   * Makes a client. It connects with `connect()`, or with its first call.
   *
   * @throws `TypeError` or `RangeError` naming the option that is wrong
   */
  static createClient(options: IIpcClientOptions): IpcClient;

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
   * `RangeError` for a wrong option. The child is killed then.
   */
  static spawnAndConnect(options: ISpawnAndConnectOptions): Promise<ISpawnedServer>;
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
   * Whether the client may host a server itself.
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
export interface ISpawnedServer {
  /** Connected to the server. */
  client: IpcClient;
  /** The process of the server; ending it is up to the caller. */
  serverProcess: ChildProcess;
}

// Server ----------------------------------------------------------------------

/**
 * Accepts clients, answers their requests, and sends them messages.
 *
 * It keeps the process alive while it runs, see {@link IpcServer.unref}.
 */
export class IpcServer extends EventEmitter {
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
  onMessage<Req = any, Res = any>(
    type: string,
    handler: (payload: Req, clientId: string, context: IIpcMessageContext) => Res | PromiseLike<Res>
  ): void;

  /** Removes the handler of a message type. */
  offMessage(type: string): void;

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
  sendToClient<T = any>(clientId: string, type: string, payload: T, headers?: IpcHeaders): Promise<void>;

  /**
   * Asks one client and waits for its answer.
   *
   * Rejects with `IPC_ERR_UNKNOWN_CLIENT` and as {@link IpcClient.request}.
   *
   * @typeParam Req payload of the request
   * @typeParam Res payload of the answer
   */
  requestClient<Req = any, Res = any>(
    clientId: string,
    type: string,
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
  broadcast<T = any>(type: string, payload: T): Promise<void>;

  /**
   * Sends a one-way message to some clients, as {@link IpcServer.broadcast} does.
   * Resolves with the ids that it did not reach.
   */
  broadcastTo<T = any>(clientIds: readonly string[], type: string, payload: T): Promise<string[]>;

  /**
   * Publishes to the clients that subscribed to a topic. Resolves also when there
   * are none.
   *
   * Rejects with `IPC_ERR_NOT_CONNECTED` when the server is not running,
   * `IPC_ERR_INVALID_TOPIC` for a wildcard, `IPC_ERR_MESSAGE_TOO_LARGE`, a
   * `TypeError` or `RangeError` for wrong arguments.
   */
  publish<T = any>(topic: string, payload: T): Promise<void>;

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

  on<E extends keyof IIpcServerEvents>(event: E, listener: (...args: IIpcServerEvents[E]) => void): this;
  on<E extends string | symbol>(event: OtherEvent<E, IIpcServerEvents>, listener: (...args: any[]) => void): this;

  once<E extends keyof IIpcServerEvents>(event: E, listener: (...args: IIpcServerEvents[E]) => void): this;
  once<E extends string | symbol>(event: OtherEvent<E, IIpcServerEvents>, listener: (...args: any[]) => void): this;

  off<E extends keyof IIpcServerEvents>(event: E, listener: (...args: IIpcServerEvents[E]) => void): this;
  off<E extends string | symbol>(event: OtherEvent<E, IIpcServerEvents>, listener: (...args: any[]) => void): this;

  emit<E extends keyof IIpcServerEvents>(event: E, ...args: IIpcServerEvents[E]): boolean;
  emit<E extends string | symbol>(event: OtherEvent<E, IIpcServerEvents>, ...args: any[]): boolean;
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
  /** Whether clients can connect. */
  isRunning: boolean;
  /** Clients connected now. */
  connectedClients: number;
  /** Clients that have connected so far, reconnects included. */
  totalConnections: number;
  /**
   * What waits for the sockets of registered clients: `loop`, the event loop of
   * Node (the default on Linux and macOS), or `tokio`, the addon's I/O thread
   * (Windows, Bun, Deno). For diagnosis; the environment variable
   * `SMARTIPC_DRIVER` chooses, and fails loudly if it can't have its way.
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

// Client ----------------------------------------------------------------------

/**
 * Connects to a server, sends it messages and requests, and subscribes to topics.
 *
 * Calls before `connect()` connect first. While the connection is being won back
 * they wait in order, up to 1,000 messages or 8 MiB. Nothing is ever sent twice:
 * delivery is at most once.
 *
 * It keeps the process alive while connected, see {@link IpcClient.unref}.
 */
export class IpcClient extends EventEmitter {
  /** @throws `TypeError` or `RangeError` naming the option that is wrong */
  constructor(options: IIpcClientOptions);

  /** The id under which the server knows this client. */
  readonly clientId: string;

  /** The id under which the server knows this client. */
  getClientId(): string;

  /**
   * Connects and registers. A second call joins the first.
   *
   * Rejects with the errno of the operating system (`ENOENT`, `ECONNREFUSED`,
   * `EACCES`), `IPC_ERR_CONNECT_TIMEOUT` when the `totalTimeout` is spent,
   * `IPC_ERR_SERVER_NOT_READY` when the `waitTimeout` is, `IPC_ERR_DISCONNECTED`
   * when `disconnect()` came first, and when the server refused
   * `IPC_ERR_REGISTRATION`, `IPC_ERR_UNAUTHORIZED`, `IPC_ERR_DUPLICATE_CLIENT_ID`,
   * `IPC_ERR_MAX_CONNECTIONS`, `IPC_ERR_SERVER_STOPPING` or `IPC_ERR_INCOMPATIBLE`.
   *
   * @throws `TypeError` or `RangeError` for wrong options
   */
  connect(options?: IClientConnectOptions): Promise<void>;

  /**
   * Lets work that is under way finish for up to five seconds, rejects the rest,
   * then closes the connection. Afterwards calls reject until `connect()` is
   * called again.
   */
  disconnect(): Promise<void>;

  /** Whether the client is connected and registered. */
  getIsConnected(): boolean;

  /**
   * Asks the server and waits for the answer.
   *
   * Rejects with
   * - `IPC_ERR_TIMEOUT` (`Request timeout for <type>`) and `mayHaveRun`;
   * - `IPC_ERR_ABORTED`, with the name `AbortError`, when the `signal` fired;
   * - the `message`, `name` and `code` of what the handler threw, and `origin`
   *   `'peer'`; the code is `IPC_ERR_REMOTE` if it had none;
   * - `IPC_ERR_NO_HANDLER` when the server has no handler for the type;
   * - `IPC_ERR_CONNECTION_LOST`, `IPC_ERR_HEARTBEAT_TIMEOUT` or
   *   `IPC_ERR_SERVER_STOPPING`, with `mayHaveRun` if it had been sent;
   * - `IPC_ERR_BACKPRESSURE`, `IPC_ERR_TOO_MANY_PENDING` or
   *   `IPC_ERR_MESSAGE_TOO_LARGE` when it could not be sent;
   * - `IPC_ERR_BAD_PAYLOAD` when the answer is unreadable;
   * - `IPC_ERR_DISCONNECTED` after `disconnect()`, `IPC_ERR_NOT_CONNECTED` when
   *   the connection was given up, and with what `connect()` rejects with;
   * - a `TypeError` or `RangeError` for wrong arguments.
   *
   * @typeParam Req payload of the request
   * @typeParam Res payload of the answer
   */
  request<Req = any, Res = any>(type: string, payload: Req, options?: IIpcRequestOptions): Promise<Res>;

  /**
   * Sends a one-way message. Resolves when it is accepted by the operating
   * system, or queued below the mark (1 MiB); above it, when the queue is shorter
   * again.
   *
   * Rejects with `IPC_ERR_BACKPRESSURE` when the queue is full,
   * `IPC_ERR_MESSAGE_TOO_LARGE`, `IPC_ERR_CONNECTION_LOST`, `IPC_ERR_DISCONNECTED`
   * after `disconnect()`, `IPC_ERR_NOT_CONNECTED` when the connection was given up,
   * with what `connect()` rejects with, and with a `TypeError` or `RangeError` for
   * wrong arguments. When nobody awaits it, the failure is an `error` event.
   */
  sendMessage<T = any>(type: string, payload: T, headers?: IpcHeaders): Promise<void>;

  /**
   * Sets the handler of a message type; the last one set wins.
   *
   * What it returns, or its promise resolves with, answers a request of the
   * server and is dropped for a one-way message. What it throws rejects the
   * server's request with the same `message`, `name` and `code`; of a one-way
   * message it becomes an `error` event.
   *
   * @typeParam Req payload that the handler gets
   * @typeParam Res payload that it answers with
   * @throws `TypeError` or `RangeError` for a wrong type or handler
   */
  onMessage<Req = any, Res = any>(
    type: string,
    handler: (payload: Req, context: IIpcMessageContext) => Res | PromiseLike<Res>
  ): void;

  /** Removes the handler of a message type. */
  offMessage(type: string): void;

  /**
   * Subscribes to a topic. Segments are separated by dots; `*` stands for exactly
   * one, `**` for any number. Resolves when the server has it. The same topic and
   * handler twice count once.
   *
   * Rejects with `IPC_ERR_INVALID_TOPIC` for more than 127 segments,
   * `IPC_ERR_TOO_MANY_SUBSCRIPTIONS`, `IPC_ERR_TIMEOUT` after the client's
   * `timeout`, `IPC_ERR_CONNECTION_LOST`, `IPC_ERR_DISCONNECTED` after
   * `disconnect()`, `IPC_ERR_NOT_CONNECTED` when the connection was given up, with
   * what `connect()` rejects with, and with a `TypeError` or `RangeError` for wrong
   * arguments.
   *
   * @typeParam T payload that the handler gets
   */
  subscribe<T = any>(topic: string, handler: (payload: T, info: IIpcTopicInfo) => unknown): Promise<void>;

  /**
   * Ends the subscription of one handler, or of all handlers of the topic.
   * Resolves when the server has it; at once if there was none.
   *
   * Rejects as {@link IpcClient.subscribe}.
   */
  unsubscribe<T = any>(topic: string, handler?: (payload: T, info: IIpcTopicInfo) => unknown): Promise<void>;

  /**
   * Publishes to everybody who subscribed to a topic, this client included.
   * Resolves as {@link IpcClient.sendMessage}, also when nobody subscribed.
   *
   * Rejects as {@link IpcClient.sendMessage}, and with `IPC_ERR_INVALID_TOPIC` for
   * a wildcard.
   */
  publish<T = any>(topic: string, payload: T): Promise<void>;

  /** State and counters, since the client was made. */
  getStats(): IIpcClientStats;

  /** Keeps the process alive while the client is connected; the default. */
  ref(): this;

  /** Lets the process end although the client is connected. */
  unref(): this;

  on<E extends keyof IIpcClientEvents>(event: E, listener: (...args: IIpcClientEvents[E]) => void): this;
  on<E extends string | symbol>(event: OtherEvent<E, IIpcClientEvents>, listener: (...args: any[]) => void): this;

  once<E extends keyof IIpcClientEvents>(event: E, listener: (...args: IIpcClientEvents[E]) => void): this;
  once<E extends string | symbol>(event: OtherEvent<E, IIpcClientEvents>, listener: (...args: any[]) => void): this;

  off<E extends keyof IIpcClientEvents>(event: E, listener: (...args: IIpcClientEvents[E]) => void): this;
  off<E extends string | symbol>(event: OtherEvent<E, IIpcClientEvents>, listener: (...args: any[]) => void): this;

  emit<E extends keyof IIpcClientEvents>(event: E, ...args: IIpcClientEvents[E]): boolean;
  emit<E extends string | symbol>(event: OtherEvent<E, IIpcClientEvents>, ...args: any[]): boolean;
}

/** The events of {@link IpcClient}, with the arguments of their listeners. */
export interface IIpcClientEvents {
  /** Connected and registered, the first time and after each reconnect. */
  connect: [];
  /** The connection has ended. `message` is a text for people. */
  disconnect: [reason: IpcCloseReason, message: string];
  /** The connection is tried again in `delayMs`. Attempts count from 1. */
  reconnecting: [attempt: number, delayMs: number];
  /**
   * The connection, the server or a handler of a one-way or topic message
   * failed. Without a listener, a failure of the server or the network becomes a
   * process warning, and that of a handler is uncaught.
   */
  error: [error: IIpcEventError];
  /** The server gave no sign of life for `heartbeatTimeout`. */
  heartbeatTimeout: [error: IpcError];
}

/** Options of {@link IpcClient.connect}. */
export interface IClientConnectOptions {
  /**
   * Keep trying until a server is there, instead of what `connectRetry` says.
   *
   * @default false
   */
  waitForReady?: boolean | undefined;
  /**
   * How long `waitForReady` waits.
   *
   * @default 10000
   */
  waitTimeout?: number | undefined;
}

/** Options of {@link IpcClient.request} and {@link IpcServer.requestClient}. */
export interface IIpcRequestOptions {
  /**
   * How long to wait for the answer, from the call on; greater than 0, `Infinity`
   * for no limit.
   *
   * @default the `timeout` of the server or client
   */
  timeout?: number | undefined;
  /**
   * Gives the request up: it rejects with `IPC_ERR_ABORTED`, and the signal of the
   * handler's context fires.
   */
  signal?: IpcAbortSignal | IIpcAbortSignalLike | undefined;
  /** Shown to the handler in its context. At most 64 KiB of JSON text. */
  headers?: IpcHeaders | undefined;
}

/** State and counters of a client. */
export interface IIpcClientStats {
  /** Whether the client is connected and registered. */
  connected: boolean;
  /** Attempts of the present, or else the last, reconnect. */
  reconnectAttempts: number;
  /**
   * What waits for the socket once it is registered: `loop` or `tokio`, as in
   * {@link IIpcServerStats.driver}.
   */
  driver: string;
  /** Counters of all connections together. */
  metrics: IIpcMetrics;
}

// Messages --------------------------------------------------------------------

/** What a handler learns about a message besides its payload. */
export interface IIpcMessageContext {
  /** The client that sent it; in a client, the client itself. */
  readonly clientId: string;
  /** What the sender gave as headers; an empty object if nothing. */
  readonly headers: IpcHeaders;
  /** Fires when the caller cancels, times out or disconnects before the answer. */
  readonly signal: IpcAbortSignal;
  /** The process at the other end. */
  readonly peer: IIpcPeerCredentials;
}

/** What a subscriber learns about a message besides its payload. */
export interface IIpcTopicInfo {
  /** The topic it was published to, without wildcards. */
  topic: string;
  /** The client that published it; `undefined` if the server did. */
  publisherId?: string | undefined;
  /** Headers of the message, if any. */
  headers?: IpcHeaders | undefined;
}

/**
 * The process at the other end of a connection, as the operating system names
 * it. `null` is what it does not tell, as over TCP.
 */
export interface IIpcPeerCredentials {
  /** Process id. */
  readonly pid: number | null;
  /** User id. */
  readonly uid: number | null;
  /** Group id. */
  readonly gid: number | null;
}

/** Headers of a message: JSON values by name. */
export type IpcHeaders = Record<string, any>;

/** The frame of a message in the JSON profile, as docs/protocol.md describes it. */
export interface IIpcMessageEnvelope<T = any> {
  /** Names the frame, where somebody refers to it. */
  id: string;
  /** The message's type. */
  type: string;
  /** In an answer: the `id` of what it answers. */
  correlationId?: string;
  /** When it was made, in ms since the epoch. */
  timestamp: number;
  /** The payload. */
  payload: T;
  /** Headers, the protocol's own among them. */
  headers?: IpcHeaders;
}

/** The `AbortSignal` of the environment, where it has one. */
export type IpcAbortSignal = typeof globalThis extends { AbortSignal: { prototype: infer T } } ? T : IIpcAbortSignalLike;

/** What is used of an `AbortSignal`, so that a substitute for it will do on Node 14. */
export interface IIpcAbortSignalLike {
  /** Whether it has fired. */
  readonly aborted: boolean;
  /** Why it fired. */
  readonly reason?: any;
  /** Adds a listener for its one event. */
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  /** Removes it. */
  removeEventListener(type: 'abort', listener: () => void): void;
}

// Counters --------------------------------------------------------------------

/** Counters of a server or client. */
export interface IIpcMetrics {
  /** Messages, requests and answers sent. */
  messagesSent: number;
  /** Messages, requests and answers received. */
  messagesReceived: number;
  /** Bytes sent. */
  bytesSent: number;
  /** Bytes received. */
  bytesReceived: number;
  /** Connections won back. */
  reconnects: number;
  /** Peers that gave no sign of life for `heartbeatTimeout`. */
  heartbeatTimeouts: number;
  /** `error` events, and messages that nobody had a handler for. */
  errors: number;
  /** Requests that rejected with `IPC_ERR_TIMEOUT`. */
  requestTimeouts: number;
  /** When the connection was made, in ms since the epoch; `undefined` before the first. */
  connectedAt?: number | undefined;
  /** Streams opened; always 0 in this version. */
  streamsOpened: number;
  /** Requests that wait for their answer now. */
  requestsPending: number;
  /** Bytes that wait to be sent now. */
  queuedBytes: number;
  /** How many connections ended for each reason; reasons that never occurred are left out. */
  closeReasons: { [R in IpcCloseReason]?: number };
}

/**
 * Why a connection ended.
 *
 * - `local`: closed by this side.
 * - `peer`: closed by the other side, which said so.
 * - `peer_closed`: the other end was closed without a word.
 * - `truncated_frame`: the other end was closed in the middle of a frame.
 * - `reset`: the connection was reset.
 * - `io_error`: reading or writing failed in another way.
 * - `protocol_error`: bytes that no rule of the protocol allows.
 * - `message_too_large`: a message longer than `maxMessageSize`.
 * - `bad_json`: a body that starts like JSON and isn't, or isn't UTF-8.
 * - `bad_envelope`: JSON that is no valid envelope.
 * - `not_registered`: a message before the registration.
 * - `handshake_timeout`: no registration within the time for it.
 * - `frame_timeout`: a frame that stayed incomplete for too long.
 * - `heartbeat_timeout`: no sign of life for `heartbeatTimeout`.
 * - `unauthorized`: token, user or group refused.
 * - `duplicate_client_id`: the client id belongs to another live client.
 * - `replaced`: the same client came back over a new connection.
 * - `kicked`: the server's owner called `disconnectClient()`.
 * - `server_stopping`: the server is stopping.
 * - `slow_consumer`: it did not take its messages within `writeTimeout`.
 * - `max_connections`: the server serves as many clients as it may.
 * - `idle_timeout`: nothing was received for `clientIdleTimeout`.
 * - `incompatible`: no common protocol version.
 * - `refused`: the registration was refused for another reason.
 */
export type IpcCloseReason =
  | 'local'
  | 'peer'
  | 'peer_closed'
  | 'truncated_frame'
  | 'reset'
  | 'io_error'
  | 'protocol_error'
  | 'message_too_large'
  | 'bad_json'
  | 'bad_envelope'
  | 'not_registered'
  | 'handshake_timeout'
  | 'frame_timeout'
  | 'heartbeat_timeout'
  | 'unauthorized'
  | 'duplicate_client_id'
  | 'replaced'
  | 'kicked'
  | 'server_stopping'
  | 'slow_consumer'
  | 'max_connections'
  | 'idle_timeout'
  | 'incompatible'
  | 'refused';

// Errors ----------------------------------------------------------------------

/**
 * Every failure of the library, but for wrong arguments (`TypeError`,
 * `RangeError`) and what the user's own code throws.
 */
export class IpcError extends Error {
  constructor(code: string, message: string, details?: IIpcErrorDetails);

  /**
   * What went wrong; never changes between versions. One of the library, the
   * errno of the operating system (`EADDRINUSE`), or, with `origin` `'peer'`, what
   * the peer's handler gave its error.
   */
  readonly code: IpcErrorCode | (string & {});

  /** Where it began. */
  readonly origin: IpcErrorOrigin;

  /** Set on a call whose fate is unknown: it reached the connection. */
  readonly mayHaveRun?: true;

  /** What caused it, where that is known. */
  readonly cause?: any;
}

/** What an {@link IpcError} carries besides code and message. */
export interface IIpcErrorDetails {
  /**
   * Where it began.
   *
   * @default 'local'
   */
  origin?: IpcErrorOrigin | undefined;
  /**
   * Whether the fate of the call is unknown.
   *
   * @default false
   */
  mayHaveRun?: boolean | undefined;
  /**
   * Name of the error.
   *
   * @default 'IpcError'
   */
  name?: string | undefined;
  /** What caused it. */
  cause?: unknown;
}

/**
 * Where a failure began, so that a peer's error can't pass for one of this side:
 * `'local'` is this process, `'peer'` the other one, `'io'` the operating system
 * or the connection.
 */
export type IpcErrorOrigin = 'local' | 'peer' | 'io';

/**
 * What an `error` event carries: an {@link IpcError}, or what a handler of the
 * user threw, which need not have its properties.
 */
export interface IIpcEventError extends Error {
  /** See {@link IpcError.code}. */
  code?: string;
  /** See {@link IpcError.origin}. */
  origin?: IpcErrorOrigin;
  /** See {@link IpcError.mayHaveRun}. */
  mayHaveRun?: true;
  /** See {@link IpcError.cause}. */
  cause?: any;
}

/**
 * The codes of the library itself.
 *
 * - `IPC_ERR_ABORTED`: the caller's `AbortSignal` fired.
 * - `IPC_ERR_BACKPRESSURE`: a queue is full; nothing was queued.
 * - `IPC_ERR_BAD_PAYLOAD`: a payload could not be read in the encoding it claims.
 * - `IPC_ERR_CHILD_EXITED`: the child of `spawnAndConnect()` ended before its server answered.
 * - `IPC_ERR_CONNECT_TIMEOUT`: the time allowed for connecting is spent.
 * - `IPC_ERR_CONNECTION_LOST`: the connection was lost while the call was under way.
 * - `IPC_ERR_DISCONNECTED`: the endpoint was closed by its owner.
 * - `IPC_ERR_DUPLICATE_CLIENT_ID`: another live client holds the same client id.
 * - `IPC_ERR_HEARTBEAT_TIMEOUT`: no sign of life for `heartbeatTimeout`.
 * - `IPC_ERR_INCOMPATIBLE`: the peer speaks no protocol version that we do.
 * - `IPC_ERR_INSECURE_DIRECTORY`: a warning; others may replace the socket file.
 * - `IPC_ERR_INTERNAL`: a bug of this library; the process goes on.
 * - `IPC_ERR_INVALID_PATH`: the socket path can't be used.
 * - `IPC_ERR_INVALID_TOPIC`: a topic that can't be used that way.
 * - `IPC_ERR_MAX_CONNECTIONS`: the server serves as many clients as it may.
 * - `IPC_ERR_MESSAGE_TOO_LARGE`: a message is larger than `maxMessageSize`.
 * - `IPC_ERR_NATIVE_LOAD`: the native addon could not be loaded.
 * - `IPC_ERR_NO_HANDLER`: the peer has no handler for the type of a request.
 * - `IPC_ERR_NOT_A_SOCKET`: something that is no socket lies on the socket path.
 * - `IPC_ERR_NOT_CONNECTED`: the endpoint is not connected, or not started.
 * - `IPC_ERR_PATH_TOO_LONG`: the socket path is longer than the operating system takes.
 * - `IPC_ERR_REGISTRATION`: the server did not accept the registration.
 * - `IPC_ERR_REMOTE`: the peer's handler failed and gave no code of its own.
 * - `IPC_ERR_SERVER_NOT_READY`: no server answered within the time for it.
 * - `IPC_ERR_SERVER_STOPPING`: the server is stopping.
 * - `IPC_ERR_TIMEOUT`: no answer came within the request's timeout.
 * - `IPC_ERR_TOO_MANY_PENDING`: too many requests wait for their answer on one connection.
 * - `IPC_ERR_TOO_MANY_SUBSCRIPTIONS`: too many subscriptions on one connection.
 * - `IPC_ERR_UNAUTHORIZED`: token, user or group is not allowed in.
 * - `IPC_ERR_UNKNOWN_CLIENT`: no client with that id is connected.
 * - `IPC_ERR_UNSUPPORTED`: an option that this platform or this version cannot honour.
 * - `IPC_ERR_VERSION_MISMATCH`: the addon and the JavaScript around it are of different versions.
 */
export type IpcErrorCode =
  | 'IPC_ERR_ABORTED'
  | 'IPC_ERR_BACKPRESSURE'
  | 'IPC_ERR_BAD_PAYLOAD'
  | 'IPC_ERR_CHILD_EXITED'
  | 'IPC_ERR_CONNECT_TIMEOUT'
  | 'IPC_ERR_CONNECTION_LOST'
  | 'IPC_ERR_DISCONNECTED'
  | 'IPC_ERR_DUPLICATE_CLIENT_ID'
  | 'IPC_ERR_HEARTBEAT_TIMEOUT'
  | 'IPC_ERR_INCOMPATIBLE'
  | 'IPC_ERR_INSECURE_DIRECTORY'
  | 'IPC_ERR_INTERNAL'
  | 'IPC_ERR_INVALID_PATH'
  | 'IPC_ERR_INVALID_TOPIC'
  | 'IPC_ERR_MAX_CONNECTIONS'
  | 'IPC_ERR_MESSAGE_TOO_LARGE'
  | 'IPC_ERR_NATIVE_LOAD'
  | 'IPC_ERR_NO_HANDLER'
  | 'IPC_ERR_NOT_A_SOCKET'
  | 'IPC_ERR_NOT_CONNECTED'
  | 'IPC_ERR_PATH_TOO_LONG'
  | 'IPC_ERR_REGISTRATION'
  | 'IPC_ERR_REMOTE'
  | 'IPC_ERR_SERVER_NOT_READY'
  | 'IPC_ERR_SERVER_STOPPING'
  | 'IPC_ERR_TIMEOUT'
  | 'IPC_ERR_TOO_MANY_PENDING'
  | 'IPC_ERR_TOO_MANY_SUBSCRIPTIONS'
  | 'IPC_ERR_UNAUTHORIZED'
  | 'IPC_ERR_UNKNOWN_CLIENT'
  | 'IPC_ERR_UNSUPPORTED'
  | 'IPC_ERR_VERSION_MISMATCH';

// Options ---------------------------------------------------------------------

/** Where an endpoint is, and how it talks. */
export interface IIpcTransportOptions {
  /** Names the service. Without an address, all who share it find each other. */
  id: string;
  /**
   * Path of the Unix socket, or name of the Windows pipe.
   *
   * @default derived from the id and the user, when neither host nor port is given
   */
  socketPath?: string | undefined;
  /**
   * Host for TCP: where to listen, or to connect to.
   *
   * @default '127.0.0.1' when a port is given
   */
  host?: string | undefined;
  /** Port for TCP, 0 to 65535. A server given 0 lets the system choose, see {@link IpcServer.address}. */
  port?: number | undefined;
  /**
   * Whether connections must be encrypted. Over TCP this needs `tls`: without it
   * the constructor throws.
   *
   * @default false
   */
  encryption?: boolean | undefined;
  /** Certificates for TLS over TCP. Not available in this version: the constructor throws. */
  tls?: IIpcTlsOptions | undefined;
  /** A secret that clients must share with their server. */
  authToken?: string | undefined;
  /**
   * How long a request waits for its answer unless it says otherwise; greater than
   * 0, `Infinity` for no limit.
   *
   * @default 30000
   */
  timeout?: number | undefined;
  /**
   * Send small messages at once (disable Nagle's algorithm). TCP only.
   *
   * @default true
   */
  noDelay?: boolean | undefined;
  /**
   * Largest message, in bytes on the wire, either way; 1024 to 2147483647.
   *
   * @default 8388608
   */
  maxMessageSize?: number | undefined;
  /**
   * How payloads are written. `'json'` is what `JSON.stringify` gives; `'advanced'`
   * is structured clone (Map, Set, Date, BigInt, Buffer, typed arrays, Error), as
   * in Node's `child_process`, between ends that both can read it, else JSON. A
   * Buffer or Uint8Array as the whole payload arrives as a Buffer with either.
   *
   * @default 'json'
   */
  serialization?: 'json' | 'advanced' | undefined;
  /**
   * Microseconds for which to keep looking for traffic before sleeping: lower
   * latency for CPU time.
   *
   * @default 0
   */
  busyPoll?: number | undefined;
}

/** Certificates for TLS: PEM texts. */
export interface IIpcTlsOptions {
  /** Own certificate chain. */
  cert?: string | Buffer | undefined;
  /** Private key of the certificate. */
  key?: string | Buffer | undefined;
  /** Authorities to trust. */
  ca?: string | Buffer | Array<string | Buffer> | undefined;
  /**
   * Whether a server asks its clients for a certificate.
   *
   * @default false
   */
  requestCert?: boolean | undefined;
}

/** Transport, reconnecting and heartbeats. */
export interface IIpcChannelOptions extends IIpcTransportOptions {
  /**
   * Never host a server in this process when none is running. The environment
   * variable `SMARTIPC_CLIENT_ONLY` (`1`, `true` or `TRUE`) forces it.
   *
   * @default false
   */
  clientOnly?: boolean | undefined;
  /**
   * Whether a lost connection is won back.
   *
   * @default true
   */
  autoReconnect?: boolean | undefined;
  /**
   * Delay before the first attempt to reconnect.
   *
   * @default 1000
   */
  reconnectDelay?: number | undefined;
  /**
   * Longest delay between attempts to reconnect.
   *
   * @default 30000
   */
  maxReconnectDelay?: number | undefined;
  /**
   * Growth of the delay from one attempt to the next.
   *
   * @default 1.5
   */
  reconnectMultiplier?: number | undefined;
  /**
   * Attempts to reconnect before giving up.
   *
   * @default Infinity
   */
  maxReconnectAttempts?: number | undefined;
  /**
   * Whether this end sends pings. Those of the peer are answered anyway.
   *
   * @default true
   */
  heartbeat?: boolean | undefined;
  /**
   * Silence after which a ping is sent.
   *
   * @default 5000
   */
  heartbeatInterval?: number | undefined;
  /**
   * Silence, with a ping unanswered for as long, after which the peer is timed out.
   *
   * @default 10000
   */
  heartbeatTimeout?: number | undefined;
  /**
   * Time after the registration in which nobody is timed out.
   *
   * @default 0
   */
  heartbeatInitialGracePeriodMs?: number | undefined;
  /**
   * Whether a timed-out connection is closed, with an `error` event after the
   * `heartbeatTimeout` event. Otherwise there is only the latter, and the
   * connection is kept.
   *
   * @default true
   */
  heartbeatThrowOnTimeout?: boolean | 'true' | 'false' | undefined;
  /**
   * Streams at one time, per connection and direction. Checked only, as this
   * version has no streams.
   *
   * @default 32
   */
  maxConcurrentStreams?: number | undefined;
}

/** Options of {@link SmartIpc.createServer}. */
export interface IIpcServerOptions
  extends Omit<
    IIpcChannelOptions,
    | 'clientOnly'
    | 'autoReconnect'
    | 'reconnectDelay'
    | 'maxReconnectDelay'
    | 'reconnectMultiplier'
    | 'maxReconnectAttempts'
  > {
  /**
   * Clients at one time; more are refused.
   *
   * @default 10000
   */
  maxClients?: number | undefined;
  /**
   * Time after which a client that sends nothing is disconnected.
   *
   * @default off
   */
  clientIdleTimeout?: number | undefined;
  /**
   * Remove the socket file of a dead server on start.
   *
   * @default false
   */
  autoCleanupSocketFile?: boolean | undefined;
  /**
   * Permissions of the socket file, 0 to 0o777. Unix only.
   *
   * @default 0o600
   */
  socketMode?: number | undefined;
  /**
   * What a client gets that does not keep up with broadcasts and topics:
   * `'disconnect'` after `writeTimeout` without progress; `'drop-oldest'` leaves
   * messages out; `'wait'` queues up to the cap and never closes.
   *
   * @default 'disconnect'
   */
  slowConsumer?: 'disconnect' | 'drop-oldest' | 'wait' | undefined;
  /**
   * How long a client may take none of its messages before it counts as slow.
   *
   * @default 10000
   */
  writeTimeout?: number | undefined;
  /**
   * User ids let in. Unix sockets only.
   *
   * @default the permissions of the socket decide
   */
  allowedUids?: number[] | undefined;
  /**
   * Group ids let in. Unix sockets only.
   *
   * @default the permissions of the socket decide
   */
  allowedGids?: number[] | undefined;
}

/** Options of {@link SmartIpc.createClient}. */
export interface IIpcClientOptions extends IIpcChannelOptions {
  /**
   * The id under which the server knows this client.
   *
   * @default a random UUID
   */
  clientId?: string | undefined;
  /** Shown to the server in `clientConnect` and `getClientInfo()`. */
  metadata?: Record<string, any> | undefined;
  /** How the first connection is tried again. */
  connectRetry?: IConnectRetryConfig | undefined;
  /**
   * How long one attempt to connect and register may take.
   *
   * @default 5000
   */
  registerTimeoutMs?: number | undefined;
  /**
   * Refuse a server that another user runs. Unix sockets only.
   *
   * @default off
   */
  expectServerUid?: number | undefined;
}

/** How the first connection is tried again. */
export interface IConnectRetryConfig {
  /**
   * Whether it is tried again at all.
   *
   * @default false
   */
  enabled?: boolean | undefined;
  /**
   * Delay after the first failure; it doubles.
   *
   * @default 100
   */
  initialDelay?: number | undefined;
  /**
   * Longest delay.
   *
   * @default 1500
   */
  maxDelay?: number | undefined;
  /**
   * Attempts in all.
   *
   * @default until `totalTimeout`
   */
  maxAttempts?: number | undefined;
  /**
   * Time for all attempts together.
   *
   * @default 15000
   */
  totalTimeout?: number | undefined;
}

// Not exported ----------------------------------------------------------------

/** Event names that are not among the documented ones. */
type OtherEvent<E, Events> = E extends keyof Events ? never : E;

export {};
