//! What threads share, in pieces small enough to be checked under every order
//! in which they can run: see `models/`, which builds these files for loom.

mod doorbell;
mod gate;

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
use std::sync::PoisonError;
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

pub(crate) use doorbell::Doorbell;
pub(crate) use gate::Gate;

/// Locks, also after a panic: nothing in here leaves half a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
