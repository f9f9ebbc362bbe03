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
/// Room for a few hundred small frames that are held.
const FIRST_RESERVATION: usize = 32 * 1024;
/// A longer frame has memory of its own, which goes when it does, instead of making the
/// common buffer grow by doubling.
const LARGE: usize = 64 * 1024;

/// A message that may not leave yet.
#[derive(Debug)]
struct Held {
    frame: HeldFrame,
    /// The request in it, if it is one.
    request: Option<u32>,
}

/// A whole frame, length included.
#[derive(Debug)]
enum HeldFrame {
    /// As many bytes of `kept`, behind those of the frames before it.
    Own(usize),
    /// Bytes of its own.
    Large(Bytes),
    /// For many receivers, who share the bytes: a slow one may have to do without.
    /// Whoever sends to one was promised that it arrives or fails.
    Shared(Bytes),
    /// Withdrawn: its bytes are passed over, or closed up when they are many.
    Gone(usize),
}

impl Held {
    fn cost(&self) -> usize {
        match &self.frame {
            HeldFrame::Own(len) => len + MESSAGE_OVERHEAD,
            HeldFrame::Large(bytes) | HeldFrame::Shared(bytes) => bytes.len() + MESSAGE_OVERHEAD,
            HeldFrame::Gone(_) => 0,
        }
    }
}

