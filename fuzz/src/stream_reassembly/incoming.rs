//! Streams of the peer: what it says.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use smartipc_native::ipc::frame::{Body, Failure, Frame, Id, Profile};
use smartipc_native::ipc::options::MAX_NAME;
use smartipc_native::ipc::proto::{Event, Session};

use super::ops::Op;
use super::{part, Table, LIMIT, WINDOW};
use crate::peer::wire;

/// What is missing of a chunk that is begun before all of it is here.
const LEAST: usize = 16 * 1024;

/// A stream of the peer.
#[derive(Default)]
pub(super) struct In {
    pub(super) local: u32,
    pub(super) window: u64,
    pub(super) granted: u64,
    /// Of its bytes: those whose frame the peer has begun, that came, that were taken
    /// by the reader, that it is done with.
    pub(super) sent: u64,
    pub(super) came: u64,
    pub(super) taken: u64,
    pub(super) read: u64,
    /// What came and was not taken; true: off the socket.
    pub(super) pieces: VecDeque<(bool, u64)>,
    pub(super) ended: bool,
    pub(super) failed: bool,
    /// Its reader has found nothing, and has to be told; and takes bytes off the socket.
    pub(super) waiting: bool,
    pub(super) direct: bool,
    /// Bytes were left on the socket, and the reader has not come since.
    pub(super) left: bool,
    pub(super) outlet: bool,
}

/// A chunk that is coming.
pub(super) struct Chunk {
    pub(super) id: u32,
    /// What has not come.
    pub(super) frame: BytesMut,
    head: usize,
    size: u64,
    /// Its head was read apart from its bytes: these count as they come.
    pub(super) begun: bool,
}

impl Chunk {
    /// Bytes of the stream that have not come, once the head has.
    fn left(&self) -> Option<u64> {
        let left = self.frame.len() as u64;
        (left <= self.size).then_some(left)
    }
}

impl In {
    /// Bytes that the peer may send.
    pub(super) fn room(&self) -> u64 {
        if self.ended {
            0
        } else {
            self.granted.saturating_sub(self.sent)
        }
    }

    fn is_taken(&self) -> bool {
        self.outlet || self.direct
    }

    pub(super) fn is_direct(&self) -> bool {
        self.direct && !self.outlet && !self.failed && self.pieces.is_empty()
    }

    fn breaks_a_rule(&self, size: u64) -> bool {
        !self.failed && (self.ended || self.came + size > self.granted)
    }

    /// Bytes came: off the socket, and then put together with the last ones or not.
    pub(super) fn arrive(&mut self, size: u64, outside: bool, joins: bool) {
        if self.failed || size == 0 {
            return;
        }
        self.came += size;
        match self.pieces.back_mut() {
            Some((last, count)) if *last == outside && joins => *count += size,
            _ => self.pieces.push_back((outside, size)),
        }
    }

    fn ends_outside(&self) -> bool {
        matches!(self.pieces.back(), Some((true, _)))
    }

    pub(super) fn check(&self, session: &Session) {
        let readable = self.ended || !self.pieces.is_empty();
        assert_eq!(session.is_readable(self.local), readable);
        assert_eq!(session.has_outlet(self.local), self.outlet);
        assert_eq!(session.ends_outside(self.local), self.ends_outside());
        assert!(!readable || self.outlet || !self.waiting, "nobody told it");
    }

    /// Checks what the peer has been granted.
    pub(super) fn check_grant(&self) {
        let mut target = self.read + self.window;
        assert!(self.granted <= target, "a grant of {}", self.granted);
        if self.outlet {
            target -= target % (self.window / 4).max(1);
        }
        let worth = target.saturating_sub(self.granted) * 4 >= self.window;
        assert!(self.ended || !worth, "{} of {target}", self.granted);
    }
}

impl Table {
    /// What the peer says: whether it breaks a rule.
    pub(super) fn say(&mut self, op: &Op) -> bool {
        match *op {
            Op::Open(id) => self.open(id),
            Op::End(id) => self.end(id),
            Op::Error(id) => self.error(id),
            Op::Begin(id, size, first) => self.begin(id, size, first),
            _ => false,
        }
    }

