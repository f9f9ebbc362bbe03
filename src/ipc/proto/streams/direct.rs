//! Bytes of a stream that go straight between the memory of their owner and the
//! socket, where nothing stands before them. The wire sees no difference.
//!
//! **Out.** [`Session::begin_chunk`] queues the head of a chunk; the owner writes all of
//! the output and the chunk behind it in one call, and says with
//! [`Session::wrote_chunk`] how much of that the socket took. What it did not take is
//! kept here, as if it had been queued.
//!
//! **In.** A reader that has found nothing and can read from the socket itself says so
//! with [`Session::wait_directly`]. From then on the heads of chunks are read apart from
//! their bytes, and [`Session::leave_to_reader`] has the reader come for those. If it
//! does not come in time they are read and kept for it like all others.

use std::time::Instant;

use crate::ipc::frame::{self, Profile};
use crate::ipc::proto::event::Event;
use crate::ipc::proto::session::Session;

/// Bytes from which on they may pass. Less is collected, and written with others in one
/// call.
pub const LEAST_DIRECT: usize = 16 * 1024;

impl Session {
    /// Begins a chunk of at most `length` bytes that are to be written right behind
    /// [`output`](Session::output). None if they have to be queued.
    pub fn begin_chunk(&mut self, number: u32, length: usize, now: Instant) -> Option<usize> {
        let free = self.is_open()
            && self.profile == Profile::Binary
            && length >= LEAST_DIRECT
            && self.has_room_for_chunk();
        if !free {
            return None;
        }
        let max = self.longest_chunk();
        let count = self.streams.outgoing.pass(number, length.min(max))?;
        frame::put_data_head(number, count, self.outbox.ready());
        self.outbox.note_stall(now);
        Some(count)
    }

    /// Of the output and `chunk` behind it the socket has taken `count` bytes. If false,
    /// the next chunk has to wait for `StreamRoom`.
    pub fn wrote_chunk(&mut self, number: u32, chunk: &[u8], count: usize, now: Instant) -> bool {
        let before = self.outbox.ready_len();
        let taken = count.saturating_sub(before);
        self.outbox.push(chunk.get(taken..).unwrap_or_default());
        self.counters.bytes_sent += taken as u64;
        self.wrote(count - taken, now);
        // More is taken before all has left: it is here when the socket has room again.
        let go_on = self.has_room_for_chunk() && self.streams.outgoing.has_credit(number);
        if !go_on {
            self.streams.outgoing.park(number);
        }
        go_on
    }

    /// The reader of a stream waits for something, and takes bytes off the socket where
    /// it can.
    pub fn wait_directly(&mut self, number: u32) {
        self.streams.incoming.wait_directly(number);
    }

    /// How many bytes of a stream come next from the socket, if its reader may take
    /// them there.
    pub fn next_directly(&self, number: u32) -> Option<usize> {
        let (next, left) = self.next_of_chunk()?;
        let next = next == number && self.streams.incoming.is_direct(number);
        next.then_some(left)
    }

    /// The length of a chunk's head, to be read behind the last bytes of the one before.
    pub fn next_head(&self) -> usize {
        self.rest.as_ref().map_or(0, |rest| rest.head)
    }

    /// The reader has taken so many bytes off the socket.
    pub fn took_directly(&mut self, number: u32, count: usize, now: Instant) {
        self.took_of_chunk(count, now);
        let grant = self.streams.incoming.passed(number, count);
        self.grant_stream(grant, now);
        self.look_for_memory(number);
    }

    /// Whether the bytes that come next are to stay where they are, because their
    /// reader comes for them. It is told if it does not know.
    pub fn leave_to_reader(&mut self) -> bool {
        let Some((number, _)) = self.next_of_chunk() else {
            return false;
        };
        let (left, tell) = self.streams.incoming.leave(number);
        if tell {
            self.events.push(Event::StreamReadable { id: number });
        }
        left
    }
}
