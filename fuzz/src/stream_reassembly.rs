//! Frames of streams in any order, twice, too many or too long, against the
//! rules of `docs/protocol.md` kept as a table.
//!
//! - A reader gets exactly the bytes that were sent, in order, and the end last.
//! - A sender that breaks a rule is found at once; one that breaks none never.
//! - What a reader has not taken never exceeds the window, nor do its grants.
//! - What this side sends never exceeds what the peer has granted.
//!
//! Input: a byte for role and profile, then operations.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use smartipc_native::ipc::frame::{Body, Failure, Frame, Id, Profile};
use smartipc_native::ipc::options::{Limits, SessionConfig, MAX_NAME};
use smartipc_native::ipc::proto::{Event, Read, Role};
use smartipc_native::ipc::CloseReason;

use crate::peer::Peer;

/// Of one incoming stream; small, so that it is reached.
const WINDOW: u32 = 40;
/// Streams at one time, in each direction.
const LIMIT: usize = 3;
/// Operations of one input: fewer than the streams that a peer may open and give
/// up before it is closed for that.
const MOST: usize = 500;

#[derive(Arbitrary, Debug)]
enum Op {
    Open(u8),
    Data(u8, u8),
    End(u8),
    Error(u8),
    Read(u8),
    Finish(u8),
    Refuse(u8),
    OpenOwn(u8),
    Write(u8, u8),
    EndOwn(u8),
    Abort(u8),
    Credit(u8, u16),
    Cancel(u8),
    Done(u8),
}

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
    let mut table = Table::new(role, profile);
    let mut u = Unstructured::new(rest);
    for _ in 0..MOST {
        let (false, Ok(op)) = (u.is_empty(), Op::arbitrary(&mut u)) else {
            break;
        };
        if !table.run(&op) {
            break;
        }
    }
    table.close();
}

struct Table {
    peer: Peer,
    incoming: BTreeMap<u32, In>,
    outgoing: BTreeMap<u32, Out>,
    /// Streams that the session has refused since the last look.
    refused: usize,
}

impl Table {
    fn new(role: Role, profile: Profile) -> Self {
        let limits = Limits {
            streams: LIMIT,
            stream_window: WINDOW,
            ..Limits::default()
        };
        let mut config = SessionConfig {
            limits,
            json_only: profile == Profile::Json,
            ..SessionConfig::default()
        };
        config.heartbeat.enabled = false;
        Self {
            peer: Peer::opened(role, profile, config, WINDOW),
            incoming: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            refused: 0,
        }
    }

    /// False once the connection is over.
    fn run(&mut self, op: &Op) -> bool {
        let rule_broken = match *op {
            Op::Open(id) => self.open(number(id)),
            Op::Data(id, size) => self.data(number(id), u64::from(size) + 1),
            Op::End(id) => self.end(number(id)),
            Op::Error(id) => self.error(number(id)),
            Op::Credit(id, bytes) => self.credit(number(id), bytes.into()),
            Op::Cancel(id) | Op::Done(id) => self.over(number(id), matches!(op, Op::Done(_))),
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
            granted: WINDOW.into(),
            ..In::default()
        };
        self.incoming.insert(id, stream);
        false
    }

    fn data(&mut self, id: u32, size: u64) -> bool {
        let sent = self.incoming.get(&id).map_or(0, |it| it.sent);
        let data = (sent..sent + size).map(|at| byte(id, at)).collect();
        self.peer.say(&Frame::StreamData {
            id: Id::Number(id),
            data,
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
        let now = self.peer.now;
        let session = &mut self.peer.session;
        match *op {
            Op::Read(id) => self.read(number(id)),
            Op::Finish(id) => {
                let all_read = |it: &&mut In| it.ended && it.read == it.sent && !it.failed;
                if let Some(it) = self.incoming.get_mut(&number(id)).filter(all_read) {
                    session.finish_stream(it.local, now);
                    self.incoming.remove(&number(id));
                }
            }
            Op::Refuse(id) => {
                if let Some(it) = self.incoming.remove(&number(id)) {
                    session.cancel_stream(it.local, Failure::default(), now);
                }
            }
            Op::OpenOwn(id) => {
                let id = number(id);
                let opened =
                    session.open_stream(id, Bytes::from(format!("o{id}")), Body::none(), 7, now);
                let room = self.outgoing.len() < LIMIT && !self.outgoing.contains_key(&id);
                assert_eq!(opened.is_ok(), room);
                if room {
                    self.outgoing.insert(
                        id,
                        Out {
                            limit: WINDOW.into(),
                            ..Out::default()
                        },
                    );
                }
            }
            Op::Write(id, size) => {
                let id = number(id);
                if let Some(it) = self.outgoing.get_mut(&id).filter(|it| !it.ended) {
                    let data = (0..size.into())
                        .map(|at| byte(id, it.written + at))
                        .collect();
                    it.written += u64::from(size);
                    session.write_stream(id, data, now);
                }
            }
            Op::EndOwn(id) => {
                if let Some(it) = self.outgoing.get_mut(&number(id)) {
                    it.ended = true;
                    session.end_stream(number(id), now);
                }
            }
            Op::Abort(id) => {
                let known = self.outgoing.remove(&number(id)).is_some();
                assert_eq!(
                    session.abort_stream(number(id), Failure::default(), now),
                    known
                );
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
                for got in &data {
                    assert_eq!(*got, byte(id, it.read), "byte {}", it.read);
                    it.read += 1;
                }
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
        for frame in self.peer.listen() {
            match frame {
                Frame::StreamCredit { id, bytes } => {
                    let it = self
                        .incoming
                        .get_mut(&told(&id))
                        .expect("credit for a stream that is there");
                    assert!(
                        bytes > it.granted && bytes <= it.read + u64::from(WINDOW),
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
                    for got in &data {
                        assert_eq!(*got, byte(id, it.sent));
                        it.sent += 1;
                    }
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

/// Few streams, so that they meet; one more than are allowed.
fn number(id: u8) -> u32 {
    u32::from(id % 5) + 1
}

fn told(id: &Id) -> u32 {
    match id {
        Id::Number(number) => *number,
        Id::Text(text) => std::str::from_utf8(text).unwrap().parse().unwrap(),
    }
}

fn byte(id: u32, at: u64) -> u8 {
    (u64::from(id) * 7 + at) as u8
}
