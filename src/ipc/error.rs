//! What can go wrong, with codes that never change.

use std::fmt;
use std::io;

/// Declares the error codes once: the variant, its public text, its meaning.
/// `docs/errors.md` is checked against this list by a test.
macro_rules! error_codes {
    ($($(#[$attr:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// A stable error code. Its text starts with `IPC_ERR_` and never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$attr])* $name,)+
            /// A failure of the operating system, under its own name (`EADDRINUSE`).
            Os(&'static str),
        }

        impl ErrorCode {
            /// Every code of the library itself.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name),+];

            /// The public text of the code.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(ErrorCode::$name => $text,)+
                    ErrorCode::Os(name) => name,
                }
            }
        }
    };
}

error_codes! {
    /// The caller's `AbortSignal` fired.
    Aborted = "IPC_ERR_ABORTED",
    /// A queue is full; nothing was queued.
    Backpressure = "IPC_ERR_BACKPRESSURE",
    /// A payload could not be read in the encoding it claims.
    BadPayload = "IPC_ERR_BAD_PAYLOAD",
    /// The child of `spawnAndConnect` ended before its server answered.
    ChildExited = "IPC_ERR_CHILD_EXITED",
    /// The time allowed for connecting is spent.
    ConnectTimeout = "IPC_ERR_CONNECT_TIMEOUT",
    /// The connection was lost while the call was under way.
    ConnectionLost = "IPC_ERR_CONNECTION_LOST",
    /// The endpoint was closed by its owner.
    Disconnected = "IPC_ERR_DISCONNECTED",
    /// Another live client holds the same client id.
    DuplicateClientId = "IPC_ERR_DUPLICATE_CLIENT_ID",
    /// The peer answered no ping and sent nothing for `heartbeatTimeout`.
    HeartbeatTimeout = "IPC_ERR_HEARTBEAT_TIMEOUT",
    /// The peer speaks no protocol version that we do.
    Incompatible = "IPC_ERR_INCOMPATIBLE",
    /// The socket's folder lets other users replace the socket file. A warning:
    /// the server runs.
    InsecureDirectory = "IPC_ERR_INSECURE_DIRECTORY",
    /// A file changed its size while it was being sent.
    FileChanged = "IPC_ERR_FILE_CHANGED",
    /// A bug of this library; the process goes on.
    Internal = "IPC_ERR_INTERNAL",
    /// The socket path can't be used: empty, a NUL byte, or abstract.
    InvalidPath = "IPC_ERR_INVALID_PATH",
    /// A topic that can't be used that way, such as publishing to a wildcard.
    InvalidTopic = "IPC_ERR_INVALID_TOPIC",
    /// The server serves as many clients as it may.
    MaxConnections = "IPC_ERR_MAX_CONNECTIONS",
    /// A message is larger than `maxMessageSize`, of ours or of the peer.
    MessageTooLarge = "IPC_ERR_MESSAGE_TOO_LARGE",
    /// The native addon could not be loaded.
    NativeLoad = "IPC_ERR_NATIVE_LOAD",
    /// The peer has no handler for the type of a request.
    NoHandler = "IPC_ERR_NO_HANDLER",
    /// A path to send is no regular file.
    NotAFile = "IPC_ERR_NOT_A_FILE",
    /// Something that is no socket lies on the socket path; it was not touched.
    NotASocket = "IPC_ERR_NOT_A_SOCKET",
    /// The endpoint is not connected, or not started.
    NotConnected = "IPC_ERR_NOT_CONNECTED",
    /// The socket path is longer than the operating system takes.
    PathTooLong = "IPC_ERR_PATH_TOO_LONG",
    /// The server did not accept the registration.
    Registration = "IPC_ERR_REGISTRATION",
    /// The peer's handler failed and gave no code of its own.
    Remote = "IPC_ERR_REMOTE",
    /// The server runs as another user than `expectServerUid` says.
    ServerIdentity = "IPC_ERR_SERVER_IDENTITY",
    /// No server answered within the time of `waitForServer`.
    ServerNotReady = "IPC_ERR_SERVER_NOT_READY",
    /// The server is stopping.
    ServerStopping = "IPC_ERR_SERVER_STOPPING",
    /// A stream was cancelled, here or by the peer.
    StreamCancelled = "IPC_ERR_STREAM_CANCELLED",
    /// A stream with that `streamId` is open on the connection already.
    StreamInUse = "IPC_ERR_STREAM_IN_USE",
    /// Nobody listens for streams on the other side.
    StreamRefused = "IPC_ERR_STREAM_REFUSED",
    /// The server wants a certificate, and this client has none.
    TlsCertificateRequired = "IPC_ERR_TLS_CERTIFICATE_REQUIRED",
    /// A certificate has expired, or is not valid yet.
    TlsExpired = "IPC_ERR_TLS_EXPIRED",
    /// TLS failed in another way.
    TlsFailed = "IPC_ERR_TLS_FAILED",
    /// One end speaks TLS and the other does not.
    TlsMismatch = "IPC_ERR_TLS_MISMATCH",
    /// The TLS handshake was not done in time.
    TlsTimeout = "IPC_ERR_TLS_TIMEOUT",
    /// A certificate is not trusted: its authority, its name or its use is wrong.
    TlsUntrusted = "IPC_ERR_TLS_UNTRUSTED",
    /// No answer came within the request's timeout.
    Timeout = "IPC_ERR_TIMEOUT",
    /// Too many requests wait for their answer on one connection.
    TooManyPending = "IPC_ERR_TOO_MANY_PENDING",
    /// As many streams are open on the connection as `maxConcurrentStreams` says.
    TooManyStreams = "IPC_ERR_TOO_MANY_STREAMS",
    /// Too many subscriptions on one connection.
    TooManySubscriptions = "IPC_ERR_TOO_MANY_SUBSCRIPTIONS",
    /// The peer's token, user or group is not allowed in.
    Unauthorized = "IPC_ERR_UNAUTHORIZED",
    /// No client with that id is connected.
    UnknownClient = "IPC_ERR_UNKNOWN_CLIENT",
    /// An option that this platform or this version cannot honour.
    Unsupported = "IPC_ERR_UNSUPPORTED",
    /// The native addon and the JavaScript around it are of different versions.
    VersionMismatch = "IPC_ERR_VERSION_MISMATCH",
}

