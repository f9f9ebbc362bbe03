//! What waits to be written, and in which order.
//!
//! Two queues. `ready` is bytes for the socket. `held` are messages and requests
//! that may not leave yet: the peer has granted no credit, or `ready` is above
//! its mark. Answers, pings, credit and cancellations never stand behind `held`:
//! that is the control lane which keeps two full peers from waiting for each
//! other.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};

use crate::ipc::options::MESSAGE_OVERHEAD;

/// A capacity above this is given back once the queue has drained.
const KEEP_CAPACITY: usize = 128 * 1024;
/// Room for a few hundred small frames.
const SCRATCH_SIZE: usize = 32 * 1024;

/// A message that may not leave yet.
#[derive(Debug)]
pub(super) struct Held {
    /// The whole frame, length included.
    pub(super) frame: Bytes,
    /// The request in it, if it is one.
    pub(super) request: Option<u32>,
    /// For many receivers: a slow one may have to do without. Whoever sends to one
    /// was promised that it arrives or fails.
    pub(super) shared: bool,
}

impl Held {
    fn cost(&self) -> usize {
        self.frame.len() + MESSAGE_OVERHEAD
    }
}

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
    /// Where bytes belong that the owner writes itself.
    cut: Option<Cut>,
    held: VecDeque<Held>,
    held_cost: usize,
    /// Where held frames are made: one allocation serves many of them.
    scratch: BytesMut,
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
            cut: None,
            held: VecDeque::new(),
            held_cost: 0,
            scratch: BytesMut::new(),
            high_water,
            hard_cap,
            waiting: false,
            waiters: 0,
            stalled: None,
        }
    }

    /// For frames that may leave at once.
    pub(super) fn ready(&mut self) -> &mut BytesMut {
        &mut self.ready
    }

    /// What can be written next; nothing where the owner has to.
    pub(super) fn front(&self) -> &[u8] {
        match &self.cut {
            Some(cut) => self.ready.get(..cut.after).unwrap_or_default(),
            None => &self.ready,
        }
    }

    /// Bytes for the socket, with those that the owner writes.
    pub(super) fn ready_len(&self) -> usize {
        self.ready.len() + self.cut.as_ref().map_or(0, |cut| cut.left)
    }

    /// The owner is to write `count` bytes of a stream after what is here now.
    pub(super) fn cut(&mut self, stream: u32, count: usize) {
        self.cut = Some(Cut {
            stream,
            after: self.ready.len(),
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
        self.ready_len() + self.held_cost
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

    /// Whether one more frame would take what is held above the mark. What is
    /// held can still be dropped; what is ready may have left in part.
    pub(super) fn held_above_mark(&self, frame: usize) -> bool {
        self.held_cost + frame + MESSAGE_OVERHEAD > self.high_water
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

    /// For frames that have to be held; empty.
    pub(super) fn scratch(&mut self) -> &mut BytesMut {
        if self.scratch.capacity() == 0 {
            self.scratch.reserve(SCRATCH_SIZE);
        }
        &mut self.scratch
    }

    /// Holds the frame that was made in [`scratch`](Self::scratch).
    pub(super) fn hold_scratch(&mut self, request: Option<u32>) {
        let frame = self.scratch.split().freeze();
        self.hold(Held {
            frame,
            request,
            shared: false,
        });
    }

    pub(super) fn hold(&mut self, held: Held) {
        self.held_cost += held.cost();
        self.held.push_back(held);
    }

    /// The next held message, if there is room for it.
    pub(super) fn release(&mut self) -> Option<Held> {
        if self.ready_len() > self.high_water {
            return None;
        }
        let Some(held) = self.held.pop_front() else {
            // An idle connection keeps no buffer.
            self.scratch = BytesMut::new();
            return None;
        };
        self.held_cost -= held.cost();
        Some(held)
    }

    pub(super) fn push(&mut self, frame: &[u8]) {
        self.ready.extend_from_slice(frame);
    }

    /// Takes a request back that has not left.
    pub(super) fn withdraw(&mut self, request: u32) {
        if let Some(at) = self
            .held
            .iter()
            .position(|held| held.request == Some(request))
        {
            if let Some(held) = self.held.remove(at) {
                self.held_cost -= held.cost();
            }
        }
    }

    /// Drops the oldest held message that was for many; false if there is none.
    pub(super) fn drop_oldest(&mut self) -> bool {
        let Some(at) = self.held.iter().position(|held| held.shared) else {
            return false;
        };
        if let Some(held) = self.held.remove(at) {
            self.held_cost -= held.cost();
        }
        true
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
                self.ready.advance(count.min(self.ready.len()));
                if let Some(cut) = cut {
                    cut.after = cut.after.saturating_sub(count);
                }
            }
        }
        if self.ready.is_empty() && self.ready.capacity() > KEEP_CAPACITY {
            self.ready = BytesMut::new();
        } else if self.ready.is_empty() {
            self.ready.clear();
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

    fn should_move(&self) -> bool {
        self.ready_len() > 0 || self.held_cost > self.high_water
    }

    /// Nothing more will be sent but what is in `ready`.
    pub(super) fn forget_held(&mut self) {
        self.held.clear();
        self.held_cost = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const HIGH_WATER: usize = 300;
    const HARD_CAP: usize = 900;

    #[derive(Clone, Debug)]
    enum Op {
        Push(usize),
        Hold(usize, bool),
        HoldForMany(usize),
        Release,
        Consume(usize),
        Withdraw(usize),
        DropOldest,
    }

    fn ops() -> impl Strategy<Value = Op> {
        prop_oneof![
            3 => (0usize..200).prop_map(Op::Push),
            3 => (0usize..200, any::<bool>()).prop_map(|(size, request)| Op::Hold(size, request)),
            2 => (0usize..200).prop_map(Op::HoldForMany),
            2 => Just(Op::Release),
            2 => (0usize..400).prop_map(Op::Consume),
            1 => any::<usize>().prop_map(Op::Withdraw),
            1 => Just(Op::DropOldest),
        ]
    }

    proptest! {
        /// What came in is what went out and what is there, in bytes, whatever is
        /// taken back meanwhile.
        #[test]
        fn bytes_in_are_bytes_out_and_bytes_held(ops in prop::collection::vec(ops(), 0..200)) {
            let now = Instant::now();
            let mut outbox = Outbox::new(HIGH_WATER, HARD_CAP);
            let mut ready = 0;
            let mut held: VecDeque<(usize, Option<u32>, bool)> = VecDeque::new();
            for (number, op) in (1u32..).zip(ops) {
                match op {
                    Op::Push(size) => {
                        outbox.push(&vec![0; size]);
                        ready += size;
                    }
                    Op::Hold(size, request) => {
                        let request = request.then_some(number);
                        outbox.scratch().extend_from_slice(&vec![0; size]);
                        outbox.hold_scratch(request);
                        held.push_back((size, request, false));
                    }
                    Op::HoldForMany(size) => {
                        outbox.hold(Held {
                            frame: vec![0; size].into(),
                            request: None,
                            shared: true,
                        });
                        held.push_back((size, None, true));
                    }
                    Op::Release => {
                        let expected = held.front().filter(|_| ready <= HIGH_WATER).copied();
                        let released = outbox.release();
                        let told = released.as_ref().map(|it| (it.frame.len(), it.request, it.shared));
                        prop_assert_eq!(told, expected);
                        if let Some(it) = released {
                            outbox.push(&it.frame);
                            ready += it.frame.len();
                            held.pop_front();
                        }
                    }
                    Op::Consume(count) => {
                        outbox.consume(count, now);
                        ready -= count.min(ready);
                    }
                    Op::Withdraw(which) => {
                        if !held.is_empty() {
                            let at = which % held.len();
                            if let Some((_, Some(request), _)) = held.get(at).copied() {
                                outbox.withdraw(request);
                                held.remove(at);
                            }
                        }
                    }
                    Op::DropOldest => {
                        let at = held.iter().position(|(_, _, shared)| *shared);
                        prop_assert_eq!(outbox.drop_oldest(), at.is_some());
                        at.map(|at| held.remove(at));
                    }
                }
                let cost: usize = held.iter().map(|(size, _, _)| size + MESSAGE_OVERHEAD).sum();
                prop_assert_eq!((outbox.ready_len(), outbox.queued()), (ready, ready + cost));
                prop_assert_eq!(outbox.is_full(), ready + cost > HARD_CAP);
                prop_assert_eq!(outbox.is_open(), held.is_empty() && ready <= HIGH_WATER);
                outbox.note_stall(now);
                let moves = ready > 0 || cost > HIGH_WATER;
                prop_assert_eq!(outbox.stalled_until(Duration::ZERO).is_some(), moves);
            }
        }
    }
}