    fn open(&mut self, id: u32) -> bool {
        // Before it has heard that the last one is over it may not reuse its id.
        self.drain();
        let name = Bytes::from(format!("{:width$}", id, width = id as usize * 10));
        assert!(name.len() <= MAX_NAME);
        self.peer.say(&Frame::StreamOpen {
            id: Id::Number(id),
            name: name.clone(),
            body: Body::none(),
        });
        let live = self.incoming.values().filter(|it| !it.failed).count();
        if live >= LIMIT || self.incoming.len() >= 2 * LIMIT {
            self.refused += 1;
            return false;
        }
        if self.incoming.contains_key(&id) {
            return true;
        }
        let events = self.peer.events();
        let [Event::StreamOpen {
            id: local,
            name: told,
            ..
        }] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(*told, name);
        let window = WINDOW * self.unit;
        let stream = In {
            local: *local,
            window,
            granted: window,
            waiting: true,
            ..In::default()
        };
        self.incoming.insert(id, stream);
        false
    }

    fn end(&mut self, id: u32) -> bool {
        self.peer.say(&Frame::StreamEnd { id: Id::Number(id) });
        let Some(it) = self.incoming.get_mut(&id).filter(|it| !it.failed) else {
            return false;
        };
        std::mem::replace(&mut it.ended, true)
    }

    fn error(&mut self, id: u32) -> bool {
        self.peer.say(&Frame::StreamError {
            id: Id::Number(id),
            failure: Failure::default(),
        });
        if let Some(it) = self.incoming.get_mut(&id).filter(|it| !it.failed) {
            it.failed = true;
            let local = it.local;
            let told = self.peer.events();
            assert!(
                matches!(&told[..], [Event::StreamFailed { id, .. }] if *id == local),
                "{told:?}"
            );
        }
        false
    }

    fn begin(&mut self, id: u32, size: u64, first: usize) -> bool {
        let it = self.incoming.get_mut(&id);
        let sent = it.as_ref().map_or(0, |it| it.sent);
        let data = part(id, sent, size);
        let wire_id = Id::Number(id);
        let frame = wire(&Frame::StreamData { id: wire_id, data }, self.peer.profile);
        if let Some(it) = it {
            it.sent += size;
        }
        self.chunk = Some(Chunk {
            id,
            head: frame.len().saturating_sub(size as usize),
            frame,
            size,
            begun: false,
        });
        self.feed(first)
    }

    /// So many more bytes of the chunk that the peer is saying come; whether it
    /// breaks a rule with it.
    pub(super) fn feed(&mut self, count: usize) -> bool {
        let Some(mut chunk) = self.chunk.take() else {
            return false;
        };
        // The peer goes by what it has heard; this side by what it has said.
        let it = self.incoming.get(&chunk.id);
        if it.is_some_and(|it| it.breaks_a_rule(chunk.size)) {
            self.drain();
        }
        let before = chunk.left().unwrap_or(chunk.size);
        let bytes = chunk.frame.split_to(count.min(chunk.frame.len()));
        self.peer.session.input(&bytes, self.peer.now);
        let whole = chunk.frame.is_empty();
        let Some(it) = self.incoming.get_mut(&chunk.id) else {
            self.chunk = (!whole).then_some(chunk);
            return false;
        };
        if chunk.begun {
            it.arrive(before - chunk.frame.len() as u64, false, true);
        } else if whole {
            if it.breaks_a_rule(chunk.size) {
                return true;
            }
            it.arrive(chunk.size, false, true);
        } else if self.peer.profile == Profile::Binary && it.is_taken() && !it.failed {
            if let Some(left) = chunk.left().filter(|left| *left >= LEAST as u64) {
                if it.breaks_a_rule(chunk.size) {
                    return true;
                }
                chunk.begun = true;
                it.arrive(chunk.size - left, false, true);
            }
        }
        self.chunk = (!whole).then_some(chunk);
        self.learn();
        self.check_chunk();
        false
    }

    /// What the session says of the chunk that is coming.
    pub(super) fn check_chunk(&self) {
        let session = &self.peer.session;
        let Some(chunk) = self.chunk.as_ref().filter(|it| it.begun) else {
            assert_eq!(session.awaited_chunk(), None);
            return;
        };
        let left = chunk.frame.len();
        assert_eq!(session.frame_left(), left);
        assert_eq!(session.next_head(), chunk.head);
        let Some(it) = self.incoming.get(&chunk.id).filter(|it| !it.failed) else {
            assert_eq!(session.awaited_chunk(), None);
            return;
        };
        let awaited = it.outlet.then_some((it.local, left));
        assert_eq!(session.awaited_chunk(), awaited);
        let direct = it.is_direct().then_some(left);
        assert_eq!(session.next_directly(it.local), direct);
    }
}
