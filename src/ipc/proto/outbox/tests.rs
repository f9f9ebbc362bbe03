//! Frames in, bytes out: whatever is held, shared, withdrawn or taken in part.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::held::LARGE;
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
                    outbox.held().buffer().extend_from_slice(&frame);
                    outbox.held().add(request);
                    held.push_back((frame, request, false));
                }
                Op::HoldForMany(size) => {
                    let frame = vec![number as u8; size];
                    outbox.held().add_shared(frame.clone().into());
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
                            outbox.held().withdraw(request);
                            held.remove(at);
                        }
                    }
                }
                Op::DropOldest => {
                    let at = held.iter().position(|(_, _, shared)| *shared);
                    prop_assert_eq!(outbox.held().drop_oldest(), at.is_some());
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
            prop_assert!(outbox.held.kept() <= 2 * own);
            let moves = ready > 0 || cost > HIGH_WATER;
            prop_assert_eq!(outbox.stalled_until(Duration::ZERO).is_some(), moves);
        }
    }
}
