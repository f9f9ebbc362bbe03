//! What waits for an owner that has many connections.
//!
//! Credit bounds what one connection may have waiting. A thousand times that, one
//! after the other in the owner's queue, and a well-behaved peer's single request
//! stands behind it all. So while much is waiting, connections that have some of it
//! are not read; those that have nothing there are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// Records that wait for one owner, of all its connections. A clone is the same one.
#[derive(Clone, Debug, Default)]
pub struct Backlog(Arc<AtomicUsize>);

/// Records from which on the queue is long: some ten milliseconds of small handlers.
const LONG: usize = 1024;

impl Backlog {
    /// More wait.
    pub fn add(&self, records: usize) {
        self.0.fetch_add(records, Ordering::Relaxed);
    }

    /// The owner has taken some, which were added before.
    pub fn take(&self, records: usize) {
        self.0.fetch_sub(records, Ordering::Relaxed);
    }

    /// Whether those that have something there are to wait.
    pub(super) fn is_long(&self) -> bool {
        self.0.load(Ordering::Relaxed) > LONG
    }
}
