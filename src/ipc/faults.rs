//! Injected faults for tests: short reads and writes, errno of choice, panics.
//! And the steps of what must not take many, counted.
//!
//! Without the `faults` feature every function here is nothing at all. With it,
//! a test sets a [`Plan`] for the whole process and the transports follow it.

use std::io;

#[cfg(feature = "faults")]
pub use enabled::{set, take_steps, Plan};

#[cfg(not(feature = "faults"))]
mod disabled {
    use std::io;

    pub(super) fn read_limit() -> io::Result<usize> {
        Ok(usize::MAX)
    }

    pub(super) fn write_limit() -> io::Result<usize> {
        Ok(usize::MAX)
    }

    pub(super) fn accept() -> io::Result<()> {
        Ok(())
    }

    pub(super) fn bug(_: &str) {}

    pub(super) fn step() {}
}

#[cfg(not(feature = "faults"))]
use disabled as source;
#[cfg(feature = "faults")]
use enabled as source;

/// The part of the buffer that a read may fill.
#[inline]
pub(super) fn shorten_read(buffer: &mut [u8]) -> io::Result<&mut [u8]> {
    let limit = source::read_limit()?.min(buffer.len());
    Ok(buffer.split_at_mut(limit).0)
}

/// The part of the bytes that a write may take.
#[inline]
pub(super) fn shorten_write(bytes: &[u8]) -> io::Result<&[u8]> {
    let limit = source::write_limit()?.min(bytes.len());
    Ok(bytes.split_at(limit).0)
}

/// How much of `count` bytes may be read past us.
#[inline]
#[cfg_attr(not(unix), allow(dead_code))]
pub(super) fn shorten_splice_in(count: usize) -> io::Result<usize> {
    Ok(source::read_limit()?.min(count))
}

/// How much of `count` bytes may be written past us.
#[inline]
#[cfg_attr(not(unix), allow(dead_code))]
pub(super) fn shorten_splice_out(count: usize) -> io::Result<usize> {
    Ok(source::write_limit()?.min(count))
}

/// Whether the next accept fails.
#[inline]
pub(super) fn accept() -> io::Result<()> {
    source::accept()
}

/// A place where the plan may have a panic.
#[inline]
pub(crate) fn bug(place: &str) {
    source::bug(place);
}

/// A turn of a loop that a peer's words make longer.
#[inline]
pub(crate) fn step() {
    source::step();
}

#[cfg(feature = "faults")]
mod enabled {
    use std::cell::Cell;
    use std::io;
    use std::sync::Mutex;

    /// What goes wrong, and how often. Zero means never.
    #[derive(Clone, Debug, Default)]
    pub struct Plan {
        /// Every read returns 1 to this many bytes.
        pub short_reads: usize,
        /// Every write takes 1 to this many bytes.
        pub short_writes: usize,
        /// Every nth write would block.
        pub block_every: usize,
        /// The errnos of the next accepts, last one first.
        pub accept_errors: Vec<i32>,
        /// The errno of the next write.
        pub write_error: Option<i32>,
        /// Where the next panic is, once.
        pub bug_at: Option<String>,
        /// Makes the sequence repeatable; print it when a test fails.
        pub seed: u64,
    }

    static PLAN: Mutex<Option<(Plan, u64)>> = Mutex::new(None);

    /// Follows `plan` from now on; none ends it.
    pub fn set(plan: Option<Plan>) {
        let state = plan.map(|plan| {
            let seed = plan.seed | 1;
            (plan, seed)
        });
        *lock() = state;
    }

    fn lock() -> std::sync::MutexGuard<'static, Option<(Plan, u64)>> {
        PLAN.lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// xorshift64: enough to vary lengths, and the same on every run.
    fn next(state: &mut u64) -> usize {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        usize::try_from(*state >> 33).unwrap_or(0)
    }

    pub(super) fn read_limit() -> io::Result<usize> {
        let mut guard = lock();
        let Some((plan, state)) = guard.as_mut() else {
            return Ok(usize::MAX);
        };
        Ok(match plan.short_reads {
            0 => usize::MAX,
            most => 1 + next(state) % most,
        })
    }

    pub(super) fn write_limit() -> io::Result<usize> {
        let mut guard = lock();
        let Some((plan, state)) = guard.as_mut() else {
            return Ok(usize::MAX);
        };
        if let Some(errno) = plan.write_error.take() {
            return Err(io::Error::from_raw_os_error(errno));
        }
        if plan.block_every > 0 && next(state).is_multiple_of(plan.block_every) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(match plan.short_writes {
            0 => usize::MAX,
            most => 1 + next(state) % most,
        })
    }

    pub(super) fn accept() -> io::Result<()> {
        match lock()
            .as_mut()
            .and_then(|(plan, _)| plan.accept_errors.pop())
        {
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None => Ok(()),
        }
    }

    // What it is for.
    #[allow(clippy::panic)]
    pub(super) fn bug(place: &str) {
        let here = lock()
            .as_mut()
            .and_then(|(plan, _)| plan.bug_at.take_if(|at| *at == place));
        if let Some(place) = here {
            panic!("injected at {place}");
        }
    }

    thread_local! {
        static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn step() {
        STEPS.set(STEPS.get() + 1);
    }

    /// Steps of this thread since they were last taken.
    pub fn take_steps() -> usize {
        STEPS.take()
    }
}
