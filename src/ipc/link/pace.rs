//! How much to read at once from one connection: as much as is dealt with in a few
//! milliseconds.
//!
//! Most frames cost microseconds, but what a frame costs is up to its sender: a topic
//! that is held against a thousand patterns, a publication for a thousand subscribers.
//! Whatever comes in one read is dealt with before others have their turn. So where that
//! has taken longer than is allowed, as much is read as was dealt with in that time, and
//! twice as much as long as it goes quickly. (A connection does not begin with little:
//! what a client has sent before it leaves is to be read in one go, as its server may leave too.)

use std::time::Duration;

/// How long what was read at once may take. As long as JavaScript may have the loop in
/// one visit.
const ALLOWED: Duration = Duration::from_millis(8);
/// Bytes that are read at least.
const LEAST: usize = 1024;

/// The pace of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    size: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { size: usize::MAX }
    }
}

impl Pace {
    /// Bytes to read at once, if not as many as there may be.
    pub(super) fn share(self, most: usize) -> Option<usize> {
        (self.size < most).then_some(self.size)
    }

    /// So many bytes, of which as many as allowed were read, took so long.
    pub(super) fn took(&mut self, bytes: usize, time: Duration, most: usize) {
        if time > ALLOWED {
            let quick = bytes as f64 * (ALLOWED.as_secs_f64() / time.as_secs_f64());
            self.size = (quick as usize)
                .clamp(LEAST, self.size.max(LEAST))
                .min(most);
        } else if bytes >= self.size && time < ALLOWED / 2 {
            self.size = self.size.saturating_mul(2).min(most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 64 * 1024;
    const QUICK: Duration = Duration::from_micros(100);

    #[test]
    fn what_goes_quickly_is_soon_read_as_it_comes() {
        let mut pace = Pace { size: MOST / 8 };
        let mut reads = 0;
        while let Some(size) = pace.share(MOST) {
            pace.took(size, QUICK, MOST);
            reads += 1;
        }
        assert_eq!(reads, 3);
    }

    #[test]
    fn less_than_it_might_have_read_proves_nothing() {
        let mut pace = Pace { size: LEAST };
        for _ in 0..10 {
            pace.took(100, QUICK, MOST);
        }
        assert_eq!(pace.share(MOST), Some(LEAST));
        assert_eq!(Pace::default().share(MOST), None, "nothing is known");
    }

    #[test]
    fn what_takes_long_is_read_in_the_time_allowed() {
        let mut pace = Pace { size: MOST };
        pace.took(MOST, 8 * ALLOWED, MOST);
        assert_eq!(pace.share(MOST), Some(MOST / 8));
        // In between it stays.
        pace.took(MOST / 8, ALLOWED * 3 / 4, MOST);
        assert_eq!(pace.share(MOST), Some(MOST / 8));
        pace.took(MOST / 8, ALLOWED / 4, MOST);
        assert_eq!(pace.share(MOST), Some(MOST / 4));
        pace.took(MOST / 4, Duration::from_secs(10), MOST);
        assert_eq!(pace.share(MOST), Some(LEAST));
    }

    #[test]
    fn a_large_frame_that_takes_long_does_not_make_it_read_more() {
        let mut pace = Pace { size: LEAST };
        pace.took(MOST, 2 * ALLOWED, MOST);
        assert_eq!(pace.share(MOST), Some(LEAST));
    }
}
