//! What other threads may do to an event loop: give it links, and ring.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::inside::{self, LoopId};
use crate::binding::uv::Waker;
use crate::ipc::poller::{LinkKey, Polled, Poller};

/// See the module. One lock lies around "is the loop there?" and the call that
/// wakes it, as the cleanup hook may take it away at any moment.
pub(in crate::binding) struct Gate {
    id: LoopId,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waker: Option<Waker>,
    last: LinkKey,
    /// The loop knows, and has not emptied the lists since.
    rung: bool,
    waiting: Waiting,
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
            state: Mutex::default(),
        }
    }

    /// Lets links in; `waker` calls the loop.
    pub(super) fn open(&self, waker: Waker) {
        self.lock().waker = Some(waker);
    }

    /// What has come since the last call. Once there is nothing, the next to
    /// come rings again.
    pub(super) fn take(&self) -> Option<Waiting> {
        let mut state = self.lock();
        let waiting = std::mem::take(&mut state.waiting);
        state.rung = !(waiting.adopted.is_empty() && waiting.woken.is_empty());
        state.rung.then_some(waiting)
    }

    /// Lets nothing in any more. What was on its way comes back.
    pub(super) fn close(&self) -> Waiting {
        let mut state = self.lock();
        state.waker = None;
        std::mem::take(&mut state.waiting)
    }

    fn ring(&self, state: &mut State) {
        if state.rung {
            return;
        }
        state.rung = true;
        if inside::ring_links(self.id) {
            return;
        }
        if let Some(waker) = &state.waker {
            // SAFETY: the handle is closed after `close` has taken the waker away,
            // under the lock that we hold.
            unsafe { waker.wake() };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Poller for Gate {
    fn reserve(&self) -> Option<LinkKey> {
        let mut state = self.lock();
        state.waker.as_ref()?;
        state.last += 1;
        Some(state.last)
    }

    fn adopt(&self, key: LinkKey, mut polled: Polled) {
        {
            let mut state = self.lock();
            if state.waker.is_some() {
                state.waiting.adopted.push((key, polled));
                return self.ring(&mut state);
            }
        }
        polled.abandon();
        polled.shut();
    }

    fn wake(&self, key: LinkKey) {
        let mut state = self.lock();
        // Bounded: a link rings once until it has been looked at.
        state.waiting.woken.push(key);
        self.ring(&mut state);
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}
