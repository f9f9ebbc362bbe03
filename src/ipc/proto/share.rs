//! Frames for many receivers: encoded once, and what a slow receiver does without.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::session::Session;
use crate::ipc::close::CloseReason;
use crate::ipc::frame::{self, Encoding, Frame, Profile};
use crate::ipc::options::SlowConsumer;

/// A frame for many receivers, encoded once per profile.
#[derive(Debug)]
pub struct Shared {
    frame: Frame,
    wall: u64,
    json: Option<Option<Bytes>>,
    binary: Option<Bytes>,
}

impl Shared {
    /// A message or topic message; `wall` is the time for JSON envelopes.
    pub fn new(frame: Frame, wall: u64) -> Self {
        Self {
            frame,
            wall,
            json: None,
            binary: None,
        }
    }

    /// The encoded frame; none if JSON can't carry it, for a binary publisher's
    /// "JSON" is checked only where it would spoil another peer's envelope.
    fn bytes(&mut self, profile: Profile) -> Option<Bytes> {
        let Self {
            frame,
            wall,
            json,
            binary,
        } = self;
        let encode = |profile| {
            let mut out = BytesMut::new();
            frame::encode(frame, profile, *wall, u32::MAX as usize, &mut out).ok()?;
            Some(out.freeze())
        };
        match profile {
            Profile::Binary => {
                if binary.is_none() {
                    *binary = encode(Profile::Binary);
                }
                binary.clone()
            }
            Profile::Json => json
                .get_or_insert_with(|| fits_json(frame).then(|| encode(Profile::Json)).flatten())
                .clone(),
        }
    }
}

fn fits_json(frame: &Frame) -> bool {
    match frame {
        Frame::Topic { body, .. } | Frame::Message { body, .. } => {
            body.encoding != Encoding::Json || frame::is_json(&body.payload)
        }
        _ => true,
    }
}

impl Session {
    /// Sends a frame that many receivers get. A receiver above its mark gets
    /// what the policy for slow consumers says; nobody waits for it.
    pub fn share(&mut self, shared: &mut Shared, now: Instant) {
        if !self.is_open() {
            return;
        }
        let Some(frame) = shared.bytes(self.profile) else {
            self.counters.errors += 1;
            return;
        };
        let size = frame.len() - 4;
        if size > self.peer_max {
            self.counters.errors += 1;
            return;
        }
        let policy = self.config.limits.slow_consumer;
        if policy == SlowConsumer::DropOldest {
            // As many as it takes: one large message may be worth many small ones.
            while self.outbox.held_above_mark(frame.len()) && self.outbox.held().drop_oldest() {
                self.counters.errors += 1;
            }
        }
        if self.outbox.is_full() {
            self.counters.errors += 1;
            if policy == SlowConsumer::Disconnect {
                self.leave(
                    CloseReason::SlowConsumer,
                    "the queue of the peer is full",
                    now,
                );
            }
            return;
        }
        self.counters.messages_sent += 1;
        if self.outbox.is_open() && self.may_send() {
            self.credit.spend(size);
            self.outbox.push_shared(frame);
        } else {
            self.outbox.held().add_shared(frame);
        }
        self.outbox.note_stall(now);
    }
}
