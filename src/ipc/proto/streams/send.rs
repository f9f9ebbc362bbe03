//! Commands: what our side wants to do with streams.

use std::time::Instant;

use bytes::Bytes;

use super::incoming::Read;
use super::outgoing::Turn;
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::frame::{self, Body, Failure, Frame, Id, Payload, Profile};
use crate::ipc::proto::event::Event;
use crate::ipc::proto::lanes::check_sizes;
use crate::ipc::proto::send::Sent;
use crate::ipc::proto::session::Session;

/// Output that may wait for the socket when a chunk is added to it. A message
/// that comes now has to wait for this and for one chunk.
const SHARE: usize = 16 * 1024;
/// What a frame needs besides the bytes of a stream, in either profile.
const FRAME_OVERHEAD: usize = 512;

impl Session {
    /// Opens a stream towards the peer. `name` is what both owners call it,
    /// `chunk` the longest piece to send at once. Its end is reported as
    /// `StreamDone` or `StreamCancelled`, unless this side gives it up.
    ///
    /// # Errors
    /// If the connection is not open, too many streams are, the name is in use,
    /// or name, headers or metadata are too long.
    pub fn open_stream<P: Payload>(
        &mut self,
        number: u32,
        name: Bytes,
        body: Body<P>,
        chunk: usize,
        now: Instant,
    ) -> Result<(), Error> {
        self.check_open()?;
        self.check_not_clogged()?;
        check_sizes(&name, &body)?;
        let limit = self.config.limits.streams;
        if self.streams.outgoing.len() >= limit {
            return Err(Error::local(ErrorCode::TooManyStreams, too_many(limit)));
        }
        if self.streams.outgoing.has(number, &name) {
            let name = String::from_utf8_lossy(&name);
            return Err(Error::local(
                ErrorCode::StreamInUse,
                format!("A stream named '{name}' is open already"),
            ));
        }
        let frame = Frame::StreamOpen {
            id: Id::Number(number),
            name: name.clone(),
            body,
        };
        self.write(&frame, now)
            .map_err(|size| Error::too_large(size, self.peer_max))?;
        self.outbox.note_stall(now);
        let window = self.peer_stream_window.into();
        self.streams.outgoing.add(number, name, window, chunk);
        self.counters.streams_opened += 1;
        Ok(())
    }

    /// Queues bytes of a stream. `Wait`: go on after `StreamRoom`.
    pub fn write_stream(&mut self, number: u32, data: Bytes, now: Instant) -> Sent {
        let wait = self.streams.outgoing.write(number, data);
        self.send_streams(now);
        if wait {
            Sent::Wait
        } else {
            Sent::Accepted
        }
    }

    /// All bytes of a stream have been queued.
    pub fn end_stream(&mut self, number: u32, now: Instant) {
        self.streams.outgoing.end(number);
        self.send_streams(now);
    }

    /// Gives up a stream of ours. No event follows. False if there is none.
    pub fn abort_stream(&mut self, number: u32, failure: Failure, now: Instant) -> bool {
        let known = self.streams.outgoing.remove(number);
        if known {
            let id = Id::Number(number);
            self.say_over(Frame::StreamError { id, failure }, now);
        }
        known
    }

    /// Takes the next bytes of a stream of the peer, and grants it more.
    pub fn read_stream(&mut self, number: u32, now: Instant) -> Read {
        let (read, grant) = self.streams.incoming.read(number);
        self.grant_stream(grant, now);
        self.look_for_memory(number);
        read
    }

    pub(super) fn grant_stream(&mut self, grant: Option<(Id, u64)>, now: Instant) {
        if let Some((id, bytes)) = grant {
            self.control(&Frame::StreamCredit { id, bytes }, now);
        }
    }

    /// Everything of a stream of the peer was read. Tells the peer.
    pub fn finish_stream(&mut self, number: u32, now: Instant) {
        if let Some(id) = self.streams.incoming.remove(number) {
            self.control(&Frame::StreamDone { id }, now);
        }
    }

    /// Nobody wants a stream of the peer any more; or it has failed, and our
    /// side knows. Tells the peer unless it was the one to give up.
    pub fn cancel_stream(&mut self, number: u32, failure: Failure, now: Instant) {
        if let Some(id) = self.streams.incoming.remove(number) {
            self.say_over(Frame::StreamCancel { id, failure }, now);
        }
    }

    /// Tells the peer that a stream is over, and why. That has to arrive, or the
    /// peer would wait for ever: what is too long for it is cut.
    fn say_over(&mut self, mut frame: Frame, now: Instant) {
        if self.is_closed() {
            return;
        }
        if self.write(&frame, now).is_err() {
            if let Frame::StreamError { failure, .. } | Frame::StreamCancel { failure, .. } =
                &mut frame
            {
                // A byte may become six in JSON; so all of it takes 3/4 at most.
                clip(&mut failure.message, self.peer_max / 16);
                clip(&mut failure.name, self.peer_max / 32);
                clip(&mut failure.code, self.peer_max / 32);
            }
            return self.control(&frame, now);
        }
        self.outbox.note_stall(now);
    }

    /// Moves chunks to the socket's buffer, as long as little waits there.
    pub(in crate::ipc::proto) fn send_streams(&mut self, now: Instant) {
        if self.is_closed() || !self.streams.outgoing.can_go_on() {
            return;
        }
        let max = self.longest_chunk();
        while self.has_room_for_chunk() {
            match self.streams.outgoing.next(max) {
                None => break,
                Some(Turn::Data {
                    number,
                    data,
                    shared,
                    room,
                }) => {
                    match shared {
                        Some(at) => self.put_later(number, at, data, now),
                        None => {
                            let id = Id::Number(number);
                            self.control(&Frame::StreamData { id, data }, now);
                        }
                    }
                    self.tell_source(room);
                }
                Some(Turn::Outside {
                    number,
                    count,
                    room,
                }) => {
                    frame::put_data_head(number, count, self.outbox.ready());
                    self.outbox.cut(number, count);
                    self.outbox.note_stall(now);
                    self.tell_source(room);
                }
                Some(Turn::End { number }) => {
                    let id = Id::Number(number);
                    self.control(&Frame::StreamEnd { id }, now);
                }
            }
        }
        if self.has_room_for_chunk() {
            let events = &mut self.events;
            let outgoing = &mut self.streams.outgoing;
            outgoing.unpark(|id| events.push(Event::StreamRoom { id }));
        }
    }

    fn tell_source(&mut self, room: Option<u32>) {
        if let Some(id) = room {
            self.events.push(Event::StreamRoom { id });
        }
    }

    /// Whether little enough waits for the socket that a chunk may join it.
    pub(super) fn has_room_for_chunk(&self) -> bool {
        self.outbox.ready_len() < SHARE && !self.outbox.has_cut()
    }

    /// The most bytes of a stream that fit into a frame for the peer.
    pub(super) fn longest_chunk(&self) -> usize {
        match self.profile {
            Profile::Binary => self.peer_max.saturating_sub(FRAME_OVERHEAD),
            // Base64: four characters for three bytes.
            Profile::Json => self.peer_max.saturating_sub(FRAME_OVERHEAD) / 4 * 3,
        }
    }
}

/// Cuts a text to at most `max` bytes.
fn clip(text: &mut String, max: usize) {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

pub(super) fn too_many(limit: usize) -> String {
    format!("Maximum of {limit} concurrent streams reached")
}
