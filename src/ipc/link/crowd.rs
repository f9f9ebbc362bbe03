//! How much to read from each while many have much to be read.
//!
//! A turn of a driver's thread reads from everybody who is ready, and who has a
//! single request waits for all of them. So those that had more than was read are
//! counted, and with many of them they share what one alone would get.

use std::cell::RefCell;
use std::time::{Duration, Instant};

/// How many make a crowd. Fewer are not worth more calls.
const SIZE: usize = 8;
/// Within how long: some turns, however long they are before it is noticed.
const TIME: Duration = Duration::from_millis(100);
/// Beyond these nobody is counted; the share is small enough by then.
const MOST: usize = 64;
/// What a crowd gets in a turn, all together.
const TURN: usize = 128 * 1024;

/// Connections that had more to read than they got, as this thread sees them.
#[derive(Default)]
struct Crowd {
    since: Option<Instant>,
    now: Vec<usize>,
    /// How many there were in the time before.
    before: usize,
}

thread_local! {
    static CROWD: RefCell<Crowd> = RefCell::default();
}

impl Crowd {
    fn enter(&mut self, who: usize, at: Instant) {
        let age = self.since.map(|since| at.saturating_duration_since(since));
        if age.is_none_or(|age| age > TIME) {
            let lasts = age.is_some_and(|age| age <= 2 * TIME);
            self.before = if lasts { self.now.len() } else { 0 };
            self.now.clear();
            self.since = Some(at);
        }
        if self.now.len() < MOST && !self.now.contains(&who) {
            self.now.push(who);
        }
    }

    fn share(&self, anyway: bool) -> Option<usize> {
        let count = self.before.max(self.now.len());
        (anyway || count >= SIZE).then(|| TURN / count.max(SIZE))
    }
}

/// Somebody had more to read than was read.
pub(super) fn enter(who: usize) {
    CROWD.with_borrow_mut(|crowd| crowd.enter(who, Instant::now()));
}

/// What to read of each, if there is a crowd, or if little is to be read `anyway`.
pub(super) fn share(anyway: bool) -> Option<usize> {
    CROWD.with_borrow(|crowd| crowd.share(anyway))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_there_are_the_less_each_gets() {
        let mut crowd = Crowd::default();
        let begin = Instant::now();
        for who in 1..SIZE {
            crowd.enter(who, begin);
            crowd.enter(who, begin);
        }
        assert_eq!(crowd.share(false), None, "the same ones again are no crowd");
        assert_eq!(crowd.share(true), Some(TURN / SIZE));
        crowd.enter(0, begin);
        assert_eq!(crowd.share(false), Some(TURN / SIZE));
        for who in 0..1000 {
            crowd.enter(who, begin + TIME);
        }
        assert_eq!(crowd.share(false), Some(TURN / MOST));
    }

    #[test]
    fn a_crowd_lasts_as_long_as_it_comes() {
        let mut crowd = Crowd::default();
        let begin = Instant::now();
        (0..50).for_each(|who| crowd.enter(who, begin));
        // The next time has begun, and the first of them has come again.
        crowd.enter(0, begin + TIME * 3 / 2);
        assert_eq!(crowd.share(false), Some(TURN / 50));
        // That was all of it.
        crowd.enter(0, begin + 3 * TIME);
        assert_eq!(crowd.share(false), None);
        // One that comes much later is alone.
        (0..50).for_each(|who| crowd.enter(who, begin + 3 * TIME));
        crowd.enter(0, begin + 9 * TIME);
        assert_eq!(crowd.share(false), None);
    }
}
