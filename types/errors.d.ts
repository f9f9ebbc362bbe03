// Failures: IpcError, and the codes and origins it may have.

/**
 * Every failure of the library, but for wrong arguments (`TypeError`,
 * `RangeError`), what the user's own code throws, and what the operating system
 * refuses to `pipeStreamToFile`.
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
 * - `IPC_ERR_FILE_CHANGED`: a file changed its size while it was being sent.
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
 * - `IPC_ERR_NOT_A_FILE`: a path to send, or to save to, is no regular file.
 * - `IPC_ERR_NOT_A_SOCKET`: something that is no socket lies on the socket path.
 * - `IPC_ERR_NOT_CONNECTED`: the endpoint is not connected, or not started.
 * - `IPC_ERR_PATH_TOO_LONG`: the socket path is longer than the operating system takes.
 * - `IPC_ERR_REGISTRATION`: the server did not accept the registration.
 * - `IPC_ERR_REMOTE`: the peer's handler failed and gave no code of its own.
 * - `IPC_ERR_SERVER_IDENTITY`: the server runs as another user than `expectServerUid` says.
 * - `IPC_ERR_SERVER_NOT_READY`: no server answered within the time for it.
 * - `IPC_ERR_SERVER_STOPPING`: the server is stopping.
 * - `IPC_ERR_STREAM_CANCELLED`: a stream was cancelled, here or by the peer.
 * - `IPC_ERR_STREAM_IN_USE`: a stream with that `streamId` is open on the connection already.
 * - `IPC_ERR_STREAM_REFUSED`: nobody listens for streams on the other side.
 * - `IPC_ERR_TIMEOUT`: no answer came within the request's timeout.
 * - `IPC_ERR_TLS_CERTIFICATE_REQUIRED`: the server wants a certificate, and this client has none.
 * - `IPC_ERR_TLS_EXPIRED`: a certificate has expired, or is not valid yet.
 * - `IPC_ERR_TLS_FAILED`: TLS failed in another way.
 * - `IPC_ERR_TLS_MISMATCH`: one end speaks TLS and the other does not.
 * - `IPC_ERR_TLS_TIMEOUT`: the TLS handshake was not done in time.
 * - `IPC_ERR_TLS_UNTRUSTED`: a certificate is not trusted: its authority, its name or its use is wrong.
 * - `IPC_ERR_TOO_MANY_PENDING`: too many requests wait for their answer on one connection.
 * - `IPC_ERR_TOO_MANY_STREAMS`: as many streams are open on the connection as `maxConcurrentStreams` says.
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
  | 'IPC_ERR_FILE_CHANGED'
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
  | 'IPC_ERR_NOT_A_FILE'
  | 'IPC_ERR_NOT_A_SOCKET'
  | 'IPC_ERR_NOT_CONNECTED'
  | 'IPC_ERR_PATH_TOO_LONG'
  | 'IPC_ERR_REGISTRATION'
  | 'IPC_ERR_REMOTE'
  | 'IPC_ERR_SERVER_IDENTITY'
  | 'IPC_ERR_SERVER_NOT_READY'
  | 'IPC_ERR_SERVER_STOPPING'
  | 'IPC_ERR_STREAM_CANCELLED'
  | 'IPC_ERR_STREAM_IN_USE'
  | 'IPC_ERR_STREAM_REFUSED'
  | 'IPC_ERR_TIMEOUT'
  | 'IPC_ERR_TLS_CERTIFICATE_REQUIRED'
  | 'IPC_ERR_TLS_EXPIRED'
  | 'IPC_ERR_TLS_FAILED'
  | 'IPC_ERR_TLS_MISMATCH'
  | 'IPC_ERR_TLS_TIMEOUT'
  | 'IPC_ERR_TLS_UNTRUSTED'
  | 'IPC_ERR_TOO_MANY_PENDING'
  | 'IPC_ERR_TOO_MANY_STREAMS'
  | 'IPC_ERR_TOO_MANY_SUBSCRIPTIONS'
  | 'IPC_ERR_UNAUTHORIZED'
  | 'IPC_ERR_UNKNOWN_CLIENT'
  | 'IPC_ERR_UNSUPPORTED'
  | 'IPC_ERR_VERSION_MISMATCH';

