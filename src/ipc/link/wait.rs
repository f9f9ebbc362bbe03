//! What a link waits for, and when whoever waits for it has to be woken.

use std::time::Instant;

use tokio::sync::Notify;

use super::Core;
use crate::ipc::close::CloseReason;

impl Core {
    /// Remembers when to wake up. A poller's timer stays where it is as long as
    /// it is early enough: most deadlines move away before they come.
    pub(super) fn arm(&mut self, deadline: Option<Instant>, now: Instant) {
        let kept = self.armed.filter(|at| *at > now && self.poller.is_some());
        self.armed = match (kept, deadline) {
            (Some(kept), Some(deadline)) => Some(kept.min(deadline)),
            (kept, deadline) => kept.or(deadline),
        };
    }

    /// The earliest moment at which something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let (own, tls) = (self.session.deadline(), self.securing_until());
        tls.map_or(own, |tls| Some(own.map_or(tls, |own| own.min(tls))))
    }

    pub(super) fn securing_until(&self) -> Option<Instant> {
        self.stream.as_ref().and_then(|it| it.securing_until())
    }

    pub(super) fn end_stalled_handshake(&mut self, now: Instant) {
        if self.securing_until().is_some_and(|until| until <= now) {
            let text = "the TLS handshake was not done in time";
            self.session.close(CloseReason::TlsTimeout, text);
            self.linger_until = Some(now);
        }
    }

    /// Wakes the driver if it would otherwise miss something.
    pub(super) fn settle(&mut self, wake: &Notify) {
        self.attend();
        self.attend_memory();
        let deadline = self.session.deadline();
        let sooner = match (deadline, self.armed) {
            (Some(new), Some(old)) => new < old,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if sooner {
            self.armed = deadline;
        }
        let resumed = self.session.wants_read() && !self.planned.read;
        let blocked = self.blocked && !self.planned.write;
        let closed = self.session.is_closed() && self.linger_until.is_none();
        if !(sooner || resumed || blocked || closed || self.session.has_events()) {
            return;
        }
        match &self.poller {
            None => wake.notify_one(),
            Some(_) if self.woken => {}
            Some((poller, key)) => {
                self.woken = true;
                poller.wake(*key);
            }
        }
    }
}
