//! Bytes of streams that pass through memory which both processes have mapped. Only in
//! the binary profile, and where both have named the feature.
//!
//! The byte with the offset `o` in its stream lies at `o` modulo the memory's size, which
//! follows from the stream's window and becomes its window once it is in use. A sender
//! never has more than a window under way that was not read, so it can't overwrite what
//! waits. Frames say how many bytes lie there; with
//! them go order, turns, credit and limits, as for all bytes of streams.
//!
//! **In.** [`Session::next_offer`] says which stream deserves memory. The owner makes it,
//! queues the frame with [`Session::offer_memory`] and sends the descriptor. What
//! [`Session::next_shared`] tells of it copies out, and then says [`Session::took_shared`].
//!
//! **Out.** [`Session::take_offers`] tells of the offers that have come, in order, each
//! with one descriptor. With memory that is good for it the owner says
//! [`Session::use_memory`], and from then on asks [`Session::share_chunk`] where bytes may
//! be put, and [`Session::take_due`] for those that have waited.

use std::time::Instant;

use bytes::Bytes;

use super::incoming::memory_for;
use super::LEAST_DIRECT;
use crate::ipc::frame::{Frame, Id};
use crate::ipc::proto::session::Session;

/// What there is to do about memory on one connection.
#[derive(Debug, Default)]
pub(in crate::ipc::proto) struct Memory {
    /// Both sides have named the feature.
    pub(in crate::ipc::proto) allowed: bool,
    /// Streams of the peer that are to be offered some.
    wanted: Vec<u32>,
    /// Offers of the peer, in the order of their descriptors; none for a stream that is
    /// not, or not any more.
    offers: Vec<Option<u32>>,
    /// Bytes of which the output tells already.
    due: Vec<Due>,
}

/// Bytes that are to be put into memory before any more output is written.
#[derive(Debug, PartialEq, Eq)]
pub struct Due {
    /// The stream.
    pub number: u32,
    /// Where in it they begin.
    pub at: u64,
    /// The bytes.
    pub data: Bytes,
}

impl Memory {
    /// Nothing more is to be done but what the output needs.
    pub(in crate::ipc::proto) fn close(&mut self) {
        *self = Self {
            due: std::mem::take(&mut self.due),
            ..Self::default()
        };
    }
}

impl Session {
    /// Whether descriptors of the peer are of any use.
    pub fn takes_memory(&self) -> bool {
        self.memory.allowed && self.streams.outgoing.len() > 0
    }

    /// The bytes of memory for the next stream that is to be offered some, if any.
    pub fn next_offer(&mut self) -> Option<(u32, usize)> {
        loop {
            let number = *self.memory.wanted.last()?;
            if let Some((_, size)) = self.streams.incoming.wants_memory(number) {
                return Some((number, size as usize));
            }
            self.memory.wanted.pop();
        }
    }

    /// The stream of [`next_offer`](Self::next_offer) has memory, whose descriptor
    /// leaves with the output. If `made` is false there is none, and none is asked for again.
    pub fn offer_memory(&mut self, made: bool, now: Instant) {
        let Some(number) = self.memory.wanted.pop().filter(|_| made) else {
            return;
        };
        if let Some((id, _)) = self.streams.incoming.wants_memory(number) {
            self.streams.incoming.offered(number);
            self.control(&Frame::StreamMemory { id }, now);
        }
    }

    /// Where in a stream of the peer its next bytes begin, and how many, if they lie in
    /// memory.
    pub fn next_shared(&self, number: u32) -> Option<(u64, usize)> {
        self.streams.incoming.next_shared(number)
    }

    /// The reader has copied so many of them, and the peer may put others there.
    pub fn took_shared(&mut self, number: u32, count: usize, now: Instant) {
        let grant = self.streams.incoming.took_shared(number, count);
        self.grant_stream(grant, now);
        // The peer may have waited for that, however long, and its time begins anew.
        self.resumed = now;
    }

    /// Whether bytes in memory wait for a reader of ours.
    pub(in crate::ipc::proto) fn holds_shared(&self) -> bool {
        self.streams.incoming.holds_shared()
    }

    /// Whether memory of a stream of the peer is in use.
    pub fn reads_memory(&self, number: u32) -> bool {
        self.streams.incoming.has_memory(number)
    }

    /// The offers that have come, each with one descriptor.
    pub fn take_offers(&mut self) -> Vec<Option<u32>> {
        std::mem::take(&mut self.memory.offers)
    }

    /// The size that memory for a stream of ours must have.
    pub fn memory_size(&self) -> Option<usize> {
        memory_for(self.peer_stream_window).map(|size| size as usize)
    }

    /// Bytes of a stream of ours may be put into memory from now on. False if the stream
    /// is over.
    pub fn use_memory(&mut self, number: u32) -> bool {
        self.streams.outgoing.use_memory(number)
    }

    /// Whether memory of a stream of ours is in use.
    pub fn writes_memory(&self, number: u32) -> bool {
        self.streams.outgoing.has_memory(number)
    }

    /// Where in a stream of ours, and how many of `length` bytes, are to be put into its
    /// memory before the output is written. None if they have to be written otherwise.
    pub fn share_chunk(
        &mut self,
        number: u32,
        length: usize,
        now: Instant,
    ) -> Option<(u64, usize)> {
        if !self.is_open() || length < LEAST_DIRECT || !self.has_room_for_chunk() {
            return None;
        }
        let (at, count) = self.streams.outgoing.share(number, length)?;
        self.say_shared(number, count, now);
        Some((at, count))
    }

    /// The same for bytes that have waited for their turn: to be put there before any
    /// output is written, and before memory that is not in use any more is given back.
    pub fn take_due(&mut self) -> Vec<Due> {
        std::mem::take(&mut self.memory.due)
    }

    pub(super) fn put_later(&mut self, number: u32, at: u64, data: Bytes, now: Instant) {
        self.say_shared(number, data.len(), now);
        self.memory.due.push(Due { number, at, data });
    }

    fn say_shared(&mut self, number: u32, count: usize, now: Instant) {
        let (id, count) = (Id::Number(number), count as u64);
        self.control(&Frame::StreamShared { id, count }, now);
        self.counters.bytes_sent += count;
    }

    /// Whether the source of a stream may go on at once; if not, it is told when.
    pub fn may_share_on(&mut self, number: u32) -> bool {
        let go_on = self.has_room_for_chunk() && self.streams.outgoing.has_credit(number);
        if !go_on {
            self.streams.outgoing.park(number);
        }
        go_on
    }

    /// The reader of a stream has taken something: it may be time for memory.
    pub(super) fn look_for_memory(&mut self, number: u32) {
        if self.memory.allowed && self.streams.incoming.should_offer(number) {
            let incoming = &self.streams.incoming;
            self.memory
                .wanted
                .retain(|it| incoming.wants_memory(*it).is_some());
            self.memory.wanted.push(number);
        }
    }

    pub(super) fn memory_offered(&mut self, wire: &Id) {
        if self.memory.allowed {
            let number = self.streams.outgoing.find(wire);
            self.memory.offers.push(number);
        }
    }

    pub(super) fn shared_came(&mut self, wire: &Id, count: u64, now: Instant) {
        let told = self.streams.incoming.shared(wire, count);
        let told = told.map(|(count, told)| {
            self.counters.bytes_received += count as u64;
            told
        });
        self.tell_reader(told, now);
    }
}
