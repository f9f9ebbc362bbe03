//! Two sessions face to face, without sockets and with a clock that stands
//! until a test moves it.

mod abuse;
mod backpressure;
mod closing;
mod credit;
mod deadlines;
mod heartbeats;
mod nesting;
mod random;
mod registration;
mod requests;
mod slow;
mod streams;
mod topics;
mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::{Event, Role, Sent, Session, WallClock};
use crate::ipc::close::CloseReason;
use crate::ipc::error::{Error, ErrorCode, Origin};
use crate::ipc::frame::{
    encode, Body, Decoder, Encoding, Failure, Frame, Id, Profile, Refusal, Registration, Welcome,
};
use crate::ipc::options::{Limits, SessionConfig};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// Runs each scenario in both profiles.
macro_rules! both_profiles {
    ($($scenario:ident),+ $(,)?) => {
        mod binary {
            $(#[test] fn $scenario() { super::$scenario(crate::ipc::frame::Profile::Binary) })+
        }
        mod json {
            $(#[test] fn $scenario() { super::$scenario(crate::ipc::frame::Profile::Json) })+
        }
    };
}
use both_profiles;

/// A client, a server, and the wire between them.
struct Pair {
    client: Session,
    server: Session,
    now: Instant,
    /// Bytes that a reader gets at once.
    chunk: usize,
}

/// A configuration without heartbeats, which most tests would have to skip.
fn config(profile: Profile) -> SessionConfig {
    let mut config = SessionConfig {
        json_only: profile == Profile::Json,
        ..SessionConfig::default()
    };
    config.heartbeat.enabled = false;
    config
}

fn limited(profile: Profile, change: impl FnOnce(&mut Limits)) -> SessionConfig {
    let mut config = config(profile);
    change(&mut config.limits);
    config
}

fn registration(client_id: &str) -> Registration {
    Registration {
        client_id: Some(client_id.to_owned()),
        metadata: None,
        token: None,
        resume: None,
        topics: Vec::new(),
        probe: false,
        protocol: None,
    }
}

fn welcome() -> Welcome {
    Welcome {
        client_id: "c".to_owned(),
        role: "server".to_owned(),
        resume: None,
        protocol: None,
    }
}

impl Pair {
    /// Connected; nothing has been said.
    fn connected(client: SessionConfig, server: SessionConfig) -> Self {
        let now = Instant::now();
        let wall = WallClock {
            base: now,
            millis: 1_700_000_000_000,
        };
        Self {
            client: Session::client(Arc::new(client), registration("c"), wall, now),
            server: Session::server(Arc::new(server), wall, now),
            now,
            chunk: usize::MAX,
        }
    }

    fn open_with(client: SessionConfig, server: SessionConfig) -> Self {
        let mut pair = Self::connected(client, server);
        pair.register();
        pair
    }

    /// Registered, both ends with this configuration.
    fn with(config: SessionConfig) -> Self {
        Self::open_with(config.clone(), config)
    }

    fn open(profile: Profile) -> Self {
        Self::with(config(profile))
    }

    /// Carries the registration over and accepts it.
    fn register(&mut self) {
        self.carry(Role::Client);
        let protocol = match self.events(Role::Server).pop() {
            Some(Event::Register(registration)) => registration.protocol,
            other => panic!("no registration but {other:?}"),
        };
        self.server.accept(welcome(), protocol.as_ref(), self.now);
        self.shuttle();
        assert!(matches!(self.events(Role::Client)[..], [Event::Open(_)]));
        assert!(self.client.is_open() && self.server.is_open());
    }

    fn end(&mut self, role: Role) -> &mut Session {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    /// What happened at one end. What is taken here has been taken over by
    /// JavaScript, as far as the bytes' credit goes.
    fn events(&mut self, role: Role) -> Vec<Event> {
        let now = self.now;
        let mut events = Vec::new();
        self.end(role).take_events(&mut events);
        if !events.is_empty() {
            self.end(role).taken(1 << 40, now);
        }
        events
    }

    /// Moves what one end has to say as far as the other reads it.
    fn carry(&mut self, from: Role) -> usize {
        let (now, chunk) = (self.now, self.chunk);
        let (sender, reader) = match from {
            Role::Client => (&mut self.client, &mut self.server),
            Role::Server => (&mut self.server, &mut self.client),
        };
        let mut moved = 0;
        while reader.wants_read() && sender.output_len() > 0 {
            let output = sender.output();
            let count = output.len().min(chunk);
            reader.input(&output[..count], now);
            sender.wrote(count, now);
            moved += count;
        }
        moved
    }

    /// Moves bytes both ways until nothing moves any more.
    fn shuttle(&mut self) {
        while self.carry(Role::Client) + self.carry(Role::Server) > 0 {}
    }

    /// Lets time pass for both ends, in the steps that they ask for.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let next = [self.client.deadline(), self.server.deadline()]
                .into_iter()
                .flatten()
                .min();
            let Some(next) = next.filter(|at| *at <= until) else {
                break;
            };
            assert!(next >= self.now, "a deadline in the past");
            self.now = next;
            self.client.tick(next);
            self.server.tick(next);
            self.shuttle();
        }
        self.now = until;
    }

    /// One end's view of what the other has sent and not been read: decoded.
    fn spoken(&mut self, role: Role) -> Vec<Frame> {
        let now = self.now;
        let session = self.end(role);
        let mut decoder = Decoder::new(usize::MAX);
        decoder.feed(session.output());
        session.wrote(session.output_len(), now);
        let mut frames = Vec::new();
        while let Some((frame, _)) = decoder.next_frame().unwrap() {
            frames.push(frame);
        }
        assert!(!decoder.is_partial());
        frames
    }

    /// Gives one end a frame that its peer did not send.
    fn inject(&mut self, into: Role, frame: &Frame) {
        let now = self.now;
        let session = self.end(into);
        let profile = session.profile();
        session.input(&wire(frame, profile), now);
    }

    fn request(&mut self, from: Role, id: u32, timeout: Option<Duration>) -> Result<Sent, Error> {
        let now = self.now;
        self.end(from)
            .request(id, name("ask"), Body::json("1"), timeout, now)
    }

    fn message(&mut self, from: Role, size: usize) -> Result<Sent, Error> {
        let now = self.now;
        self.end(from).message(name("tell"), bulk(size), now)
    }

    /// Ids of the requests that one end has been asked.
    fn asked(&mut self, role: Role) -> Vec<u32> {
        let ids = self.events(role).into_iter().map(|event| match event {
            Event::Request { id, .. } => id,
            other => panic!("no request but {other:?}"),
        });
        ids.collect()
    }

    fn respond(&mut self, role: Role, id: u32) {
        let now = self.now;
        self.end(role).respond(id, Body::json("2"), now).unwrap();
    }
}

fn name(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// A payload of this many bytes.
fn bulk(size: usize) -> Body {
    Body {
        headers: None,
        encoding: Encoding::Json,
        payload: Bytes::from("1".repeat(size.max(1))),
    }
}

fn wire(frame: &Frame, profile: Profile) -> BytesMut {
    let mut out = BytesMut::new();
    encode(frame, profile, 0, usize::MAX, &mut out).unwrap();
    out
}

fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

const BOTH: [Role; 2] = [Role::Client, Role::Server];

/// The reason of the close, which has to be the last event and the only close.
fn closed(events: &[Event]) -> CloseReason {
    let closes = events
        .iter()
        .filter(|event| matches!(event, Event::Closed { .. }))
        .count();
    assert_eq!(closes, 1, "{events:?}");
    match events.last() {
        Some(Event::Closed { reason, .. }) => *reason,
        other => panic!("closed before {other:?}"),
    }
}
