// Counters, and the reasons for which connections end.

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
  /**
   * `error` events; messages that nobody had a handler for; answers that fit no
   * request; messages left out for a slow client; connections closed for what their
   * peer sent.
   */
  errors: number;
  /** Requests that rejected with `IPC_ERR_TIMEOUT`. */
  requestTimeouts: number;
  /** When the connection was made, in ms since the epoch; `undefined` before the first. */
  connectedAt?: number | undefined;
  /** Streams and files opened, in both directions. */
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
 * - `yielded`: the hub has given its path to a server, which is about to listen.
 * - `internal_error`: a bug of this library on this side; please report it.
 * - `tls_failed`: TLS failed in a way that has no reason of its own.
 * - `tls_mismatch`: one end speaks TLS and the other does not.
 * - `tls_untrusted`: a certificate that its reader does not trust.
 * - `tls_expired`: a certificate that has expired, or is not valid yet.
 * - `tls_certificate_required`: the server wants a certificate, and the client showed none.
 * - `tls_timeout`: the TLS handshake was not done in time.
 * - `too_many_resets`: the peer opened streams only to give them up.
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
  | 'refused'
  | 'yielded'
  | 'internal_error'
  | 'tls_failed'
  | 'tls_mismatch'
  | 'tls_untrusted'
  | 'tls_expired'
  | 'tls_certificate_required'
  | 'tls_timeout'
  | 'too_many_resets';

