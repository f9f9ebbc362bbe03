//! Reactions: what the peer says. Every frame passes the same gate, so nothing
//! is dispatched for a peer that is not registered.

use std::time::Instant;

use bytes::Bytes;

use super::event::Event;
use super::session::{Incoming, Phase, Proof, Role, Session};
use crate::ipc::close::CloseReason;
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::frame::{Body, Failure, Frame, Id, Profile, Refusal, Registration, Welcome};

impl Session {
    /// Takes bytes from the socket.
    pub fn input(&mut self, bytes: &[u8], now: Instant) {
        if self.is_closed() {
            return;
        }
        self.received(bytes.len(), now);
        self.decoder.feed(bytes);
        self.decode(now);
    }

    /// Decodes what is there. Stops where the owner has to decide.
    pub(super) fn decode(&mut self, now: Instant) {
        while !self.is_closed() && !matches!(self.phase, Phase::Deciding(_)) {
            if self.rest.is_some() {
                if !self.feed_rest(now) {
                    break;
                }
                continue;
            }
            match self.decoder.next_frame() {
                Ok(Some((frame, size))) => {
                    self.frame_completed();
                    self.next_read = usize::MAX;
                    self.receive(frame, size, now);
                }
                Ok(None) if self.begin_rest(now) => {}
                Ok(None) => break,
                Err(_) if self.phase == Phase::Registering && self.decoder.meets_tls() => {
                    let text = "the other side speaks TLS, and the option tls is missing here";
                    return self.break_off(CloseReason::TlsMismatch, text, now);
                }
                Err(error) => {
                    self.break_off(error.reason(), &error.to_string(), now);
                    return;
                }
            }
        }
        self.note_frame(now);
        self.grant(now);
    }

    fn receive(&mut self, frame: Frame, size: usize, now: Instant) {
        match self.phase {
            Phase::Registering => match (self.role, frame) {
                (Role::Server, Frame::Register(id, registration)) => self.ask(id, registration),
                (Role::Client, Frame::Registered(_, answer)) => self.answered(*answer, now),
                (_, Frame::Ignored) => {}
                (Role::Client, Frame::GoAway { reason, message }) => self.gone(reason, message),
                _ => self.close(
                    CloseReason::NotRegistered,
                    "a message before the registration",
                ),
            },
            Phase::Open if self.is_foreign(&frame) => {
                self.break_off(
                    CloseReason::ProtocolError,
                    "a frame of the other profile",
                    now,
                );
            }
            Phase::Open => self.dispatch(frame, size, now),
            Phase::Deciding(_) | Phase::Closed(_) => {}
        }
    }

    /// After the registration a connection has one profile: ids of the two
    /// could be taken for each other. A second registration is refused politely.
    fn is_foreign(&self, frame: &Frame) -> bool {
        self.decoder.profile() != self.profile && !matches!(frame, Frame::Register(..))
    }

    fn ask(&mut self, id: Id, registration: Box<Registration>) {
        self.phase = Phase::Deciding(id);
        self.events.push(Event::Register(registration));
    }

    fn answered(&mut self, answer: Result<Welcome, Refusal>, now: Instant) {
        match answer {
            Ok(welcome) => {
                self.opened(welcome.protocol.as_ref(), now);
                self.events.push(Event::Open(Box::new(welcome)));
            }
            Err(refusal) => {
                let reason =
                    CloseReason::from_text(&refusal.reason).unwrap_or(CloseReason::Refused);
                self.close(self.believed(reason), refusal.error);
            }
        }
    }

