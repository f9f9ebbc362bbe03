//! Bytes of streams that never come here: the owner moves them between a file and
//! the socket, and this side keeps account of them. Frames, turns, credit and
//! limits are those of all streams.
//!
//! **Out.** The owner offers bytes that it has, so that no head promises what a
//! file then lacks. When it is their turn their head is queued, and
//! [`Session::outside`] asks for them once it has been written. Until they are
//! written nothing else is, and no other chunk is begun.
//!
//! **In.** Where the owner has opened an outlet, [`Session::awaited_chunk`] tells how
//! much of a chunk comes next. The owner may take it off the socket and say so;
//! or feed it, and take it from here.

use std::time::Instant;

use bytes::Bytes;

use super::incoming::{Broken, Read};
use super::Piece;
use crate::ipc::close::CloseReason;
use crate::ipc::frame::{Id, Profile};
use crate::ipc::proto::event::Event;
use crate::ipc::proto::session::Session;

/// What is missing of a chunk that is worth the calls of taking it off the socket.
/// Less is copied like everything else.
const LEAST: usize = 16 * 1024;

/// The rest of a chunk whose head has been read.
#[derive(Debug)]
pub(in crate::ipc::proto) struct Rest {
    number: u32,
    left: usize,
    /// Length of its head.
    pub(super) head: usize,
}

impl Session {
    /// Queues bytes of a stream that the owner has. Only in the binary profile.
    pub fn offer_outside(&mut self, number: u32, count: usize, now: Instant) {
        self.streams.outgoing.offer(number, Piece::Outside(count));
        self.send_streams(now);
    }

    /// Queues bytes of a stream whose source looks at [`backlog`](Self::backlog)
    /// instead of waiting for `StreamRoom`.
    pub fn offer_bytes(&mut self, number: u32, data: Bytes, now: Instant) {
        self.streams.outgoing.offer(number, Piece::Bytes(data));
        self.send_streams(now);
    }

    /// Bytes of a stream of ours that are queued; none if the stream is over.
    pub fn backlog(&self, number: u32) -> Option<usize> {
        self.streams.outgoing.backlog(number)
    }

    /// The stream of which the owner has to write so many bytes to the socket, before
    /// anything else. Reported with [`wrote`](Self::wrote).
    pub fn outside(&self) -> Option<(u32, usize)> {
        self.outbox.due_cut()
    }

    /// A stream of which the owner still has bytes to write, also if it is over.
    pub fn owes_outside(&self, number: u32) -> bool {
        self.outbox.cut_stream() == Some(number)
    }

    /// From now on the owner takes what comes of a stream with
    /// [`take_stream`](Self::take_stream), without being told, and gives it a window
    /// of at least `window` bytes. False if the stream is over.
    pub fn open_outlet(&mut self, number: u32, window: u32, now: Instant) -> bool {
        let grant = self.streams.incoming.open_outlet(number, window);
        self.grant_stream(grant, now);
        self.has_outlet(number)
    }

    /// Whether a stream has an outlet, and is not over.
    pub fn has_outlet(&self, number: u32) -> bool {
        self.streams.incoming.has_outlet(number)
    }

    /// Whether there is something to take of a stream, or its end.
    pub fn is_readable(&self, number: u32) -> bool {
        self.streams.incoming.is_readable(number)
    }

    /// Takes the next piece of a stream. The peer is granted more for it with
    /// [`consumed`](Self::consumed).
    pub fn take_stream(&mut self, number: u32) -> Read {
        self.streams.incoming.take(number)
    }

    /// The owner is done with bytes that it has taken.
    pub fn consumed(&mut self, number: u32, count: usize, now: Instant) {
        let grant = self.streams.incoming.consumed(number, count);
        self.grant_stream(grant, now);
    }

    /// The stream whose bytes come next from the socket, and how many, where the owner
    /// may take them itself.
    pub fn awaited_chunk(&self) -> Option<(u32, usize)> {
        let next = self.next_of_chunk();
        next.filter(|(number, _)| self.has_outlet(*number))
    }

