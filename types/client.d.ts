// The client, its events and what it tells about itself.

import {
  AnyMessageType,
  AnyTopic,
  ClientHandlers,
  IIpcContract,
  MessageType,
  PublishedTopic,
  RequestOf,
  ResponseOf,
  SubscribedTopic,
  TopicPayload,
} from './contract';
import { IIpcEventError, IpcError } from './errors';
import { TypedEmitter } from './events';
import { IIpcMessageContext, IIpcRequestOptions, IIpcTopicInfo, IpcHeaders } from './messages';
import { IIpcMetrics, IpcCloseReason } from './metrics';
import { IIpcClientOptions } from './options';
import {
  IIpcIncomingStream,
  IIpcOutgoingStream,
  IIpcStreamInfo,
  IIpcStreamOptions,
  IpcStreamSource,
} from './streams';

/**
 * Connects to a server, sends it messages and requests, and subscribes to topics.
 *
 * Calls before `connect()` connect first. While the connection is being won back
 * they wait in order, up to 1,000 messages or 8 MiB. Nothing is ever sent twice:
 * delivery is at most once.
 *
 * It keeps the process alive while connected, see {@link IpcClient.unref}.
 *
 * @typeParam C what client and server have agreed on; anything, if it isn't given
 */
export class IpcClient<C extends IIpcContract = any> extends TypedEmitter<IIpcClientEvents> {
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
   * when `disconnect()` came first, `IPC_ERR_PATH_TOO_LONG` or `IPC_ERR_INVALID_PATH`,
   * `IPC_ERR_SERVER_IDENTITY`, over TLS one of its own codes, and when the server refused
   * `IPC_ERR_REGISTRATION`, `IPC_ERR_UNAUTHORIZED`, `IPC_ERR_DUPLICATE_CLIENT_ID`,
   * `IPC_ERR_MAX_CONNECTIONS`, `IPC_ERR_SERVER_STOPPING` or `IPC_ERR_INCOMPATIBLE`.
   *
   * Without `clientOnly`, `connectRetry` and `waitForReady`, a first `connect()`
   * that finds no server on a socket path hosts a hub there: see the event `hosting`.
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
  request<K extends MessageType<C>>(
    type: K,
    payload: RequestOf<C, K>,
    options?: IIpcRequestOptions
  ): Promise<ResponseOf<C, K>>;
  request<Req = any, Res = any>(type: AnyMessageType<C>, payload: Req, options?: IIpcRequestOptions): Promise<Res>;

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
  sendMessage<K extends MessageType<C>>(type: K, payload: RequestOf<C, K>, headers?: IpcHeaders): Promise<void>;
  sendMessage<T = any>(type: AnyMessageType<C>, payload: T, headers?: IpcHeaders): Promise<void>;

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
  onMessage<K extends MessageType<C>>(type: K, handler: ClientHandlers<C>[K]): void;
  onMessage<Req = any, Res = any>(
    type: AnyMessageType<C>,
    handler: (payload: Req, context: IIpcMessageContext) => Res | PromiseLike<Res>
  ): void;

  /** Removes the handler of a message type. */
  offMessage(type: MessageType<C> | AnyMessageType<C>): void;

  /**
   * Subscribes to a topic. Segments are separated by dots; `*` stands for exactly
   * one, `**` for any number. Resolves when the server has it. The same topic and
   * handler twice count once.
   *
   * Rejects with a `RangeError` for more than 127 segments,
   * `IPC_ERR_TOO_MANY_SUBSCRIPTIONS`, `IPC_ERR_TIMEOUT` after the client's
   * `timeout`, `IPC_ERR_CONNECTION_LOST`, `IPC_ERR_DISCONNECTED` after
   * `disconnect()`, `IPC_ERR_NOT_CONNECTED` when the connection was given up, with
   * what `connect()` rejects with, and with a `TypeError` or `RangeError` for wrong
   * arguments.
   *
   * @typeParam T payload that the handler gets
   */
  subscribe<T extends string>(
    topic: T & SubscribedTopic<C, T>,
    handler: (payload: TopicPayload<C, T>, info: IIpcTopicInfo) => unknown
  ): Promise<void>;
  subscribe<T = any>(topic: AnyTopic<C>, handler: (payload: T, info: IIpcTopicInfo) => unknown): Promise<void>;