/// Where a failure began, so that a peer's error can't pass for ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This process: a limit, a timeout, a close by its owner.
    Local,
    /// The other process said so.
    Peer,
    /// The operating system or the connection.
    Io,
}

impl Origin {
    /// The public text of the origin.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Local => "local",
            Origin::Peer => "peer",
            Origin::Io => "io",
        }
    }
}

/// A failure with its code and origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The stable code.
    pub code: ErrorCode,
    /// Where it began.
    pub origin: Origin,
    /// A sentence for people. Some texts are part of the contract.
    pub message: String,
    /// The call reached the wire and its fate is unknown.
    pub may_have_run: bool,
}

impl Error {
    /// A failure that began in this process.
    pub fn local(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(code, Origin::Local, message)
    }

    /// A failure that the peer reported or caused.
    pub fn peer(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(code, Origin::Peer, message)
    }

    /// A failure of the connection or the operating system.
    pub fn io(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(code, Origin::Io, message)
    }

    /// An operating system failure: keeps the name of its errno as the code.
    pub fn os(error: &io::Error, doing: impl fmt::Display) -> Self {
        let name = os_name(error);
        Self::io(ErrorCode::Os(name), format!("{doing}: {name}: {error}"))
    }

    /// Marks a call whose fate is unknown.
    pub fn maybe_ran(mut self, may: bool) -> Self {
        self.may_have_run = may;
        self
    }

    /// A message of `size` bytes where at most `max` may pass.
    pub fn too_large(size: usize, max: usize) -> Self {
        Self::local(
            ErrorCode::MessageTooLarge,
            format!("Message size {size} exceeds maximum {max}"),
        )
    }

    /// The answer to `name` did not come in time.
    pub fn timeout(name: &str) -> Self {
        Self::local(ErrorCode::Timeout, format!("Request timeout for {name}"))
    }

    fn new(code: ErrorCode, origin: Origin, message: impl Into<String>) -> Self {
        Self {
            code,
            origin,
            message: message.into(),
            may_have_run: false,
        }
    }
}

