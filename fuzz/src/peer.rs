//! One session, registered, with nobody on the other end but the target.

use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use smartipc_native::ipc::frame::{
    encode, Decoder, Frame, Id, Profile, Protocol, Registration, Welcome, FEATURE_BINARY,
};
use smartipc_native::ipc::options::SessionConfig;
use smartipc_native::ipc::proto::{Event, Role, Session, WallClock};

/// The session, and who listens to it.
pub struct Peer {
    pub session: Session,
    pub profile: Profile,
    pub now: Instant,
    listener: Decoder,
}

impl Peer {
    /// `window` is what the other side grants to each stream of the session's.
    pub fn opened(role: Role, profile: Profile, config: SessionConfig, window: u32) -> Self {
        let now = Instant::now();
        let wall = WallClock {
            base: now,
            millis: 0,
        };
        let config = Arc::new(config);
        let protocol = Some(protocol(profile, window));
        let mut events = Vec::new();
        let mut session = match role {
            Role::Server => Session::server(config, wall, now),
            Role::Client => Session::client(config, registration(None), wall, now),
        };
        match role {
            Role::Server => {
                let frame =
                    Frame::Register(Id::Number(0), Box::new(registration(protocol.clone())));
                session.input(&wire(&frame, Profile::Json), now);
                session.take_events(&mut events);
                assert!(matches!(events[..], [Event::Register(_)]));
                session.accept(welcome(None), protocol.as_ref(), now);
            }
            Role::Client => {
                let frame = Frame::Registered(Id::Number(0), Box::new(Ok(welcome(protocol))));
                session.input(&wire(&frame, Profile::Json), now);
                session.take_events(&mut events);
                assert!(matches!(events[..], [Event::Open(_)]));
            }
        }
        assert!(session.is_open() && session.profile() == profile);
        session.wrote(session.output_len(), now);
        Self {
            session,
            profile,
            now,
            listener: Decoder::new(usize::MAX),
        }
    }

    /// Says a frame to the session.
    pub fn say(&mut self, frame: &Frame) {
        let bytes = wire(frame, self.profile);
        self.session.input(&bytes, self.now);
    }

    /// Hears what has left the session: the frames that it completes.
    pub fn hear(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        self.listener.feed(bytes);
        while let Some((frame, _)) = self.listener.next_frame().expect("we speak well") {
            frames.push(frame);
        }
        frames
    }

    pub fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.session.take_events(&mut events);
        events
    }
}

pub fn wire(frame: &Frame, profile: Profile) -> BytesMut {
    let mut out = BytesMut::new();
    encode(frame, profile, 0, u32::MAX as usize, &mut out).expect("no limit");
    out
}

fn protocol(profile: Profile, window: u32) -> Protocol {
    Protocol {
        version: 1,
        features: match profile {
            Profile::Binary => vec![FEATURE_BINARY.to_owned()],
            Profile::Json => Vec::new(),
        },
        max_message_size: 1 << 20,
        window_messages: 16,
        window_bytes: 1 << 16,
        stream_window: window,
        clone_version: 0,
    }
}

fn registration(protocol: Option<Protocol>) -> Registration {
    Registration {
        client_id: Some("c".to_owned()),
        metadata: None,
        token: None,
        resume: None,
        topics: Vec::new(),
        probe: false,
        give_way: false,
        protocol,
    }
}

fn welcome(protocol: Option<Protocol>) -> Welcome {
    Welcome {
        client_id: "c".to_owned(),
        role: "server".to_owned(),
        resume: None,
        protocol,
    }
}
