//! Frames of streams in any order, twice, too many or too long, against the
//! rules of `docs/protocol.md` kept as a table.
//!
//! - A reader gets exactly the bytes that were sent, in order, and the end last.
//! - A sender that breaks a rule is found at once; one that breaks none never.
//! - What a reader has not taken never exceeds the window, nor do its grants.
//! - What this side sends never exceeds what the peer has granted.
//!
//! Input: a byte for role, profile and size of things, then operations: see `ops`.

mod ops;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bytes::Bytes;
use smartipc_native::ipc::frame::{Body, Failure, Frame, Id, Profile};
use smartipc_native::ipc::options::{Limits, SessionConfig, MAX_NAME};
use smartipc_native::ipc::proto::{Event, Read, Role};
use smartipc_native::ipc::CloseReason;

use self::ops::Op;
use crate::peer::Peer;

/// Units that an incoming stream may be ahead; few, so that it is reached.
const WINDOW: u64 = 40;
/// Bytes of a unit where things are large: one chunk is long enough to be kept as
/// it is, or is put together with others.
const LARGE: u64 = 1024;
/// Streams at one time, in each direction.
const LIMIT: usize = 3;
/// Operations of one input: fewer than the streams that a peer may open and give
/// up before it is closed for that. With large things they cost more.
const MOST: [usize; 2] = [200, 60];

/// A stream of the peer.
#[derive(Default)]
struct In {
    local: u32,
    sent: u64,
    read: u64,
    granted: u64,
    ended: bool,
    failed: bool,
}

impl In {
    /// Bytes that the peer may send.
    fn room(&self) -> u64 {
        if self.ended {
            0
        } else {
            self.granted - self.sent
        }
    }
}

/// A stream of this side.
#[derive(Default)]
struct Out {
    written: u64,
    sent: u64,
    limit: u64,
    ended: bool,
}

pub fn run(data: &[u8]) {
    let [head, rest @ ..] = data else { return };
    let role = if head & 1 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    let profile = if head & 2 == 0 {
        Profile::Binary
    } else {
        Profile::Json
    };
    // As base64, nearly all of the time would go into that.
    let large = head & 4 != 0 && profile == Profile::Binary;
    let mut table = Table::new(role, profile, if large { LARGE } else { 1 });
    let mut bytes = rest.iter().copied();
    for _ in 0..MOST[usize::from(large)] {
        let Some(op) = table.next_op(&mut bytes) else {
            break;
        };
        if op.is_some_and(|op| !table.run(&op)) {
            break;
        }
    }
    table.close();
}

struct Table {
    peer: Peer,
    /// Bytes of a unit.
    unit: u64,
    incoming: BTreeMap<u32, In>,
    outgoing: BTreeMap<u32, Out>,
    /// Streams that the session has refused since the last look.
    refused: usize,
    /// The stream of the last operation.
    last: u32,
}

impl Table {
    fn new(role: Role, profile: Profile, unit: u64) -> Self {
        let window = (WINDOW * unit) as u32;
        let limits = Limits {
            streams: LIMIT,
            stream_window: window,
            ..Limits::default()
        };
        let mut config = SessionConfig {
            limits,
            json_only: profile == Profile::Json,
            ..SessionConfig::default()
        };
        config.heartbeat.enabled = false;
        Self {
            peer: Peer::opened(role, profile, config, window),
            unit,
            incoming: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            refused: 0,
            last: 1,
        }
    }

    fn window(&self) -> u64 {
        WINDOW * self.unit
    }

    /// False once the connection is over.
    fn run(&mut self, op: &Op) -> bool {
        let rule_broken = match *op {
            Op::Open(id) => self.open(id),
            Op::Data(id, size) => self.data(id, size),
            Op::End(id) => self.end(id),
            Op::Error(id) => self.error(id),
            Op::Credit(id, bytes) => self.credit(id, bytes),
            Op::Cancel(id) | Op::Done(id) => self.over(id, matches!(op, Op::Done(_))),
            _ => {
                self.own(op);
                false
            }
        };
        if rule_broken {
            assert!(self.peer.session.is_closed(), "{op:?} was let pass");
            return false;
        }
        assert!(self.peer.session.is_open(), "closed because of {op:?}");
        self.look();
        true
    }

    /// What the peer does: whether it breaks a rule.
    fn open(&mut self, id: u32) -> bool {
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
        let stream = In {
            local: *local,
            granted: self.window(),
            ..In::default()
        };
        self.incoming.insert(id, stream);
        false
    }

