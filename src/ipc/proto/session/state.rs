//! What the owner takes from a session, and what it may ask about it.

use std::time::Instant;

use super::{Phase, Session};
use crate::ipc::frame::Profile;
use crate::ipc::options::{MAX_NAME, MESSAGE_OVERHEAD};
use crate::ipc::proto::event::Event;
use crate::ipc::proto::send::Bounds;
use crate::ipc::stats::Counters;

impl Session {
    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed(_))
    }

    /// Whether messages can be sent.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// What happened since the last call.
    pub fn take_events(&mut self, into: &mut Vec<Event>) {
        into.append(&mut self.events);
    }

    /// Has what happens until [`take_back`](Self::take_back) put into a list that the caller
    /// has anyway, which spares a copy, and each session a list of its own. Nothing is in it.
    pub fn lend_events(&mut self, list: &mut Vec<Event>) {
        if self.events.is_empty() {
            std::mem::swap(&mut self.events, list);
        }
    }

    /// What happened since the last call of this or [`take_events`](Self::take_events).
    pub fn take_back(&mut self, list: &mut Vec<Event>) {
        if list.is_empty() {
            std::mem::swap(&mut self.events, list);
        } else {
            self.take_events(list);
        }
    }

    /// Whether something happened.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Bytes for the socket; none where [`outside`](Self::outside) has the next.
    pub fn output(&mut self) -> &[u8] {
        self.outbox.front()
    }

    /// Bytes for the socket, with those that are outside.
    pub fn output_len(&self) -> usize {
        self.outbox.ready_len()
    }

    /// The socket has taken `count` bytes of the output, or of what is outside.
    pub fn wrote(&mut self, count: usize, now: Instant) {
        self.counters.bytes_sent += count as u64;
        self.outbox.consume(count, now);
        self.release(now);
        self.send_streams(now);
        self.end_half_closed(now);
        if self.withheld && !self.outbox.is_clogged() {
            self.grant(now);
        }
    }

    /// Requests of ours that wait for an answer.
    pub fn pending(&self) -> usize {
        self.requests.len()
    }

    /// Requests of the peer that wait for our answer, or for the end of their
    /// handler although nobody waits for its answer any more.
    pub fn unanswered(&self) -> usize {
        self.incoming.len()
    }

    /// Messages and requests of the peer whose handler has not finished.
    pub fn running(&self) -> u64 {
        self.credit.running()
    }

    /// Streams that are under way, in both directions.
    pub fn open_streams(&self) -> usize {
        self.streams.open()
    }

    /// Bytes that wait to be written, with the overhead of what is held.
    pub fn queued(&self) -> usize {
        self.outbox.queued() + self.streams.queued()
    }

    /// Whether more waits than senders should add to.
    pub fn is_held_up(&self) -> bool {
        self.is_open() && self.outbox.above_mark()
    }

    /// Whether messages without headers can all be accepted, whatever is in them.
    pub fn has_room(&self, bounds: &Bounds) -> bool {
        let around = match self.profile {
            Profile::Binary => MAX_NAME + 16,
            // Where each byte of the name may have to be escaped.
            Profile::Json => MAX_NAME * 6 + 256,
        };
        let all = bounds.messages * (around + MESSAGE_OVERHEAD) + bounds.bytes;
        self.is_open() && bounds.longest + around <= self.peer_max && self.outbox.has_room(all)
    }

    /// What this connection has done.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Counts a message that was received and could not be used.
    pub fn count_error(&mut self) {
        self.counters.errors += 1;
    }

    /// The version of the structured clone format that the peer reads.
    pub fn peer_clone_version(&self) -> u32 {
        self.peer_clone_version
    }

    /// The profile in use.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// When something last came from the peer.
    pub fn last_received(&self) -> Instant {
        self.last_received
    }
}
