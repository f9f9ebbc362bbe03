//! Streams that this side receives. The owner takes the bytes as its reader
//! wants them; what waits here is at most the window.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use bytes::{Bytes, BytesMut};

use crate::ipc::frame::Id;
use crate::ipc::proto::requests::IdHasher;

/// Shorter pieces are copied together, so that a peer can't make us keep a
/// large read buffer for each byte it sends.
const SMALL: usize = 16 * 1024;

#[derive(Debug)]
struct In {
    /// Its id on the wire.
    wire: Id,
    pieces: VecDeque<Bytes>,
    /// Small pieces behind them.
    tail: BytesMut,
    /// Counted from the start: what came, what was read, what may come.
    received: u64,
    read: u64,
    granted: u64,
    /// The sender has sent all.
    ended: bool,
    /// The sender has given up; the owner has been told.
    failed: bool,
    /// The owner knows that there is something to read.
    told: bool,
}

/// What reading finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// The next bytes.
    Data(Bytes),
    /// Nothing now; an event tells when there is.
    Nothing,
    /// The end: all was read.
    End,
    /// There is no such stream any more.
    Gone,
}

/// How a peer broke the rules.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken(pub(super) &'static str);

/// All of them, by a number of ours; in the binary profile it is the peer's.
#[derive(Debug, Default)]
pub(in crate::ipc::proto) struct Incoming {
    streams: HashMap<u32, In, BuildHasherDefault<IdHasher>>,
    /// Those that have failed and that the owner has not let go of.
    failed: usize,
    last: u32,
}

impl Incoming {
    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Those that the sender has not given up.
    pub(super) fn live(&self) -> usize {
        self.streams.len() - self.failed
    }

    /// Enters a stream; none if there is one with this id.
    pub(super) fn add(&mut self, wire: Id, window: u32) -> Option<u32> {
        let number = match &wire {
            Id::Number(number) => *number,
            Id::Text(_) => {
                self.last = self.last.wrapping_add(1);
                self.last
            }
        };
        if self.find(&wire).is_some() || self.streams.contains_key(&number) {
            return None;
        }
        let stream = In {
            wire,
            pieces: VecDeque::new(),
            tail: BytesMut::new(),
            received: 0,
            read: 0,
            granted: window.into(),
            ended: false,
            failed: false,
            told: false,
        };
        self.streams.insert(number, stream);
        Some(number)
    }

    /// Whether all of a stream has come, be it read or not.
    pub(super) fn is_complete(&self, wire: &Id) -> bool {
        let stream = self.find(wire).and_then(|id| self.streams.get(&id));
        stream.is_some_and(|it| it.ended)
    }

    /// Whether a stream that has come completely waits for its reader.
    pub(super) fn has_complete(&self) -> bool {
        self.streams.values().any(|it| it.ended && !it.failed)
    }

    /// Whether a reader has taken everything there is of a stream that goes on.
    pub(super) fn has_starved(&self) -> bool {
        self.streams.values().any(In::is_starved)
    }

    pub(super) fn find(&self, wire: &Id) -> Option<u32> {
        match wire {
            Id::Number(number) => self.streams.contains_key(number).then_some(*number),
            Id::Text(_) => self
                .streams
                .iter()
                .find(|(_, stream)| stream.wire == *wire)
                .map(|(number, _)| *number),
        }
    }

    /// Takes bytes of the peer; the number of a stream whose owner has to be
    /// told. Bytes for a stream that is gone are those that were under way.
    pub(super) fn data(&mut self, wire: &Id, data: &Bytes) -> Result<Option<u32>, Broken> {
        let Some((number, stream)) = self.get(wire) else {
            return Ok(None);
        };
        if stream.ended {
            return Err(Broken("bytes after the end of a stream"));
        }
        stream.received += data.len() as u64;
        if stream.received > stream.granted {
            return Err(Broken("more bytes of a stream than were granted"));
        }
        if data.len() < SMALL {
            stream.tail.extend_from_slice(data);
        } else {
            if !stream.tail.is_empty() {
                stream.pieces.push_back(stream.tail.split().freeze());
            }
            stream.pieces.push_back(data.clone());
        }
        Ok(stream.tell().then_some(number))
    }

    /// The peer has sent all; the number of a stream whose owner has to be told.
    pub(super) fn end(&mut self, wire: &Id) -> Result<Option<u32>, Broken> {
        let Some((number, stream)) = self.get(wire) else {
            return Ok(None);
        };
        if std::mem::replace(&mut stream.ended, true) {
            return Err(Broken("a stream that ends twice"));
        }
        Ok(stream.tell().then_some(number))
    }

    /// The peer has given a stream up; its number, if that is news.
    pub(super) fn fail(&mut self, wire: &Id) -> Option<u32> {
        let (number, stream) = self.get(wire)?;
        stream.failed = true;
        stream.pieces.clear();
        stream.tail = BytesMut::new();
        self.failed += 1;
        Some(number)
    }

