//! What owners do, and what happens between them. The fuzz targets make them
//! from bytes, the tests by chance.

use arbitrary::{Arbitrary, Result, Unstructured};

use super::*;

#[derive(Arbitrary, Clone, Debug)]
pub(in super::super) enum Op {
    Request {
        #[arbitrary(with = role)]
        from: Role,
        #[arbitrary(with = maybe_millis)]
        timeout: Option<u16>,
        #[arbitrary(with = size)]
        size: usize,
    },
    Message {
        #[arbitrary(with = role)]
        from: Role,
        #[arbitrary(with = size)]
        size: usize,
    },
    Publish {
        #[arbitrary(with = size)]
        size: usize,
    },
    Share {
        #[arbitrary(with = size)]
        size: usize,
    },
    Subscribe {
        subscribe: bool,
        #[arbitrary(with = maybe_millis)]
        timeout: Option<u16>,
    },
    Cancel {
        #[arbitrary(with = role)]
        from: Role,
        #[arbitrary(with = index)]
        which: usize,
    },
    Respond {
        #[arbitrary(with = role)]
        from: Role,
        #[arbitrary(with = index)]
        which: usize,
        #[arbitrary(with = size)]
        size: usize,
    },
    Fail {
        #[arbitrary(with = role)]
        from: Role,
        #[arbitrary(with = index)]
        which: usize,
    },
    Finish {
        #[arbitrary(with = role)]
        from: Role,
        #[arbitrary(with = count)]
        count: u64,
    },
    Pong {
        #[arbitrary(with = role)]
        from: Role,
    },
    Probe {
        #[arbitrary(with = role)]
        from: Role,
        #[arbitrary(with = millis)]
        timeout: u16,
    },
    Carry {
        #[arbitrary(with = role)]
        from: Role,
        #[arbitrary(with = carried)]
        bytes: usize,
    },
    Wait {
        #[arbitrary(with = millis)]
        millis: u16,
    },
    Deadline,
    Stream(StreamOp),
    Leave {
        #[arbitrary(with = role)]
        from: Role,
    },
    Eof {
        #[arbitrary(with = role)]
        into: Role,
    },
    HalfClose {
        #[arbitrary(with = role)]
        into: Role,
    },
}

#[derive(Arbitrary, Clone, Debug)]
pub(in super::super) enum StreamOp {
    Open {
        #[arbitrary(with = role)]
        from: Role,
        #[arbitrary(with = index)]
        chunk: usize,
    },
    Write {
        #[arbitrary(with = role)]
        from: Role,
        #[arbitrary(with = index)]
        which: usize,
        #[arbitrary(with = size)]
        size: usize,
    },
    End {
        #[arbitrary(with = role)]
        from: Role,
        #[arbitrary(with = index)]
        which: usize,
    },
    Abort {
        #[arbitrary(with = role)]
        from: Role,
        #[arbitrary(with = index)]
        which: usize,
    },
    Read {
        #[arbitrary(with = role)]
        at: Role,
        #[arbitrary(with = index)]
        which: usize,
    },
    LetGo {
        #[arbitrary(with = role)]
        at: Role,
        #[arbitrary(with = index)]
        which: usize,
    },
    Cancel {
        #[arbitrary(with = role)]
        at: Role,
        #[arbitrary(with = index)]
        which: usize,
    },
}

impl StreamOp {
    /// Who sends the stream, and who does this.
    pub(in super::super) fn roles(&self) -> (Role, Role) {
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

fn role(u: &mut Unstructured<'_>) -> Result<Role> {
    Ok(*u.choose(&BOTH)?)
}

fn index(u: &mut Unstructured<'_>) -> Result<usize> {
    u.arbitrary::<u8>().map(usize::from)
}

fn size(u: &mut Unstructured<'_>) -> Result<usize> {
    // Most are small; some exceed what is granted, queued or allowed.
    Ok(match index(u)? {
        small @ ..224 => small,
        large => (large - 223) * 125,
    })
}

fn carried(u: &mut Unstructured<'_>) -> Result<usize> {
    Ok(match index(u)? {
        some @ 1..128 => some,
        _ => usize::MAX,
    })
}

fn millis(u: &mut Unstructured<'_>) -> Result<u16> {
    u.arbitrary::<u8>().map(|it| u16::from(it) * 20 + 1)
}

fn maybe_millis(u: &mut Unstructured<'_>) -> Result<Option<u16>> {
    Ok(Some(millis(u)?).filter(|it| *it > 1))
}

fn count(u: &mut Unstructured<'_>) -> Result<u64> {
    u.arbitrary::<u8>().map(|it| u64::from(it % 8))
}
