//! One connection: its phases, its time, its end. `send` and `receive` hold
//! the commands and the reactions.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::credit::Credit;
use super::event::Event;
use super::heartbeat::{Due, Heartbeat};
use super::outbox::Outbox;
use super::requests::{IdHasher, Requests};
use super::streams::{Rest, Streams};
use crate::ipc::close::CloseReason;
use crate::ipc::error::{Error, Origin};
use crate::ipc::frame::{
    Decoder, Frame, Id, Profile, Protocol, Refusal, Registration, Welcome, FEATURE_BINARY,
    STREAM_WINDOW, VERSION,
};
use crate::ipc::options::{SessionConfig, SlowConsumer};
use crate::ipc::stats::Counters;

/// Bytes that a connection may have waiting for its owner however crowded it is
/// there: some dozens of small messages.
const SHARE: u64 = 16 * 1024;

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
    pub(super) next_incoming: u32,
    pub(super) credit: Credit,
    pub(super) streams: Streams,
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
    pub(super) probe: Option<(u32, Instant)>,
    pub(super) next_ping: u32,
    handshake_until: Option<Instant>,
    frame_since: Option<Instant>,
    last_received: Instant,
    reading_paused: bool,
    /// When reading last went on after a pause.
    resumed: Instant,
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
            next_incoming: 0,
            credit: Credit::new(limits),
            streams: Streams::default(),
            rest: None,
            next_read: usize::MAX,
            heartbeat: Heartbeat::new(config.heartbeat.clone(), now),
            counters: Counters::default(),
            events: Vec::new(),
            peer_max: limits.max_message_size,
            peer_clone_version: 0,
            peer_stream_window: STREAM_WINDOW,
            ping: None,
            probe: None,
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

    /// Server: lets the client in. Reading goes on.
    ///
    /// `protocol` is what the client said about itself, if it did.
    pub fn accept(&mut self, mut welcome: Welcome, protocol: Option<&Protocol>, now: Instant) {
        let Some(id) = self.decided() else { return };
        welcome.protocol = Some(own_protocol(&self.config));
        self.control(&Frame::Registered(id, Box::new(Ok(welcome))), now);
        self.opened(protocol, now);
        self.decode(now);
    }

    /// Server: refuses the client and closes.
    pub fn refuse(&mut self, refusal: Refusal, reason: CloseReason, now: Instant) {
        let Some(id) = self.decided() else { return };
        let message = refusal.error.clone();
        self.control(&Frame::Registered(id, Box::new(Err(refusal))), now);
        self.close(reason, message);
    }

    /// Takes the id of the registration that the owner decides about; none if
    /// the connection has ended meanwhile.
    fn decided(&mut self) -> Option<Id> {
        let Phase::Deciding(id) = &mut self.phase else {
            return None;
        };
        let id = std::mem::replace(id, Id::Number(0));
        self.phase = Phase::Registering;
        Some(id)
    }

    pub(super) fn opened(&mut self, peer: Option<&Protocol>, now: Instant) {
        self.phase = Phase::Open;
        self.decoder.set_max(self.config.limits.max_message_size);
        self.handshake_until = None;
        self.heartbeat = Heartbeat::new(self.config.heartbeat.clone(), now);
        let Some(peer) = peer else { return };
        let peers = usize::try_from(peer.max_message_size).unwrap_or(usize::MAX);
        self.peer_max = peers.max(LEAST_MAX).min(self.peer_max);
        self.peer_clone_version = peer.clone_version;
        self.peer_stream_window = peer.stream_window;
        if !self.config.json_only && peer.features.iter().any(|name| name == FEATURE_BINARY) {
            self.profile = Profile::Binary;
            self.credit
                .set_peer_window(peer.window_messages.into(), peer.window_bytes.into());
        }
    }

    /// The earliest moment at which [`tick`](Self::tick) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        [
            self.handshake_until,
            self.half_closed,
            self.frame_until(),
            self.requests.deadline(),
            self.heartbeat
                .deadline()
                .filter(|_| self.phase == Phase::Open && !self.reading_paused),
            self.probe.map(|(_, until)| until),
            self.slow_at(),
            self.idle_at(),
        ]
        .into_iter()
        .flatten()
        .min()
        .filter(|_| !self.is_closed())
    }

    /// Does what is due. Bytes that have arrived are to be fed first.
    pub fn tick(&mut self, now: Instant) {
        if self.is_closed() {
            return;
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.handshake_until) {
            return self.close(
                CloseReason::HandshakeTimeout,
                "no registration came in time",
            );
        }
        if due(self.frame_until()) {
            return self.leave(CloseReason::FrameTimeout, "a frame stayed incomplete", now);
        }
        self.end_half_closed(now);
        if self.is_closed() {
            return;
        }
        if due(self.slow_at()) {
            return self.leave(
                CloseReason::SlowConsumer,
                "the peer does not take its messages",
                now,
            );
        }
        if due(self.idle_at()) {
            return self.leave(CloseReason::IdleTimeout, "idle for too long", now);
        }
        if due(self.probe.map(|(_, until)| until)) {
            self.probe = None;
            self.events.push(Event::Probed { alive: false });
        }
        self.expire_requests(now);
        if self.phase == Phase::Open && !self.reading_paused {
            self.beat(now);
        }
    }

    fn beat(&mut self, now: Instant) {
        match self.heartbeat.check(now) {
            Due::Nothing => {}
            Due::Ping => {
                let id = self.ping_id();
                self.control(&Frame::Ping(Id::Number(id)), now);
            }
            Due::Timeout => {
                self.counters.heartbeat_timeouts += 1;
                let millis = self.heartbeat.timeout().as_millis();
                let error = Error::io(
                    crate::ipc::error::ErrorCode::HeartbeatTimeout,
                    format!("Heartbeat timeout: no sign of life for {millis} ms"),
                );
                self.events.push(Event::HeartbeatTimeout(error));
                if self.config.heartbeat.close_on_timeout {
                    self.leave(
                        CloseReason::HeartbeatTimeout,
                        "the peer gave no sign of life",
                        now,
                    );
                }
            }
        }
    }

    pub(super) fn ping_id(&mut self) -> u32 {
        let id = self.next_ping;
        self.next_ping = self.next_ping.wrapping_add(1).max(1);
        id
    }

    fn expire_requests(&mut self, now: Instant) {
        for (id, pending) in self.requests.expire(now) {
            self.counters.request_timeouts += 1;
            if pending.sent {
                self.control(&Frame::Cancel { id: Id::Number(id) }, now);
            } else {
                self.outbox.withdraw(id);
            }
            let name = String::from_utf8_lossy(&pending.name);
            self.fail_own(id, Error::timeout(&name).maybe_ran(pending.sent));
        }
        // What was withdrawn may have made room.
        self.release(now);
    }

    pub(super) fn fail_own(&mut self, id: u32, error: Error) {
        self.events.push(Event::Failed {
            id,
            error,
            remote: None,
        });
    }

    /// When half a frame has waited too long. While we don't read, it can't be
    /// completed.
    fn frame_until(&self) -> Option<Instant> {
        let since = self.frame_since.filter(|_| !self.reading_paused)?;
        Some(since + self.config.limits.frame_timeout)
    }

    /// When a silent client is closed, if that is asked for.
    fn idle_at(&self) -> Option<Instant> {
        let idle = self.config.limits.idle_timeout?;
        let applies = self.phase == Phase::Open && !self.reading_paused;
        applies.then(|| self.last_received.max(self.resumed) + idle)
    }

    /// When a peer that does not take its output is given up. Only a server
    /// gives up: a client's heartbeat finds a dead server, and a slow one is
    /// better than none.
    fn slow_at(&self) -> Option<Instant> {
        let limits = &self.config.limits;
        let applies = self.role == Role::Server && limits.slow_consumer == SlowConsumer::Disconnect;
        self.outbox
            .stalled_until(limits.write_timeout)
            .filter(|_| applies)
    }

    /// Whether the owner should read from the socket.
    pub fn wants_read(&self) -> bool {
        match self.phase {
            _ if self.half_closed.is_some() => false,
            Phase::Registering => true,
            Phase::Deciding(_) | Phase::Closed(_) => false,
            // A client that makes us answer and reads no answer is not asked for
            // more. Only one end may do this, or both could wait for each other.
            Phase::Open if self.role == Role::Server && self.outbox.is_clogged() => false,
            // It goes on when the owner has taken some, which it will.
            Phase::Open if self.is_crowded() && self.credit.untaken() > SHARE => false,
            // With credit the peer knows by itself when to stop; without it
            // the kernel's buffer fills up and tells it.
            Phase::Open => self.profile == Profile::Binary || self.credit.has_room(self.awaited()),
        }
    }

    /// What a handler may be waiting for that only reading can bring. In the JSON
    /// profile a stream's frames stand behind messages, and any number of handlers
    /// may wait for one stream: as many as for requests then don't count.
    fn awaited(&self) -> u64 {
        let streams = match self.streams.wait_for_peer() {
            true => self.config.limits.pending_requests as u64,
            false => 0,
        };
        self.own_calls() + streams
    }

    /// Whether so much waits for the owner, of whatever connection, that it is
    /// better to read little at a time.
    pub fn is_crowded(&self) -> bool {
        self.config.backlog.is_long()
    }

    /// Calls of ours that a handler may be waiting for: see `credit`.
    pub(super) fn own_calls(&self) -> u64 {
        self.requests.len() as u64 + self.outbox.waiters()
    }

    /// The owner tells whether it is reading, so that silence is judged fairly.
    pub fn note_reading(&mut self, reading: bool, now: Instant) {
        if reading && self.reading_paused {
            self.heartbeat.paused(now);
            self.frame_since = self.frame_since.map(|_| now);
            self.resumed = now;
        }
        self.reading_paused = !reading;
    }

    pub(super) fn received(&mut self, count: usize, now: Instant) {
        self.counters.bytes_received += count as u64;
        self.last_received = now;
        self.heartbeat.received(now);
    }

    pub(super) fn note_frame(&mut self, now: Instant) {
        // A frame that completes while the next one begins restarts the time.
        self.frame_since = match (self.is_partial(), self.frame_since) {
            (false, _) => None,
            (true, since) => since.or(Some(now)),
        };
    }

    pub(super) fn frame_completed(&mut self) {
        self.frame_since = None;
    }

    /// Whether a frame has begun and is not complete.
    pub(super) fn is_partial(&self) -> bool {
        self.rest.is_some() || self.decoder.is_partial()
    }

    /// The peer's end was closed.
    pub fn eof(&mut self) {
        let reason = if self.is_partial() {
            CloseReason::TruncatedFrame
        } else {
            CloseReason::PeerClosed
        };
        self.close(reason, "the peer closed the connection");
    }

    /// The peer has finished sending and may still read: what it asked is
    /// answered, and what it has sent completely is read, for as long as [`LINGER`](Self::LINGER), then the connection ends.
    pub fn half_close(&mut self, now: Instant) {
        if self.phase == Phase::Open && !self.is_partial() && !self.is_settled() {
            self.half_closed = Some(now + Self::LINGER);
        } else {
            self.eof();
        }
    }

    /// Ends a half-closed connection once everything is answered and written.
    fn end_half_closed(&mut self, now: Instant) {
        if self
            .half_closed
            .is_some_and(|until| until <= now || self.is_settled())
        {
            self.eof();
        }
    }

    fn is_settled(&self) -> bool {
        self.incoming.is_empty() && !self.streams.owe_done() && self.outbox.ready_len() == 0
    }

    /// Tells the peer that we go, then closes.
    pub fn leave(&mut self, reason: CloseReason, message: &str, now: Instant) {
        if self.phase == Phase::Open {
            self.say_goodbye(reason, message, now);
        }
        self.close(reason, message);
    }

    /// Ends the connection: settles everything and reports the reason, once.
    pub fn close(&mut self, reason: CloseReason, message: impl Into<String>) {
        if self.is_closed() {
            return;
        }
        self.phase = Phase::Closed(reason);
        self.outbox.forget_held();
        self.streams = Streams::default();
        for (id, pending) in self.requests.drain() {
            let mut error = reason.to_error(pending.sent);
            if self.role == Role::Server && reason.is_servers() {
                error.origin = Origin::Local;
            }
            self.fail_own(id, error);
        }
        for (id, incoming) in self.incoming.drain() {
            if !incoming.cancelled {
                self.events.push(Event::Cancelled { id });
            }
        }
        if self.probe.take().is_some() {
            self.events.push(Event::Probed { alive: false });
        }
        self.events.push(Event::Closed {
            reason,
            message: message.into(),
        });
    }

    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed(_))
    }

    /// Whether messages can be sent.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// What happened since the last call.
    pub fn take_events(&mut self, into: &mut Vec<Event>) {
        into.append(&mut self.events);
    }

    /// Whether something happened.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Bytes for the socket; none where [`outside`](Self::outside) has the next.
    pub fn output(&mut self) -> &[u8] {
        self.outbox.front()
    }

    /// Bytes for the socket, with those that are outside.
    pub fn output_len(&self) -> usize {
        self.outbox.ready_len()
    }

    /// The socket has taken `count` bytes of the output, or of what is outside.
    pub fn wrote(&mut self, count: usize, now: Instant) {
        self.counters.bytes_sent += count as u64;
        self.outbox.consume(count, now);
        self.release(now);
        self.send_streams(now);
        self.end_half_closed(now);
    }

    /// Requests of ours that wait for an answer.
    pub fn pending(&self) -> usize {
        self.requests.len()
    }

    /// Requests of the peer that wait for our answer, or for the end of their
    /// handler although nobody waits for its answer any more.
    pub fn unanswered(&self) -> usize {
        self.incoming.len()
    }

    /// Messages and requests of the peer whose handler has not finished.
    pub fn running(&self) -> u64 {
        self.credit.running()
    }

    /// Streams that are under way, in both directions.
    pub fn open_streams(&self) -> usize {
        self.streams.open()
    }

    /// Bytes that wait to be written, with the overhead of what is held.
    pub fn queued(&self) -> usize {
        self.outbox.queued() + self.streams.queued()
    }

    /// Whether more waits than senders should add to.
    pub fn is_held_up(&self) -> bool {
        self.is_open() && self.outbox.above_mark()
    }

    /// What this connection has done.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Counts a message that was received and could not be used.
    pub fn count_error(&mut self) {
        self.counters.errors += 1;
    }

    /// The version of the structured clone format that the peer reads.
    pub fn peer_clone_version(&self) -> u32 {
        self.peer_clone_version
    }

    /// The profile in use.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// When something last came from the peer.
    pub fn last_received(&self) -> Instant {
        self.last_received
    }

    /// How long a closed connection may take to write its last bytes.
    pub const LINGER: Duration = Duration::from_secs(1);
}

/// Longest frame before the registration: room for its topics and metadata, but
/// not for those who only want our memory.
const MAX_REGISTRATION: usize = 2 * 1024 * 1024;
/// Least that a peer must be ready to receive: control frames have to pass.
const LEAST_MAX: usize = 1024;

fn own_protocol(config: &SessionConfig) -> Protocol {
    let limits = &config.limits;
    Protocol {
        version: VERSION,
        features: if config.json_only {
            Vec::new()
        } else {
            vec![FEATURE_BINARY.to_owned()]
        },
        max_message_size: limits.max_message_size as u64,
        window_messages: limits.window_messages,
        window_bytes: limits.window_bytes,
        stream_window: limits.stream_window,
        clone_version: config.clone_version,
    }
}