    /// The next bytes, and the new limit if it is worth a frame.
    pub(super) fn read(&mut self, number: u32, window: u32) -> (Read, Option<(Id, u64)>) {
        let Some(stream) = self.streams.get_mut(&number).filter(|it| !it.failed) else {
            return (Read::Gone, None);
        };
        let piece = stream.pieces.pop_front().or_else(|| {
            let tail = std::mem::take(&mut stream.tail);
            (!tail.is_empty()).then(|| tail.freeze())
        });
        let Some(piece) = piece else {
            stream.told = false;
            let end = if stream.ended {
                Read::End
            } else {
                Read::Nothing
            };
            return (end, None);
        };
        stream.read += piece.len() as u64;
        let target = stream.read + u64::from(window);
        let due = !stream.ended && (target - stream.granted) * 4 >= u64::from(window);
        let grant = due.then(|| {
            stream.granted = target;
            (stream.wire.clone(), target)
        });
        (Read::Data(piece), grant)
    }

    /// Forgets a stream; its id, unless the peer has given it up.
    pub(super) fn remove(&mut self, number: u32) -> Option<Id> {
        let stream = self.streams.remove(&number)?;
        if stream.failed {
            self.failed -= 1;
            return None;
        }
        Some(stream.wire)
    }

    fn get(&mut self, wire: &Id) -> Option<(u32, &mut In)> {
        let number = self.find(wire)?;
        let stream = self.streams.get_mut(&number)?;
        (!stream.failed).then_some((number, stream))
    }
}

impl In {
    fn is_starved(&self) -> bool {
        !self.ended && !self.failed && self.pieces.is_empty() && self.tail.is_empty()
    }

    /// Whether the owner has to be told; once until it has read everything.
    fn tell(&mut self) -> bool {
        !std::mem::replace(&mut self.told, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(size: usize) -> Bytes {
        Bytes::from(vec![7; size])
    }

    fn one(window: u32) -> (Incoming, Id) {
        let mut incoming = Incoming::default();
        assert_eq!(incoming.add(Id::Number(9), window), Some(9));
        (incoming, Id::Number(9))
    }

    #[test]
    fn tells_once_until_everything_was_read() {
        let (mut incoming, id) = one(1000);
        assert_eq!(incoming.data(&id, &of(10)), Ok(Some(9)));
        assert_eq!(incoming.data(&id, &of(10)), Ok(None));
        assert_eq!(incoming.read(9, 1000).0, Read::Data(of(20)));
        assert_eq!(incoming.data(&id, &of(1)), Ok(None));
        assert_eq!(incoming.read(9, 1000).0, Read::Data(of(1)));
        assert_eq!(incoming.read(9, 1000).0, Read::Nothing);
        assert_eq!(incoming.end(&id), Ok(Some(9)));
        assert_eq!(incoming.read(9, 1000).0, Read::End);
    }

    #[test]
    fn keeps_small_and_large_pieces_in_order() {
        let (mut incoming, id) = one(u32::MAX);
        let pieces = [vec![1; 5], vec![2; SMALL], vec![3; 5], vec![4; 5]];
        for piece in &pieces {
            incoming
                .data(&id, &Bytes::from(piece.clone()))
                .expect("in order");
        }
        let mut all = Vec::new();
        while let (Read::Data(piece), _) = incoming.read(9, u32::MAX) {
            all.extend_from_slice(&piece);
        }
        assert_eq!(all, pieces.concat());
    }

    #[test]
    fn grants_by_quarters_and_nothing_after_the_end() {
        let (mut incoming, id) = one(100);
        incoming.data(&id, &of(24)).expect("granted");
        assert_eq!(incoming.read(9, 100).1, None);
        incoming.data(&id, &of(1)).expect("granted");
        assert_eq!(incoming.read(9, 100).1, Some((id.clone(), 125)));
        incoming.data(&id, &of(90)).expect("granted");
        incoming.end(&id).expect("first end");
        assert_eq!(incoming.read(9, 100).1, None);
    }

    #[test]
    fn a_sender_that_breaks_the_rules_is_found() {
        let (mut incoming, id) = one(10);
        assert!(incoming.data(&id, &of(11)).is_err());
        let (mut incoming, id) = one(10);
        incoming.end(&id).expect("first end");
        assert!(incoming.data(&id, &of(1)).is_err());
        assert!(incoming.end(&id).is_err());
        // One that is gone is none of that.
        assert_eq!(incoming.data(&Id::Number(4), &of(99)), Ok(None));
    }

    #[test]
    fn a_stream_that_failed_counts_until_it_is_let_go() {
        let (mut incoming, id) = one(10);
        assert_eq!(incoming.fail(&id), Some(9));
        assert_eq!(incoming.fail(&id), None);
        assert_eq!((incoming.len(), incoming.live()), (1, 0));
        assert_eq!(incoming.read(9, 10).0, Read::Gone);
        assert_eq!(incoming.remove(9), None);
        assert_eq!((incoming.len(), incoming.live()), (0, 0));
    }
}