    fn data(&mut self, id: u32, size: u64) -> bool {
        let sent = self.incoming.get(&id).map_or(0, |it| it.sent);
        self.peer.say(&Frame::StreamData {
            id: Id::Number(id),
            data: part(id, sent, size),
        });
        let Some(it) = self.incoming.get_mut(&id).filter(|it| !it.failed) else {
            return false;
        };
        it.sent += size;
        it.ended || it.sent > it.granted
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
            let told = self.peer.events();
            let told = told
                .iter()
                .filter(|event| matches!(event, Event::StreamFailed { id, .. } if *id == it.local));
            assert_eq!(told.count(), 1);
        }
        false
    }

    fn credit(&mut self, id: u32, bytes: u64) -> bool {
        if let Some(it) = self.outgoing.get_mut(&id) {
            it.limit = it.limit.max(bytes);
        }
        self.peer.say(&Frame::StreamCredit {
            id: Id::Number(id),
            bytes,
        });
        false
    }

    fn over(&mut self, id: u32, done: bool) -> bool {
        let wire = Id::Number(id);
        self.peer.say(&if done {
            Frame::StreamDone { id: wire }
        } else {
            Frame::StreamCancel {
                id: wire,
                failure: Failure::default(),
            }
        });
        let told = self.peer.events().into_iter().filter(|event| match event {
            Event::StreamDone { id: told } => done && *told == id,
            Event::StreamCancelled { id: told, .. } => !done && *told == id,
            _ => false,
        });
        let known = self.outgoing.remove(&id).is_some();
        assert_eq!(told.count(), usize::from(known));
        false
    }

    /// What this side's owner does.
    fn own(&mut self, op: &Op) {
        let (now, window) = (self.peer.now, self.window());
        let chunk = 7 * self.unit as usize;
        let session = &mut self.peer.session;
        match *op {
            Op::Read(id) => self.read(id),
            Op::Finish(id) => {
                let all_read = |it: &&mut In| it.ended && it.read == it.sent && !it.failed;
                if let Some(it) = self.incoming.get_mut(&id).filter(all_read) {
                    session.finish_stream(it.local, now);
                    self.incoming.remove(&id);
                }
            }
            Op::Refuse(id) => {
                if let Some(it) = self.incoming.remove(&id) {
                    session.cancel_stream(it.local, Failure::default(), now);
                }
            }
            Op::OpenOwn(id) => {
                let name = Bytes::from(format!("o{id}"));
                let opened = session.open_stream(id, name, Body::none(), chunk, now);
                let room = self.outgoing.len() < LIMIT && !self.outgoing.contains_key(&id);
                assert_eq!(opened.is_ok(), room);
                if room {
                    let stream = Out {
                        limit: window,
                        ..Out::default()
                    };
                    self.outgoing.insert(id, stream);
                }
            }
            Op::Write(id, size) => {
                if let Some(it) = self.outgoing.get_mut(&id).filter(|it| !it.ended) {
                    session.write_stream(id, part(id, it.written, size), now);
                    it.written += size;
                }
            }
            Op::EndOwn(id) => {
                if let Some(it) = self.outgoing.get_mut(&id) {
                    it.ended = true;
                    session.end_stream(id, now);
                }
            }
            Op::Abort(id) => {
                let known = self.outgoing.remove(&id).is_some();
                assert_eq!(session.abort_stream(id, Failure::default(), now), known);
            }
            _ => {}
        }
    }

    fn read(&mut self, id: u32) {
        let Some(it) = self.incoming.get_mut(&id) else {
            return;
        };
        match self.peer.session.read_stream(it.local, self.peer.now) {
            Read::Data(data) => {
                assert!(!data.is_empty() && !it.failed);
                let expected = part(id, it.read, data.len() as u64);
                assert!(data == expected, "not the bytes from {} on", it.read);
                it.read += data.len() as u64;
                assert!(it.read <= it.sent);
            }
            Read::Nothing => assert!(it.read == it.sent && !it.ended && !it.failed),
            Read::End => assert!(it.read == it.sent && it.ended && !it.failed),
            Read::Outside(_) => panic!("nobody took any outside"),
            Read::Gone => assert!(it.failed),
        }
    }

    /// What the session says, and what it holds.
    fn look(&mut self) {
        let window = self.window();
        for frame in self.peer.listen() {
            match frame {
                Frame::StreamCredit { id, bytes } => {
                    let it = self
                        .incoming
                        .get_mut(&told(&id))
                        .expect("credit for a stream that is there");
                    assert!(
                        bytes > it.granted && bytes <= it.read + window,
                        "a grant of {bytes}"
                    );
                    it.granted = bytes;
                }
                Frame::StreamData { id, data } => {
                    let id = told(&id);
                    // One that has just been given up may have left before.
                    let Some(it) = self.outgoing.get_mut(&id) else {
                        continue;
                    };
                    let expected = part(id, it.sent, data.len() as u64);
                    assert!(data == expected, "not the bytes from {} on", it.sent);
                    it.sent += data.len() as u64;
                    assert!(
                        it.sent <= it.limit && it.sent <= it.written,
                        "more than was granted"
                    );
                }
                Frame::StreamEnd { id } => {
                    if let Some(it) = self.outgoing.get(&told(&id)) {
                        assert!(it.ended && it.sent == it.written, "an early end");
                    }
                }
                Frame::StreamCancel { failure, .. } if !failure.code.is_empty() => {
                    assert!(self.refused > 0);
                    self.refused -= 1;
                }
                _ => {}
            }
        }
        assert_eq!(self.refused, 0, "a stream was neither taken nor refused");
        // What was granted and written has left: nobody waits for anybody.
        for it in self.outgoing.values() {
            assert_eq!(
                it.sent,
                it.written.min(it.limit),
                "bytes stay although granted"
            );
        }
        let live = self.incoming.values().filter(|it| !it.failed).count();
        assert_eq!(self.peer.session.open_streams(), live + self.outgoing.len());
        self.peer.events();
    }

    fn close(mut self) {
        self.peer.session.close(CloseReason::Local, "");
        let session = &self.peer.session;
        assert_eq!(
            (session.open_streams(), session.queued()),
            (0, session.output_len())
        );
    }
}

fn told(id: &Id) -> u32 {
    match id {
        Id::Number(number) => *number,
        Id::Text(text) => std::str::from_utf8(text).unwrap().parse().unwrap(),
    }
}

/// Bytes of a stream, from `at` on: no two parts of it look alike nearby, and no
/// two streams do. Cut from one text, for making each byte anew would take most
/// of the time.
fn part(id: u32, at: u64, size: u64) -> Bytes {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| (0..4 * PERIOD).map(|at| (at + at / 251) as u8).collect());
    let at = (u64::from(id) * 7 + at) % PERIOD;
    text.slice(at as usize..(at + size) as usize)
}

/// After so many bytes the text begins anew.
const PERIOD: u64 = 251 * 256;
