//! Deadlines: what is due when, and what then happens.

use std::time::Instant;

use super::{Phase, Proof, Role, Session};
use crate::ipc::close::CloseReason;
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::frame::{Frame, Id};
use crate::ipc::options::SlowConsumer;
use crate::ipc::proto::event::Event;
use crate::ipc::proto::heartbeat::Due;

impl Session {
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
            self.proof_until(),
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
        if due(self.proof_until()) {
            self.judge_proof();
        }
        self.expire_requests(now);
        if self.phase == Phase::Open && !self.reading_paused {
            self.beat(now);
        }
    }

    fn proof_until(&self) -> Option<Instant> {
        match self.proof {
            Some(Proof::Due { until, .. }) => Some(until),
            Some(Proof::Later(_)) | None => None,
        }
    }

    /// No answer came in time. Any byte is a sign of life. Who is not read can't give one;
    /// if that is because it takes nothing, it has to take something.
    fn judge_proof(&mut self) {
        if let Some(Proof::Due { sent, .. }) = self.proof.take() {
            let took = || self.outbox.moved_after(sent);
            let unheard = self.reading_paused && (!self.outbox.is_clogged() || took());
            let alive = unheard || self.last_received > sent;
            self.events.push(Event::Probed { alive });
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
                    ErrorCode::HeartbeatTimeout,
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

    pub(in crate::ipc::proto) fn ping_id(&mut self) -> u32 {
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
                self.outbox.held().withdraw(id);
            }
            let name = String::from_utf8_lossy(&pending.name);
            self.fail_own(id, Error::timeout(&name).maybe_ran(pending.sent));
        }
        // What was withdrawn may have made room.
        self.release(now);
    }

    pub(in crate::ipc::proto) fn fail_own(&mut self, id: u32, error: Error) {
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
        // All that it may say of a stream may lie in memory already.
        let applies = self.phase == Phase::Open && !self.reading_paused && !self.holds_shared();
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
}
