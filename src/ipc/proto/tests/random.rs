//! Any order of commands, time and bytes.

use proptest::prelude::*;
use proptest::sample::Index;

use super::streams::{stream_ops, StreamOp};
use super::world::World;
use super::*;
use crate::ipc::options::SlowConsumer;

#[derive(Clone, Debug)]
pub(super) enum Op {
    Request {
        from: Role,
        timeout: Option<u16>,
        size: usize,
    },
    Message {
        from: Role,
        size: usize,
    },
    Publish {
        size: usize,
    },
    Share {
        size: usize,
    },
    Subscribe {
        subscribe: bool,
        timeout: Option<u16>,
    },
    Cancel {
        from: Role,
        which: usize,
    },
    Respond {
        from: Role,
        which: usize,
        size: usize,
    },
    Fail {
        from: Role,
        which: usize,
    },
    Finish {
        from: Role,
        count: u64,
    },
    Pong {
        from: Role,
    },
    Probe {
        from: Role,
        timeout: u16,
    },
    Carry {
        from: Role,
        bytes: usize,
    },
    Wait {
        millis: u16,
    },
    Deadline,
    Stream(StreamOp),
    Leave {
        from: Role,
    },
    Eof {
        into: Role,
    },
    HalfClose {
        into: Role,
    },
}

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_order_of_commands_settles_everything_once(
        ops in prop::collection::vec(ops(), 0..200),
        profile in prop::sample::select(vec![Profile::Json, Profile::Binary]),
        policy in prop::sample::select(vec![SlowConsumer::Disconnect, SlowConsumer::DropOldest, SlowConsumer::Wait]),
        until in any::<Index>(),
    ) {
        let mut world = World::new(profile, policy);
        // Closes come late, or most sequences would be short.
        let quiet = until.index(ops.len() + 1);
        for (at, op) in ops.into_iter().enumerate() {
            if at >= quiet || !matches!(op, Op::Leave { .. } | Op::Eof { .. } | Op::HalfClose { .. }) {
                world.run(op);
                world.check();
            }
        }
        world.settle();
        world.check();
        for role in BOTH {
            if world.owner(role).closed.is_none() && world.owner(other(role)).closed.is_none() {
                assert!(world.owner(role).open.is_empty(), "unanswered");
                assert!(world.streams_over(), "a stream without an end");
                let session = world.pair.end(role);
                assert_eq!((session.queued(), session.running()), (0, 0), "{role:?} still holds something");
            }
        }
        world.run(Op::Leave { from: Role::Client });
        world.run(Op::Carry { from: Role::Client, bytes: usize::MAX });
        world.run(Op::Eof { into: Role::Server });
        world.check();
        for role in BOTH {
            let now = world.pair.now;
            assert!(world.owner(role).open.is_empty());
            assert!(world.owner(role).closed.is_some());
            assert_eq!(world.owner(role).probes, 0);
            let session = world.pair.end(role);
            session.wrote(session.output_len(), now);
            assert_eq!((session.queued(), session.pending()), (0, 0));
        }
    }
}