    fn dispatch(&mut self, frame: Frame, size: usize, now: Instant) {
        let size = self.charge(&frame, size);
        match frame {
            Frame::Message { name, body } => {
                if self.receive_message(size, now) {
                    self.events.push(Event::Message { name, body });
                }
            }
            Frame::Request { id, name, body, .. } => {
                if self.receive_message(size, now) {
                    self.request_came(id, name, body, size, now);
                }
            }
            Frame::Topic {
                topic,
                publisher,
                body,
            } if self.role == Role::Client => {
                if self.receive_message(size, now) {
                    self.events.push(Event::Topic {
                        topic,
                        publisher,
                        body,
                    });
                }
            }
            Frame::Publish { topic, body } if self.role == Role::Server => {
                if self.receive_message(size, now) {
                    self.events.push(Event::Publish { topic, body, size });
                }
            }
            Frame::Subscribe { id, topic } if self.role == Role::Server => {
                self.events.push(Event::Subscribe {
                    topic,
                    id: none_if_zero(id),
                });
            }
            Frame::Unsubscribe { id, topic } if self.role == Role::Server => {
                self.events.push(Event::Unsubscribe {
                    topic,
                    id: none_if_zero(id),
                });
            }
            Frame::Response { id, body, .. } => self.response_came(&id, body),
            Frame::Failed { id, failure, .. } => self.failure_came(&id, failure),
            Frame::Cancel { id } => self.cancel_came(&id),
            Frame::Credit { messages, bytes } => {
                if self.credit.raise(messages, bytes) {
                    self.outbox.granted(now);
                }
                self.release(now);
            }
            Frame::Ping(id) => {
                // One answer is enough for many questions, and bounds the queue.
                if self.ping.replace(id).is_none() {
                    self.events.push(Event::Ping);
                }
            }
            Frame::Pong(id) => {
                if let (Id::Number(id), Some(Proof::Due { ping, .. })) = (id, self.proof) {
                    // An answer to a later ping is one to this as well.
                    if id >= ping {
                        self.proof = None;
                        self.events.push(Event::Probed { alive: true });
                    }
                }
            }
            Frame::GoAway { reason, message } => self.gone(reason, message),
            Frame::Ignored => {}
            frame @ (Frame::StreamOpen { .. }
            | Frame::StreamData { .. }
            | Frame::StreamEnd { .. }
            | Frame::StreamError { .. }
            | Frame::StreamCancel { .. }
            | Frame::StreamCredit { .. }
            | Frame::StreamDone { .. }
            | Frame::StreamMemory { .. }
            | Frame::StreamShared { .. }) => self.stream_frame(frame, now),
            Frame::Register(id, _) if self.role == Role::Server => self.refuse_second(id, now),
            Frame::Register(..)
            | Frame::Registered(..)
            | Frame::Topic { .. }
            | Frame::Publish { .. }
            | Frame::Subscribe { .. }
            | Frame::Unsubscribe { .. } => {
                self.break_off(
                    CloseReason::ProtocolError,
                    "a frame for the other role",
                    now,
                );
            }
        }
    }

    /// What a message counts for. In the binary profile both ends count whole
    /// frames. In JSON the owner, who gives back what it can see, has no idea of
    /// the envelope and of base64, and what it doesn't give back would add up.
    fn charge(&self, frame: &Frame, size: usize) -> usize {
        let (name, body) = match frame {
            Frame::Message { name, body } | Frame::Request { name, body, .. } => (name, body),
            Frame::Topic { topic, body, .. } | Frame::Publish { topic, body } => (topic, body),
            _ => return size,
        };
        match self.profile {
            Profile::Binary => size,
            Profile::Json => {
                name.len() + body.headers.as_ref().map_or(0, Bytes::len) + body.payload.len()
            }
        }
    }

    /// Counts a message and checks that the peer had credit for it.
    fn receive_message(&mut self, size: usize, now: Instant) -> bool {
        self.counters.messages_received += 1;
        let allowed = self.credit.receive(size);
        if !allowed && self.profile == Profile::Binary {
            self.break_off(CloseReason::ProtocolError, "a message without credit", now);
            return false;
        }
        true
    }

