//! The owners of both ends: they keep the rules and check that the ends do.
//! Also used by the fuzz targets, so nothing in here is private to the core.

mod op;
mod owners;
mod streams;

pub(super) use op::{Op, StreamOp};

use std::collections::HashSet;
use std::time::Instant;

use bytes::Bytes;

use super::pair::*;
use crate::ipc::close::CloseReason;
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::frame::{Body, Decoder, Failure, Frame, Id, Profile};
use crate::ipc::options::SlowConsumer;
use crate::ipc::proto::{Event, Read, Role, Session, Shared};
use streams::{Streams, LIMIT, WINDOW};

/// More than this for the socket alone, and nothing may be added.
const HARD_CAP: usize = 6000;

/// What the owner of one end knows.
#[derive(Default)]
struct Owner {
    next: u32,
    /// Our requests that have not settled.
    open: Vec<u32>,
    settled: HashSet<u32>,
    /// The peer's requests that have not been answered, and those of them that
    /// it no longer wants.
    asked: Vec<u32>,
    cancelled: HashSet<u32>,
    unfinished: u64,
    pinged: bool,
    probes: u32,
    closed: Option<CloseReason>,
    acknowledge: Vec<Option<Id>>,
}

impl Owner {
    fn made(&mut self, sent: Result<(), Error>) {
        if sent.is_ok() {
            self.open.push(self.next);
        }
    }

    fn settle(&mut self, id: u32) {
        let at = self
            .open
            .iter()
            .position(|open| *open == id)
            .expect("settled what was not open");
        self.open.swap_remove(at);
        assert!(self.settled.insert(id), "settled twice");
    }

    fn learn(&mut self, event: Event) {
        assert_eq!(self.closed, None, "{event:?} after the close");
        match event {
            Event::Message { .. } | Event::Topic { .. } | Event::Publish { .. } => {
                self.unfinished += 1
            }
            Event::Request { id, .. } => {
                assert!(!self.asked.contains(&id));
                self.asked.push(id);
            }
            Event::Response { id, .. } | Event::Failed { id, .. } => self.settle(id),
            Event::Cancelled { id } => {
                assert!(self.asked.contains(&id), "cancelled what was not asked");
                assert!(self.cancelled.insert(id), "cancelled twice");
            }
            Event::Subscribe { id, .. } | Event::Unsubscribe { id, .. } => {
                self.acknowledge.push(id)
            }
            Event::Ping => {
                assert!(!self.pinged, "asked again before the answer");
                self.pinged = true;
            }
            Event::Probed { .. } => self.probes -= 1,
            Event::Closed { reason, .. } => self.closed = Some(reason),
            Event::Drained | Event::HeartbeatTimeout(_) => {}
            Event::Register(_) | Event::Open(_) => panic!("registered already"),
            // See `learn_of_streams`.
            Event::StreamOpen { .. }
            | Event::StreamReadable { .. }
            | Event::StreamFailed { .. }
            | Event::StreamRoom { .. }
            | Event::StreamDone { .. }
            | Event::StreamCancelled { .. } => {}
        }
    }
}

pub(super) struct World {
    pair: Pair,
    owners: [Owner; 2],
    /// By their sender.
    streams: [Streams; 2],
    /// Bytes that were carried, and events that were told.
    moved: usize,
}

impl World {
    pub(super) fn new(profile: Profile, policy: SlowConsumer) -> Self {
        let mut config = limited(profile, |limits| {
            limits.max_message_size = 3000;
            limits.window_messages = 4;
            limits.window_bytes = 2000;
            limits.pending_requests = 12;
            limits.streams = LIMIT;
            limits.stream_window = WINDOW;
            limits.high_water = 1000;
            limits.hard_cap = HARD_CAP;
            limits.slow_consumer = policy;
            limits.idle_timeout = Some(30 * SECOND);
        });
        config.heartbeat.enabled = true;
        Self {
            pair: Pair::with(config),
            owners: Default::default(),
            streams: Default::default(),
            moved: 0,
        }
    }

    /// A whole life: these operations, those that close from the `quiet`th on
    /// only; then everybody does their duty, and the connection ends.
    pub(super) fn live(mut self, ops: impl IntoIterator<Item = Op>, quiet: usize) {
        for (at, op) in ops.into_iter().enumerate() {
            let closes = matches!(op, Op::Leave { .. } | Op::Eof { .. } | Op::HalfClose { .. });
            if at >= quiet || !closes {
                self.run(op);
                self.check();
            }
        }
        self.settle();
        self.check();
        if self.owners.iter().all(|owner| owner.closed.is_none()) {
            for role in BOTH {
                assert!(self.owner(role).open.is_empty(), "unanswered");
                assert!(self.streams_over(), "a stream without an end");
                let session = self.pair.end(role);
                let held = (session.queued(), session.running());
                assert_eq!(held, (0, 0), "{role:?} still holds something");
            }
        }
        self.end();
    }

