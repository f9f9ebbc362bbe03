//! Busy polling: whether the loop stays awake for a while after traffic.
//!
//! A loop that sleeps is woken by the kernel, which costs more than the whole
//! of a small message's way. One that goes on looking, for the time that the
//! owner grants, finds the next message at once. That pays only if there is a
//! next one so soon, so this keeps account: each time that ends with nothing
//! doubles the number of times that are left out.

use std::time::{Duration, Instant};

use crate::binding::endpoint::Traffic;

/// The account of one event loop.
#[derive(Debug, Default)]
pub(super) struct BusyPoll {
    /// For how long to stay awake after the traffic since the last look.
    wanted: Duration,
    /// Some of it came in while we were awake.
    came: bool,
    awake: bool,
    /// How often to look at least before the loop sleeps.
    looks: u32,
    /// Until when, unless there is traffic.
    until: Option<Instant>,
    /// The last time awake was not for nothing.
    proven: bool,
    /// Times awake for nothing, in a row.
    misses: u32,
    /// Traffic after which to go to sleep at once.
    left_out: u32,
    /// What others took of the CPU that was given away, and we have not made up for.
    debt: Duration,
    /// How often we have sent something since anything came.
    unanswered: u32,
}

impl BusyPoll {
    /// There was traffic, after which to stay awake for `wanted`. True if the
    /// loop would sleep and is not to: see [`look`](Self::look).
    pub(super) fn note(&mut self, traffic: Traffic, wanted: Duration) -> bool {
        match traffic {
            Traffic::Came => self.unanswered = 0,
            Traffic::Left => self.unanswered = self.unanswered.saturating_add(1),
        }
        if self.awake {
            self.came |= traffic == Traffic::Came;
            if self.unanswered <= MOST_UNANSWERED {
                self.wanted = self.wanted.max(wanted);
                self.looks = LOOKS;
            }
            return false;
        }
        if !self.debt.is_zero() {
            self.debt = self.debt.saturating_sub(PAID);
            return false;
        }
        if self.left_out > 0 {
            self.left_out -= 1;
            return false;
        }
        self.awake = true;
        self.looks = TRIAL_LOOKS;
        self.wanted = wanted;
        true
    }

    /// Called once a turn while awake; false once the loop may sleep.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        if std::mem::take(&mut self.came) {
            self.proven = true;
            self.misses = 0;
        }
        if !self.wanted.is_zero() {
            let wanted = std::mem::take(&mut self.wanted);
            let length = if self.proven {
                wanted
            } else {
                wanted.max(TRIAL)
            };
            self.until = now.checked_add(length);
        }
        let looks = self.looks;
        self.looks = looks.saturating_sub(1);
        if looks > 0 || self.until.is_some_and(|until| now < until) {
            return true;
        }
        self.rest();
        false
    }

    /// Whether giving the CPU away for `away` is reason enough to sleep from now
    /// on: somebody else wants it, and wakes us later than the kernel would. Whoever
    /// computes there does so again, however often a peer has answered in between: so
    /// what was lost counts until it is made up for.
    pub(super) fn is_in_the_way(&mut self, away: Duration) -> bool {
        let is = self.awake && away > LONG;
        if is {
            self.debt = away.min(MOST_DEBT);
            self.rest();
        }
        is
    }

    /// It was for nothing.
    fn rest(&mut self) {
        self.awake = false;
        self.came = false;
        self.until = None;
        self.proven = false;
        self.misses = (self.misses + 1).min(MOST_MISSES);
        self.left_out = (1 << (self.misses - 1)) - 1;
    }
}

