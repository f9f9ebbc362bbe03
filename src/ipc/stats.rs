//! Counters of connections and endpoints.

use std::collections::BTreeMap;

use super::close::CloseReason;

/// What one connection, or all connections of an endpoint together, have done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages, requests, answers and topic messages sent.
    pub messages_sent: u64,
    /// The same, received.
    pub messages_received: u64,
    /// Bytes written to the socket.
    pub bytes_sent: u64,
    /// Bytes read from the socket.
    pub bytes_received: u64,
    /// Heartbeat timeouts of the peer.
    pub heartbeat_timeouts: u64,
    /// Requests of ours that got no answer in time.
    pub request_timeouts: u64,
    /// Streams opened, in both directions.
    pub streams_opened: u64,
    /// Answers to requests we don't know, messages left out for a slow client,
    /// and closes that were not asked for.
    pub errors: u64,
}

impl Counters {
    /// Adds another connection's counters.
    pub fn add(&mut self, other: &Counters) {
        self.messages_sent += other.messages_sent;
        self.messages_received += other.messages_received;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.heartbeat_timeouts += other.heartbeat_timeouts;
        self.request_timeouts += other.request_timeouts;
        self.streams_opened += other.streams_opened;
        self.errors += other.errors;
    }
}

/// A snapshot of an endpoint.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Sums over all connections, past and present.
    pub counters: Counters,
    /// Requests of ours that wait for their answer.
    pub requests_pending: u64,
    /// Bytes that wait to be written.
    pub queued_bytes: u64,
    /// Connections ended, by reason.
    pub closes: BTreeMap<CloseReason, u64>,
    /// Connections registered now.
    pub connected: u64,
    /// Registrations since the start.
    pub total_connections: u64,
    /// Whether newcomers find us: we listen, and our socket is still at its path.
    pub reachable: bool,
    /// Times a lost connection was won back.
    pub reconnects: u64,
    /// Attempts since the connection was lost.
    pub reconnect_attempts: u64,
    /// When the present connection was made, in ms since the epoch; 0 for none.
    pub connected_at: u64,
}