    fn end(&mut self) {
        self.run(Op::Leave { from: Role::Client });
        self.run(Op::Carry {
            from: Role::Client,
            bytes: usize::MAX,
        });
        self.run(Op::Eof { into: Role::Server });
        self.check();
        for role in BOTH {
            let now = self.pair.now;
            assert!(self.owner(role).open.is_empty());
            assert!(self.owner(role).closed.is_some());
            assert_eq!(self.owner(role).probes, 0);
            let session = self.pair.end(role);
            session.wrote(session.output_len(), now);
            assert_eq!((session.queued(), session.pending()), (0, 0));
        }
    }

    fn owner(&mut self, role: Role) -> &mut Owner {
        &mut self.owners[usize::from(role == Role::Server)]
    }

    fn learn(&mut self) {
        for role in BOTH {
            for event in self.pair.events(role) {
                self.moved += 1;
                self.learn_of_streams(role, &event);
                self.owner(role).learn(event);
            }
            let reading = self.pair.end(role).wants_read();
            let now = self.pair.now;
            self.pair.end(role).note_reading(reading, now);
        }
    }

    fn run(&mut self, op: Op) {
        let now = self.pair.now;
        let millis = |timeout: Option<u16>| timeout.map(|millis| u32::from(millis) * MILLI);
        match op {
            Op::Request {
                from,
                timeout,
                size,
            } => {
                self.owner(from).next += 1;
                let id = self.owner(from).next;
                let sent =
                    self.pair
                        .end(from)
                        .request(id, name("ask"), bulk(size), millis(timeout), now);
                self.owner(from).made(sent.map(|_| ()));
            }
            Op::Message { from, size } => drop(self.pair.message(from, size)),
            Op::Publish { size } => drop(self.pair.client.publish(name("t"), bulk(size), now)),
            Op::Share { size } => {
                let frame = Frame::Topic {
                    topic: name("t"),
                    publisher: Bytes::new(),
                    body: bulk(size),
                };
                self.pair.server.share(&mut Shared::new(frame, 0), now);
            }
            Op::Subscribe { subscribe, timeout } => {
                self.owner(Role::Client).next += 1;
                let id = self.owner(Role::Client).next;
                let sent =
                    self.pair
                        .client
                        .subscribe(id, name("t"), subscribe, millis(timeout), now);
                self.owner(Role::Client).made(sent);
            }
            Op::Cancel { from, which } => {
                let open = &self.owner(from).open;
                if !open.is_empty() {
                    let id = open[which % open.len()];
                    self.owner(from).settle(id);
                    self.pair.end(from).cancel(id, now);
                }
            }
            Op::Respond { from, which, size } => {
                if let Some(id) = self.answer(from, which) {
                    let _ = self.pair.end(from).respond(id, bulk(size), now);
                }
            }
            Op::Fail { from, which } => {
                if let Some(id) = self.answer(from, which) {
                    self.pair.end(from).fail(id, Failure::default(), now);
                }
            }
            Op::Finish { from, count } => {
                let count = count.min(self.owner(from).unfinished);
                self.owner(from).unfinished -= count;
                self.pair.end(from).finished(count, now);
                for id in std::mem::take(&mut self.owner(from).acknowledge) {
                    self.pair.end(from).acknowledge(id, Ok(()), now);
                }
            }
            Op::Pong { from } => {
                self.owner(from).pinged = false;
                self.pair.end(from).pong(now);
            }
            Op::Probe { from, timeout } => {
                // One at a time, and only on an open connection.
                if self.owner(from).probes == 0 && self.pair.end(from).is_open() {
                    self.owner(from).probes += 1;
                    self.pair
                        .end(from)
                        .probe(now + u32::from(timeout) * MILLI, now);
                }
            }
            Op::Carry { from, bytes } => self.carry(from, bytes),
            Op::Wait { millis } => {
                self.pair.now += u32::from(millis) * MILLI;
                self.tick();
            }
            Op::Deadline => {
                if let Some(at) = BOTH
                    .iter()
                    .filter_map(|role| self.pair.end(*role).deadline())
                    .min()
                {
                    assert!(at > now, "a deadline in the past");
                    self.pair.now = at;
                    self.tick();
                }
            }
            Op::Stream(op) => self.stream(&op),
            Op::Leave { from } => self.pair.end(from).leave(CloseReason::Local, "", now),
            Op::Eof { into } => self.pair.end(into).eof(),
            Op::HalfClose { into } => self.pair.end(into).half_close(now),
        }
        self.learn();
    }

