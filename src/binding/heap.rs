//! What the C library does with the memory of the `Buffer`s that streams make.
//!
//! V8 frees them in bulk, some 32 MiB at a time. glibc gives the end of the heap back to
//! the system as soon as 128 KiB of it are free, so the next `Buffer`s are new pages,
//! each zeroed and accounted by the kernel: a quarter of the receiver's time. But glibc
//! learns: a block that came from the system and is freed shows it that blocks of this
//! size come and go, and from then on it keeps twice as much (mallopt(3),
//! `M_MMAP_THRESHOLD`, "dynamic"). So it is shown one. Where the user has set these
//! values it does not learn; other C libraries have other rules.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Bytes of streams in a [`WHILE`] from which on it pays. With fewer the pages cost one or
/// two hundredths of a CPU, and a process whose memory follows its load is worth more.
const MANY: usize = 128 * 1024 * 1024;
const WHILE: Duration = Duration::from_secs(1);

/// So many bytes of a stream went to JavaScript.
pub(super) fn note(bytes: usize) {
    static SHOWN: AtomicBool = AtomicBool::new(false);
    thread_local! {
        /// Since when bytes are counted, and how many there were.
        static COUNT: Cell<Option<(Instant, usize)>> = const { Cell::new(None) };
    }
    if SHOWN.load(Ordering::Relaxed) {
        return;
    }
    let now = Instant::now();
    let (since, before) = COUNT
        .get()
        .filter(|(since, _)| now.duration_since(*since) < WHILE)
        .unwrap_or((now, 0));
    let sum = before + bytes;
    COUNT.set(Some((since, sum)));
    if sum >= MANY && !SHOWN.swap(true, Ordering::Relaxed) {
        show_block();
    }
}

/// Takes and frees a block, of which no page is touched. glibc learns of blocks of up to
/// 32 MiB; this one has it keep 48 MiB.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn show_block() {
    const BLOCK: usize = 24 * 1024 * 1024;

    // SAFETY: what `malloc` gives, if only null, may be freed. The compiler must not
    // take the two for nothing.
    unsafe { libc::free(std::hint::black_box(libc::malloc(BLOCK))) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn show_block() {}