/// How long to look at least while it is not known whether it pays: a peer that
/// sleeps answers only after this machine has woken it, twice 50 to 100 µs for a
/// processor in a deep sleep.
const TRIAL: Duration = Duration::from_micros(200);
/// How often to yield and look whatever the time, while it is not known whether
/// it pays, and after that. A scheduler may let others wait once or twice.
const TRIAL_LOOKS: u32 = 4;
const LOOKS: u32 = 2;
/// A peer on the same CPU is done with a small message long before this; the
/// slice of a program that computes is longer.
const LONG: Duration = Duration::from_micros(500);
/// What each message makes up for while the loop sleeps after it: small beside the
/// message itself, so that trying again beside a program that computes costs little.
const PAID: Duration = Duration::from_micros(1);
/// A peer on the same CPU may have had much to do, once.
const MOST_DEBT: Duration = Duration::from_millis(10);
/// Whoever sends more than this without hearing anything is not waiting for answers.
const MOST_UNANSWERED: u32 = 16;
/// From here on traffic is left out 511 times: one trial in so much costs next
/// to nothing, and traffic that comes closer together is still noticed.
const MOST_MISSES: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Duration = Duration::from_micros(50);
    const STEP: Duration = Duration::from_micros(10);

    /// Looks until the loop may sleep; returns how long that took.
    fn sleepless(busy: &mut BusyPoll, now: &mut Instant) -> Duration {
        let begin = *now;
        while busy.look(*now) {
            *now += STEP;
        }
        *now - begin
    }

    #[test]
    fn the_first_time_is_a_trial_and_the_next_as_long_as_asked_for() {
        let mut now = Instant::now();
        let mut busy = BusyPoll::default();
        assert!(busy.note(Traffic::Left, WANTED));
        assert!(busy.look(now));
        now += TRIAL - STEP;
        assert!(busy.look(now));
        assert!(!busy.note(Traffic::Came, WANTED), "it is awake");
        assert_eq!(sleepless(&mut busy, &mut now), WANTED);
    }

    #[test]
    fn traffic_of_our_own_makes_it_longer_but_proves_nothing() {
        let mut now = Instant::now();
        let mut busy = BusyPoll::default();
        busy.note(Traffic::Left, WANTED);
        busy.look(now);
        now += STEP;
        busy.note(Traffic::Left, WANTED);
        assert_eq!(sleepless(&mut busy, &mut now), TRIAL);
    }

    #[test]
    fn what_nobody_answers_does_not_keep_it_awake() {
        let mut now = Instant::now();
        let mut busy = BusyPoll::default();
        let mut turns = 0;
        busy.note(Traffic::Left, WANTED);
        while busy.look(now) && turns < 1000 {
            now += STEP;
            turns += 1;
            busy.note(Traffic::Left, WANTED);
        }
        assert!(turns <= 2 * TRIAL.as_micros() / STEP.as_micros(), "{turns}");
        // An answer is worth as much as ever.
        while !busy.note(Traffic::Came, WANTED) {}
        busy.note(Traffic::Came, WANTED);
        assert_eq!(sleepless(&mut busy, &mut now), WANTED);
    }

    #[test]
    fn a_time_longer_than_a_trial_is_kept() {
        let mut now = Instant::now();
        let mut busy = BusyPoll::default();
        busy.note(Traffic::Came, 5 * TRIAL);
        assert_eq!(sleepless(&mut busy, &mut now), 5 * TRIAL);
    }

    #[test]
    fn gives_up_where_nothing_comes_and_takes_it_up_again_where_it_does() {
        let mut now = Instant::now();
        let mut busy = BusyPoll::default();
        let mut awake = Vec::new();
        for message in 0..8 {
            if busy.note(Traffic::Came, WANTED) {
                awake.push(message);
                sleepless(&mut busy, &mut now);
            }
        }
        assert_eq!(awake, [0, 1, 3, 7]);
        // The next after 7 that are left out finds something.
        let mut left_out = 0;
        while !busy.note(Traffic::Came, WANTED) {
            left_out += 1;
        }
        assert_eq!(left_out, 7);
        assert!(busy.look(now));
        busy.note(Traffic::Came, WANTED);
        sleepless(&mut busy, &mut now);
        assert!(busy.note(Traffic::Came, WANTED));
    }

    #[test]
    fn beside_a_program_that_computes_it_sleeps_until_the_loss_is_small() {
        let mut now = Instant::now();
        let mut busy = BusyPoll::default();
        let slice = 6 * LONG;
        let (mut messages, mut lost) = (0, Duration::ZERO);
        while messages < 100_000 {
            messages += 1;
            if !busy.note(Traffic::Came, WANTED) {
                continue;
            }
            // The peer answers nine times, then somebody else has the CPU.
            for _ in 0..9 {
                messages += 1;
                assert!(busy.look(now));
                assert!(!busy.is_in_the_way(STEP));
                busy.note(Traffic::Came, WANTED);
                now += STEP;
            }
            lost += slice;
            assert!(busy.is_in_the_way(slice));
        }
        assert!(lost < messages * 2 * PAID, "{lost:?}");
    }

    #[test]
    fn the_price_of_giving_up_is_bounded() {
        let mut now = Instant::now();
        let mut busy = BusyPoll::default();
        let mut spent = Duration::ZERO;
        for _ in 0..10_000 {
            if busy.note(Traffic::Came, WANTED) {
                spent += sleepless(&mut busy, &mut now);
            }
        }
        // 10,000 messages a second, none of which is followed soon: below 1 %.
        assert!(spent < Duration::from_millis(10), "{spent:?}");
    }
}
