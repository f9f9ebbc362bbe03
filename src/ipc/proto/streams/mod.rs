//! Streams of bytes over a connection, each with credit of its own.
//!
//! A receiver grants bytes, counted from the stream's start, as its reader takes
//! them: the scheme of QUIC's MAX_STREAM_DATA (RFC 9000, section 4.1). What a
//! sender has queued leaves chunk by chunk, one stream after the other, and only
//! while little else waits for the socket, so that bulk never stands before a
//! message for longer than one chunk takes.
//!
//! A stream is over for its sender when the receiver says `StreamDone` (all was
//! read) or `StreamCancel`, or when it gives up itself; for its receiver, when
//! its owner lets go of it with `finish_stream` or `cancel_stream`. Until then
//! it counts, so that opening and giving up in a loop is bounded as well.

mod direct;
mod incoming;
mod memory;
mod outgoing;
mod outside;
mod receive;
mod resets;
mod send;

pub use direct::LEAST_DIRECT;
pub use incoming::Read;
pub use memory::Due;

use bytes::Bytes;

pub(super) use memory::Memory;
pub(super) use outside::Rest;

use incoming::Incoming;
use outgoing::Outgoing;
use resets::Resets;

/// Bytes of a stream that wait for their turn, or for their reader.
#[derive(Debug)]
enum Piece {
    /// They are here.
    Bytes(Bytes),
    /// The owner has so many somewhere else, such as in a pipe of the kernel. Here
    /// they are only counted.
    Outside(usize),
    /// So many lie in the stream's memory. They begin where all before them end.
    Shared(usize),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Outside(count) | Piece::Shared(count) => *count,
        }
    }
}

/// The streams of one connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) outgoing: Outgoing,
    pub(super) incoming: Incoming,
    resets: Resets,
}

impl Streams {
    /// Streams that are under way.
    pub(super) fn open(&self) -> usize {
        self.outgoing.len() + self.incoming.live()
    }

    /// Whether the peer waits to hear that all of a stream was read.
    pub(super) fn owe_done(&self) -> bool {
        self.incoming.has_complete()
    }

    /// Whether a stream can't go on, or not end, before the peer has said more.
    pub(super) fn wait_for_peer(&self) -> bool {
        self.outgoing.len() > 0 || self.incoming.has_starved()
    }

    /// Bytes that wait to be written.
    pub(super) fn queued(&self) -> usize {
        self.outgoing.queued()
    }
}
