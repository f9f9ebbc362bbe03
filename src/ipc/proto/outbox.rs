//! What waits to be written, and in which order.
//!
//! Two queues. `ready` is bytes for the socket. `held` are messages and requests
//! that may not leave yet: the peer has granted no credit, or `ready` is above
//! its mark. Answers, pings, credit and cancellations never stand behind `held`:
//! that is the control lane which keeps two full peers from waiting for each
//! other.

mod held;

use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};

use crate::ipc::options::MESSAGE_OVERHEAD;
use held::Held;
pub(super) use held::Released;

/// A capacity above this is given back once the queue has drained.
const KEEP_CAPACITY: usize = 128 * 1024;

/// Bytes of a chunk that are not here: the owner has them, and writes them when
/// everything before them has left. Nothing may come between.
#[derive(Debug)]
struct Cut {
    stream: u32,
    /// Bytes of `ready` before it.
    after: usize,
    left: usize,
}

/// The output of one connection.
#[derive(Debug)]
pub(super) struct Outbox {
    ready: BytesMut,
    /// All that is ready, where that is one frame for many receivers: they share its
    /// bytes. Whatever is added has them copied.
    lone: Bytes,
    /// Where bytes belong that the owner writes itself.
    cut: Option<Cut>,
    held: Held,
    high_water: usize,
    hard_cap: usize,
    /// Somebody was told to wait until the queue is short again.
    waiting: bool,
    /// How many one-way calls were; a handler may stand behind each of them.
    waiters: u64,
    /// Since when nothing has moved although something should.
    stalled: Option<Instant>,
}

impl Outbox {
    pub(super) fn new(high_water: usize, hard_cap: usize) -> Self {
        Self {
            ready: BytesMut::new(),
            lone: Bytes::new(),
            cut: None,
            held: Held::default(),
            high_water,
            hard_cap,
            waiting: false,
            waiters: 0,
            stalled: None,
        }
    }

    /// For frames that may leave at once.
    pub(super) fn ready(&mut self) -> &mut BytesMut {
        if !self.lone.is_empty() {
            self.ready
                .extend_from_slice(&std::mem::take(&mut self.lone));
        }
        &mut self.ready
    }

    /// What can be written next; nothing where the owner has to.
    pub(super) fn front(&self) -> &[u8] {
        match &self.cut {
            Some(cut) => self.ready.get(..cut.after).unwrap_or_default(),
            None if self.lone.is_empty() => &self.ready,
            None => &self.lone,
        }
    }

    /// Bytes for the socket, with those that the owner writes.
    pub(super) fn ready_len(&self) -> usize {
        let cut = self.cut.as_ref().map_or(0, |cut| cut.left);
        self.ready.len() + self.lone.len() + cut
    }

    /// The owner is to write `count` bytes of a stream after what is here now.
    pub(super) fn cut(&mut self, stream: u32, count: usize) {
        self.cut = Some(Cut {
            stream,
            after: self.ready().len(),
            left: count,
        });
    }

    pub(super) fn has_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// The stream of which the owner has to write, now or later.
    pub(super) fn cut_stream(&self) -> Option<u32> {
        self.cut.as_ref().map(|cut| cut.stream)
    }

    /// The stream of which the owner has to write now, and how much.
    pub(super) fn due_cut(&self) -> Option<(u32, usize)> {
        let cut = self.cut.as_ref().filter(|cut| cut.after == 0)?;
        Some((cut.stream, cut.left))
    }

    /// Bytes that wait, with the overhead of what is held.
    pub(super) fn queued(&self) -> usize {
        self.ready_len() + self.held.cost()
    }

    /// Whether a message may go to `ready` as far as the queue is concerned.
    pub(super) fn is_open(&self) -> bool {
        self.held.is_empty() && self.ready_len() <= self.high_water
    }

    pub(super) fn is_full(&self) -> bool {
        self.queued() > self.hard_cap
    }

    /// Whether so much waits for the socket alone that nothing may add to it.
    pub(super) fn is_clogged(&self) -> bool {
        self.ready_len() > self.hard_cap
    }

