//! Frames of streams in any order, twice, too many or too long, against the
//! rules of `docs/protocol.md` kept as a table.
//!
//! - A reader gets exactly the bytes that were sent, in order, and the end last;
//!   those that it took off the socket itself are told apart from those kept.
//! - A reader, or a source, that waits is told when it need not, and once.
//! - A sender that breaks a rule is found at once; one that breaks none never.
//! - What a reader has not taken never exceeds the window, nor do its grants, and
//!   these come as soon as a quarter of it is free.
//! - What this side sends never exceeds what the peer has granted, and nothing
//!   comes between the head of a chunk and its bytes, wherever those are.
//!
//! Input: a byte for role, profile and size of things, then operations: see `ops`.

mod incoming;
mod ops;
mod outgoing;
mod readers;
mod wire;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bytes::Bytes;
use smartipc_native::ipc::frame::Profile;
use smartipc_native::ipc::options::{Limits, SessionConfig};
use smartipc_native::ipc::proto::{Event, Role};
use smartipc_native::ipc::CloseReason;

use self::incoming::{Chunk, In};
use self::ops::Op;
use self::outgoing::Out;
use crate::peer::Peer;

/// Units that an incoming stream may be ahead; few, so that it is reached.
const WINDOW: u64 = 40;
/// Bytes of a unit where things are large: one chunk is long enough to be kept as
/// it is, to be put together with others, or to pass the queues by.
const LARGE: u64 = 1024;
/// Streams at one time, in each direction.
const LIMIT: usize = 3;
/// Operations of one input: fewer than the streams that a peer may open and give
/// up before it is closed for that. With large things they cost more.
const MOST: [usize; 2] = [200, 60];

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
    /// What the peer has not finished saying.
    chunk: Option<Chunk>,
    /// Streams of the peer that this side is done with, of which it has not heard.
    leaving: Vec<u32>,
    /// Streams that the peer has given up and this side has let go of; what is still
    /// on its way may be about them.
    late: Vec<u32>,
    /// Streams that the session has refused and the peer has not heard of.
    refused: usize,
    outgoing: BTreeMap<u32, Out>,
    /// Streams that this side has opened.
    opened: u32,
    /// Bytes written of the chunk whose bytes this side's owner has.
    cut: u64,
    /// Bytes that the socket takes after each operation.
    takes: usize,
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
            chunk: None,
            leaving: Vec::new(),
            late: Vec::new(),
            refused: 0,
            outgoing: BTreeMap::new(),
            opened: 0,
            cut: 0,
            takes: usize::MAX,
            last: 1,
        }
    }

    /// False once the connection is over.
    fn run(&mut self, op: &Op) -> bool {
        let rule_broken = match *op {
            Op::Open(_) | Op::End(_) | Op::Error(_) | Op::Begin(..) => {
                // One frame after the other.
                self.feed(usize::MAX) || self.say(op)
            }
            Op::More(count) => self.feed(count),
            Op::Credit(..) | Op::Over(..) => {
                self.feed(usize::MAX) || {
                    self.answer(op);
                    false
                }
            }
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
        self.learn();
        self.write(self.takes);
        self.learn();
        self.check();
        true
    }

    /// What this side's owner does.
    fn own(&mut self, op: &Op) {
        match *op {
            Op::Read(id) => self.read(id),
            Op::Wait(id) => self.wait(id),
            Op::Outlet(id) => self.open_outlet(id),
            Op::Consume(id, count) => self.consume(id, count),
            Op::Take(count, joins) => self.take(count, joins),
            Op::Leave => self.leave(),
            Op::Finish(id) | Op::Refuse(id) => self.let_go(id, matches!(op, Op::Finish(_))),
            Op::OpenOwn(id) => self.open_own(id),
            Op::Write(id, size) => self.write_stream(id, size),
            Op::Direct(id, size, taken) => self.write_directly(id, size, taken),
            Op::Offer(id, size) => self.offer(id, size),
            Op::EndOwn(id) => self.end_own(id),
            Op::Abort(id) => self.abort(id),
            Op::Socket(takes) => self.takes = takes,
            _ => {}
        }
    }

    /// Everything leaves.
    fn drain(&mut self) {
        self.write(usize::MAX);
        self.learn();
    }

    /// What the session's owner is told.
    fn learn(&mut self) {
        for event in self.peer.events() {
            self.told(&event);
        }
    }

    fn told(&mut self, event: &Event) {
        match event {
            Event::StreamReadable { id } => {
                let it = self.incoming.values_mut().find(|it| it.local == *id);
                let it = it.expect("a stream that is there");
                assert!(!it.failed && !it.outlet, "nobody asked");
                assert!(std::mem::take(&mut it.waiting), "told twice");
            }
            Event::StreamRoom { id } => {
                let it = self.outgoing.get_mut(id);
                it.expect("room for a stream that is there").go_on();
            }
            other => panic!("{other:?} for no reason"),
        }
    }

    fn check(&mut self) {
        for it in self.incoming.values().filter(|it| !it.failed) {
            it.check(&self.peer.session);
        }
        let live = self.incoming.values().filter(|it| !it.failed).count();
        let session = &self.peer.session;
        assert_eq!(session.open_streams(), live + self.outgoing.len());
        if session.output_len() > 0 {
            return;
        }
        self.late.clear();
        assert_eq!(self.refused, 0, "a stream was neither taken nor refused");
        assert!(self.leaving.is_empty(), "the peer still waits for its end");
        for it in self.incoming.values().filter(|it| !it.failed) {
            it.check_grant();
        }
        // What was granted and written has left: nobody waits for anybody.
        for (id, it) in &self.outgoing {
            it.check_quiet();
            assert_eq!(session.backlog(*id), Some((it.written - it.sent) as usize));
        }
    }

    fn close(mut self) {
        self.peer.session.close(CloseReason::Local, "");
        let session = &self.peer.session;
        assert_eq!(
            (session.open_streams(), session.queued()),
            (0, session.output_len())
        );
        assert_eq!(session.awaited_chunk(), None);
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