/// The errno's name, such as `ECONNREFUSED`; `EIO` for one not in the list.
pub fn os_name(error: &io::Error) -> &'static str {
    #[cfg(unix)]
    if let Some(name) = error.raw_os_error().and_then(errno_name) {
        return name;
    }
    #[cfg(windows)]
    if let Some(name) = error.raw_os_error().and_then(windows_name) {
        return name;
    }
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound => "ENOENT",
        Kind::PermissionDenied => "EACCES",
        Kind::ConnectionRefused => "ECONNREFUSED",
        Kind::ConnectionReset => "ECONNRESET",
        Kind::ConnectionAborted => "ECONNABORTED",
        Kind::NotConnected => "ENOTCONN",
        Kind::AddrInUse => "EADDRINUSE",
        Kind::AddrNotAvailable => "EADDRNOTAVAIL",
        Kind::BrokenPipe | Kind::UnexpectedEof => "EPIPE",
        Kind::AlreadyExists => "EEXIST",
        Kind::InvalidInput => "EINVAL",
        Kind::TimedOut => "ETIMEDOUT",
        Kind::OutOfMemory => "ENOMEM",
        Kind::HostUnreachable => "EHOSTUNREACH",
        Kind::NetworkUnreachable => "ENETUNREACH",
        Kind::NetworkDown => "ENETDOWN",
        Kind::StorageFull => "ENOSPC",
        _ => "EIO",
    }
}

#[cfg(unix)]
fn errno_name(raw: i32) -> Option<&'static str> {
    use rustix::io::Errno;
    macro_rules! names {
        ($($name:ident = $text:literal),+ $(,)?) => {
            [$((Errno::$name, $text)),+]
        };
    }
    let names = names![
        ACCESS = "EACCES",
        ADDRINUSE = "EADDRINUSE",
        ADDRNOTAVAIL = "EADDRNOTAVAIL",
        AFNOSUPPORT = "EAFNOSUPPORT",
        AGAIN = "EAGAIN",
        BADF = "EBADF",
        CONNABORTED = "ECONNABORTED",
        CONNREFUSED = "ECONNREFUSED",
        CONNRESET = "ECONNRESET",
        DQUOT = "EDQUOT",
        EXIST = "EEXIST",
        FBIG = "EFBIG",
        HOSTUNREACH = "EHOSTUNREACH",
        INTR = "EINTR",
        INVAL = "EINVAL",
        IO = "EIO",
        ISDIR = "EISDIR",
        LOOP = "ELOOP",
        MFILE = "EMFILE",
        NAMETOOLONG = "ENAMETOOLONG",
        NETUNREACH = "ENETUNREACH",
        NFILE = "ENFILE",
        NOBUFS = "ENOBUFS",
        NOENT = "ENOENT",
        NOMEM = "ENOMEM",
        NOSPC = "ENOSPC",
        NOTCONN = "ENOTCONN",
        NOTDIR = "ENOTDIR",
        NOTSOCK = "ENOTSOCK",
        PERM = "EPERM",
        PIPE = "EPIPE",
        PROTO = "EPROTO",
        PROTOTYPE = "EPROTOTYPE",
        ROFS = "EROFS",
        TIMEDOUT = "ETIMEDOUT",
    ];
    names
        .iter()
        .find(|(errno, _)| errno.raw_os_error() == raw)
        .map(|(_, name)| *name)
}

/// Windows errors whose kind says less than Node's name for them.
#[cfg(windows)]
fn windows_name(raw: i32) -> Option<&'static str> {
    Some(match raw {
        4 => "EMFILE",                // ERROR_TOO_MANY_OPEN_FILES
        123 | 161 => "EINVAL",        // ERROR_INVALID_NAME, ERROR_BAD_PATHNAME
        206 => "ENAMETOOLONG",        // ERROR_FILENAME_EXCED_RANGE
        230 | 232 | 233 => "EPIPE",   // ERROR_BAD_PIPE, _NO_DATA, _PIPE_NOT_CONNECTED
        231 => "EBUSY",               // ERROR_PIPE_BUSY
        1450 | 1455 => "ENOMEM",      // ERROR_NO_SYSTEM_RESOURCES, _COMMITMENT_LIMIT
        10024 => "EMFILE",            // WSAEMFILE
        10055 => "ENOBUFS",           // WSAENOBUFS
        11001 | 11004 => "ENOTFOUND", // WSAHOST_NOT_FOUND, WSANO_DATA
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_prefixed() {
        let mut seen = std::collections::HashSet::new();
        for code in ErrorCode::ALL {
            assert!(code.as_str().starts_with("IPC_ERR_"));
            assert!(seen.insert(code.as_str()));
        }
    }

    #[test]
    #[cfg(unix)]
    fn operating_system_failures_keep_their_errno() {
        let error = io::Error::from_raw_os_error(rustix::io::Errno::ADDRINUSE.raw_os_error());
        assert_eq!(Error::os(&error, "listening").code.as_str(), "EADDRINUSE");
    }
}
