// Options of servers, clients and channels.

/** Where an endpoint is, and how it talks. */
export interface IIpcTransportOptions {
  /** Names the service. Without an address, all who share it find each other. */
  id: string;
  /**
   * Path of the Unix socket, or name of the Windows pipe. On Windows any other path
   * stands for a pipe.
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
  /** Encrypts TCP connections. With a socket path the constructor throws. */
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
   * Microseconds for which the event loop goes on looking for traffic after the
   * last, before it sleeps: lower latency for CPU time. Gives up by itself where
   * it does not pay; of no effect with the tokio driver.
   *
   * @default 0
   */
  busyPoll?: number | undefined;
}

/**
 * TLS 1.2 or 1.3. Certificates and keys are PEM texts, or paths of files that hold
 * them, which the constructor reads. Server and client may be given the same object.
 */
export interface IIpcTlsOptions {
  /** Own certificate, then those that lead to its authority. A server needs it. */
  cert?: string | Buffer | undefined;
  /** Private key of the certificate, not encrypted. */
  key?: string | Buffer | undefined;
  /**
   * Authorities: a client trusts servers with a certificate of theirs, a server with
   * `requestCert` its clients.
   *
   * @default for a client those that Node trusts, for a server none
   */
  ca?: string | Buffer | Array<string | Buffer> | undefined;
  /**
   * Whether a server lets only clients in that show a certificate of `ca`.
   *
   * @default false
   */
  requestCert?: boolean | undefined;
  /**
   * Name or address that the server's certificate must be for. Client only.
   *
   * @default the `host`
   */
  servername?: string | undefined;
  /** Certificates are always checked; anything but `true` throws. */
  rejectUnauthorized?: true | undefined;
}

/** Transport, reconnecting and heartbeats. */
export interface IIpcChannelOptions extends IIpcTransportOptions {
  /**
   * Never host a hub in this process when no server is running: `connect()`
   * rejects with `Server not available (<errno>); clientOnly prevents auto-start`.
   * The environment variable `SMARTIPC_CLIENT_ONLY` (`1`, `true` or `TRUE`) forces
   * it.
   *
   * Otherwise a first `connect()` that finds nobody on a socket path hosts a hub
   * there: clients that connect to it reach each other by topics, and a server that
   * starts on the path takes over from it. With `connectRetry` or `waitForReady`,
   * over TCP, or when a call connects by itself, nothing is hosted.
   *
   * @default false
   */
  clientOnly?: boolean | undefined;
  /**
   * Permissions of the socket file, 0 to 0o777: of a server, of a channel that
   * listens, and of the hub that a client hosts. On Windows a pipe is for its own user;
   * a mode that lets others in is warned of.
   *
   * @default 0o600
   */
  socketMode?: number | undefined;
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
   * Streams and files at one time, per connection and direction; one more is
   * refused with `IPC_ERR_TOO_MANY_STREAMS`.
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
   * Clients of one other user at one time, where other users are let in; more are
   * refused. The server's own user and root are not counted. Unix sockets only.
   *
   * @default 128
   */
  maxClientsPerUid?: number | undefined;
  /**
   * Time after which a client that sends nothing is disconnected.
   *
   * @default off
   */
  clientIdleTimeout?: number | undefined;
  /**
   * Remove the socket file of a dead server on start. A pipe of Windows leaves none.
   *
   * @default false
   */
  autoCleanupSocketFile?: boolean | undefined;
  /**
   * What a client gets that does not keep up with broadcasts and topics:
   * `'disconnect'` after `writeTimeout` without progress; `'drop-oldest'` leaves
   * them out, the oldest first (what is sent to one client is never left out);
   * `'wait'` queues up to the cap and never closes.
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
   * How long a connection may take to register, in milliseconds.
   *
   * @default 10000
   */
  handshakeTimeout?: number | undefined;
  /**
   * How long a message may stay incomplete, in milliseconds, counted from its
   * first byte. Raise it for `maxMessageSize` bytes over a slow network.
   *
   * @default 30000
   */
  frameTimeout?: number | undefined;
  /**
   * User ids let in, whatever the permissions of the socket let through; those of
   * `allowedGids` as well. Unix sockets only; on Windows the constructor throws.
   *
   * @default the permissions of the socket decide
   */
  allowedUids?: number[] | undefined;
  /**
   * Group ids let in, by any group of the peer on Linux, elsewhere by its primary one.
   * Unix sockets only; on Windows the constructor throws.
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
   * Refuse a server that another user runs. Unix sockets only; on Windows the
   * constructor throws.
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

