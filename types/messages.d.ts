// What surrounds a payload: context, headers, peers, signals.

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

