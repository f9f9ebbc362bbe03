//! Options of connections, servers and clients, and their defaults.

#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use super::backlog::Backlog;
use super::endpoint::Address;
use super::frame::STREAM_WINDOW;
use super::tls::{ClientTls, ServerTls};

/// Longest message type, topic, client id or request id, in bytes.
pub const MAX_NAME: usize = 256;
/// Longest headers of one message, in bytes of JSON text.
pub const MAX_HEADERS: usize = 64 * 1024;
/// What each queued message is charged above its size, so that a flood of tiny
/// messages fills a queue too. About the memory of one queue entry.
pub const MESSAGE_OVERHEAD: usize = 256;

/// Bytes of one incoming stream that may wait for its reader, between processes of
/// one machine. What the kernel and the reader hold beyond that only delays the
/// messages that share the connection: 256 KiB moved no less than 1 MiB, and the
/// slowest hundredth of the requests beside it took half as long.
const LOCAL_STREAM_WINDOW: u32 = 256 * 1024;
/// The same over TCP, where a round trip may be long.
const TCP_STREAM_WINDOW: u32 = STREAM_WINDOW;

/// Bounds on what one connection may hold.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest frame body, in bytes, either way. Checked before allocating.
    pub max_message_size: usize,
    /// Messages and requests of the peer that may be queued or in a handler. So many
    /// that a sender seldom waits for credit: small ones are handled in a microsecond,
    /// and a process that sleeps is woken in fifty.
    pub window_messages: u32,
    /// Bytes of the peer's messages that may wait for JavaScript.
    pub window_bytes: u32,
    /// Requests that may wait for their answer, in each direction.
    pub pending_requests: usize,
    /// Topics that one connection may subscribe to.
    pub subscriptions: usize,
    /// Streams that may be open at one time, in each direction.
    pub streams: usize,
    /// Streams a second that the peer may give up before their end; ten times as
    /// many at once.
    pub stream_resets: u32,
    /// Bytes of one incoming stream that may wait for its reader.
    pub stream_window: u32,
    /// Queued output, in bytes, above which senders are asked to wait.
    pub high_water: usize,
    /// Queued output, in bytes, above which sending fails.
    pub hard_cap: usize,
    /// How long a connection may take to register.
    pub handshake_timeout: Duration,
    /// How long a frame may stay incomplete.
    pub frame_timeout: Duration,
    /// How long a peer may leave its output untaken before it counts as slow.
    pub write_timeout: Duration,
    /// Close a connection that sent nothing for this long. Off by default.
    pub idle_timeout: Option<Duration>,
    /// What happens when a broadcast finds a client's queue above its mark.
    pub slow_consumer: SlowConsumer,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_size: 8 * 1024 * 1024,
            window_messages: 4096,
            window_bytes: 8 * 1024 * 1024,
            pending_requests: 10_000,
            subscriptions: 1024,
            streams: 32,
            stream_resets: 100,
            stream_window: LOCAL_STREAM_WINDOW,
            high_water: 1024 * 1024,
            hard_cap: 16 * 1024 * 1024,
            handshake_timeout: Duration::from_secs(10),
            frame_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(10),
            idle_timeout: None,
            slow_consumer: SlowConsumer::Disconnect,
        }
    }
}

impl Limits {
    /// The defaults for connections at `address`.
    pub fn at(address: &Address) -> Self {
        let stream_window = match address {
            Address::Path(_) => LOCAL_STREAM_WINDOW,
            Address::Tcp { .. } => TCP_STREAM_WINDOW,
        };
        Self {
            stream_window,
            ..Self::default()
        }
    }

    /// Limits for another message size: the cap stays at least twice as large,
    /// so that one largest message never blocks the next.
    pub fn with_max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = bytes;
        self.hard_cap = self.hard_cap.max(bytes.saturating_mul(2));
        self
    }
}

/// What a server does with a client that does not keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowConsumer {
    /// Close it after `write_timeout` without progress, or at the hard cap.
    Disconnect,
    /// Leave out messages while it is above its mark.
    DropOldest,
    /// Keep queueing up to the hard cap, then leave out; never close.
    Wait,
}

/// When to ask for a sign of life, and when to give a peer up.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// Whether this end sends pings. Pings of the peer are answered anyway.
    pub enabled: bool,
    /// Silence after which a ping is sent.
    pub interval: Duration,
    /// Silence and unanswered ping after which the peer is timed out.
    pub timeout: Duration,
    /// Time after the registration in which nobody is timed out.
    pub grace: Duration,
    /// Close the connection on a timeout; otherwise only tell.
    pub close_on_timeout: bool,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            grace: Duration::ZERO,
            close_on_timeout: true,
        }
    }
}

/// What a connection needs to know; the same for all connections of an endpoint.
#[derive(Clone, Debug, Default)]
pub struct SessionConfig {
    /// Bounds.
    pub limits: Limits,
    /// Signs of life.
    pub heartbeat: Heartbeat,
    /// Version of the structured clone format that this process reads; 0 for none.
    pub clone_version: u32,
    /// Whether not to offer the binary profile. For tests only.
    pub json_only: bool,
    /// Whether the bytes of streams may pass through memory that both processes have:
    /// the connection is one that descriptors can be sent over, to a peer we trust
    /// with them. Chosen for each connection.
    pub memory: bool,
    /// What waits for the owner of the connection, and of others.
    pub backlog: Backlog,
}

