//! Streams that this side sends.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use bytes::{Buf, Bytes};

use super::{Piece, LEAST_DIRECT};
use crate::ipc::frame::Id;
use crate::ipc::proto::requests::IdHasher;

/// Queued bytes of one stream from which on its source is asked to wait: two
/// chunks of the usual size, one to send while the next is read.
const HIGH_WATER: usize = 128 * 1024;

#[derive(Debug)]
struct Out {
    /// What both owners call it.
    name: Bytes,
    queue: VecDeque<Piece>,
    queued: usize,
    sent: u64,
    /// What the receiver takes in all.
    limit: u64,
    /// Longest piece to send at once.
    chunk: usize,
    /// The source has no more.
    ended: bool,
    end_sent: bool,
    /// The source was asked to wait.
    waiting: bool,
    /// It is in the queue of those that can go on.
    scheduled: bool,
    /// It is among those whose source waits to pass.
    parked: bool,
    /// Its bytes may pass through memory.
    memory: bool,
}

impl Out {
    fn can_go_on(&self) -> bool {
        if self.queue.is_empty() {
            self.ended && !self.end_sent
        } else {
            self.sent < self.limit
        }
    }

    /// Bytes that the receiver takes now.
    fn credit(&self) -> usize {
        usize::try_from(self.limit.saturating_sub(self.sent)).unwrap_or(usize::MAX)
    }
}

/// The next thing to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Data {
        number: u32,
        data: Bytes,
        /// Where in the stream they begin, if they are to go into its memory.
        shared: Option<u64>,
        /// The stream whose source may go on.
        room: Option<u32>,
    },
    /// The owner has so many bytes, and is to write them itself.
    Outside {
        number: u32,
        count: usize,
        /// As above.
        room: Option<u32>,
    },
    End {
        number: u32,
    },
}

/// All of them, by the number that our owner gave.
#[derive(Debug, Default)]
pub(in crate::ipc::proto) struct Outgoing {
    streams: HashMap<u32, Out, BuildHasherDefault<IdHasher>>,
    /// Who can go on, in the order of their turns.
    turns: VecDeque<u32>,
    /// Whose source waits until a chunk of it can pass.
    parked: VecDeque<u32>,
    queued: usize,
}

