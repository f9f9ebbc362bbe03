//! Why a connection ended. Every close has exactly one reason.

use super::bug;
use super::error::{Error, ErrorCode};

/// Declares the reasons once: variant, public text, wire number, meaning.
macro_rules! close_reasons {
    ($($(#[$attr:meta])* $name:ident = $number:literal, $text:literal;)+) => {
        /// The one reason for which a connection ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum CloseReason {
            $($(#[$attr])* $name = $number,)+
        }

        impl CloseReason {
            /// Every reason, ordered by its number on the wire.
            pub const ALL: &'static [CloseReason] = &[$(CloseReason::$name),+];

            /// The public text of the reason.
            pub fn as_str(self) -> &'static str {
                match self { $(CloseReason::$name => $text,)+ }
            }

            /// The reason with this number on the wire.
            pub fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(CloseReason::$name),)+ _ => None }
            }

            /// The reason with this text.
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(CloseReason::$name),)+ _ => None }
            }
        }
    };
}

close_reasons! {
    /// We closed it: `disconnect()`.
    Local = 1, "local";
    /// The peer closed it and said so.
    Peer = 2, "peer";
    /// The peer's end of the socket was closed without a word, between frames.
    PeerClosed = 3, "peer_closed";
    /// The peer's end was closed in the middle of a frame.
    TruncatedFrame = 4, "truncated_frame";
    /// The connection was reset.
    Reset = 5, "reset";
    /// Reading or writing failed in another way.
    IoError = 6, "io_error";
    /// Bytes that no rule of the protocol allows.
    ProtocolError = 7, "protocol_error";
    /// A frame longer than `maxMessageSize`.
    MessageTooLarge = 8, "message_too_large";
    /// A body that starts like JSON and isn't, or isn't UTF-8.
    BadJson = 9, "bad_json";
    /// JSON that is no valid envelope.
    BadEnvelope = 10, "bad_envelope";
    /// A message before the registration.
    NotRegistered = 11, "not_registered";
    /// No registration within the time for it.
    HandshakeTimeout = 12, "handshake_timeout";
    /// A frame that stayed incomplete for too long.
    FrameTimeout = 13, "frame_timeout";
    /// No sign of life for `heartbeatTimeout`.
    HeartbeatTimeout = 14, "heartbeat_timeout";
    /// Token, user or group refused.
    Unauthorized = 15, "unauthorized";
    /// The client id belongs to another live client.
    DuplicateClientId = 16, "duplicate_client_id";
    /// The same client came back over a new connection.
    Replaced = 17, "replaced";
    /// The server's owner called `disconnectClient`.
    Kicked = 18, "kicked";
    /// The server is stopping.
    ServerStopping = 19, "server_stopping";
    /// The peer did not take its messages within `writeTimeout`.
    SlowConsumer = 20, "slow_consumer";
    /// The server serves as many clients as it may.
    MaxConnections = 21, "max_connections";
    /// Nothing was received for `clientIdleTimeout`.
    IdleTimeout = 22, "idle_timeout";
    /// No common protocol version.
    Incompatible = 23, "incompatible";
    /// The registration was refused for another reason.
    Refused = 24, "refused";
    /// The hub has given its path to a server; the server is about to listen.
    Yielded = 25, "yielded";
    /// A bug of this library on this side; what it cost is this connection.
    InternalError = 26, "internal_error";
    /// TLS failed in a way that has no reason of its own.
    TlsFailed = 27, "tls_failed";
    /// One end speaks TLS and the other does not.
    TlsMismatch = 28, "tls_mismatch";
    /// A certificate that its reader does not trust.
    TlsUntrusted = 29, "tls_untrusted";
    /// A certificate that has expired, or is not valid yet.
    TlsExpired = 30, "tls_expired";
    /// The server wants a certificate, and the client showed none.
    TlsCertificateRequired = 31, "tls_certificate_required";
    /// The TLS handshake was not done in time.
    TlsTimeout = 32, "tls_timeout";
    /// The peer opened streams only to give them up.
    TooManyResets = 33, "too_many_resets";
}

impl CloseReason {
    /// Whether a client may try again by itself after this reason.
    ///
    /// It must not where the server has said "not you": trying again would only
    /// repeat the refusal, or fight with the connection that replaced ours.
    pub fn may_reconnect(self) -> bool {
        !matches!(
            self,
            CloseReason::Local
                | CloseReason::Unauthorized
                | CloseReason::DuplicateClientId
                | CloseReason::Replaced
                | CloseReason::Kicked
                | CloseReason::Incompatible
                | CloseReason::TlsMismatch
                | CloseReason::TlsUntrusted
                | CloseReason::TlsCertificateRequired
        )
    }

    /// Whether TLS failed: there never was a connection to talk over.
    pub fn is_tls(self) -> bool {
        matches!(
            self,
            CloseReason::TlsFailed
                | CloseReason::TlsMismatch
                | CloseReason::TlsUntrusted
                | CloseReason::TlsExpired
                | CloseReason::TlsCertificateRequired
                | CloseReason::TlsTimeout
        )
    }

    /// Whether only a server can have this reason.
    pub fn is_servers(self) -> bool {
        matches!(
            self,
            CloseReason::Unauthorized
                | CloseReason::DuplicateClientId
                | CloseReason::Replaced
                | CloseReason::Kicked
                | CloseReason::ServerStopping
                | CloseReason::MaxConnections
                | CloseReason::IdleTimeout
                | CloseReason::Incompatible
                | CloseReason::Refused
                | CloseReason::Yielded
        )
    }

    /// The error of a call that this close cut short.
    pub fn to_error(self, may_have_run: bool) -> Error {
        let error = match self {
            CloseReason::Local => Error::local(
                ErrorCode::Disconnected,
                "The connection was closed by disconnect()",
            ),
            CloseReason::ServerStopping => {
                Error::peer(ErrorCode::ServerStopping, "The server is stopping")
            }
            CloseReason::HeartbeatTimeout => Error::io(
                ErrorCode::HeartbeatTimeout,
                "Heartbeat timeout: the peer gave no sign of life",
            ),
            CloseReason::Unauthorized => {
                Error::peer(ErrorCode::Unauthorized, "Failed to register: unauthorized")
            }
            CloseReason::MaxConnections => Error::peer(
                ErrorCode::MaxConnections,
                "Failed to register: the server serves as many clients as it may",
            ),
            CloseReason::InternalError => bug::error(),
            other => Error::io(
                ErrorCode::ConnectionLost,
                format!("The connection was lost ({})", other.as_str()),
            ),
        };
        error.maybe_ran(may_have_run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_lead_back() {
        for reason in CloseReason::ALL {
            assert_eq!(CloseReason::from_number(*reason as u8), Some(*reason));
            assert_eq!(CloseReason::from_text(reason.as_str()), Some(*reason));
        }
    }
}
