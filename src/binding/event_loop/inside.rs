//! Whether this thread is in a callback of an event loop's, at whose end mail
//! and links are seen to anyway. Then nobody has to be woken.

use std::cell::Cell;

/// The loop's mailbox has the same number. Never 0.
pub(super) type LoopId = u32;

thread_local! {
    static INSIDE: Cell<LoopId> = const { Cell::new(0) };
    static MAIL: Cell<bool> = const { Cell::new(false) };
    static LINKS: Cell<bool> = const { Cell::new(false) };
}

/// Runs `call` as a callback of a loop; afterwards [`take_mail`] and
/// [`take_links`] tell who has rung.
pub(super) fn enter(id: LoopId, call: impl FnOnce()) {
    /// Leaves even if the call panics.
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            INSIDE.set(0);
        }
    }
    INSIDE.set(id);
    let _leave = Leave;
    call();
}

/// There is mail for JavaScript. False if somebody has to be woken for it.
pub(in crate::binding) fn ring_mail(id: LoopId) -> bool {
    let here = INSIDE.get() == id;
    if here {
        MAIL.set(true);
    }
    here
}

/// The gate has something. False if the loop has to be woken for it.
pub(super) fn ring_links(id: LoopId) -> bool {
    let here = INSIDE.get() == id;
    if here {
        LINKS.set(true);
    }
    here
}

pub(super) fn take_mail() -> bool {
    MAIL.take()
}

pub(super) fn take_links() -> bool {
    LINKS.take()
}
