//! Commands: what our side wants to say.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::event::Event;
use super::requests::Pending;
use super::session::{Incoming, Phase, Session};
use crate::ipc::close::CloseReason;
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::frame::{self, Body, Encoding, Failure, Frame, Id, Payload, Profile};
use crate::ipc::options::{SlowConsumer, MAX_HEADERS, MAX_NAME};

/// How a message was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way, or queued below the mark.
    Accepted,
    /// It is queued above the mark: wait for [`Event::Drained`].
    Wait,
}

/// A frame for many receivers, encoded once per profile.
#[derive(Debug)]
pub struct Shared {
    frame: Frame,
    wall: u64,
    json: Option<Option<Bytes>>,
    binary: Option<Bytes>,
}

impl Shared {
    /// A message or topic message; `wall` is the time for JSON envelopes.
    pub fn new(frame: Frame, wall: u64) -> Self {
        Self {
            frame,
            wall,
            json: None,
            binary: None,
        }
    }

    /// The encoded frame; none if JSON can't carry it, for a binary publisher's
    /// "JSON" is checked only where it would spoil another peer's envelope.
    fn bytes(&mut self, profile: Profile) -> Option<Bytes> {
        let Self {
            frame,
            wall,
            json,
            binary,
        } = self;
        let encode = |profile| {
            let mut out = BytesMut::new();
            frame::encode(frame, profile, *wall, u32::MAX as usize, &mut out).ok()?;
            Some(out.freeze())
        };
        match profile {
            Profile::Binary => {
                if binary.is_none() {
                    *binary = encode(Profile::Binary);
                }
                binary.clone()
            }
            Profile::Json => json
                .get_or_insert_with(|| fits_json(frame).then(|| encode(Profile::Json)).flatten())
                .clone(),
        }
    }
}

fn fits_json(frame: &Frame) -> bool {
    match frame {
        Frame::Topic { body, .. } | Frame::Message { body, .. } => {
            body.encoding != Encoding::Json || frame::is_json(&body.payload)
        }
        _ => true,
    }
}

impl Session {
    /// Sends a message that nobody answers.
    ///
    /// # Errors
    /// If the connection is not open, the message is too large, or the queue is
    /// at its cap.
    pub fn message<P: Payload>(
        &mut self,
        name: Bytes,
        body: Body<P>,
        now: Instant,
    ) -> Result<Sent, Error> {
        self.check_open()?;
        self.check_room()?;
        check_sizes(&name, &body)?;
        self.queue(&Frame::Message { name, body }, None, now)
    }

    /// Sends a request; its end is reported as `Response` or `Failed` with `id`.
    ///
    /// # Errors
    /// As [`message`](Self::message), or if too many requests are pending. Then
    /// no event follows.
    pub fn request<P: Payload>(
        &mut self,
        id: u32,
        name: Bytes,
        body: Body<P>,
        timeout: Option<Duration>,
        now: Instant,
    ) -> Result<Sent, Error> {
        self.check_open()?;
        self.check_pending()?;
        self.check_room()?;
        check_sizes(&name, &body)?;
        let frame = Frame::Request {
            id: Id::Number(id),
            timeout,
            name: name.clone(),
            body,
        };
        let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
        // Entered first: queueing marks it as sent if it leaves at once.
        self.requests.insert(
            id,
            Pending {
                name,
                deadline,
                sent: false,
            },
        );
        let sent = self.queue(&frame, Some(id), now);
        if sent.is_err() {
            self.requests.remove(id);
        }
        // The peer may need credit to answer: see `credit`.
        self.grant(now);
        sent
    }

    /// Asks the server for a topic. Acknowledged like a request.
    ///
    /// # Errors
    /// If the connection is not open or too many requests are pending.
    pub fn subscribe(
        &mut self,
        id: u32,
        topic: Bytes,
        subscribe: bool,
        timeout: Option<Duration>,
        now: Instant,
    ) -> Result<(), Error> {
        self.check_open()?;
        self.check_pending()?;
        let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
        let name = Bytes::from_static(if subscribe {
            b"subscribe"
        } else {
            b"unsubscribe"
        });
        self.requests.insert(
            id,
            Pending {
                name,
                deadline,
                sent: true,
            },
        );
        let id = Some(Id::Number(id));
        self.control(
            &if subscribe {
                Frame::Subscribe { id, topic }
            } else {
                Frame::Unsubscribe { id, topic }
            },
            now,
        );
        Ok(())
    }

    /// Publishes to a topic.
    ///
    /// # Errors
    /// As [`message`](Self::message).
    pub fn publish<P: Payload>(
        &mut self,
        topic: Bytes,
        body: Body<P>,
        now: Instant,
    ) -> Result<Sent, Error> {
        self.check_open()?;
        self.check_room()?;
        check_sizes(&topic, &body)?;
        self.queue(&Frame::Publish { topic, body }, None, now)
    }

    /// Sends a frame that many receivers get. A receiver above its mark gets
    /// what the policy for slow consumers says; nobody waits for it.
    pub fn share(&mut self, shared: &mut Shared, now: Instant) {
        if !self.is_open() {
            return;
        }
        let Some(frame) = shared.bytes(self.profile) else {
            self.counters.errors += 1;
            return;
        };
        let size = frame.len() - 4;
        if size > self.peer_max {
            self.counters.errors += 1;
            return;
        }
        let policy = self.config.limits.slow_consumer;
        if policy == SlowConsumer::DropOldest {
            // As many as it takes: one large message may be worth many small ones.
            while self.outbox.held_above_mark(frame.len()) && self.outbox.drop_oldest() {
                self.counters.errors += 1;
            }
        }
        if self.outbox.is_full() {
            self.counters.errors += 1;
            if policy == SlowConsumer::Disconnect {
                self.leave(
                    CloseReason::SlowConsumer,
                    "the queue of the peer is full",
                    now,
                );
            }
            return;
        }
        self.counters.messages_sent += 1;
        if self.outbox.is_open() && self.may_send() {
            self.credit.spend(size);
            self.outbox.push_shared(frame);
        } else {
            self.outbox.hold_shared(frame);
        }
        self.outbox.note_stall(now);
    }