    pub(super) fn above_mark(&self) -> bool {
        self.queued() > self.high_water
    }

    /// Whether so much more would stay below the mark.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.queued() + bytes <= self.high_water
    }

    /// Whether one more frame would take what is held above the mark. What is
    /// held can still be dropped; what is ready may have left in part.
    pub(super) fn held_above_mark(&self, frame: usize) -> bool {
        self.held.cost() + frame + MESSAGE_OVERHEAD > self.high_water
    }

    /// Remembers to tell when the queue is short again.
    pub(super) fn ask_to_wait(&mut self, one_way: bool) {
        self.waiting = true;
        self.waiters += u64::from(one_way);
    }

    /// One-way calls that wait until the queue is short again.
    pub(super) fn waiters(&self) -> u64 {
        self.waiters
    }

    /// Whether those who wait may go on; answers yes once.
    pub(super) fn take_drained(&mut self) -> bool {
        let drained = self.waiting && self.queued() <= self.high_water / 2;
        if drained {
            self.waiting = false;
            self.waiters = 0;
        }
        drained
    }

    /// What may not leave yet.
    pub(super) fn held(&mut self) -> &mut Held {
        &mut self.held
    }

    /// Moves the next held message to `ready`, if there is room for it.
    pub(super) fn release(&mut self) -> Option<Released> {
        if self.ready_len() > self.high_water {
            return None;
        }
        if !self.held.is_empty() {
            // What is released goes behind what is there.
            self.ready();
        }
        self.held.release(&mut self.ready)
    }

    pub(super) fn push(&mut self, frame: &[u8]) {
        self.ready().extend_from_slice(frame);
    }

    /// Adds a frame for many receivers.
    pub(super) fn push_shared(&mut self, frame: Bytes) {
        if self.ready_len() == 0 {
            self.lone = frame;
        } else {
            self.push(&frame);
        }
    }

    /// The socket has taken `count` bytes.
    pub(super) fn consume(&mut self, count: usize, now: Instant) {
        match &mut self.cut {
            Some(cut) if cut.after == 0 => {
                cut.left = cut.left.saturating_sub(count);
                if cut.left == 0 {
                    self.cut = None;
                }
            }
            cut => {
                self.lone.advance(count.min(self.lone.len()));
                if self.lone.is_empty() {
                    self.lone = Bytes::new();
                }
                self.ready.advance(count.min(self.ready.len()));
                if let Some(cut) = cut {
                    cut.after = cut.after.saturating_sub(count);
                }
            }
        }
        if self.ready.is_empty() {
            // Its capacity says only what is left behind the bytes that have gone.
            if self.ready.try_reclaim(KEEP_CAPACITY + 1) {
                self.ready = BytesMut::new();
            } else {
                // The next frame begins at the front; a pointer behind the end would
                // look like a leak to those who search for them.
                let _ = self.ready.try_reclaim(1);
            }
        }
        self.stalled = self.should_move().then_some(now);
    }

    /// The peer granted credit. That is progress only if it has taken what it
    /// could have.
    pub(super) fn granted(&mut self, now: Instant) {
        if self.ready_len() == 0 {
            self.stalled = self.should_move().then_some(now);
        }
    }

    /// Called after anything was queued, let go or withdrawn.
    pub(super) fn note_stall(&mut self, now: Instant) {
        self.stalled = self.should_move().then(|| self.stalled.unwrap_or(now));
    }

    pub(super) fn stalled_until(&self, patience: Duration) -> Option<Instant> {
        self.stalled.map(|since| since + patience)
    }

    /// Whether the socket has taken something since, while more waits.
    pub(super) fn moved_after(&self, moment: Instant) -> bool {
        self.stalled.is_some_and(|since| since > moment)
    }

    fn should_move(&self) -> bool {
        self.ready_len() > 0 || self.held.cost() > self.high_water
    }

    /// Nothing more will be sent but what is in `ready`.
    pub(super) fn forget_held(&mut self) {
        self.held = Held::default();
    }
}

#[cfg(test)]
mod tests;