    /// The stream whose bytes come next from the socket, and how many.
    pub(super) fn next_of_chunk(&self) -> Option<(u32, usize)> {
        let rest = self.rest.as_ref()?;
        let next = !self.decoder.is_partial() && !self.is_closed();
        next.then_some((rest.number, rest.left))
    }

    /// Bytes to read at most, so that a chunk behind them can be taken off the socket.
    pub fn next_read(&self) -> usize {
        if self.is_partial() {
            return usize::MAX;
        }
        self.next_read
    }

    /// What the frame under way lacks, as far as that is known.
    pub fn frame_left(&self) -> usize {
        match &self.rest {
            Some(rest) => rest.left,
            None => self.decoder.missing(),
        }
    }

    /// The owner has taken `count` of the [`awaited_chunk`](Self::awaited_chunk) bytes. `joined`:
    /// they lie with the last ones, and are taken together.
    pub fn took(&mut self, count: usize, joined: bool, now: Instant) {
        let Some((number, _)) = self.next_of_chunk() else {
            return;
        };
        self.streams.incoming.outside(number, count, joined);
        self.took_of_chunk(count, now);
    }

    /// So many bytes of the chunk that is coming were taken off the socket.
    pub(super) fn took_of_chunk(&mut self, count: usize, now: Instant) {
        self.received(count, now);
        let Some(rest) = &mut self.rest else { return };
        rest.left = rest.left.saturating_sub(count);
        if rest.left == 0 {
            self.end_rest();
        }
        self.note_frame(now);
    }

    /// Whether the last that came of a stream was taken by the owner, and still waits.
    pub fn ends_outside(&self, number: u32) -> bool {
        self.streams.incoming.ends_outside(number)
    }

    /// Has the owner's owner look at a stream, whose bytes are no business of his:
    /// `StreamRoom` for one of ours, `StreamReadable` for one of the peer's.
    pub fn call_to(&mut self, id: u32, ours: bool) {
        self.events.push(if ours {
            Event::StreamRoom { id }
        } else {
            Event::StreamReadable { id }
        });
    }

    /// Starts on a chunk that has not come completely; whether it did.
    pub(in crate::ipc::proto) fn begin_rest(&mut self, now: Instant) -> bool {
        if !self.is_open() || self.profile != Profile::Binary || !self.streams.incoming.has_takers()
        {
            return false;
        }
        let Some(ahead) = self.decoder.chunk_ahead() else {
            return false;
        };
        if ahead.missing < LEAST {
            return false;
        }
        match self
            .streams
            .incoming
            .announced(&Id::Number(ahead.id), ahead.count)
        {
            Ok(None) => false,
            Ok(Some(number)) => {
                self.decoder.skip(ahead.head);
                self.rest = Some(Rest {
                    number,
                    left: ahead.count,
                    head: ahead.head,
                });
                true
            }
            Err(Broken(rule)) => {
                self.break_off(CloseReason::ProtocolError, rule, now);
                false
            }
        }
    }

    /// Gives what has been read to the chunk that is coming; whether there was any.
    pub(in crate::ipc::proto) fn feed_rest(&mut self, now: Instant) -> bool {
        let Some(rest) = &mut self.rest else {
            return false;
        };
        let data = self.decoder.take(rest.left);
        if data.is_empty() {
            return false;
        }
        rest.left -= data.len();
        let (number, left) = (rest.number, rest.left);
        // If it is over by now, these were under way.
        let told = self.streams.incoming.data(&Id::Number(number), &data);
        self.tell_reader(told, now);
        if left == 0 {
            self.end_rest();
        }
        true
    }

    fn end_rest(&mut self) {
        if let Some(rest) = self.rest.take() {
            self.next_read = rest.head;
        }
        self.frame_completed();
    }
}