/// A held message that has moved to `ready`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Released {
    /// Bytes of the whole frame, length included.
    pub(super) frame: usize,
    /// The request in it, if it is one.
    pub(super) request: Option<u32>,
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
    /// All that is ready, where that is one frame for many receivers: they share its
    /// bytes. Whatever is added has them copied.
    lone: Bytes,
    /// Where bytes belong that the owner writes itself.
    cut: Option<Cut>,
    held: VecDeque<Held>,
    held_cost: usize,
    /// The bytes of held frames that are for this receiver alone, in order.
    kept: BytesMut,
    /// Bytes of `kept` that belong to a held frame; more is a frame in the making.
    kept_len: usize,
    /// Those of them that belong to one that was withdrawn.
    gone_len: usize,
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
            held: VecDeque::new(),
            held_cost: 0,
            kept: BytesMut::new(),
            kept_len: 0,
            gone_len: 0,
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

    /// Where a frame that has to be held is appended, and then [held](Self::hold_kept).
    pub(super) fn kept(&mut self) -> &mut BytesMut {
        if self.kept.capacity() == 0 {
            self.kept.reserve(FIRST_RESERVATION);
        }
        &mut self.kept
    }

    /// Holds the frame that was appended to [`kept`](Self::kept).
    pub(super) fn hold_kept(&mut self, request: Option<u32>) {
        let len = self.kept.len() - self.kept_len;
        let frame = if len > LARGE {
            let bytes = self.kept.split_off(self.kept_len).freeze();
            // Or both would keep the memory.
            self.kept = BytesMut::from(&self.kept[..]);
            HeldFrame::Large(bytes)
        } else {
            self.kept_len = self.kept.len();
            HeldFrame::Own(len)
        };
        self.hold(Held { frame, request });
    }

    /// Holds a frame for many receivers.
    pub(super) fn hold_shared(&mut self, frame: Bytes) {
        self.hold(Held {
            frame: HeldFrame::Shared(frame),
            request: None,
        });
    }

    fn hold(&mut self, held: Held) {
        self.held_cost += held.cost();
        self.held.push_back(held);
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
        while let Some(held) = self.held.pop_front() {
            self.held_cost -= held.cost();
            let frame = match held.frame {
                HeldFrame::Own(len) => {
                    let bytes = self.kept.get(..len).unwrap_or_default();
                    self.ready.extend_from_slice(bytes);
                    self.pass_over(len);
                    self.close_up();
                    len
                }
                HeldFrame::Large(bytes) | HeldFrame::Shared(bytes) => {
                    self.ready.extend_from_slice(&bytes);
                    bytes.len()
                }
                HeldFrame::Gone(len) => {
                    self.pass_over(len);
                    self.gone_len -= len;
                    continue;
                }
            };
            let request = held.request;
            return Some(Released { frame, request });
        }
        // An idle connection keeps no buffer.
        self.kept = BytesMut::new();
        None
    }

    fn pass_over(&mut self, len: usize) {
        self.kept.advance(len.min(self.kept.len()));
        self.kept_len -= len;
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

    /// Takes a request back that has not left.
    pub(super) fn withdraw(&mut self, request: u32) {
        let is_it = |held: &Held| held.request == Some(request);
        let Some(at) = self.held.iter().position(is_it) else {
            return;
        };
        let Some(held) = self.held.get_mut(at) else {
            return;
        };
        self.held_cost -= held.cost();
        if let HeldFrame::Own(len) = held.frame {
            held.frame = HeldFrame::Gone(len);
            held.request = None;
            self.gone_len += len;
            self.close_up();
        } else {
            self.held.remove(at);
        }
    }

    /// Lets go of what has been withdrawn: seldom enough to cost little for each,
    /// and often enough to keep no more memory than twice what counts.
    fn close_up(&mut self) {
        if self.gone_len * 2 <= self.kept_len {
            return;
        }
        let mut old = std::mem::take(&mut self.kept);
        self.kept.reserve(self.kept_len - self.gone_len);
        let kept = &mut self.kept;
        self.held.retain(|held| match held.frame {
            HeldFrame::Own(len) => {
                kept.extend_from_slice(old.get(..len).unwrap_or_default());
                old.advance(len.min(old.len()));
                true
            }
            HeldFrame::Large(_) | HeldFrame::Shared(_) => true,
            HeldFrame::Gone(len) => {
                old.advance(len.min(old.len()));
                false
            }
        });
        self.kept_len -= self.gone_len;
        self.gone_len = 0;
    }

    /// Drops the oldest held message that was for many; false if there is none.
    pub(super) fn drop_oldest(&mut self) -> bool {
        let is_shared = |held: &Held| matches!(held.frame, HeldFrame::Shared(_));
        let Some(at) = self.held.iter().position(is_shared) else {
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

    fn should_move(&self) -> bool {
        self.ready_len() > 0 || self.held_cost > self.high_water
    }

    /// Nothing more will be sent but what is in `ready`.
    pub(super) fn forget_held(&mut self) {
        self.held.clear();
        self.held_cost = 0;
        self.kept = BytesMut::new();
        self.kept_len = 0;
        self.gone_len = 0;
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
        PushForMany(usize),
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
            2 => (0usize..200).prop_map(Op::PushForMany),
            3 => (1usize..200, any::<bool>()).prop_map(|(size, request)| Op::Hold(size, request)),
            1 => (LARGE..LARGE + 9, any::<bool>()).prop_map(|(size, request)| Op::Hold(size, request)),
            2 => (1usize..200).prop_map(Op::HoldForMany),
            2 => Just(Op::Release),
            2 => (0usize..400).prop_map(Op::Consume),
            1 => any::<usize>().prop_map(Op::Withdraw),
            1 => Just(Op::DropOldest),
        ]
    }

    #[test]
    fn a_frame_for_many_is_not_copied_while_it_is_alone() {
        let now = Instant::now();
        let mut outbox = Outbox::new(HIGH_WATER, HARD_CAP);
        let frame = Bytes::from(vec![7; 100]);
        outbox.push_shared(frame.clone());
        assert_eq!(outbox.front().as_ptr(), frame.as_ptr());
        outbox.consume(40, now);
        assert_eq!(outbox.front().len(), 60);
        outbox.push(&[8; 5]);
        assert_eq!(outbox.front().len(), 65);
        assert!(frame.is_unique(), "nobody keeps what was copied");
        outbox.consume(65, now);
        outbox.push_shared(frame.clone());
        outbox.consume(100, now);
        assert!(frame.is_unique(), "nor what has left");
    }

    #[test]
    fn a_large_message_leaves_no_memory_behind() {
        let now = Instant::now();
        let mut outbox = Outbox::new(HIGH_WATER, HARD_CAP);
        for pieces in [1, 3] {
            outbox.push(&vec![0; 3 * KEEP_CAPACITY]);
            for _ in 0..pieces {
                outbox.consume(3 * KEEP_CAPACITY / pieces, now);
            }
            assert_eq!(outbox.ready_len(), 0);
            assert!(!outbox.ready.try_reclaim(KEEP_CAPACITY + 1));
        }
        // What serves the next messages stays.
        outbox.push(&[0; 1000]);
        outbox.consume(1000, now);
        assert!(outbox.ready.try_reclaim(1000));
    }

    proptest! {
        /// What came in is what went out and what is there, in bytes, whatever is
        /// taken back meanwhile.
        #[test]
        fn bytes_in_are_bytes_out_and_bytes_held(ops in prop::collection::vec(ops(), 0..200)) {
            let now = Instant::now();
            let mut outbox = Outbox::new(HIGH_WATER, HARD_CAP);
            let mut ready = VecDeque::new();
            let mut held: VecDeque<(Vec<u8>, Option<u32>, bool)> = VecDeque::new();
            for (number, op) in (1u32..).zip(ops) {
                match op {
                    Op::Push(size) => {
                        outbox.push(&vec![number as u8; size]);
                        ready.extend(vec![number as u8; size]);
                    }
                    Op::PushForMany(size) => {
                        outbox.push_shared(vec![number as u8; size].into());
                        ready.extend(vec![number as u8; size]);
                    }
                    Op::Hold(size, request) => {
                        let request = request.then_some(number);
                        let frame = vec![number as u8; size];
                        outbox.kept().extend_from_slice(&frame);
                        outbox.hold_kept(request);
                        held.push_back((frame, request, false));
                    }
                    Op::HoldForMany(size) => {
                        let frame = vec![number as u8; size];
                        outbox.hold_shared(frame.clone().into());
                        held.push_back((frame, None, true));
                    }
                    Op::Release => {
                        let due = held.front().filter(|_| ready.len() <= HIGH_WATER).cloned();
                        let told = outbox.release();
                        let expected = due.as_ref().map(|(frame, request, _)| Released {
                            frame: frame.len(),
                            request: *request,
                        });
                        prop_assert_eq!(told, expected);
                        if let Some((frame, _, _)) = due {
                            ready.extend(frame);
                            held.pop_front();
                        }
                    }
                    Op::Consume(count) => {
                        outbox.consume(count, now);
                        ready.drain(..count.min(ready.len()));
                    }
                    Op::Withdraw(which) => {
                        if !held.is_empty() {
                            let at = which % held.len();
                            if let Some((_, Some(request), _)) = held.get(at).cloned() {
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
                prop_assert_eq!(outbox.front(), ready.make_contiguous());
                let ready = ready.len();
                let cost: usize = held.iter().map(|(frame, _, _)| frame.len() + MESSAGE_OVERHEAD).sum();
                prop_assert_eq!((outbox.ready_len(), outbox.queued()), (ready, ready + cost));
                prop_assert_eq!(outbox.is_full(), ready + cost > HARD_CAP);
                prop_assert_eq!(outbox.is_open(), held.is_empty() && ready <= HIGH_WATER);
                outbox.note_stall(now);
                // What is withdrawn is not kept for long.
                let own: usize = held.iter().filter(|(frame, _, shared)| !shared && frame.len() <= LARGE).map(|(frame, _, _)| frame.len()).sum();
                prop_assert!(outbox.kept.len() <= 2 * own);
                let moves = ready > 0 || cost > HIGH_WATER;
                prop_assert_eq!(outbox.stalled_until(Duration::ZERO).is_some(), moves);
            }
        }
    }
}