    fn answer(&mut self, role: Role, which: usize) -> Option<u32> {
        let owner = self.owner(role);
        let at = (!owner.asked.is_empty()).then(|| which % owner.asked.len())?;
        let id = owner.asked.swap_remove(at);
        owner.cancelled.remove(&id);
        Some(id)
    }

    fn carry(&mut self, from: Role, bytes: usize) {
        let now = self.pair.now;
        let output = self.pair.end(from).output();
        let output = output[..output.len().min(bytes)].to_vec();
        let to = other(from);
        if self.pair.end(to).wants_read() {
            self.streams(from).heard(&output);
            self.pair.end(to).input(&output, now);
            self.pair.end(from).wrote(output.len(), now);
            self.moved += output.len();
        }
    }

    fn tick(&mut self) {
        let now = self.pair.now;
        for role in BOTH {
            self.pair.end(role).tick(now);
            if let Some(at) = self.pair.end(role).deadline() {
                assert!(at > now, "{role:?} would be ticked again at once");
            }
        }
    }

    fn check(&mut self) {
        for role in BOTH {
            let (open, asked, closed) = {
                let owner = self.owner(role);
                (owner.open.len(), owner.asked.len(), owner.closed)
            };
            let unfinished = self.owner(role).unfinished;
            let streams = self.streams_of(role);
            let session = self.pair.end(role);
            assert_eq!(session.pending(), open);
            assert_eq!(session.is_closed(), closed.is_some());
            assert_eq!(session.open_streams(), streams);
            assert!(open <= 12 && asked <= 12 + 12);
            match closed {
                None => {
                    assert_eq!(session.unanswered(), asked);
                    assert_eq!(session.running(), asked as u64 + unfinished);
                }
                // Two honest ends never accuse each other of breaking rules.
                Some(reason) => {
                    assert!(
                        !matches!(
                            reason,
                            CloseReason::ProtocolError
                                | CloseReason::BadJson
                                | CloseReason::BadEnvelope
                                | CloseReason::MessageTooLarge
                                | CloseReason::NotRegistered
                        ),
                        "{reason:?}"
                    );
                    assert_eq!((session.unanswered(), session.deadline()), (0, None));
                    assert_eq!(session.queued(), session.output_len());
                }
            }
        }
    }

    /// Nobody has anything to do any more, nor to wait for.
    fn is_quiet(&mut self) -> bool {
        let said = BOTH
            .iter()
            .any(|role| self.pair.end(*role).output_len() > 0);
        let owed = |owner: &Owner| {
            owner.pinged
                || owner.unfinished > 0
                || !(owner.asked.is_empty() && owner.open.is_empty())
        };
        !said && self.streams_over() && !self.owners.iter().any(owed)
    }

    fn moved(&self) -> usize {
        self.moved + self.streams.iter().map(|it| it.moved).sum::<usize>()
    }

    /// Whether an end reads what the other has to say.
    fn can_carry(&mut self) -> bool {
        BOTH.iter().any(|from| {
            let says = self.pair.end(*from).output_len() > 0;
            says && self.pair.end(other(*from)).wants_read()
        })
    }

    /// Everybody does their duty until nothing is left to do, or nothing moves because
    /// an end is over and the other does not know.
    fn settle(&mut self) {
        // Who has finished sending waits for its answers, but not for ever.
        self.run(Op::Wait { millis: 1000 });
        // It ends when nothing moves; a stream of single bytes takes many rounds.
        for _ in 0..5000 {
            if self.is_quiet() {
                return;
            }
            let before = self.moved();
            for role in BOTH {
                self.run(Op::Carry {
                    from: role,
                    bytes: usize::MAX,
                });
                while !self.owner(role).asked.is_empty() {
                    self.run(Op::Respond {
                        from: role,
                        which: 0,
                        size: 1,
                    });
                }
                self.run(Op::Finish {
                    from: role,
                    count: u64::MAX,
                });
                self.settle_streams(role);
                if self.owner(role).pinged {
                    self.run(Op::Pong { from: role });
                }
            }
            if self.moved() == before && !self.can_carry() {
                return;
            }
        }
    }
}
