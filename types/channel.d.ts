// The channel: two processes, point to point.

import { IClientConnectOptions, IpcClient } from './client';
import { AnyMessageType, ClientHandlers, IIpcContract, MessageType, RequestOf, ResponseOf } from './contract';
import { IIpcEventError, IpcError } from './errors';
import { Listener, TypedEmitter, Unknown } from './events';
import { IIpcMessageContext, IIpcRequestOptions, IpcHeaders } from './messages';
import { IIpcMetrics, IpcCloseReason } from './metrics';
import { IIpcChannelOptions } from './options';
import {
  IIpcIncomingStream,
  IIpcOutgoingStream,
  IIpcStreamInfo,
  IIpcStreamOptions,
  IpcStreamSource,
} from './streams';
// The links of the comments.
import { IpcServer } from './server';

/**
 * A server and a client in one: of two processes with the same options, the one
 * that is first listens and the other connects. When the listening one ends, the
 * other takes over. A third is refused.
 *
 * What is sent before the other side is there waits, up to 1,000 messages or
 * 8 MiB.
 *
 * @typeParam C what both sides have agreed on; anything, if it isn't given
 */
export class IpcChannel<C extends IIpcContract = any> extends TypedEmitter<IIpcChannelEvents> {
  /** @throws `TypeError` or `RangeError` naming the option that is wrong */
  constructor(options: IIpcChannelOptions);

  /**
   * Listens, or connects if the other side does already. Resolves when it does
   * either: the other side may come later, see {@link IpcChannel.isConnected}. A
   * second call joins the first. With `clientOnly` it connects, or rejects.
   *
   * Rejects as {@link IpcClient.connect} and {@link IpcServer.start}, and with
   * `IPC_ERR_MAX_CONNECTIONS` when it is the third.
   *
   * @param options only of effect with `clientOnly`
   * @throws `TypeError` or `RangeError` for wrong options
   */
  connect(options?: IClientConnectOptions): Promise<void>;

  /**
   * Lets work that is under way finish for up to five seconds, then closes. What
   * waits for the other side rejects with `IPC_ERR_DISCONNECTED`, and so do later
   * calls until `connect()` is called again. The other side takes over the address.
   */
  disconnect(): Promise<void>;

  /** Whether the other side is there. */
  isConnected(): boolean;

  /** Counters of this side, since the channel was made. */
  getMetrics(): IIpcMetrics;

  /**
   * Adds a listener of one of the channel's own events, or sets the handler of a
   * message type: any other name is one. The last handler of a type wins.
   */
  on<E extends keyof IIpcChannelEvents>(event: E, listener: Listener<IIpcChannelEvents[E]>): this;
  on<E extends keyof IIpcChannelEvents>(event: E, listener: (...args: IIpcChannelEvents[E]) => void): this;
  on<K extends MessageType<C>>(type: K, handler: ClientHandlers<C>[K]): this;
  on<Req = any, Res = any, T extends string = string>(
    type: AnyMessageType<C> & Unknown<T, IIpcChannelEvents>,
    handler: (payload: Req, context: IIpcMessageContext) => Res | PromiseLike<Res>
  ): this;

  /** As `on`, for once: the handler of a message type is removed when it is called. */
  once<E extends keyof IIpcChannelEvents>(event: E, listener: Listener<IIpcChannelEvents[E]>): this;
  once<E extends keyof IIpcChannelEvents>(event: E, listener: (...args: IIpcChannelEvents[E]) => void): this;
  once<K extends MessageType<C>>(type: K, handler: ClientHandlers<C>[K]): this;
  once<Req = any, Res = any, T extends string = string>(
    type: AnyMessageType<C> & Unknown<T, IIpcChannelEvents>,
    handler: (payload: Req, context: IIpcMessageContext) => Res | PromiseLike<Res>
  ): this;

  /** Removes a listener, or the handler of a message type if it is this one. */
  off<E extends keyof IIpcChannelEvents>(event: E, listener: Listener<IIpcChannelEvents[E]>): this;
  off<E extends keyof IIpcChannelEvents>(event: E, listener: (...args: IIpcChannelEvents[E]) => void): this;
  off<K extends MessageType<C>>(type: K, handler: ClientHandlers<C>[K]): this;
  off<T extends string = string>(
    type: AnyMessageType<C> & Unknown<T, IIpcChannelEvents>,
    handler: (...args: any[]) => any
  ): this;

  /** Sets the handler of a message type; as {@link IpcClient.onMessage}. */
  onMessage<K extends MessageType<C>>(type: K, handler: ClientHandlers<C>[K]): void;
  onMessage<Req = any, Res = any>(
    type: AnyMessageType<C>,
    handler: (payload: Req, context: IIpcMessageContext) => Res | PromiseLike<Res>
  ): void;

  /** Removes the handler of a message type. */
  offMessage(type: MessageType<C> | AnyMessageType<C>): void;

  /** Asks the other side and waits for the answer; as {@link IpcClient.request}. */
  request<K extends MessageType<C>>(
    type: K,
    payload: RequestOf<C, K>,
    options?: IIpcRequestOptions
  ): Promise<ResponseOf<C, K>>;
  request<Req = any, Res = any>(type: AnyMessageType<C>, payload: Req, options?: IIpcRequestOptions): Promise<Res>;

  /** Sends a one-way message; as {@link IpcClient.sendMessage}. */
  sendMessage<K extends MessageType<C>>(type: K, payload: RequestOf<C, K>, headers?: IpcHeaders): Promise<void>;
  sendMessage<T = any>(type: AnyMessageType<C>, payload: T, headers?: IpcHeaders): Promise<void>;

  /** Sends a stream; as {@link IpcClient.sendStream}. */
  sendStream(readable: IpcStreamSource, options?: IIpcStreamOptions): IIpcOutgoingStream;

  /** Sends a file; as {@link IpcClient.sendFile}. */
  sendFile(filePath: string, options?: IIpcStreamOptions): IIpcOutgoingStream;

  /** Cancels a stream that is being sent; as {@link IpcClient.cancelOutgoingStream}. */
  cancelOutgoingStream(streamId: string): boolean;

  /** Cancels a stream that is being received; as {@link IpcClient.cancelIncomingStream}. */
  cancelIncomingStream(streamId: string): boolean;

  /** Keeps the process alive while the channel is open; the default. */
  ref(): this;

  /** Lets the process end although the channel is open. */
  unref(): this;
}

/** The events of {@link IpcChannel}, with the arguments of their listeners. */
export interface IIpcChannelEvents {
  /** `connect()` is done: this side listens, or has connected. */
  ready: [];
  /** The other side is there, the first time and each time it has come back. */
  connect: [];
  /** The other side has gone. `message` is a text for people. */
  disconnect: [reason: IpcCloseReason, message: string];
  /** This side looks for the other again in `delayMs`. Attempts count from 1. */
  reconnecting: [attempt: number, delayMs: number];
  /** The connection, the other side or a handler of a one-way message failed; as on a client. */
  error: [error: IIpcEventError];
  /** The other side gave no sign of life for `heartbeatTimeout`. */
  heartbeatTimeout: [error: IpcError];
  /** The other side sends a stream or a file. Without a listener it is refused. */
  stream: [info: IIpcStreamInfo, readable: IIpcIncomingStream];
  /** This side listens: nobody else did. */
  hosting: [];
}
