//! Commands: what our side wants to say.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::lanes::check_sizes;
use super::requests::Pending;
use super::session::{Incoming, Proof, Session};
use crate::ipc::close::CloseReason;
use crate::ipc::error::Error;
use crate::ipc::frame::{Body, Failure, Frame, Id, Payload};

/// How a message was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way, or queued below the mark.
    Accepted,
    /// It is queued above the mark: wait for [`Event::Drained`].
    Wait,
}

/// The most that messages can be which are to be accepted together.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many.
    pub messages: usize,
    /// Bytes of all their payloads.
    pub bytes: usize,
    /// Bytes of one payload.
    pub longest: usize,
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

    /// Sends messages whose senders have been told already that they are accepted, as
    /// there was [room](Self::has_room) for them; those that find the connection closed
    /// stay where they are. What others have queued meanwhile keeps none of them here.
    pub fn send_accepted<P: Payload>(
        &mut self,
        messages: &mut impl Iterator<Item = (Bytes, Body<P>)>,
        now: Instant,
    ) {
        while self.is_open() {
            let Some((name, body)) = messages.next() else {
                break;
            };
            if self.put(&Frame::Message { name, body }, None, now).is_err() {
                self.counters.errors += 1;
            }
        }
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
        let Some(incoming) = self.take_incoming(id) else {
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

    fn take_incoming(&mut self, id: u32) -> Option<Incoming> {
        let incoming = self.incoming.remove(&id)?;
        if self.by_text.get(&incoming.id) == Some(&id) {
            self.by_text.remove(&incoming.id);
        }
        Some(incoming)
    }

    /// Answers a request with a failure.
    pub fn fail(&mut self, id: u32, failure: Failure, now: Instant) {
        let Some(incoming) = self.take_incoming(id) else {
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
            self.outbox.held().withdraw(id);
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

    /// Asks for a sign of life; [`Event::Probed`] tells by `until`, or as long after the
    /// registration.
    pub fn probe(&mut self, until: Instant, now: Instant) {
        if !self.is_open() {
            let time = until.saturating_duration_since(now);
            self.proof = (!self.is_closed()).then_some(Proof::Later(time));
            return;
        }
        let ping = self.ping_id();
        self.proof = Some(Proof::Due {
            ping,
            sent: now,
            until,
        });
        self.control(&Frame::Ping(Id::Number(ping)), now);
    }

    pub(super) fn say_goodbye(&mut self, reason: CloseReason, message: &str, now: Instant) {
        let frame = Frame::GoAway {
            reason: reason as u8,
            message: message.to_owned(),
        };
        self.control(&frame, now);
    }
}
