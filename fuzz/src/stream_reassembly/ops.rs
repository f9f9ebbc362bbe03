//! Operations: a byte for what and which stream, and one more where there is a
//! size. So each byte of an input matters. Half of all are about the stream of the
//! one before, and most of what the peer does keeps the rules, or no stream would
//! get far and no connection live for long.

use super::{In, Table};

#[derive(Debug)]
pub(super) enum Op {
    Open(u32),
    Data(u32, u64),
    End(u32),
    Error(u32),
    Read(u32),
    Finish(u32),
    Refuse(u32),
    OpenOwn(u32),
    Write(u32, u64),
    EndOwn(u32),
    Abort(u32),
    Credit(u32, u64),
    Cancel(u32),
    Done(u32),
}

impl Table {
    /// The next operation, or none where it makes no sense now; the outer none at
    /// the end of the input.
    pub(super) fn next_op(&mut self, bytes: &mut impl Iterator<Item = u8>) -> Option<Option<Op>> {
        let head = bytes.next()?;
        // Few streams, so that they meet; more than are allowed.
        match head >> 4 {
            0..8 => {}
            number => self.last = u32::from(number) % 5 + 1,
        }
        let id = self.last;
        let incoming = self.incoming.get(&id).filter(|it| !it.failed);
        Some(match head & 15 {
            0 => (!self.incoming.contains_key(&id)).then_some(Op::Open(id)),
            1 | 2 => {
                let size = (u64::from(bytes.next()?) + 1) * self.unit / 4 + 1;
                let room = incoming.map_or(size, In::room);
                (room > 0).then_some(Op::Data(id, size.min(room)))
            }
            3 => incoming.is_none_or(|it| !it.ended).then_some(Op::End(id)),
            4 => Some(Op::Error(id)),
            5 | 6 => Some(Op::Read(id)),
            7 => Some(Op::Finish(id)),
            8 => Some(Op::Refuse(id)),
            9 => Some(Op::OpenOwn(id)),
            10 => Some(Op::Write(id, u64::from(bytes.next()?) * self.unit / 4)),
            11 => Some(Op::EndOwn(id)),
            12 => Some(Op::Abort(id)),
            13 => {
                let size = u64::from(bytes.next()?);
                let limit = self.outgoing.get(&id).map_or(0, |it| it.limit);
                // One in four is a limit of before, which changes nothing.
                Some(Op::Credit(
                    id,
                    match size {
                        0..192 => limit + size * self.unit / 4,
                        _ => limit.saturating_sub(size - 192),
                    },
                ))
            }
            14 => Some(match bytes.next()? & 1 {
                0 => Op::Cancel(id),
                _ => Op::Done(id),
            }),
            _ => {
                let how = bytes.next()?;
                Some(match how % 4 {
                    0 => Op::Open(id),
                    1 => Op::End(id),
                    2 => Op::Data(id, incoming.map_or(0, In::room) + u64::from(how >> 2) + 1),
                    _ => Op::Data(id, 1),
                })
            }
        })
    }
}