impl SessionConfig {
    /// The defaults for connections at `address`.
    pub fn at(address: &Address) -> Self {
        Self {
            limits: Limits::at(address),
            ..Self::default()
        }
    }

    /// The same for a connection that may, or may not, use memory.
    pub(super) fn sharing(self: &Arc<Self>, memory: bool) -> Arc<Self> {
        if self.memory == memory {
            return self.clone();
        }
        Arc::new(Self {
            memory,
            ..Self::clone(self)
        })
    }
}

/// Options of a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where it listens.
    pub address: Address,
    /// Options of its connections.
    pub session: SessionConfig,
    /// The secret that clients must show.
    pub auth_token: Option<String>,
    /// Registered clients at one time.
    pub max_clients: usize,
    /// Registered clients of one other user at one time, where other users are let
    /// in. The own user and root are not counted.
    pub max_clients_per_uid: usize,
    /// Remove a dead server's socket file on start.
    pub cleanup: bool,
    /// Permissions of the socket file. Unix only.
    pub socket_mode: u32,
    /// Users let in; unset: own user and root, widened by `socket_mode`.
    pub allowed_uids: Option<Vec<u32>>,
    /// Groups let in.
    pub allowed_gids: Option<Vec<u32>>,
    /// The groups of a peer beside its primary one. No safe crate asks the kernel for
    /// them, and this one has no unsafe code; without it only the primary one counts.
    #[cfg(unix)]
    pub groups_of: Option<fn(BorrowedFd<'_>) -> Vec<u32>>,
    /// Disable Nagle's algorithm. TCP only.
    pub no_delay: bool,
    /// Encrypt connections. TCP only.
    pub tls: Option<ServerTls>,
    /// A hub, which a client hosts: gives its path up when a server wants it.
    pub hub: bool,
}

impl ServerOptions {
    /// Default options for a server at `address`.
    pub fn new(address: Address) -> Self {
        Self {
            session: SessionConfig::at(&address),
            address,
            auth_token: None,
            max_clients: 10_000,
            max_clients_per_uid: 128,
            cleanup: false,
            socket_mode: 0o600,
            allowed_uids: None,
            allowed_gids: None,
            #[cfg(unix)]
            groups_of: None,
            no_delay: true,
            tls: None,
            hub: false,
        }
    }
}

/// How a first connection is tried again.
#[derive(Clone, Debug)]
pub struct ConnectRetry {
    /// Whether it is tried again at all.
    pub enabled: bool,
    /// Delay after the first failure; doubles.
    pub initial_delay: Duration,
    /// Longest delay.
    pub max_delay: Duration,
    /// Attempts in all; unset: until `total_timeout`.
    pub max_attempts: Option<u32>,
    /// Time for all attempts together.
    pub total_timeout: Duration,
}

impl Default for ConnectRetry {
    fn default() -> Self {
        Self {
            enabled: false,
            initial_delay: Duration::from_millis(100),
            max_delay: Duration::from_millis(1500),
            max_attempts: None,
            total_timeout: Duration::from_secs(15),
        }
    }
}

/// How a lost connection is won back.
#[derive(Clone, Debug)]
pub struct Reconnect {
    /// Whether it is tried.
    pub enabled: bool,
    /// Delay before the first attempt.
    pub delay: Duration,
    /// Longest delay.
    pub max_delay: Duration,
    /// Growth of the delay from one attempt to the next.
    pub multiplier: f64,
    /// Attempts before giving up; unset: without end.
    pub max_attempts: Option<u32>,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            enabled: true,
            delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(30),
            multiplier: 1.5,
            max_attempts: None,
        }
    }
}

/// Options of a client.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where the server listens.
    pub address: Address,
    /// Options of the connection.
    pub session: SessionConfig,
    /// The name under which the server knows us.
    pub client_id: String,
    /// JSON text shown to the server's owner.
    pub metadata: Option<String>,
    /// The secret to show.
    pub auth_token: Option<String>,
    /// Time for connecting and registering, for one attempt.
    pub register_timeout: Duration,
    /// First connection.
    pub retry: ConnectRetry,
    /// Lost connection.
    pub reconnect: Reconnect,
    /// Never host a hub, whatever `connect` is asked for.
    pub client_only: bool,
    /// Permissions of the socket file of a hub that this client hosts. Unix only.
    pub socket_mode: u32,
    /// Refuse a server run by another user. Unix only.
    pub expect_server_uid: Option<u32>,
    /// Disable Nagle's algorithm. TCP only.
    pub no_delay: bool,
    /// Encrypt the connection. TCP only.
    pub tls: Option<ClientTls>,
    /// Messages that may wait while not connected.
    pub offline_messages: usize,
    /// Bytes that may wait while not connected.
    pub offline_bytes: usize,
}

impl ClientOptions {
    /// Default options for a client of the server at `address`.
    pub fn new(address: Address, client_id: impl Into<String>) -> Self {
        Self {
            session: SessionConfig::at(&address),
            address,
            client_id: client_id.into(),
            metadata: None,
            auth_token: None,
            register_timeout: Duration::from_secs(5),
            retry: ConnectRetry::default(),
            reconnect: Reconnect::default(),
            client_only: false,
            socket_mode: 0o600,
            expect_server_uid: None,
            no_delay: true,
            tls: None,
            offline_messages: 1000,
            offline_bytes: 8 * 1024 * 1024,
        }
    }
}
