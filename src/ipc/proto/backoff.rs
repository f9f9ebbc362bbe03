//! Delays between attempts.

use std::time::Duration;

/// Shortest full delay.
const LEAST: Duration = Duration::from_millis(2);

/// Growing delays with a cap and jitter.
///
/// Jitter is "equal": half of the delay is fixed, half random, so that a fleet
/// that lost its server at one moment does not come back at one moment.
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Duration,
    max: Duration,
    multiplier: f64,
}

impl Backoff {
    /// Starts at `initial` and grows by `multiplier` up to `max`.
    pub fn new(initial: Duration, max: Duration, multiplier: f64) -> Self {
        // Without any delay attempts would spin; without a bound their growth
        // would leave the numbers.
        let max = max.max(LEAST);
        Self {
            next: initial.clamp(LEAST, max),
            max,
            multiplier: multiplier.clamp(1.0, 1e6),
        }
    }

    /// The next delay; `random` is in 0.0..=1.0.
    pub fn next_delay(&mut self, random: f64) -> Duration {
        let full = self.next;
        let grown = full.as_secs_f64() * self.multiplier;
        self.next = if grown >= self.max.as_secs_f64() {
            self.max
        } else {
            Duration::from_secs_f64(grown)
        };
        full.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn doubles_up_to_the_cap() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(100), ms(1500), 2.0);
        let delays: Vec<_> = (0..6).map(|_| backoff.next_delay(1.0)).collect();
        assert_eq!(
            delays,
            [ms(100), ms(200), ms(400), ms(800), ms(1500), ms(1500)]
        );
    }

    proptest! {
        #[test]
        fn stays_within_its_bounds(
            initial in 0u64..100_000, max in 1u64..100_000,
            multiplier in 0.0f64..1e9, random in proptest::collection::vec(0.0f64..1.0, 1..40),
        ) {
            let cap = Duration::from_millis(max);
            let mut backoff = Backoff::new(Duration::from_millis(initial), cap, multiplier);
            let cap = cap.max(LEAST);
            // Half of each is fixed, and the whole grows as told, up to the cap.
            let mut full = Duration::from_millis(initial).clamp(LEAST, cap).as_secs_f64();
            for random in random {
                let delay = backoff.next_delay(random);
                prop_assert!(delay <= cap);
                let delay = delay.as_secs_f64();
                prop_assert!(full * 0.499 < delay && delay < full * 1.001, "{delay} of {full}");
                full = (full * multiplier.clamp(1.0, 1e6)).min(cap.as_secs_f64());
            }
        }
    }
}
