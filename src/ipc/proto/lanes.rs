//! How frames get into the [`Outbox`](super::outbox): those of the control lane at once,
//! messages and requests as far as room and the peer's credit allow.

use std::time::Instant;

use bytes::Bytes;

use super::event::Event;
use super::send::Sent;
use super::session::{Phase, Session};
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::frame::{self, Body, Frame, Payload, Profile};
use crate::ipc::options::{MAX_HEADERS, MAX_NAME};

impl Session {
    pub(super) fn grant(&mut self, now: Instant) {
        if self.profile != Profile::Binary || self.phase != Phase::Open {
            return;
        }
        // Whoever takes no answers is not to ask for more. A server does not even read
        // then; a client goes on, or both could wait for each other.
        self.withheld = self.outbox.is_clogged();
        if self.withheld {
            return;
        }
        if let Some(limit) = self.credit.grant(self.own_calls()) {
            self.control(
                &Frame::Credit {
                    messages: limit.messages,
                    bytes: limit.bytes,
                },
                now,
            );
        }
    }

    /// Queues a frame of the control lane.
    pub(super) fn control(&mut self, frame: &Frame, now: Instant) {
        if self.is_closed() {
            return;
        }
        // Control frames are small, but for an answer's error text: a peer with
        // a tiny limit gets none, and its request times out.
        if self.write(frame, now).is_err() {
            self.counters.errors += 1;
        }
        self.outbox.note_stall(now);
    }

    pub(super) fn queue<P: Payload>(
        &mut self,
        frame: &Frame<P>,
        request: Option<u32>,
        now: Instant,
    ) -> Result<Sent, Error> {
        self.put(frame, request, now)?;
        if self.outbox.above_mark() {
            self.outbox.ask_to_wait(request.is_none());
            self.grant(now);
            return Ok(Sent::Wait);
        }
        Ok(Sent::Accepted)
    }

    /// Queues a frame without a look at how much is queued.
    pub(super) fn put<P: Payload>(
        &mut self,
        frame: &Frame<P>,
        request: Option<u32>,
        now: Instant,
    ) -> Result<(), Error> {
        if self.outbox.is_open() && self.may_send() {
            let size = self
                .write(frame, now)
                .map_err(|size| Error::too_large(size, self.peer_max))?;
            self.credit.spend(size);
            if let Some(id) = request {
                self.requests.mark_sent(id);
            }
        } else {
            let wall = self.wall.at(now);
            let (profile, max) = (self.profile, self.peer_max);
            frame::encode(frame, profile, wall, max, self.outbox.held().buffer())
                .map_err(|size| Error::too_large(size, max))?;
            self.outbox.held().add(request);
        }
        self.counters.messages_sent += 1;
        self.outbox.note_stall(now);
        Ok(())
    }

    pub(super) fn write<P: Payload>(
        &mut self,
        frame: &Frame<P>,
        now: Instant,
    ) -> Result<usize, usize> {
        frame::encode(
            frame,
            self.profile,
            self.wall.at(now),
            self.peer_max,
            self.outbox.ready(),
        )
    }

    /// Lets held messages go as far as credit and room allow.
    pub(super) fn release(&mut self, now: Instant) {
        if self.is_closed() {
            return;
        }
        while self.may_send() {
            let Some(released) = self.outbox.release() else {
                break;
            };
            self.credit.spend(released.frame - 4);
            if let Some(id) = released.request {
                self.requests.mark_sent(id);
            }
        }
        self.outbox.note_stall(now);
        if self.outbox.take_drained() {
            self.events.push(Event::Drained);
        }
    }

    pub(super) fn may_send(&self) -> bool {
        self.profile == Profile::Json || self.credit.may_send()
    }

    pub(super) fn check_open(&self) -> Result<(), Error> {
        match &self.phase {
            Phase::Open => Ok(()),
            Phase::Closed(reason) => Err(reason.to_error(false)),
            _ => Err(Error::local(
                ErrorCode::NotConnected,
                "The connection is not registered yet",
            )),
        }
    }

    pub(super) fn check_room(&self) -> Result<(), Error> {
        self.check_queue(self.outbox.is_full())
    }

    /// The same for what goes ahead of messages.
    pub(super) fn check_not_clogged(&self) -> Result<(), Error> {
        self.check_queue(self.outbox.is_clogged())
    }

    fn check_queue(&self, full: bool) -> Result<(), Error> {
        if full {
            return Err(Error::local(
                ErrorCode::Backpressure,
                format!(
                    "{} bytes wait already; the peer does not keep up",
                    self.outbox.queued()
                ),
            ));
        }
        Ok(())
    }

    pub(super) fn check_pending(&self) -> Result<(), Error> {
        let limit = self.config.limits.pending_requests;
        if self.requests.len() >= limit {
            return Err(Error::local(
                ErrorCode::TooManyPending,
                format!("{limit} requests wait for their answer already"),
            ));
        }
        Ok(())
    }
}

/// The peer would close the connection over a name or headers that are longer.
pub(super) fn check_sizes<P>(name: &Bytes, body: &Body<P>) -> Result<(), Error> {
    let headers = body.headers.as_ref().map_or(0, Bytes::len);
    if name.len() > MAX_NAME {
        return Err(Error::too_large(name.len(), MAX_NAME));
    }
    if headers > MAX_HEADERS {
        return Err(Error::too_large(headers, MAX_HEADERS));
    }
    Ok(())
}
