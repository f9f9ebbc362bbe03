//! When to read on, and what was read: silence is judged by it.

use std::time::Instant;

use super::{Phase, Role, Session};
use crate::ipc::frame::Profile;

impl Session {
    /// Whether the owner should read from the socket.
    pub fn wants_read(&self) -> bool {
        match self.phase {
            _ if self.half_closed.is_some() => false,
            Phase::Registering => true,
            Phase::Deciding(_) | Phase::Closed(_) => false,
            // A client that makes us answer and reads no answer is not asked for
            // more. Only one end may do this, or both could wait for each other.
            Phase::Open if self.role == Role::Server && self.outbox.is_clogged() => false,
            // It goes on when the owner has taken some, which it will.
            Phase::Open if self.is_crowded() && self.credit.untaken() > 0 => false,
            // With credit the peer knows by itself when to stop; without it
            // the kernel's buffer fills up and tells it.
            Phase::Open => self.profile == Profile::Binary || self.credit.has_room(self.awaited()),
        }
    }

    /// What a handler may be waiting for that only reading can bring. In the JSON
    /// profile a stream's frames stand behind messages, and any number of handlers
    /// may wait for one stream: as many as for requests then don't count.
    fn awaited(&self) -> u64 {
        let streams = match self.streams.wait_for_peer() {
            true => self.config.limits.pending_requests as u64,
            false => 0,
        };
        self.own_calls() + streams
    }

    /// Whether so much waits for the owner, of whatever connection, that it is
    /// better to read little at a time.
    pub fn is_crowded(&self) -> bool {
        self.config.backlog.is_long()
    }

    /// Calls of ours that a handler may be waiting for: see `credit`.
    pub(in crate::ipc::proto) fn own_calls(&self) -> u64 {
        self.requests.len() as u64 + self.outbox.waiters()
    }

    /// The owner tells whether it is reading, so that silence is judged fairly.
    pub fn note_reading(&mut self, reading: bool, now: Instant) {
        if reading && self.reading_paused {
            self.heartbeat.paused(now);
            self.frame_since = self.frame_since.map(|_| now);
            self.resumed = now;
        }
        self.reading_paused = !reading;
    }

    pub(in crate::ipc::proto) fn received(&mut self, count: usize, now: Instant) {
        self.counters.bytes_received += count as u64;
        self.last_received = now;
        self.heartbeat.received(now);
    }

    pub(in crate::ipc::proto) fn note_frame(&mut self, now: Instant) {
        // A frame that completes while the next one begins restarts the time.
        self.frame_since = match (self.is_partial(), self.frame_since) {
            (false, _) => None,
            (true, since) => since.or(Some(now)),
        };
    }

    pub(in crate::ipc::proto) fn frame_completed(&mut self) {
        self.frame_since = None;
    }

    /// Whether a frame has begun and is not complete.
    pub(in crate::ipc::proto) fn is_partial(&self) -> bool {
        self.rest.is_some() || self.decoder.is_partial()
    }
}