  /**
   * Ends the subscription of one handler, or of all handlers of the topic.
   * Resolves when the server has it; at once if there was none.
   *
   * Rejects as {@link IpcClient.subscribe}.
   */
  unsubscribe<T extends string>(
    topic: T & SubscribedTopic<C, T>,
    handler?: (payload: TopicPayload<C, T>, info: IIpcTopicInfo) => unknown
  ): Promise<void>;
  unsubscribe<T = any>(topic: AnyTopic<C>, handler?: (payload: T, info: IIpcTopicInfo) => unknown): Promise<void>;

  /**
   * Publishes to everybody who subscribed to a topic, this client included.
   * Resolves as {@link IpcClient.sendMessage}, also when nobody subscribed.
   *
   * Rejects as {@link IpcClient.sendMessage}, and with `IPC_ERR_INVALID_TOPIC` for
   * a wildcard.
   */
  publish<T extends string>(topic: T & PublishedTopic<C, T>, payload: TopicPayload<C, T>): Promise<void>;
  publish<T = any>(topic: AnyTopic<C>, payload: T): Promise<void>;

  /**
   * Sends a stream to the server, which hears of it with the event `stream`.
   * Resolves when the receiver has read everything out of its Readable.
   *
   * Only as much is taken from the source as the receiver reads. Messages are not
   * held up by it.
   *
   * Rejects with
   * - what the source fails with, as it is;
   * - `IPC_ERR_STREAM_CANCELLED` when either side cancelled it, with the name
   *   `AbortError` when the `signal` fired;
   * - the `code` of what the receiver destroyed its Readable with;
   * - `IPC_ERR_STREAM_REFUSED` when nobody there listens to `stream`;
   * - `IPC_ERR_TOO_MANY_STREAMS`, with the limit in the text;
   * - `IPC_ERR_STREAM_IN_USE` when another with this `streamId` is open;
   * - `IPC_ERR_BACKPRESSURE` when more than 16 MiB wait for the socket of the receiver,
   *   or 1,000 streams for a connection;
   * - `IPC_ERR_CONNECTION_LOST`, `IPC_ERR_DISCONNECTED`, `IPC_ERR_NOT_CONNECTED`, and
   *   with what `connect()` rejects with;
   * - a `TypeError` or `RangeError` for wrong arguments.
   *
   * The source is destroyed then.
   *
   * ```ts
   * await client.sendStream(fs.createReadStream('in.csv'), { meta: { name: 'in.csv' } });
   * ```
   */
  sendStream(readable: IpcStreamSource, options?: IIpcStreamOptions): IIpcOutgoingStream;

  /**
   * Sends a file to the server. As {@link IpcClient.sendStream}, with `type`,
   * `basename` and `size` in `meta`, and faster.
   *
   * Rejects as {@link IpcClient.sendStream}, with the errno of the operating system
   * (`ENOENT`, `EACCES`, `EISDIR`), `IPC_ERR_NOT_A_FILE` for a pipe or device, and
   * `IPC_ERR_FILE_CHANGED` when it grows or shrinks meanwhile.
   */
  sendFile(filePath: string, options?: IIpcStreamOptions): IIpcOutgoingStream;

  /**
   * Cancels a stream that is being sent: its promise rejects with
   * `IPC_ERR_STREAM_CANCELLED`, and the server's Readable fails with the same.
   *
   * @returns whether there was such a stream
   */
  cancelOutgoingStream(streamId: string): boolean;

  /**
   * Cancels a stream that is being received: the Readable here is destroyed, and
   * the server's promise rejects with `IPC_ERR_STREAM_CANCELLED`.
   *
   * @returns whether there was such a stream
   */
  cancelIncomingStream(streamId: string): boolean;

  /** State and counters, since the client was made. */
  getStats(): IIpcClientStats;

  /** Keeps the process alive while the client is connected; the default. */
  ref(): this;

  /** Lets the process end although the client is connected. */
  unref(): this;
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
  /** The server sends a stream or a file. Without a listener it is refused. */
  stream: [info: IIpcStreamInfo, readable: IIpcIncomingStream];
  /**
   * No server was there, and this client now hosts a hub on the socket path:
   * other clients can connect, and topics reach them. See `clientOnly`.
   */
  hosting: [];
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

/** State and counters of a client. */
export interface IIpcClientStats {
  /** Whether the client is connected and registered. */
  connected: boolean;
  /** Attempts of the present, or else the last, reconnect. */
  reconnectAttempts: number;
  /** What waits for the socket once it is registered: `loop` or `tokio`, as on a server. */
  driver: string;
  /** Counters of all connections together. */
  metrics: IIpcMetrics;
}
