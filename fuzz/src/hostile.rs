//! One session whose peer says anything at any time and reads when it likes.
//!
//! - Every quota holds after each operation, whatever the peer does.
//! - A request of ours settles once, and what the peer asked is cancelled once.
//! - Once the connection is over, nothing is held and nothing is due.

use std::collections::HashSet;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use smartipc_native::ipc::frame::{Body, Failure, Profile};
use smartipc_native::ipc::options::{Limits, SessionConfig, SlowConsumer};
use smartipc_native::ipc::proto::{Event, Read, Role};
use smartipc_native::ipc::CloseReason;

use crate::frames;
use crate::peer::{wire, Peer};

const PENDING: usize = 4;
const STREAMS: usize = 2;
const WINDOW: u32 = 64;
const HARD_CAP: usize = 4000;
/// What one frame of the peer can make this side say, at most: the share of the
/// output that streams may fill, of which a grant lets go, and one chunk.
const ANSWER: usize = 18 * 1024;

#[derive(Arbitrary, Debug)]
enum Op {
    /// The peer reads this many pieces of 16 bytes.
    Listen(u8),
    Request(u8),
    Message(u8),
    Respond(u8),
    Fail(u8),
    Cancel(u8),
    Finish,
    Pong,
    Probe,
    OpenStream(u8),
    WriteStream(u8, u8),
    ReadStream(u8),
    LetGo(u8),
    Wait(u16),
    HalfClose,
}

pub fn run(role: Role, profile: Profile, policy: SlowConsumer, u: &mut Unstructured<'_>) {
    let limits = Limits {
        max_message_size: 2000,
        window_messages: 4,
        window_bytes: 1000,
        pending_requests: PENDING,
        streams: STREAMS,
        stream_window: WINDOW,
        high_water: 1000,
        hard_cap: HARD_CAP,
        slow_consumer: policy,
        idle_timeout: Some(Duration::from_secs(30)),
        ..Limits::default()
    };
    let config = SessionConfig {
        limits,
        json_only: profile == Profile::Json,
        ..SessionConfig::default()
    };
    let mut owner = Owner::of(Peer::opened(role, profile, config, WINDOW));
    let _ = owner.live(u);
    owner.end();
}

struct Owner {
    peer: Peer,
    next: u32,
    open: HashSet<u32>,
    asked: Vec<u32>,
    cancelled: HashSet<u32>,
    unfinished: u64,
    streams: Vec<u32>,
    own_streams: HashSet<u32>,
    probing: bool,
    closed: bool,
}

impl Owner {
    fn of(peer: Peer) -> Self {
        Self {
            peer,
            next: 0,
            open: HashSet::new(),
            asked: Vec::new(),
            cancelled: HashSet::new(),
            unfinished: 0,
            streams: Vec::new(),
            own_streams: HashSet::new(),
            probing: false,
            closed: false,
        }
    }

    fn live(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let mut ops = 0;
        while !u.is_empty() && ops < 300 && !self.closed {
            ops += 1;
            // Half of all is what the peer says.
            if u.arbitrary()? {
                self.hear(u)?;
            } else {
                let op = Op::arbitrary(u)?;
                self.act(&op);
            }
            self.learn();
            self.check();
        }
        Ok(())
    }

    fn hear(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        if !self.peer.session.wants_read() {
            return Ok(());
        }
        let before = self.peer.session.queued();
        let now = self.peer.now;
        // Often a frame that would be a good one elsewhere; else what is no frame.
        if u.ratio(7, 8)? {
            let frame = wire(&frames::frame(u)?, self.peer.profile);
            self.peer.session.input(&frame, now);
            let after = self.peer.session.queued();
            assert!(
                after <= before + ANSWER,
                "one frame of {} bytes made us hold {after}, not {before}",
                frame.len()
            );
        } else {
            let bytes: &[u8] = u.arbitrary()?;
            self.peer.session.input(bytes, now);
        }
        Ok(())
    }