    /// Answers a request. Unknown ids are fine: the peer may have cancelled.
    ///
    /// # Errors
    /// If the answer is too large; then the peer has been told.
    pub fn respond<P: Payload>(
        &mut self,
        id: u32,
        body: Body<P>,
        now: Instant,
    ) -> Result<(), Error> {
        let Some(incoming) = self.incoming.remove(&id) else {
            return Ok(());
        };
        if incoming.cancelled {
            self.finished(1, now);
            return Ok(());
        }
        let (id, name) = (incoming.id, incoming.name);
        let frame = Frame::Response {
            id: id.clone(),
            name: name.clone(),
            body,
        };
        let result = match self.write(&frame, now) {
            Ok(_) => {
                self.counters.messages_sent += 1;
                Ok(())
            }
            Err(size) => {
                let error = Error::too_large(size, self.peer_max);
                let failure = Failure::of(error.code, &*error.message);
                self.control(&Frame::Failed { id, name, failure }, now);
                Err(error)
            }
        };
        self.outbox.note_stall(now);
        self.finished(1, now);
        result
    }

    /// Answers a request with a failure.
    pub fn fail(&mut self, id: u32, failure: Failure, now: Instant) {
        let Some(incoming) = self.incoming.remove(&id) else {
            return;
        };
        if !incoming.cancelled {
            self.counters.messages_sent += 1;
            let Incoming { id, name, .. } = incoming;
            self.control(&Frame::Failed { id, name, failure }, now);
        }
        self.finished(1, now);
    }

    /// Our side no longer wants the answer to its request. No event follows.
    pub fn cancel(&mut self, id: u32, now: Instant) -> bool {
        let Some(pending) = self.requests.remove(id) else {
            return false;
        };
        if pending.sent {
            self.control(&Frame::Cancel { id: Id::Number(id) }, now);
        } else {
            self.outbox.withdraw(id);
            // That may have made room.
            self.release(now);
        }
        pending.sent
    }

    /// Acknowledges a subscription, or refuses it.
    pub fn acknowledge(&mut self, id: Option<Id>, result: Result<(), Error>, now: Instant) {
        self.settle_control(b"__subscribe__", id, result, now);
    }

    /// Acknowledges the end of a subscription.
    pub fn acknowledge_end(&mut self, id: Option<Id>, now: Instant) {
        self.settle_control(b"__unsubscribe__", id, Ok(()), now);
    }

    fn settle_control(
        &mut self,
        name: &'static [u8],
        id: Option<Id>,
        result: Result<(), Error>,
        now: Instant,
    ) {
        let Some(id) = id else { return };
        let name = Bytes::from_static(name);
        match result {
            Ok(()) => self.control(
                &Frame::Response {
                    id,
                    name,
                    body: Body::none(),
                },
                now,
            ),
            Err(error) => {
                let failure = Failure::of(error.code, error.message);
                self.control(&Frame::Failed { id, name, failure }, now);
            }
        }
    }

    /// Handlers of messages have finished; the peer may send as many more.
    pub fn finished(&mut self, messages: u64, now: Instant) {
        self.credit.finish(messages);
        self.grant(now);
    }

    /// Bytes of received messages have been taken over by JavaScript: at least
    /// those of names, headers and payloads, and in the binary profile 32 more
    /// a message. What is too much does no harm.
    pub fn taken(&mut self, bytes: u64, now: Instant) {
        self.credit.take(bytes);
        self.grant(now);
    }

    /// Gives the sign of life that the peer asked for.
    pub fn pong(&mut self, now: Instant) {
        if let Some(id) = self.ping.take() {
            self.control(&Frame::Pong(id), now);
        }
    }

    /// Asks for a sign of life now; [`Event::Probed`] tells by `until`.
    pub fn probe(&mut self, until: Instant, now: Instant) {
        let id = self.ping_id();
        self.probe = Some((id, until));
        self.control(&Frame::Ping(Id::Number(id)), now);
    }

    pub(super) fn say_goodbye(&mut self, reason: CloseReason, message: &str, now: Instant) {
        let frame = Frame::GoAway {
            reason: reason as u8,
            message: message.to_owned(),
        };
        self.control(&frame, now);
    }

    pub(super) fn grant(&mut self, now: Instant) {
        if self.profile != Profile::Binary || self.phase != Phase::Open {
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

    fn queue<P: Payload>(
        &mut self,
        frame: &Frame<P>,
        request: Option<u32>,
        now: Instant,
    ) -> Result<Sent, Error> {
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
            frame::encode(frame, profile, wall, max, self.outbox.kept())
                .map_err(|size| Error::too_large(size, max))?;
            self.outbox.hold_kept(request);
        }
        self.counters.messages_sent += 1;
        self.outbox.note_stall(now);
        if self.outbox.above_mark() {
            self.outbox.ask_to_wait(request.is_none());
            self.grant(now);
            return Ok(Sent::Wait);
        }
        Ok(Sent::Accepted)
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

    fn may_send(&self) -> bool {
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

    fn check_room(&self) -> Result<(), Error> {
        if self.outbox.is_full() {
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

    fn check_pending(&self) -> Result<(), Error> {
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
