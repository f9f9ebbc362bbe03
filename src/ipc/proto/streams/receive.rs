//! Reactions: what the peer says about streams.

use std::time::Instant;

use bytes::Bytes;

use super::incoming::Broken;
use super::send::too_many;
use crate::ipc::close::CloseReason;
use crate::ipc::error::ErrorCode;
use crate::ipc::frame::{Body, Failure, Frame, Id};
use crate::ipc::options::MAX_HEADERS;
use crate::ipc::proto::event::Event;
use crate::ipc::proto::receive::theirs;
use crate::ipc::proto::session::Session;

/// Streams that have failed and wait for their owner to notice, as many times
/// the limit, before the peer has to wait for it too.
const FAILED_SHARE: usize = 2;

impl Session {
    /// Handles a frame of a stream; there is nothing to do for any other.
    pub(in crate::ipc::proto) fn stream_frame(&mut self, frame: Frame, now: Instant) {
        match frame {
            Frame::StreamOpen { id, name, body } => self.stream_opened(id, name, body, now),
            Frame::StreamData { id, data } => {
                let told = self.streams.incoming.data(&id, &data);
                self.tell_reader(told, now);
            }
            Frame::StreamEnd { id } => {
                let told = self.streams.incoming.end(&id);
                self.tell_reader(told, now);
            }
            Frame::StreamError { id, failure } => {
                if !self.may_give_up(&id, now) {
                    let message = "the peer opens streams only to give them up";
                    self.break_off(CloseReason::TooManyResets, message, now);
                    return;
                }
                if let Some(id) = self.streams.incoming.fail(&id) {
                    let (error, remote) = theirs(failure);
                    self.events.push(Event::StreamFailed { id, error, remote });
                }
            }
            Frame::StreamCancel { id, failure } => {
                if let Some(id) = self.take_outgoing(&id) {
                    let (error, remote) = theirs(failure);
                    self.events
                        .push(Event::StreamCancelled { id, error, remote });
                }
            }
            Frame::StreamDone { id } => {
                if let Some(id) = self.take_outgoing(&id) {
                    self.events.push(Event::StreamDone { id });
                }
            }
            Frame::StreamCredit { id, bytes } => {
                self.streams.outgoing.raise(&id, bytes);
                self.send_streams(now);
            }
            Frame::StreamMemory { id } => self.memory_offered(&id),
            Frame::StreamShared { id, count } => self.shared_came(&id, count, now),
            _ => {}
        }
    }

    fn stream_opened(&mut self, wire: Id, name: Bytes, body: Body, now: Instant) {
        let limits = &self.config.limits;
        let (limit, window) = (limits.streams, limits.stream_window);
        if wire == Id::Number(0) {
            return self.break_off(CloseReason::ProtocolError, "a stream without an id", now);
        }
        if body.payload.len() > MAX_HEADERS {
            let message = "a stream's metadata is too long";
            return self.break_off(CloseReason::ProtocolError, message, now);
        }
        let incoming = &mut self.streams.incoming;
        if incoming.live() >= limit || incoming.len() >= limit.saturating_mul(FAILED_SHARE) {
            // Who is refused and does not read it must not fill our memory so.
            if self.outbox.is_clogged() {
                let message = "the peer opens streams and does not read";
                return self.break_off(CloseReason::SlowConsumer, message, now);
            }
            let failure = Failure::of(ErrorCode::TooManyStreams, too_many(limit));
            return self.control(&Frame::StreamCancel { id: wire, failure }, now);
        }
        match incoming.add(wire, window) {
            Some(id) => {
                self.counters.streams_opened += 1;
                self.events.push(Event::StreamOpen { id, name, body });
            }
            None => self.break_off(CloseReason::ProtocolError, "a stream id used twice", now),
        }
    }

    /// Counts a stream that the peer gives up, unless all of it has come.
    fn may_give_up(&mut self, wire: &Id, now: Instant) -> bool {
        let allowed = self.config.limits.stream_resets;
        let streams = &mut self.streams;
        streams.incoming.is_complete(wire) || streams.resets.count(allowed, now)
    }

    pub(super) fn tell_reader(&mut self, told: Result<Option<u32>, Broken>, now: Instant) {
        match told {
            Ok(Some(id)) => self.events.push(Event::StreamReadable { id }),
            Ok(None) => {}
            Err(Broken(rule)) => self.break_off(CloseReason::ProtocolError, rule, now),
        }
    }

    fn take_outgoing(&mut self, wire: &Id) -> Option<u32> {
        let number = self.streams.outgoing.find(wire)?;
        self.streams.outgoing.remove(number).then_some(number)
    }
}
