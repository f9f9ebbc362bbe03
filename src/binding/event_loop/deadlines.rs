//! When links want to be looked at: one timer serves all of them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::ipc::poller::LinkKey;

/// One moment per link, earliest first.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    moments: BTreeSet<(Instant, LinkKey)>,
    /// What the timer is set to.
    set: Option<Instant>,
}

impl Deadlines {
    /// Puts `at` in the place of the moment that the link had.
    pub(super) fn replace(&mut self, key: LinkKey, old: Option<Instant>, at: Option<Instant>) {
        if let Some(old) = old {
            self.moments.remove(&(old, key));
        }
        if let Some(at) = at {
            self.moments.insert((at, key));
        }
    }

    /// Takes out a link whose moment has come.
    pub(super) fn take(&mut self, now: Instant) -> Option<LinkKey> {
        self.moments.first().filter(|(at, _)| *at <= now)?;
        self.moments.pop_first().map(|(_, key)| key)
    }

    /// The timer has gone off.
    pub(super) fn went_off(&mut self) {
        self.set = None;
    }

    /// How long to set the timer to, in ms; none if it is set early enough. One
    /// that goes off for nothing costs less than setting it each time.
    pub(super) fn next(&mut self, now: Instant) -> Option<u64> {
        let (at, _) = *self.moments.first()?;
        if self.set.is_some_and(|set| set <= at) {
            return None;
        }
        self.set = Some(at);
        Some(millis(at.saturating_duration_since(now)))
    }
}

/// Rounded up: a timer that goes off too early has nothing to do.
fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis())
        .unwrap_or(u64::MAX)
        .saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(base: Instant, millis: u64) -> Option<Instant> {
        Some(base + Duration::from_millis(millis))
    }

    #[test]
    fn the_timer_is_set_again_only_for_an_earlier_moment() {
        let now = Instant::now();
        let mut deadlines = Deadlines::default();
        let mut add = |key, millis| {
            deadlines.replace(key, None, at(now, millis));
            deadlines.next(now)
        };
        assert_eq!(add(1, 50), Some(51));
        assert_eq!(add(2, 60), None);
        assert_eq!(add(3, 50), None);
        assert_eq!(add(4, 10), Some(11));
    }

    #[test]
    fn moments_come_in_order_and_not_before_their_time() {
        let now = Instant::now();
        let later = |millis| now + Duration::from_millis(millis);
        let mut deadlines = Deadlines::default();
        for (millis, key) in [(30, 1), (10, 2), (20, 3)] {
            deadlines.replace(key, None, at(now, millis));
        }
        assert_eq!(deadlines.take(later(9)), None);
        assert_eq!(deadlines.next(now), Some(11));
        deadlines.went_off();
        assert_eq!(deadlines.take(later(20)), Some(2));
        assert_eq!(deadlines.take(later(20)), Some(3));
        assert_eq!(deadlines.take(later(20)), None);
        assert_eq!(deadlines.next(later(20)), Some(11));
    }

    #[test]
    fn a_link_has_one_moment() {
        let now = Instant::now();
        let mut deadlines = Deadlines::default();
        deadlines.replace(1, None, at(now, 30));
        deadlines.replace(1, at(now, 30), at(now, 10));
        let later = now + Duration::from_secs(1);
        assert_eq!(deadlines.take(later), Some(1));
        assert_eq!(deadlines.take(later), None);
        deadlines.replace(1, None, at(now, 10));
        deadlines.replace(1, at(now, 10), None);
        assert_eq!(deadlines.take(later), None);
    }
}
