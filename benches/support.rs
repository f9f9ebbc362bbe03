//! What the benchmarks share: payloads, and two sessions that talk to each other.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use smartipc_native::ipc::frame::{Body, Registration, Welcome};
use smartipc_native::ipc::options::SessionConfig;
use smartipc_native::ipc::proto::{Event, Session, WallClock};

/// Sizes of payloads, in bytes: a typical message, one that fills a few pages, a big one.
pub const SIZES: [usize; 3] = [100, 16 * 1024, 1024 * 1024];

/// A JSON string of `size` bytes, as it comes out of `JSON.stringify`.
pub fn body(size: usize) -> Body {
    let mut text = vec![b'x'; size];
    if let [first, .., last] = text.as_mut_slice() {
        *first = b'"';
        *last = b'"';
    }
    Body::json(Bytes::from(text))
}

/// Both ends of a connection that is registered, without a socket between them.
pub struct Pair {
    /// The end that registered.
    pub client: Session,
    /// The end that let it in.
    pub server: Session,
    /// The time that both are told; it stands still.
    pub now: Instant,
    events: Vec<Event>,
}

impl Pair {
    /// A pair in the binary profile, or in that of JSON.
    pub fn new(json_only: bool) -> Self {
        let now = Instant::now();
        let wall = WallClock {
            base: now,
            millis: 1_700_000_000_000,
        };
        let config = Arc::new(SessionConfig {
            json_only,
            ..SessionConfig::default()
        });
        let mut pair = Self {
            client: Session::client(config.clone(), registration(), wall, now),
            server: Session::server(config, wall, now),
            now,
            events: Vec::new(),
        };
        pair.to_server(|session, event, now| {
            if let Event::Register(registration) = event {
                session.accept(welcome(), registration.protocol.as_ref(), now);
            }
        });
        pair.to_client(|_, _, _| {});
        assert!(pair.client.is_open() && pair.server.is_open());
        pair
    }

    /// Carries what the client has to say over, and hands the server's events to `handle`.
    pub fn to_server(&mut self, handle: impl FnMut(&mut Session, Event, Instant)) {
        carry(
            &mut self.client,
            &mut self.server,
            &mut self.events,
            self.now,
            handle,
        );
    }

    /// The other way round.
    pub fn to_client(&mut self, handle: impl FnMut(&mut Session, Event, Instant)) {
        carry(
            &mut self.server,
            &mut self.client,
            &mut self.events,
            self.now,
            handle,
        );
    }
}

fn carry(
    from: &mut Session,
    to: &mut Session,
    events: &mut Vec<Event>,
    now: Instant,
    mut handle: impl FnMut(&mut Session, Event, Instant),
) {
    let output = from.output();
    let count = output.len();
    to.input(output, now);
    from.wrote(count, now);
    to.take_events(events);
    for event in events.drain(..) {
        handle(to, event, now);
    }
}

fn registration() -> Registration {
    Registration {
        client_id: Some("bench".to_owned()),
        metadata: None,
        token: None,
        resume: None,
        topics: Vec::new(),
        probe: false,
        give_way: false,
        protocol: None,
    }
}

fn welcome() -> Welcome {
    Welcome {
        client_id: "bench".to_owned(),
        role: "server".to_owned(),
        resume: None,
        protocol: None,
    }
}
