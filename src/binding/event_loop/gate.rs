//! What other threads may do to an event loop: give it links, and ring.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::inside::{self, LoopId};
use crate::binding::uv::Waker;
use crate::ipc::poller::{LinkKey, Polled, Poller};
use crate::sync;

/// See the module. What comes is in `waiting`; `waker` is there as long as the
/// loop is, and the cleanup hook may take it away at any moment.
pub(in crate::binding) struct Gate {
    id: LoopId,
    waker: sync::Gate<Waker>,
    waiting: sync::Doorbell<Waiting>,
    last: AtomicU64,
}

/// What the loop has to see to.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) adopted: Vec<(LinkKey, Polled)>,
    pub(super) woken: Vec<LinkKey>,
}

impl Gate {
    /// A gate that lets nothing in yet.
    pub(super) fn new(id: LoopId) -> Self {
        Self {
            id,
            waker: sync::Gate::new(None),
            waiting: sync::Doorbell::new(),
            last: AtomicU64::new(0),
        }
    }

    /// Lets links in; `waker` calls the loop.
    pub(super) fn open(&self, waker: Waker) {
        self.waker.open(waker);
    }

    /// What has come since the last call. Once there is nothing, the next to
    /// come rings again.
    pub(super) fn take(&self) -> Option<Waiting> {
        self.waiting.take(|waiting| {
            let waiting = std::mem::take(waiting);
            let some = !(waiting.adopted.is_empty() && waiting.woken.is_empty());
            (some.then_some(waiting), some)
        })
    }

    /// Lets nothing in any more. What was on its way comes back: whoever adds a
    /// link either adds it before this, or sees to its end.
    pub(super) fn close(&self) -> Waiting {
        let _ = self.waker.close();
        self.waiting.close()
    }

    fn ring(&self) {
        if inside::ring_links(self.id) {
            return;
        }
        self.waker.with(|waker| {
            // SAFETY: the handle is closed after `close` has taken the waker away,
            // under the lock that `with` holds.
            unsafe { waker.wake() };
        });
    }
}

impl Poller for Gate {
    fn reserve(&self) -> Option<LinkKey> {
        self.waker
            .with(|_| self.last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn adopt(&self, key: LinkKey, polled: Polled) {
        let mut polled = Some(polled);
        let added = self.waiting.add(|waiting| {
            let links = polled.take().map(|polled| (key, polled));
            waiting.adopted.extend(links);
        });
        match (added, polled) {
            (Some(true), _) => self.ring(),
            (None, Some(mut polled)) => {
                polled.abandon();
                polled.shut();
            }
            _ => {}
        }
    }

    fn wake(&self, key: LinkKey) {
        // Bounded: a link rings once until it has been looked at.
        if self.waiting.add(|waiting| waiting.woken.push(key)) == Some(true) {
            self.ring();
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}
