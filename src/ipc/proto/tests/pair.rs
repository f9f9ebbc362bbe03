//! Two sessions face to face. Also used by the fuzz targets, so nothing in here
//! is private to the core.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::ipc::close::CloseReason;
use crate::ipc::error::Error;
use crate::ipc::frame::{
    encode, Body, Decoder, Encoding, Failure, Frame, Profile, Registration, Welcome,
};
use crate::ipc::options::{Limits, SessionConfig};
use crate::ipc::proto::{Event, Role, Sent, Session, WallClock};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MILLI: Duration = Duration::from_millis(1);

/// A client, a server, and the wire between them.
pub(super) struct Pair {
    pub(super) client: Session,
    pub(super) server: Session,
    pub(super) now: Instant,
    /// Bytes that a reader gets at once.
    pub(super) chunk: usize,
}

/// A configuration without heartbeats, which most tests would have to skip.
pub(super) fn config(profile: Profile) -> SessionConfig {
    let mut config = SessionConfig {
        json_only: profile == Profile::Json,
        ..SessionConfig::default()
    };
    config.heartbeat.enabled = false;
    config
}

pub(super) fn limited(profile: Profile, change: impl FnOnce(&mut Limits)) -> SessionConfig {
    let mut config = config(profile);
    change(&mut config.limits);
    config
}

pub(super) fn registration(client_id: &str) -> Registration {
    Registration {
        client_id: Some(client_id.to_owned()),
        metadata: None,
        token: None,
        resume: None,
        topics: Vec::new(),
        probe: false,
        give_way: false,
        protocol: None,
    }
}

pub(super) fn welcome() -> Welcome {
    Welcome {
        client_id: "c".to_owned(),
        role: "server".to_owned(),
        resume: None,
        protocol: None,
    }
}

impl Pair {
    /// Connected; nothing has been said.
    pub(super) fn connected(client: SessionConfig, server: SessionConfig) -> Self {
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

    pub(super) fn open_with(client: SessionConfig, server: SessionConfig) -> Self {
        let mut pair = Self::connected(client, server);
        pair.register();
        pair
    }

    /// Registered, both ends with this configuration.
    pub(super) fn with(config: SessionConfig) -> Self {
        Self::open_with(config.clone(), config)
    }

    pub(super) fn open(profile: Profile) -> Self {
        Self::with(config(profile))
    }

    /// Carries the registration over and accepts it.
    pub(super) fn register(&mut self) {
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

    pub(super) fn end(&mut self, role: Role) -> &mut Session {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    /// What happened at one end. What is taken here has been taken over by
    /// JavaScript, as far as the bytes' credit goes.
    pub(super) fn events(&mut self, role: Role) -> Vec<Event> {
        let now = self.now;
        let mut events = Vec::new();
        self.end(role).take_events(&mut events);
        if !events.is_empty() {
            self.end(role).taken(1 << 40, now);
        }
        events
    }

    /// Moves what one end has to say as far as the other reads it.
    pub(super) fn carry(&mut self, from: Role) -> usize {
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
    pub(super) fn shuttle(&mut self) {
        while self.carry(Role::Client) + self.carry(Role::Server) > 0 {}
    }

    /// Lets time pass for both ends, in the steps that they ask for.
    pub(super) fn pass(&mut self, time: Duration) {
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
    pub(super) fn spoken(&mut self, role: Role) -> Vec<Frame> {
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
    pub(super) fn inject(&mut self, into: Role, frame: &Frame) {
        let now = self.now;
        let session = self.end(into);
        let profile = session.profile();
        session.input(&wire(frame, profile), now);
    }

    pub(super) fn request(
        &mut self,
        from: Role,
        id: u32,
        timeout: Option<Duration>,
    ) -> Result<Sent, Error> {
        let now = self.now;
        self.end(from)
            .request(id, name("ask"), Body::json("1"), timeout, now)
    }

    pub(super) fn message(&mut self, from: Role, size: usize) -> Result<Sent, Error> {
        let now = self.now;
        self.end(from).message(name("tell"), bulk(size), now)
    }

    /// Ids of the requests that one end has been asked.
    pub(super) fn asked(&mut self, role: Role) -> Vec<u32> {
        let ids = self.events(role).into_iter().map(|event| match event {
            Event::Request { id, .. } => id,
            other => panic!("no request but {other:?}"),
        });
        ids.collect()
    }

    pub(super) fn respond(&mut self, role: Role, id: u32) {
        let now = self.now;
        self.end(role).respond(id, Body::json("2"), now).unwrap();
    }
}

pub(super) fn name(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// A payload of this many bytes.
pub(super) fn bulk(size: usize) -> Body {
    Body {
        headers: None,
        encoding: Encoding::Json,
        payload: Bytes::from("1".repeat(size.max(1))),
    }
}

pub(super) fn wire(frame: &Frame, profile: Profile) -> BytesMut {
    let mut out = BytesMut::new();
    encode(frame, profile, 0, usize::MAX, &mut out).unwrap();
    out
}

pub(super) fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

pub(super) const BOTH: [Role; 2] = [Role::Client, Role::Server];

/// The reason of the close, which has to be the last event and the only close.
pub(super) fn closed(events: &[Event]) -> CloseReason {
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

/// A failure with a name and a code.
pub(super) fn reason(message: &str) -> Failure {
    Failure {
        message: message.to_owned(),
        name: "RangeError".to_owned(),
        code: "E_NO".to_owned(),
    }
}
