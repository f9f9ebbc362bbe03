//! The end, in each of its ways.

use std::time::{Duration, Instant};

use super::{Phase, Role, Session};
use crate::ipc::bug;
use crate::ipc::close::CloseReason;
use crate::ipc::error::Origin;
use crate::ipc::proto::event::Event;
use crate::ipc::proto::streams::Streams;

impl Session {
    /// The peer's end was closed.
    pub fn eof(&mut self) {
        let reason = if self.is_partial() {
            CloseReason::TruncatedFrame
        } else {
            CloseReason::PeerClosed
        };
        self.close(reason, "the peer closed the connection");
    }

    /// The peer has finished sending and may still read: what it asked is
    /// answered, and what it has sent completely is read, for as long as [`LINGER`](Self::LINGER), then the connection ends.
    pub fn half_close(&mut self, now: Instant) {
        if self.phase == Phase::Open && !self.is_partial() && !self.is_settled() {
            self.half_closed = Some(now + Self::LINGER);
        } else {
            self.eof();
        }
    }

    /// Ends a half-closed connection once everything is answered and written.
    pub(super) fn end_half_closed(&mut self, now: Instant) {
        if self
            .half_closed
            .is_some_and(|until| until <= now || self.is_settled())
        {
            self.eof();
        }
    }

    fn is_settled(&self) -> bool {
        self.incoming.is_empty() && !self.streams.owe_done() && self.outbox.ready_len() == 0
    }

    /// Tells the peer that we go, then closes.
    pub fn leave(&mut self, reason: CloseReason, message: &str, now: Instant) {
        if self.phase == Phase::Open {
            self.say_goodbye(reason, message, now);
        }
        self.close(reason, message);
    }

    /// Ends the connection because of a bug.
    pub(crate) fn fall(&mut self) {
        self.count_error();
        self.close(CloseReason::InternalError, bug::TEXT);
    }

    /// Ends the connection: settles everything and reports the reason, once.
    pub fn close(&mut self, reason: CloseReason, message: impl Into<String>) {
        if self.is_closed() {
            return;
        }
        self.phase = Phase::Closed(reason);
        self.outbox.forget_held();
        self.streams = Streams::default();
        self.memory.close();
        for (id, pending) in self.requests.drain() {
            let mut error = reason.to_error(pending.sent);
            if self.role == Role::Server && reason.is_servers() {
                error.origin = Origin::Local;
            }
            self.fail_own(id, error);
        }
        self.by_text.clear();
        for (id, incoming) in self.incoming.drain() {
            if !incoming.cancelled {
                self.events.push(Event::Cancelled { id });
            }
        }
        if self.proof.take().is_some() {
            self.events.push(Event::Probed { alive: false });
        }
        self.events.push(Event::Closed {
            reason,
            message: message.into(),
        });
    }

    /// How long a closed connection may take to write its last bytes.
    pub const LINGER: Duration = Duration::from_secs(1);
}
