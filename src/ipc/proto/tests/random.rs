//! Any order of commands, time and bytes.

use proptest::prelude::*;
use proptest::sample::Index;

use super::world::{Op, StreamOp, World};
use super::*;
use crate::ipc::options::SlowConsumer;

fn roles() -> impl Strategy<Value = Role> {
    prop::sample::select(BOTH.to_vec())
}

fn ops() -> impl Strategy<Value = Op> {
    let timeouts = || prop::option::weighted(0.7, 1u16..5000);
    let sizes = || prop_oneof![8 => 1usize..60, 1 => 500usize..4000];
    let index = any::<usize>;
    prop_oneof![
        8 => (roles(), timeouts(), sizes()).prop_map(|(from, timeout, size)| Op::Request { from, timeout, size }),
        6 => (roles(), sizes()).prop_map(|(from, size)| Op::Message { from, size }),
        2 => sizes().prop_map(|size| Op::Publish { size }),
        3 => sizes().prop_map(|size| Op::Share { size }),
        2 => (any::<bool>(), timeouts()).prop_map(|(subscribe, timeout)| Op::Subscribe { subscribe, timeout }),
        3 => (roles(), index()).prop_map(|(from, which)| Op::Cancel { from, which }),
        6 => (roles(), index(), sizes()).prop_map(|(from, which, size)| Op::Respond { from, which, size }),
        1 => (roles(), index()).prop_map(|(from, which)| Op::Fail { from, which }),
        6 => (roles(), 1u64..5).prop_map(|(from, count)| Op::Finish { from, count }),
        2 => roles().prop_map(|from| Op::Pong { from }),
        1 => (roles(), 1u16..3000).prop_map(|(from, timeout)| Op::Probe { from, timeout }),
        12 => (roles(), prop_oneof![1usize..40, Just(usize::MAX)]).prop_map(|(from, bytes)| Op::Carry { from, bytes }),
        3 => (1u16..2000).prop_map(|millis| Op::Wait { millis }),
        3 => Just(Op::Deadline),
        25 => stream_ops().prop_map(Op::Stream),
        1 => roles().prop_map(|from| Op::Leave { from }),
        1 => roles().prop_map(|into| Op::Eof { into }),
        1 => roles().prop_map(|into| Op::HalfClose { into }),
    ]
}

fn stream_ops() -> impl Strategy<Value = StreamOp> {
    let index = any::<usize>;
    prop_oneof![
        4 => (roles(), 1usize..80).prop_map(|(from, chunk)| StreamOp::Open { from, chunk }),
        8 => (roles(), index(), 0usize..250).prop_map(|(from, which, size)| StreamOp::Write { from, which, size }),
        3 => (roles(), index()).prop_map(|(from, which)| StreamOp::End { from, which }),
        2 => (roles(), index()).prop_map(|(from, which)| StreamOp::Abort { from, which }),
        8 => (roles(), index()).prop_map(|(at, which)| StreamOp::Read { at, which }),
        3 => (roles(), index()).prop_map(|(at, which)| StreamOp::LetGo { at, which }),
        1 => (roles(), index()).prop_map(|(at, which)| StreamOp::Cancel { at, which }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_order_of_commands_settles_everything_once(
        ops in prop::collection::vec(ops(), 0..200),
        profile in prop::sample::select(vec![Profile::Json, Profile::Binary]),
        policy in prop::sample::select(vec![SlowConsumer::Disconnect, SlowConsumer::DropOldest, SlowConsumer::Wait]),
        until in any::<Index>(),
    ) {
        // Closes come late, or most sequences would be short.
        let quiet = until.index(ops.len() + 1);
        World::new(profile, policy).live(ops, quiet);
    }
}
