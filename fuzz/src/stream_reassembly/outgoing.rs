//! Streams of this side: what their sources do, and what the peer answers.

use std::ops::Range;

use bytes::Bytes;
use smartipc_native::ipc::frame::{Body, Failure, Frame, Id, Profile};
use smartipc_native::ipc::proto::{Event, Sent, LEAST_DIRECT};

use super::ops::Op;
use super::{part, Table, LIMIT, WINDOW};

/// Queued bytes of a stream down to which its source may be made to wait.
const LOW_WATER: u64 = 64 * 1024;

/// A stream of this side.
#[derive(Default)]
pub(super) struct Out {
    /// What both owners call it.
    pub(super) name: Bytes,
    /// Its head has been heard.
    pub(super) announced: bool,
    chunk: u64,
    pub(super) written: u64,
    pub(super) sent: u64,
    pub(super) limit: u64,
    pub(super) ended: bool,
    pub(super) end_sent: bool,
    /// Bytes that its source has, not the session.
    pub(super) outside: Vec<Range<u64>>,
    /// Its source was asked to wait until less is queued; until a chunk can pass.
    waiting: bool,
    parked: bool,
    /// How often it may be told to go on: of both, and of either also after the other.
    may_go_on: u8,
}

impl Out {
    /// All that could be sent was.
    pub(super) fn check_quiet(&self) {
        let most = self.written.min(self.limit);
        assert_eq!(self.sent, most, "bytes stay although granted");
        let over = self.ended && self.sent == self.written;
        assert_eq!(self.end_sent, over, "no end, or an early one");
        let has_room = self.written - self.sent <= LOW_WATER;
        assert!(!self.waiting || !has_room, "it waits for nothing");
        assert!(!self.parked || self.sent == self.limit, "it may pass");
    }

    /// Its source is told to go on.
    pub(super) fn go_on(&mut self) {
        assert!(self.may_go_on > 0, "nobody waits for room");
        self.may_go_on -= 1;
        (self.waiting, self.parked) = (false, false);
    }

    fn asked_to_wait(&mut self) {
        self.may_go_on = (self.may_go_on + 1).min(2);
    }
}

impl Table {
    /// What the peer says of a stream of ours.
    pub(super) fn answer(&mut self, op: &Op) {
        match *op {
            Op::Credit(id, bytes) => {
                if let Some(it) = self.outgoing.get_mut(&id) {
                    it.limit = it.limit.max(bytes);
                }
                self.peer.say(&Frame::StreamCredit {
                    id: Id::Number(id),
                    bytes,
                });
            }
            Op::Over(id, done) => self.over(id, done),
            _ => {}
        }
    }

    fn over(&mut self, id: u32, done: bool) {
        let wire = Id::Number(id);
        self.peer.say(&if done {
            Frame::StreamDone { id: wire }
        } else {
            Frame::StreamCancel {
                id: wire,
                failure: Failure::default(),
            }
        });
        let told = self.peer.events();
        if self.outgoing.remove(&id).is_none() {
            assert!(told.is_empty(), "{told:?}");
            return;
        }
        let known = match told[..] {
            [Event::StreamDone { id: told }] => done && told == id,
            [Event::StreamCancelled { id: told, .. }] => !done && told == id,
            _ => false,
        };
        assert!(known, "{told:?}");
    }

    pub(super) fn open_own(&mut self, id: u32) {
        self.opened += 1;
        let name = Bytes::from(format!("o{}", self.opened));
        // One whose chunks are long ones where things are large, and others.
        let chunk = if id.is_multiple_of(2) { 7 } else { 25 } * self.unit;
        let (session, now) = (&mut self.peer.session, self.peer.now);
        let opened = session.open_stream(id, name.clone(), Body::none(), chunk as usize, now);
        let room = self.outgoing.len() < LIMIT && !self.outgoing.contains_key(&id);
        assert_eq!(opened.is_ok(), room);
        if room {
            let stream = Out {
                name,
                chunk,
                limit: WINDOW * self.unit,
                ..Out::default()
            };
            self.outgoing.insert(id, stream);
        }
    }

    pub(super) fn write_stream(&mut self, id: u32, size: u64) {
        if let Some(it) = self.outgoing.get_mut(&id).filter(|it| !it.ended) {
            let (session, now) = (&mut self.peer.session, self.peer.now);
            let sent = session.write_stream(id, part(id, it.written, size), now);
            it.written += size;
            it.waiting = sent == Sent::Wait;
            if it.waiting {
                it.asked_to_wait();
            }
        }
    }

    /// As a link does it: chunks straight to the socket as long as it takes them, and
    /// what is left to the queue. The socket takes `taken` bytes.
    pub(super) fn write_directly(&mut self, id: u32, mut size: u64, mut taken: usize) {
        let now = self.peer.now;
        let mut full = false;
        while !full {
            let Some(count) = self.begin_own(id, size) else {
                break;
            };
            let it = self.outgoing.get_mut(&id).expect("a chunk of something");
            assert!(!it.ended && count <= size.min(it.chunk));
            let chunk = part(id, it.written, count);
            it.written += count;
            size -= count;
            let bytes = [self.peer.session.output(), &chunk].concat();
            let written = taken.min(bytes.len());
            full = written < bytes.len();
            taken -= written;
            let session = &mut self.peer.session;
            let go_on = session.wrote_chunk(id, &chunk, written, now);
            if let Some(it) = self.outgoing.get_mut(&id) {
                if !go_on {
                    it.parked = true;
                    it.asked_to_wait();
                }
            }
            self.hear(&bytes[..written]);
            if size == 0 {
                return;
            }
            // It need not wait before all of it is there.
            self.learn();
        }
        self.write_stream(id, size);
    }

    fn begin_own(&mut self, id: u32, size: u64) -> Option<u64> {
        let (session, now) = (&mut self.peer.session, self.peer.now);
        let quiet = session.output_len() == 0;
        let begun = session.begin_chunk(id, size as usize, now);
        let begun = begun.map(|count| count as u64);
        if quiet {
            let it = self.outgoing.get(&id);
            let it = it.filter(|it| !it.ended && it.written == it.sent);
            let expected = it.map_or(0, |it| size.min(it.chunk).min(it.limit - it.sent));
            let may = self.peer.profile == Profile::Binary && size >= LEAST_DIRECT as u64;
            assert_eq!(begun.unwrap_or(0), if may { expected } else { 0 });
        }
        begun
    }

    /// Bytes that its source has.
    pub(super) fn offer(&mut self, id: u32, size: u64) {
        if self.peer.profile != Profile::Binary {
            return;
        }
        if let Some(it) = self.outgoing.get_mut(&id).filter(|it| !it.ended) {
            it.outside.push(it.written..it.written + size);
            it.written += size;
            let (session, now) = (&mut self.peer.session, self.peer.now);
            session.offer_outside(id, size as usize, now);
        }
    }

    pub(super) fn end_own(&mut self, id: u32) {
        if let Some(it) = self.outgoing.get_mut(&id) {
            it.ended = true;
            let (session, now) = (&mut self.peer.session, self.peer.now);
            session.end_stream(id, now);
        }
    }

    pub(super) fn abort(&mut self, id: u32) {
        let known = self.outgoing.remove(&id).is_some();
        let (session, now) = (&mut self.peer.session, self.peer.now);
        let aborted = session.abort_stream(id, Failure::default(), now);
        assert_eq!(aborted, known);
    }
}
