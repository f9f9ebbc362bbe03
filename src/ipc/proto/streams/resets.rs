//! How many streams a peer may give up before their end.
//!
//! Opening a stream costs its sender a few bytes and its receiver an object, an
//! event and a handler. That many may be *open* is bounded elsewhere; who opens and
//! gives up at once never has many open, and needs a bound of another kind (the
//! rapid reset of HTTP/2, CVE-2023-44487). Streams that come to their end don't
//! count, however many they are, nor those that their receiver does not want.

use std::time::{Duration, Instant};

/// Seconds whose allowance may be used at once: a program that cancels all it has
/// under way is no attacker.
const BURST: u32 = 10;

/// The allowance of one peer, kept as the moment at which it is whole again (the
/// generic cell rate algorithm).
#[derive(Debug, Default)]
pub(in crate::ipc::proto) struct Resets {
    whole_at: Option<Instant>,
}

impl Resets {
    /// Counts one; false if that was too many for `per_second`.
    pub(super) fn count(&mut self, per_second: u32, now: Instant) -> bool {
        let each = Duration::from_secs(1) / per_second.max(1);
        let whole_at = self.whole_at.map_or(now, |at| at.max(now)) + each;
        self.whole_at = Some(whole_at);
        whole_at - now <= each * per_second.max(1) * BURST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_the_rate_for_ever() {
        let start = Instant::now();
        let mut resets = Resets::default();
        for _ in 0..1000 {
            assert!(resets.count(100, start));
        }
        assert!(!resets.count(100, start));
        // What was too much counts as well.
        let mut now = start + Duration::from_millis(20);
        assert!(resets.count(100, now));
        assert!(!resets.count(100, now));
        now += Duration::from_millis(10);
        for _ in 0..10_000 {
            now += Duration::from_millis(11);
            assert!(resets.count(100, now));
        }
    }
}
