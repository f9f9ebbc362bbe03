//! Requests of ours that wait for an answer.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Instant;

use bytes::Bytes;

/// One request that waits.
#[derive(Debug)]
pub(super) struct Pending {
    /// Its type, for the error texts.
    pub(super) name: Bytes,
    /// When it fails.
    pub(super) deadline: Option<Instant>,
    /// Whether it has left for the socket, so that the peer may have run it.
    pub(super) sent: bool,
}

/// The table of pending requests.
///
/// Deadlines are kept as one number, the earliest possible: a finished request
/// leaves it as it is, and when it comes the table is searched. That costs one
/// search per timeout period instead of an ordered queue per request.
#[derive(Debug, Default)]
pub(super) struct Requests {
    table: HashMap<u32, Pending, BuildHasherDefault<IdHasher>>,
    earliest: Option<Instant>,
}

impl Requests {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn insert(&mut self, id: u32, pending: Pending) {
        if let Some(deadline) = pending.deadline {
            self.earliest = Some(self.earliest.map_or(deadline, |at| at.min(deadline)));
        }
        self.table.insert(id, pending);
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<Pending> {
        self.table.remove(&id)
    }

    pub(super) fn mark_sent(&mut self, id: u32) {
        if let Some(pending) = self.table.get_mut(&id) {
            pending.sent = true;
        }
    }

    /// When to look for expired requests.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.earliest
    }

    /// Takes out every request whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(u32, Pending)> {
        if self.earliest.is_none_or(|at| at > now) {
            return Vec::new();
        }
        let mut expired: Vec<u32> = self
            .table
            .iter()
            .filter(|(_, pending)| pending.deadline.is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        // In the order they were made, which is that of what is held.
        expired.sort_unstable();
        let expired = expired
            .into_iter()
            .filter_map(|id| self.table.remove(&id).map(|pending| (id, pending)))
            .collect();
        self.earliest = self
            .table
            .values()
            .filter_map(|pending| pending.deadline)
            .min();
        expired
    }

    /// Takes out everything.
    pub(super) fn drain(&mut self) -> Vec<(u32, Pending)> {
        self.earliest = None;
        let mut all: Vec<_> = self.table.drain().collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }
}

/// Spreads ids by multiplication. Ours are consecutive; a peer's are looked up
/// in tables that it can't make longer than its limit.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        // The product's high half is the mixed one, and tables look at the low.
        self.0.rotate_left(32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        // 2^64 divided by the golden ratio (Knuth, TAOCP 6.4).
        self.0 = (self.0 ^ u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
