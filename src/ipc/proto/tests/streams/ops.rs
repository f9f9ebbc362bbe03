//! What owners do with streams in the random world, in any order.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
pub(in crate::ipc::proto::tests) enum StreamOp {
    Open {
        from: Role,
        chunk: usize,
    },
    Write {
        from: Role,
        which: usize,
        size: usize,
    },
    End {
        from: Role,
        which: usize,
    },
    Abort {
        from: Role,
        which: usize,
    },
    Read {
        at: Role,
        which: usize,
    },
    LetGo {
        at: Role,
        which: usize,
    },
    Cancel {
        at: Role,
        which: usize,
    },
}

impl StreamOp {
    /// Who sends the stream, and who does this.
    pub(in crate::ipc::proto::tests) fn roles(&self) -> (Role, Role) {
        match *self {
            Self::Open { from, .. }
            | Self::Write { from, .. }
            | Self::End { from, .. }
            | Self::Abort { from, .. } => (from, from),
            Self::Read { at, .. } | Self::LetGo { at, .. } | Self::Cancel { at, .. } => {
                (other(at), at)
            }
        }
    }
}

pub(in crate::ipc::proto::tests) fn stream_ops() -> impl Strategy<Value = StreamOp> {
    let roles = || prop::sample::select(BOTH.to_vec());
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
