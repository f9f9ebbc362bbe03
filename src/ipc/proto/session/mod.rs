//! One connection: its phases, its time, its end. What our side says is in `send`,
//! what the peer says in `receive`.

mod end;
mod handshake;
mod reading;
mod state;
mod time;

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::handshake::own_protocol;
use super::credit::Credit;
use super::event::Event;
use super::heartbeat::Heartbeat;
use super::outbox::Outbox;
use super::requests::{IdHasher, Requests};
use super::streams::{Memory, Rest, Streams};
use crate::ipc::close::CloseReason;
use crate::ipc::frame::{Decoder, Frame, Id, Profile, Registration, STREAM_WINDOW};
use crate::ipc::options::SessionConfig;
use crate::ipc::stats::Counters;

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Registers, subscribes.
    Client,
    /// Lets in, publishes to subscribers.
    Server,
}

/// The time of day, derived from the monotonic clock so that it is an argument.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    /// A moment of the monotonic clock …
    pub base: Instant,
    /// … and the same moment in milliseconds since the epoch.
    pub millis: u64,
}

impl WallClock {
    /// Milliseconds since the epoch at `now`.
    pub fn at(&self, now: Instant) -> u64 {
        self.millis
            + u64::try_from(now.saturating_duration_since(self.base).as_millis()).unwrap_or(0)
    }
}

/// How far the connection has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waiting for the first frame, or for the answer to ours.
    Registering,
    /// Server: the owner has been asked. Nothing is decoded meanwhile.
    Deciding(Id),
    /// Registered.
    Open,
    /// Over. What is in the output may still be written.
    Closed(CloseReason),
}

/// A request of the peer that our side has not answered yet.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The peer's id of it.
    pub(super) id: Id,
    /// Its type; kept for the JSON profile, whose answers name it.
    pub(super) name: Bytes,
    /// Nobody waits for the answer any more; the handler may still run.
    pub(super) cancelled: bool,
}

/// A sign of life that the owner has asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Proof {
    /// Within this time, once the peer is registered: it takes nothing before.
    Later(Duration),
    /// In answer to this ping, which went out at `sent`.
    Due {
        ping: u32,
        sent: Instant,
        until: Instant,
    },
}

/// The state of one connection.
#[derive(Debug)]
pub struct Session {
    pub(super) role: Role,
    pub(super) phase: Phase,
    pub(super) profile: Profile,
    pub(super) config: Arc<SessionConfig>,
    pub(super) wall: WallClock,
    pub(super) decoder: Decoder,
    pub(super) outbox: Outbox,
    pub(super) requests: Requests,
    pub(super) incoming: HashMap<u32, Incoming, BuildHasherDefault<IdHasher>>,
    /// Those of them that the peer names by a text.
    pub(super) by_text: HashMap<Id, u32>,
    pub(super) next_incoming: u32,
    pub(super) credit: Credit,
    pub(super) streams: Streams,
    /// What there is to do about memory for streams.
    pub(super) memory: Memory,
    /// The chunk that is coming, where the owner may take it off the socket.
    pub(super) rest: Option<Rest>,
    /// Bytes to read next, where more would be of a chunk that the owner takes.
    pub(super) next_read: usize,
    pub(super) heartbeat: Heartbeat,
    pub(super) counters: Counters,
    pub(super) events: Vec<Event>,
    /// Longest body the peer takes.
    pub(super) peer_max: usize,
    pub(super) peer_clone_version: u32,
    /// Bytes of each stream that the peer takes before it has granted more.
    pub(super) peer_stream_window: u32,
    /// The peer's unanswered ping; a later one takes its place.
    pub(super) ping: Option<Id>,
    pub(super) proof: Option<Proof>,
    /// Credit was kept back from a peer that takes nothing.
    pub(super) withheld: bool,
    pub(super) next_ping: u32,
    handshake_until: Option<Instant>,
    frame_since: Option<Instant>,
    last_received: Instant,
    reading_paused: bool,
    /// When reading last went on after a pause, or a peer that may have waited for us was
    /// let go on: its silence counts from then.
    pub(super) resumed: Instant,
    /// Until when a peer that has finished sending may wait for its answers.
    half_closed: Option<Instant>,
}

impl Session {
    /// The server's end of a new connection.
    pub fn server(config: Arc<SessionConfig>, wall: WallClock, now: Instant) -> Self {
        let until = now + config.limits.handshake_timeout;
        Self::new(Role::Server, config, wall, now, Some(until))
    }

    /// The client's end of a new connection: queues the registration.
    pub fn client(
        config: Arc<SessionConfig>,
        mut registration: Registration,
        wall: WallClock,
        now: Instant,
    ) -> Self {
        registration.protocol = Some(own_protocol(&config));
        let mut session = Self::new(Role::Client, config, wall, now, None);
        session.control(&Frame::Register(Id::Number(0), Box::new(registration)), now);
        session
    }

    fn new(
        role: Role,
        config: Arc<SessionConfig>,
        wall: WallClock,
        now: Instant,
        handshake_until: Option<Instant>,
    ) -> Self {
        let limits = &config.limits;
        Self {
            role,
            phase: Phase::Registering,
            profile: Profile::Json,
            wall,
            decoder: Decoder::new(limits.max_message_size.min(MAX_REGISTRATION)),
            outbox: Outbox::new(limits.high_water, limits.hard_cap),
            requests: Requests::default(),
            incoming: HashMap::default(),
            by_text: HashMap::new(),
            next_incoming: 0,
            credit: Credit::new(limits),
            streams: Streams::default(),
            memory: Memory::default(),
            rest: None,
            next_read: usize::MAX,
            heartbeat: Heartbeat::new(config.heartbeat.clone(), now),
            counters: Counters::default(),
            events: Vec::new(),
            peer_max: limits.max_message_size,
            peer_clone_version: 0,
            peer_stream_window: STREAM_WINDOW,
            ping: None,
            proof: None,
            withheld: false,
            next_ping: 1,
            handshake_until,
            frame_since: None,
            last_received: now,
            reading_paused: false,
            resumed: now,
            half_closed: None,
            config,
        }
    }
}

/// Longest frame before the registration: room for its topics and metadata, but
/// not for those who only want our memory.
const MAX_REGISTRATION: usize = 2 * 1024 * 1024;