impl Outgoing {
    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }

    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Whether a stream has this number or this name already.
    pub(super) fn has(&self, number: u32, name: &Bytes) -> bool {
        self.streams.contains_key(&number) || self.streams.values().any(|out| out.name == *name)
    }

    pub(super) fn add(&mut self, number: u32, name: Bytes, limit: u64, chunk: usize) {
        let out = Out {
            name,
            queue: VecDeque::new(),
            queued: 0,
            sent: 0,
            limit,
            chunk: chunk.max(1),
            ended: false,
            end_sent: false,
            waiting: false,
            scheduled: false,
            parked: false,
            memory: false,
        };
        self.streams.insert(number, out);
    }

    /// Our number of the stream that the peer means. On the wire a stream goes
    /// by its number in either profile: a name may be used again as soon as we
    /// have given a stream up, when the peer may still be speaking of the first.
    pub(super) fn find(&self, wire: &Id) -> Option<u32> {
        let number = match wire {
            Id::Number(number) => *number,
            Id::Text(text) => std::str::from_utf8(text).ok()?.parse().ok()?,
        };
        self.streams.contains_key(&number).then_some(number)
    }

    /// Queues bytes; true if the source should wait. A stream that is over asks
    /// its source to wait for what it will be told.
    pub(super) fn write(&mut self, number: u32, data: Bytes) -> bool {
        if !self.streams.contains_key(&number) {
            return true;
        }
        self.offer(number, Piece::Bytes(data));
        let Some(out) = self.streams.get_mut(&number).filter(|out| !out.ended) else {
            return false;
        };
        out.waiting = out.queued >= HIGH_WATER;
        out.waiting
    }

    /// Queues a piece for a source that looks itself how much waits, and is not
    /// asked to.
    pub(super) fn offer(&mut self, number: u32, piece: Piece) {
        let Some(out) = self.streams.get_mut(&number) else {
            return;
        };
        if out.ended || piece.len() == 0 {
            return;
        }
        out.queued += piece.len();
        self.queued += piece.len();
        out.queue.push_back(piece);
        self.schedule(number);
    }

    /// Bytes of a stream that are queued; none if there is no such stream.
    pub(super) fn backlog(&self, number: u32) -> Option<usize> {
        self.streams.get(&number).map(|out| out.queued)
    }

    pub(super) fn end(&mut self, number: u32) {
        if let Some(out) = self.streams.get_mut(&number) {
            out.ended = true;
            self.schedule(number);
        }
    }

    pub(super) fn raise(&mut self, wire: &Id, limit: u64) {
        let Some(number) = self.find(wire) else {
            return;
        };
        if let Some(out) = self.streams.get_mut(&number) {
            out.limit = out.limit.max(limit);
            self.schedule(number);
        }
    }

    /// Forgets a stream; whether it was there.
    pub(super) fn remove(&mut self, number: u32) -> bool {
        let Some(out) = self.streams.remove(&number) else {
            return false;
        };
        self.queued -= out.queued;
        // Its turn, if it has one, finds nothing.
        true
    }

    fn schedule(&mut self, number: u32) {
        if let Some(out) = self.streams.get_mut(&number) {
            if !out.scheduled && out.can_go_on() {
                out.scheduled = true;
                self.turns.push_back(number);
            }
        }
    }

    /// Whether anything could be sent.
    pub(super) fn can_go_on(&self) -> bool {
        !self.turns.is_empty() || !self.parked.is_empty()
    }

    /// Accounts for up to `most` bytes of a stream that pass the queues by; none where
    /// something stands before them.
    pub(super) fn pass(&mut self, number: u32, most: usize) -> Option<usize> {
        if !self.turns.is_empty() {
            return None;
        }
        let out = self.streams.get_mut(&number)?;
        let count = most.min(out.credit()).min(out.chunk);
        if count == 0 || out.ended || !out.queue.is_empty() {
            return None;
        }
        out.sent += count as u64;
        Some(count)
    }

    /// The same for bytes that pass through memory; with where in the stream they begin.
    pub(super) fn share(&mut self, number: u32, most: usize) -> Option<(u64, usize)> {
        let out = self.streams.get(&number).filter(|out| out.memory)?;
        let at = out.sent;
        self.pass(number, most).map(|count| (at, count))
    }

    /// There is memory for a stream from now on; false if there is no such stream.
    pub(super) fn use_memory(&mut self, number: u32) -> bool {
        let out = self.streams.get_mut(&number);
        out.map(|out| out.memory = true).is_some()
    }

    pub(super) fn has_memory(&self, number: u32) -> bool {
        self.streams.get(&number).is_some_and(|out| out.memory)
    }

    /// Whether the receiver of a stream takes more.
    pub(super) fn has_credit(&self, number: u32) -> bool {
        self.streams.get(&number).is_some_and(|it| it.credit() > 0)
    }

    /// The source of a stream waits until a chunk of it can pass.
    pub(super) fn park(&mut self, number: u32) {
        if let Some(out) = self.streams.get_mut(&number) {
            if !std::mem::replace(&mut out.parked, true) {
                self.parked.push_back(number);
            }
        }
    }

    /// Tells of those that need not wait any more.
    pub(super) fn unpark(&mut self, mut tell: impl FnMut(u32)) {
        let streams = &mut self.streams;
        self.parked.retain(|number| {
            // Its place in here may be all that is left of it, also if another stream
            // has its number by now.
            let Some(out) = streams.get_mut(number).filter(|out| out.parked) else {
                return false;
            };
            out.parked = out.credit() == 0;
            if !out.parked {
                tell(*number);
            }
            out.parked
        });
    }

    /// Takes the next piece, of at most `max` bytes, off the stream whose turn
    /// it is.
    pub(super) fn next(&mut self, max: usize) -> Option<Turn> {
        loop {
            let number = self.turns.pop_front()?;
            let Some(out) = self.streams.get_mut(&number) else {
                continue;
            };
            out.scheduled = false;
            let credit = out.credit();
            let Some(front) = out.queue.front_mut() else {
                if !out.ended || out.end_sent {
                    continue;
                }
                out.end_sent = true;
                return Some(Turn::End { number });
            };
            let size = front.len().min(credit).min(out.chunk).min(max.max(1));
            if size == 0 {
                continue;
            }
            let data = match front {
                Piece::Bytes(bytes) => {
                    let data = bytes.slice(..size);
                    bytes.advance(size);
                    Some(data)
                }
                Piece::Outside(count) | Piece::Shared(count) => {
                    *count -= size;
                    None
                }
            };
            if front.len() == 0 {
                out.queue.pop_front();
            }
            out.queued -= size;
            self.queued -= size;
            let shared = (out.memory && size >= LEAST_DIRECT).then_some(out.sent);
            out.sent += size as u64;
            let room = out.waiting && out.queued <= HIGH_WATER / 2;
            out.waiting &= !room;
            let room = room.then_some(number);
            let turn = match data {
                Some(data) => Turn::Data {
                    number,
                    data,
                    shared,
                    room,
                },
                None => Turn::Outside {
                    number,
                    count: size,
                    room,
                },
            };
            self.schedule(number);
            return Some(turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(size: usize) -> Bytes {
        Bytes::from(vec![7; size])
    }

    fn add(outgoing: &mut Outgoing, number: u32, limit: u64, chunk: usize) {
        outgoing.add(number, Bytes::from(format!("s{number}")), limit, chunk);
    }

    fn data(turn: Option<Turn>) -> (u32, usize) {
        match turn {
            Some(Turn::Data { number, data, .. }) => (number, data.len()),
            other => panic!("{other:?} is no data"),
        }
    }

    #[test]
    fn streams_take_turns_chunk_by_chunk() {
        let mut outgoing = Outgoing::default();
        for number in 1..=2 {
            add(&mut outgoing, number, 1000, 10);
            outgoing.write(number, of(25));
        }
        let turns: Vec<_> = (0..6).map(|_| data(outgoing.next(100))).collect();
        let sizes = [(1, 10), (2, 10), (1, 10), (2, 10), (1, 5), (2, 5)];
        assert_eq!(turns, sizes);
        assert_eq!(outgoing.next(100), None);
        assert_eq!(outgoing.queued(), 0);
    }

    #[test]
    fn sends_no_more_than_the_receiver_takes() {
        let mut outgoing = Outgoing::default();
        add(&mut outgoing, 1, 15, 10);
        outgoing.write(1, of(40));
        outgoing.end(1);
        assert_eq!(data(outgoing.next(100)).1, 10);
        assert_eq!(data(outgoing.next(100)).1, 5);
        assert_eq!(outgoing.next(100), None);
        outgoing.raise(&Id::Number(1), 40);
        // A limit that comes late does no harm.
        outgoing.raise(&Id::Number(1), 20);
        for size in [10, 10, 5] {
            assert_eq!(data(outgoing.next(100)).1, size);
        }
        assert_eq!(outgoing.next(100), Some(Turn::End { number: 1 }));
        assert_eq!(outgoing.next(100), None);
    }

    #[test]
    fn a_source_waits_from_the_mark_on_until_half_of_it() {
        let mut outgoing = Outgoing::default();
        add(&mut outgoing, 1, u64::MAX, 64 * 1024);
        assert!(!outgoing.write(1, of(64 * 1024)));
        assert!(outgoing.write(1, of(64 * 1024)));
        let turn = outgoing.next(usize::MAX);
        assert!(matches!(turn, Some(Turn::Data { room: Some(1), .. })));
        let turn = outgoing.next(usize::MAX);
        assert!(matches!(turn, Some(Turn::Data { room: None, .. })));
    }

    #[test]
    fn a_source_hears_of_room_also_behind_bytes_outside() {
        let mut outgoing = Outgoing::default();
        add(&mut outgoing, 1, u64::MAX, 128 * 1024);
        outgoing.offer(1, Piece::Outside(100 * 1024));
        assert!(outgoing.write(1, of(64 * 1024)));
        let turn = outgoing.next(usize::MAX);
        assert!(matches!(turn, Some(Turn::Outside { room: Some(1), .. })));
    }

    #[test]
    fn a_stream_that_is_over_leaves_nobody_waiting_in_its_place() {
        let mut outgoing = Outgoing::default();
        let told = |outgoing: &mut Outgoing| {
            let mut told = Vec::new();
            outgoing.unpark(|number| told.push(number));
            told
        };
        add(&mut outgoing, 1, 10, 10);
        outgoing.park(1);
        outgoing.remove(1);
        add(&mut outgoing, 1, 10, 10);
        assert!(told(&mut outgoing).is_empty());
        outgoing.park(1);
        outgoing.remove(1);
        add(&mut outgoing, 1, 10, 10);
        outgoing.park(1);
        assert_eq!(told(&mut outgoing), [1], "told once");
        assert!(told(&mut outgoing).is_empty());
    }
}
