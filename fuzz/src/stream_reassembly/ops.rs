//! Operations: a byte for what and which stream, and some more where there is a
//! size. So each byte of an input matters. Half of all are about the stream of the
//! one before, and most of what the peer does keeps the rules, or no stream would
//! get far and no connection live for long.

use super::incoming::In;
use super::Table;

#[derive(Debug)]
pub(super) enum Op {
    /// The peer opens a stream, ends it, gives it up, or begins a chunk of a size of
    /// which some bytes come; and more of them.
    Open(u32),
    End(u32),
    Error(u32),
    Begin(u32, u64, usize),
    More(usize),
    /// The reader reads; waits for bytes on the socket; opens an outlet, is done with
    /// some of what it took, takes bytes off the socket; is to come for them.
    Read(u32),
    Wait(u32),
    Outlet(u32),
    Consume(u32, u64),
    Take(usize, bool),
    Leave,
    Finish(u32),
    Refuse(u32),
    /// This side's sources, and the last one's socket: how much it takes.
    OpenOwn(u32),
    Write(u32, u64),
    Direct(u32, u64, usize),
    Offer(u32, u64),
    EndOwn(u32),
    Abort(u32),
    Socket(usize),
    /// What the peer answers: a limit, or that a stream is over, since it is done.
    Credit(u32, u64),
    Over(u32, bool),
}

impl Table {
    /// The next operation, or none where it makes no sense now; the outer none at
    /// the end of the input.
    pub(super) fn next_op(&mut self, bytes: &mut impl Iterator<Item = u8>) -> Option<Option<Op>> {
        let head = bytes.next()?;
        // Few streams, so that they meet; more than are allowed.
        match head >> 5 {
            0..4 => {}
            number => self.last = u32::from(number) - 3,
        }
        let id = self.last;
        let unit = self.unit;
        let some = |byte: u8| u64::from(byte) * unit / 4;
        let incoming = self.incoming.get(&id).filter(|it| !it.failed);
        let room = |size: u64| size.min(incoming.map_or(size, In::room));
        Some(match head & 31 {
            0 => (!self.incoming.contains_key(&id)).then_some(Op::Open(id)),
            1 | 2 => {
                let size = room(some(bytes.next()?) + 1);
                (size > 0).then_some(Op::Begin(id, size, usize::MAX))
            }
            3 | 4 => {
                let size = room(some(bytes.next()?) + 1);
                let first = few(bytes.next()?, unit);
                (size > 0).then_some(Op::Begin(id, size, first))
            }
            5 => Some(Op::More(few(bytes.next()?, unit))),
            6 => incoming.is_none_or(|it| !it.ended).then_some(Op::End(id)),
            7 | 8 => Some(Op::Read(id)),
            9 => Some(Op::Wait(id)),
            10 => Some(Op::Outlet(id)),
            11 => Some(Op::Consume(id, some(bytes.next()?))),
            12 | 13 => Some(Op::Take(few(bytes.next()?, unit), head & 1 == 0)),
            14 => Some(Op::Leave),
            15 => Some(Op::Finish(id)),
            16 => Some(Op::Refuse(id)),
            17 => Some(Op::OpenOwn(id)),
            18 => Some(Op::Write(id, some(bytes.next()?))),
            19 => Some(Op::Direct(id, some(bytes.next()?), usize::MAX)),
            20 => {
                let size = some(bytes.next()?);
                Some(Op::Direct(id, size, few(bytes.next()?, unit)))
            }
            21 | 22 => Some(Op::Offer(id, some(bytes.next()?) + 1)),
            23 => Some(Op::EndOwn(id)),
            24 => Some(Op::Abort(id)),
            25 => Some(Op::Socket(match bytes.next()? {
                255 => usize::MAX,
                byte => few(byte, unit),
            })),
            26 | 27 => {
                let size = bytes.next()?;
                let limit = self.outgoing.get(&id).map_or(0, |it| it.limit);
                // One in four is a limit of before, which changes nothing.
                Some(Op::Credit(
                    id,
                    match size {
                        0..192 => limit + some(size),
                        _ => limit.saturating_sub(u64::from(size) - 192),
                    },
                ))
            }
            28 => Some(Op::Over(id, bytes.next()? & 1 == 1)),
            29 => Some(Op::Error(id)),
            30 => Some(Op::More(usize::MAX)),
            _ => {
                let how = bytes.next()?;
                Some(match how % 4 {
                    0 => Op::Open(id),
                    1 => Op::End(id),
                    2 => {
                        let size = incoming.map_or(0, In::room) + u64::from(how >> 2) + 1;
                        Op::Begin(id, size, usize::MAX)
                    }
                    _ => Op::Begin(id, 1, usize::MAX),
                })
            }
        })
    }
}

/// Some bytes: one by one, or units.
fn few(byte: u8, unit: u64) -> usize {
    match byte {
        0..32 => usize::from(byte),
        _ => (u64::from(byte - 31) * unit / 4) as usize,
    }
}
