//! Something that may go away at any moment, and those who use it until then.

use super::{lock, Mutex};

/// See the module. Whoever uses it holds the lock, and so does the one who takes
/// it away: once [`close`](Self::close) is back, nobody uses it, nor will.
#[derive(Debug)]
pub(crate) struct Gate<T> {
    inside: Mutex<Option<T>>,
}

impl<T> Gate<T> {
    /// Open from the start if there is something inside.
    pub(crate) fn new(inside: Option<T>) -> Self {
        Self {
            inside: Mutex::new(inside),
        }
    }

    /// Only the event loop of Unix fills one later.
    #[cfg(unix)]
    pub(crate) fn open(&self, inside: T) {
        *lock(&self.inside) = Some(inside);
    }

    /// Uses it, if it is still there.
    pub(crate) fn with<R>(&self, call: impl FnOnce(&T) -> R) -> Option<R> {
        lock(&self.inside).as_ref().map(call)
    }

    /// Takes it away; to one caller only.
    pub(crate) fn close(&self) -> Option<T> {
        lock(&self.inside).take()
    }
}