    fn request_came(&mut self, id: Id, name: Bytes, body: Body, size: usize, now: Instant) {
        let limit = self.config.limits.pending_requests;
        let local = match &id {
            Id::Number(number) => *number,
            Id::Text(_) => {
                self.next_incoming = self.next_incoming.wrapping_add(1);
                self.next_incoming
            }
        };
        if id == Id::Number(0) || self.incoming.contains_key(&local) {
            return self.break_off(CloseReason::ProtocolError, "a request id used twice", now);
        }
        if self.incoming.len() >= limit {
            let message = format!("{limit} requests wait for their answer already");
            let failure = Failure::of(ErrorCode::TooManyPending, message);
            self.control(&Frame::Failed { id, name, failure }, now);
            // The owner never sees it, so its bytes are given back here.
            self.credit.take(size as u64);
            return self.finished(1, now);
        }
        if let Id::Text(_) = &id {
            self.by_text.entry(id.clone()).or_insert(local);
        }
        self.incoming.insert(
            local,
            Incoming {
                id,
                name: name.clone(),
                cancelled: false,
            },
        );
        self.events.push(Event::Request {
            id: local,
            name,
            body,
        });
    }

    fn response_came(&mut self, id: &Id, body: Body) {
        self.counters.messages_received += 1;
        match self.take_pending(id) {
            Some(id) => self.events.push(Event::Response { id, body }),
            None => self.counters.errors += 1,
        }
    }

    fn failure_came(&mut self, id: &Id, failure: Failure) {
        self.counters.messages_received += 1;
        let Some(id) = self.take_pending(id) else {
            self.counters.errors += 1;
            return;
        };
        let (error, remote) = theirs(failure);
        self.events.push(Event::Failed { id, error, remote });
    }

    /// The request that an answer belongs to; none if it is unknown or over.
    fn take_pending(&mut self, id: &Id) -> Option<u32> {
        let Id::Number(id) = id else { return None };
        self.requests.remove(*id).map(|_| *id)
    }

    fn cancel_came(&mut self, id: &Id) {
        let known = match id {
            Id::Number(number) => Some(*number),
            Id::Text(_) => self.by_text.get(id).copied(),
        };
        let Some(local) = known else { return };
        // The entry stays until the handler has finished: cancelling must not be
        // a way to start more handlers than the window allows.
        if let Some(incoming) = self.incoming.get_mut(&local).filter(|it| !it.cancelled) {
            incoming.cancelled = true;
            self.events.push(Event::Cancelled { id: local });
        }
    }

    fn refuse_second(&mut self, id: Id, now: Instant) {
        let refusal = Refusal {
            error: "this connection is registered already".to_owned(),
            reason: CloseReason::Refused.as_str().to_owned(),
        };
        self.control(&Frame::Registered(id, Box::new(Err(refusal))), now);
    }

    fn gone(&mut self, reason: u8, message: String) {
        // What a peer says about itself is "peer"; what it says about us, such
        // as "kicked", is passed on.
        let reason = CloseReason::from_number(reason).unwrap_or(CloseReason::Peer);
        self.close(self.believed(reason), message);
    }

    /// The reason as far as this peer can have it: only a server refuses,
    /// replaces or disconnects.
    fn believed(&self, reason: CloseReason) -> CloseReason {
        match reason {
            CloseReason::Local => CloseReason::Peer,
            reason if self.role == Role::Server && reason.is_servers() => CloseReason::Peer,
            reason => reason,
        }
    }

    /// Closes because of what the peer sent. A registered peer is told why; one
    /// that is not gets no answer, it may not even speak this protocol.
    pub(super) fn break_off(&mut self, reason: CloseReason, message: &str, now: Instant) {
        self.counters.errors += 1;
        if self.phase == Phase::Open {
            self.say_goodbye(reason, message, now);
        }
        self.close(reason, message);
    }
}

/// A failure that the peer tells. Its code is a label that travels beside ours, so
/// that a peer can't make it look like one of this library on this side.
pub(super) fn theirs(failure: Failure) -> (Error, Option<(String, String)>) {
    let error = Error::peer(ErrorCode::Remote, failure.message);
    (error, Some((failure.name, failure.code)))
}

/// In the binary profile id 0 means "no answer wanted".
fn none_if_zero(id: Option<Id>) -> Option<Id> {
    id.filter(|id| *id != Id::Number(0))
}
