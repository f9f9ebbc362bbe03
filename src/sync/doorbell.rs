//! A queue that any thread fills and one empties, which is called by a bell.

use super::{lock, Mutex};

/// See the module. Between two visits of the one who empties it, the bell is rung
/// once, however much comes; and nothing comes without a visit after it.
///
/// Ringing itself is the caller's: it happens without the lock, so that whoever
/// is called may come at once.
#[derive(Debug)]
pub(crate) struct Doorbell<Q> {
    state: Mutex<State<Q>>,
}

#[derive(Debug)]
struct State<Q> {
    queue: Q,
    /// Somebody rings, or the one who empties the queue comes by himself.
    rung: bool,
    closed: bool,
}

impl<Q: Default> Doorbell<Q> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                queue: Q::default(),
                rung: false,
                closed: false,
            }),
        }
    }

    /// Adds to the queue; true if the caller has to ring. None, and `add` is not
    /// called, once it is closed.
    pub(crate) fn add(&self, add: impl FnOnce(&mut Q)) -> Option<bool> {
        let mut state = lock(&self.state);
        if state.closed {
            return None;
        }
        add(&mut state.queue);
        Some(!std::mem::replace(&mut state.rung, true))
    }

    /// Takes from the queue. `take` also tells whether the caller comes again by
    /// himself; only if not does the next to add ring. Who leaves something
    /// behind has to come again.
    pub(crate) fn take<R>(&self, take: impl FnOnce(&mut Q) -> (R, bool)) -> R {
        let mut state = lock(&self.state);
        let (taken, again) = take(&mut state.queue);
        state.rung = again;
        taken
    }

    /// Uses the queue without adding to it or taking from it.
    pub(crate) fn with(&self, call: impl FnOnce(&mut Q)) {
        call(&mut lock(&self.state).queue);
    }

    /// Nothing is added any more. What was on its way comes back.
    pub(crate) fn close(&self) -> Q {
        let mut state = lock(&self.state);
        state.closed = true;
        std::mem::take(&mut state.queue)
    }
}