    fn act(&mut self, op: &Op) {
        let now = self.peer.now;
        let session = &mut self.peer.session;
        match *op {
            Op::Listen(pieces) => {
                let count = session.output_len().min(usize::from(pieces) * 16);
                session.wrote(count, now);
            }
            Op::Request(size) => {
                self.next += 1;
                let timeout = Duration::from_millis(u64::from(size) * 10 + 1);
                let sent = session.request(self.next, name(), bulk(size), Some(timeout), now);
                if sent.is_ok() {
                    self.open.insert(self.next);
                }
            }
            Op::Message(size) => drop(session.message(name(), bulk(size), now)),
            Op::Respond(which) | Op::Fail(which) => {
                if self.asked.is_empty() {
                    return;
                }
                let id = self
                    .asked
                    .swap_remove(usize::from(which) % self.asked.len());
                self.cancelled.remove(&id);
                match op {
                    Op::Respond(size) => drop(session.respond(id, bulk(*size), now)),
                    _ => session.fail(id, Failure::default(), now),
                }
            }
            Op::Cancel(which) => {
                let id = self.next.saturating_sub(u32::from(which % 4));
                if self.open.remove(&id) {
                    session.cancel(id, now);
                }
            }
            Op::Finish => {
                session.finished(self.unfinished, now);
                session.taken(1 << 40, now);
                self.unfinished = 0;
            }
            Op::Pong => session.pong(now),
            Op::Probe => {
                if !self.probing {
                    self.probing = true;
                    session.probe(now + Duration::from_secs(1), now);
                }
            }
            Op::OpenStream(number) => {
                let number = u32::from(number % 4) + 1;
                let name = Bytes::from(number.to_string());
                if session
                    .open_stream(number, name, Body::none(), 50, now)
                    .is_ok()
                {
                    assert!(self.own_streams.insert(number), "two streams of one number");
                }
            }
            Op::WriteStream(number, size) => {
                let number = u32::from(number % 4) + 1;
                session.write_stream(number, Bytes::from(vec![1; size.into()]), now);
                if size == 0 {
                    session.end_stream(number, now);
                }
            }
            Op::ReadStream(which) => {
                if let Some(id) = self.streams.get(usize::from(which) % STREAMS) {
                    if let Read::Data(data) = session.read_stream(*id, now) {
                        assert!(data.len() <= WINDOW as usize);
                    }
                }
            }
            Op::LetGo(which) => {
                if !self.streams.is_empty() {
                    let id = self.streams.remove(usize::from(which) % self.streams.len());
                    session.cancel_stream(id, Failure::default(), now);
                }
            }
            Op::Wait(millis) => {
                self.peer.now += Duration::from_millis(millis.into());
                let now = self.peer.now;
                session.tick(now);
                assert!(
                    session.deadline().is_none_or(|at| at > now),
                    "due again at once"
                );
            }
            Op::HalfClose => session.half_close(now),
        }
    }

    fn learn(&mut self) {
        for event in self.peer.events() {
            assert!(!self.closed, "{event:?} after the close");
            match event {
                Event::Message { .. } | Event::Topic { .. } | Event::Publish { .. } => {
                    self.unfinished += 1
                }
                Event::Request { id, .. } => {
                    assert!(!self.asked.contains(&id));
                    self.asked.push(id);
                }
                Event::Response { id, .. } | Event::Failed { id, .. } => {
                    assert!(self.open.remove(&id), "{id} settled twice, or never asked");
                }
                Event::Cancelled { id } => {
                    assert!(self.asked.contains(&id) && self.cancelled.insert(id));
                }
                Event::StreamOpen { id, .. } => {
                    assert!(!self.streams.contains(&id));
                    self.streams.push(id);
                }
                Event::StreamReadable { id } | Event::StreamFailed { id, .. } => {
                    assert!(self.streams.contains(&id));
                }
                Event::StreamDone { id } | Event::StreamCancelled { id, .. } => {
                    assert!(self.own_streams.remove(&id), "a stream over twice");
                }
                Event::Probed { .. } => {
                    assert!(
                        std::mem::take(&mut self.probing),
                        "an answer to no question"
                    );
                }
                Event::Closed { .. } => self.closed = true,
                Event::Register(_) | Event::Open(_) => panic!("registered already"),
                _ => {}
            }
        }
        let (reading, now) = (self.peer.session.wants_read(), self.peer.now);
        self.peer.session.note_reading(reading, now);
    }

    fn check(&self) {
        let session = &self.peer.session;
        assert_eq!(
            (session.pending(), session.is_closed()),
            (self.open.len(), self.closed)
        );
        assert!(session.pending() <= PENDING && session.unanswered() <= PENDING);
        assert!(session.open_streams() <= 2 * STREAMS);
        assert!(
            session.output_len() <= HARD_CAP + ANSWER,
            "{} bytes for a peer that reads nothing",
            session.output_len()
        );
        if self.closed {
            assert_eq!((session.unanswered(), session.deadline()), (0, None));
            assert_eq!(session.queued(), session.output_len());
        } else {
            assert_eq!(session.unanswered(), self.asked.len());
            assert_eq!(session.running(), self.asked.len() as u64 + self.unfinished);
        }
    }

    fn end(&mut self) {
        self.peer.session.close(CloseReason::Local, "");
        self.learn();
        self.check();
        assert!(self.open.is_empty() && self.closed && !self.probing);
        assert!(
            self.asked.iter().all(|id| self.cancelled.contains(id)),
            "somebody works for nobody"
        );
    }
}

fn name() -> Bytes {
    Bytes::from_static(b"ask")
}

fn bulk(size: u8) -> Body {
    Body::json("1".repeat(usize::from(size) * 4 + 1))
}
