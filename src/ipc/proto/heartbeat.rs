//! When to ask for a sign of life, and when a peer counts as dead.
//!
//! Any byte is a sign of life, so a ping is sent only after silence. The clock
//! is monotonic and an argument; the owner reads what has arrived before it
//! asks whether a peer is dead, so that a process that was itself suspended
//! does not condemn its peers.

use std::time::{Duration, Instant};

use crate::ipc::options::Heartbeat as Options;

#[derive(Debug)]
pub(super) struct Heartbeat {
    options: Options,
    last_received: Instant,
    /// When the unanswered ping was sent.
    asked: Option<Instant>,
    grace_until: Instant,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    Timeout,
}

impl Heartbeat {
    pub(super) fn new(options: Options, now: Instant) -> Self {
        let grace_until = now + options.grace;
        Self {
            options,
            last_received: now,
            asked: None,
            grace_until,
        }
    }

    /// Anything came from the peer.
    pub(super) fn received(&mut self, now: Instant) {
        self.last_received = now;
        self.asked = None;
    }

    /// We did not read: the peer can't be blamed for its silence.
    pub(super) fn paused(&mut self, now: Instant) {
        self.received(now);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        if !self.options.enabled {
            return None;
        }
        Some(match self.asked {
            None => self.last_received + self.options.interval,
            Some(asked) => self.dead_at(asked),
        })
    }

    pub(super) fn check(&mut self, now: Instant) -> Due {
        if self.deadline().is_none_or(|at| at > now) {
            return Due::Nothing;
        }
        match self.asked {
            None => {
                self.asked = Some(now);
                Due::Ping
            }
            Some(_) => {
                // Told once per outage period, not once per tick.
                self.asked = Some(now);
                self.last_received = now;
                Due::Timeout
            }
        }
    }

    fn dead_at(&self, asked: Instant) -> Instant {
        let silent = asked.max(self.last_received) + self.options.timeout;
        silent.max(self.grace_until)
    }

    pub(super) fn timeout(&self) -> Duration {
        self.options.timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn heartbeat(now: Instant) -> Heartbeat {
        Heartbeat::new(
            Options {
                interval: 3 * SECOND,
                timeout: 10 * SECOND,
                ..Options::default()
            },
            now,
        )
    }

    #[test]
    fn asks_after_silence_and_gives_up_after_more() {
        let start = Instant::now();
        let mut beat = heartbeat(start);
        assert_eq!(beat.check(start + 2 * SECOND), Due::Nothing);
        assert_eq!(beat.check(start + 3 * SECOND), Due::Ping);
        assert_eq!(beat.check(start + 12 * SECOND), Due::Nothing);
        assert_eq!(beat.check(start + 13 * SECOND), Due::Timeout);
        assert_eq!(beat.check(start + 13 * SECOND), Due::Nothing);
    }

    #[test]
    fn any_byte_is_a_sign_of_life() {
        let start = Instant::now();
        let mut beat = heartbeat(start);
        assert_eq!(beat.check(start + 3 * SECOND), Due::Ping);
        beat.received(start + 12 * SECOND);
        assert_eq!(beat.check(start + 13 * SECOND), Due::Nothing);
        assert_eq!(beat.check(start + 15 * SECOND), Due::Ping);
    }

    #[test]
    fn nobody_is_given_up_in_the_grace_period() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(
            Options {
                interval: SECOND,
                timeout: SECOND,
                grace: 20 * SECOND,
                ..Options::default()
            },
            start,
        );
        assert_eq!(beat.check(start + SECOND), Due::Ping);
        assert_eq!(beat.check(start + 19 * SECOND), Due::Nothing);
        assert_eq!(beat.check(start + 20 * SECOND), Due::Timeout);
    }

    #[test]
    fn switched_off_it_never_asks() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(
            Options {
                enabled: false,
                ..Options::default()
            },
            start,
        );
        assert_eq!(beat.deadline(), None);
        assert_eq!(beat.check(start + 1000 * SECOND), Due::Nothing);
    }
}
