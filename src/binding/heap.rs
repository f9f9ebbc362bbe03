//! What the C library does with the memory of the `Buffer`s that streams make.
//!
//! V8 frees them in bulk, some 32 MiB at a time. glibc gives the end of the heap back to
//! the system as soon as 128 KiB of it are free, so the next `Buffer`s are new pages,
//! each zeroed and accounted by the kernel: a quarter of the receiver's time. But glibc
//! learns: a block that came from the system and is freed shows it that blocks of this
//! size come and go, and from then on it keeps twice as much (mallopt(3),
//! `M_MMAP_THRESHOLD`, "dynamic"). So it is shown one. Where the user has set these
//! values it does not learn; other C libraries have other rules.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of streams after which it pays, which programs without streams never get to.
const MANY: usize = 16 * 1024 * 1024;

/// So many bytes of a stream went to JavaScript.
pub(super) fn note(bytes: usize) {
    static SO_FAR: AtomicUsize = AtomicUsize::new(0);
    let before = SO_FAR.load(Ordering::Relaxed);
    if before < MANY {
        // Two threads may both get there, which does no harm.
        SO_FAR.store(before + bytes, Ordering::Relaxed);
        if before + bytes >= MANY {
            show_block();
        }
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
