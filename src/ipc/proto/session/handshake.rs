//! The beginning: the owner of the server decides about the registration, and
//! each side learns what the other can do.

use std::time::Instant;

use super::{Phase, Proof, Session};
use crate::ipc::close::CloseReason;
use crate::ipc::frame::{
    Frame, Id, Profile, Protocol, Refusal, Welcome, FEATURE_BINARY, FEATURE_MEMORY, VERSION,
};
use crate::ipc::options::SessionConfig;
use crate::ipc::proto::heartbeat::Heartbeat;

impl Session {
    /// Server: lets the client in. Reading goes on.
    ///
    /// `protocol` is what the client said about itself, if it did.
    pub fn accept(&mut self, mut welcome: Welcome, protocol: Option<&Protocol>, now: Instant) {
        let Some(id) = self.decided() else { return };
        welcome.protocol = Some(own_protocol(&self.config));
        self.control(&Frame::Registered(id, Box::new(Ok(welcome))), now);
        self.opened(protocol, now);
        if let Some(Proof::Later(time)) = self.proof {
            self.probe(now + time, now);
        }
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

    pub(in crate::ipc::proto) fn opened(&mut self, peer: Option<&Protocol>, now: Instant) {
        self.phase = Phase::Open;
        self.decoder.set_max(self.config.limits.max_message_size);
        self.handshake_until = None;
        self.heartbeat = Heartbeat::new(self.config.heartbeat.clone(), now);
        let Some(peer) = peer else { return };
        let peers = usize::try_from(peer.max_message_size).unwrap_or(usize::MAX);
        self.peer_max = peers.max(LEAST_MAX).min(self.peer_max);
        self.peer_clone_version = peer.clone_version;
        self.peer_stream_window = peer.stream_window;
        let can = |feature| peer.features.iter().any(|name| name == feature);
        if !self.config.json_only && can(FEATURE_BINARY) {
            self.profile = Profile::Binary;
            self.memory.allowed = self.config.memory && can(FEATURE_MEMORY);
            self.credit
                .set_peer_window(peer.window_messages.into(), peer.window_bytes.into());
        }
    }
}

/// Least that a peer must be ready to receive: control frames have to pass.
const LEAST_MAX: usize = 1024;

pub(super) fn own_protocol(config: &SessionConfig) -> Protocol {
    let limits = &config.limits;
    let features = [(FEATURE_BINARY, true), (FEATURE_MEMORY, config.memory)];
    let offered = features
        .into_iter()
        .filter(|(_, can)| *can && !config.json_only);
    Protocol {
        version: VERSION,
        features: offered.map(|(name, _)| name.to_owned()).collect(),
        max_message_size: limits.max_message_size as u64,
        window_messages: limits.window_messages,
        window_bytes: limits.window_bytes,
        stream_window: limits.stream_window,
        clone_version: config.clone_version,
    }
}
