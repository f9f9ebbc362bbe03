//! Streams that this side receives. The owner takes the bytes as its reader
//! wants them; what waits here is at most the window.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use bytes::{Bytes, BytesMut};

use super::Piece;
use crate::ipc::frame::Id;
use crate::ipc::proto::requests::IdHasher;

/// Shorter pieces are copied together, so that a peer can't make us keep a
/// large read buffer for each byte it sends.
const SMALL: usize = 16 * 1024;
/// So much of them at most: as long as a chunk of the usual size.
const JOINED: usize = 64 * 1024;
/// Pieces that may wait, for each `SMALL` bytes of the window, and beside them. In turns, bytes
/// that come in frames and in memory are not joined, and what keeps account of each has
/// a price. Our own side never comes near this.
const MOST_PIECES: usize = 4;
const FREE_PIECES: usize = 64;
/// Windows of streams for which there may be memory: with less it is no faster, and more
/// is too much to keep.
const WINDOWS: std::ops::RangeInclusive<u32> = 128 * 1024..=8 * 1024 * 1024;
/// The memory for windows from a quarter of that on. Bytes that lie in memory keep nobody
/// else's waiting in the socket, and twice as far between two grants both processes wait
/// less for each other: a twentieth more passed. Whoever chose less than the usual window
/// gets no more.
const USUAL_MEMORY: u32 = 1024 * 1024;

/// Bytes that are worth a frame, which wakes the sender: two chunks of the usual size.
/// Half as many cost it an eighth more time, on one machine.
const LEAST_GRANT: u64 = 128 * 1024;

#[derive(Debug)]
struct In {
    /// Its id on the wire.
    wire: Id,
    pieces: VecDeque<Piece>,
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
    /// The window, where the owner asked for a larger one than others have.
    window: u32,
    /// The owner looks itself for what there is, and may take bytes off the socket.
    outlet: bool,
    /// Its reader takes bytes off the socket where it can.
    direct: bool,
    /// Bytes were left on the socket for it, and it has not come since.
    left: bool,
    /// Memory for its bytes.
    memory: Offer,
}

/// Whether the sender of a stream has been offered memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    /// Not yet: it is worth its cost only for a long stream.
    NotYet,
    /// The owner has been asked for some.
    Asked,
    /// It has been, so its bytes may come there.
    Made,
}

/// What reading finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// The next bytes.
    Data(Bytes),
    /// So many that the owner has taken off the socket itself.
    Outside(usize),
    /// So many that lie in the stream's memory. They stay the next until
    /// [`took_shared`](crate::ipc::proto::Session::took_shared).
    Shared(usize),
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

/// The size of the memory for a stream, by the window that its receiver has named.
pub(super) fn memory_for(window: u32) -> Option<u32> {
    let usual = (USUAL_MEMORY / 4..USUAL_MEMORY).contains(&window);
    let size = if usual { USUAL_MEMORY } else { window };
    WINDOWS.contains(&window).then_some(size)
}

/// All of them, by a number of ours; in the binary profile it is the peer's.
#[derive(Debug, Default)]
pub(in crate::ipc::proto) struct Incoming {
    streams: HashMap<u32, In, BuildHasherDefault<IdHasher>>,
    /// Those that have failed and that the owner has not let go of.
    failed: usize,
    /// Those of which bytes may be taken off the socket.
    takers: usize,
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
            window,
            outlet: false,
            direct: false,
            left: false,
            memory: Offer::NotYet,
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
        stream.check(data.len())?;
        stream.received += data.len() as u64;
        if data.len() < SMALL {
            if stream.tail.len() + data.len() > JOINED {
                stream.end_tail();
            }
            stream.tail.extend_from_slice(data);
        } else {
            stream.push(Piece::Bytes(data.clone()));
        }
        stream.check_pieces()?;
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
    pub(super) fn read(&mut self, number: u32) -> (Read, Option<(Id, u64)>) {
        let read = self.take(number);
        let grant = match &read {
            Read::Data(bytes) => self.consumed(number, bytes.len()),
            _ => None,
        };
        (read, grant)
    }

    /// The next bytes; nothing is granted for them yet.
    pub(super) fn take(&mut self, number: u32) -> Read {
        let Some(stream) = self.streams.get_mut(&number).filter(|it| !it.failed) else {
            return Read::Gone;
        };
        if let Some(Piece::Shared(count)) = stream.pieces.front() {
            return Read::Shared(*count);
        }
        match stream.pieces.pop_front() {
            Some(Piece::Bytes(bytes)) => return Read::Data(bytes),
            Some(Piece::Shared(count)) => return Read::Shared(count),
            Some(Piece::Outside(count)) => return Read::Outside(count),
            None => {}
        }
        let tail = std::mem::take(&mut stream.tail);
        if !tail.is_empty() {
            return Read::Data(tail.freeze());
        }
        stream.told = false;
        if stream.ended {
            Read::End
        } else {
            Read::Nothing
        }
    }

    /// The reader is done with bytes that it has taken; the new limit, if it is
    /// worth a frame.
    pub(super) fn consumed(&mut self, number: u32, count: usize) -> Option<(Id, u64)> {
        let stream = self.streams.get_mut(&number)?;
        stream.read += count as u64;
        stream.grant()
    }

    /// From now on the owner looks itself for what there is, with a window of at
    /// least `window`. The new limit, if it is worth a frame.
    pub(super) fn open_outlet(&mut self, number: u32, window: u32) -> Option<(Id, u64)> {
        let stream = self.streams.get_mut(&number).filter(|it| !it.failed)?;
        // What lies in memory was meant for a reader, and an outlet has another window.
        if stream.memory != Offer::NotYet {
            return None;
        }
        self.takers += usize::from(!stream.is_taken());
        stream.outlet = true;
        stream.window = stream.window.max(window);
        stream.grant()
    }

    /// Whether bytes of any stream may be taken off the socket.
    pub(super) fn has_takers(&self) -> bool {
        self.takers > 0
    }

    /// The reader of a stream has found nothing, and takes bytes off the socket where
    /// it can.
    pub(super) fn wait_directly(&mut self, number: u32) {
        if let Some(stream) = self.streams.get_mut(&number).filter(|it| !it.failed) {
            self.takers += usize::from(!stream.is_taken());
            stream.direct = true;
            stream.left = false;
        }
    }

    /// Whether the reader of a stream takes bytes off the socket, and none wait here
    /// that come before them.
    pub(super) fn is_direct(&self, number: u32) -> bool {
        let stream = self.streams.get(&number);
        stream.is_some_and(In::is_direct)
    }

    /// Whether bytes of a stream are left on the socket, and whether its reader has to
    /// be told. Of one that knows and has not come they are not left twice.
    pub(super) fn leave(&mut self, number: u32) -> (bool, bool) {
        let stream = self.streams.get_mut(&number);
        let Some(stream) = stream.filter(|it| it.is_direct()) else {
            return (false, false);
        };
        let tell = stream.tell();
        let again = std::mem::replace(&mut stream.left, true);
        (tell || !again, tell)
    }

    /// The reader has taken bytes off the socket; the new limit, if it is worth a frame.
    pub(super) fn passed(&mut self, number: u32, count: usize) -> Option<(Id, u64)> {
        let stream = self.streams.get_mut(&number)?;
        // It goes on by itself.
        stream.told = true;
        stream.left = false;
        stream.received += count as u64;
        self.consumed(number, count)
    }

    /// Whether there is such a stream, and its owner looks itself for what there is.
    pub(super) fn has_outlet(&self, number: u32) -> bool {
        let stream = self.streams.get(&number);
        stream.is_some_and(|it| it.outlet && !it.failed)
    }

    /// Whether a stream has something to take, or its end.
    pub(super) fn is_readable(&self, number: u32) -> bool {
        let stream = self.streams.get(&number);
        stream.is_some_and(|it| it.ended || !it.pieces.is_empty() || !it.tail.is_empty())
    }

    /// The number of a stream whose owner may take this chunk off the socket. The
    /// chunk has not come yet, but the peer is bound to it.
    pub(super) fn announced(&mut self, wire: &Id, count: usize) -> Result<Option<u32>, Broken> {
        let Some((number, stream)) = self.get(wire).filter(|(_, it)| it.is_taken()) else {
            return Ok(None);
        };
        stream.check(count).map(|()| Some(number))
    }

    /// The owner has taken bytes off the socket. `joined`: into what it took them
    /// last, so that both are one piece.
    pub(super) fn outside(&mut self, number: u32, count: usize, joined: bool) {
        let Some(stream) = self.streams.get_mut(&number).filter(|it| !it.failed) else {
            return;
        };
        stream.received += count as u64;
        match stream.pieces.back_mut() {
            Some(Piece::Outside(last)) if joined && stream.tail.is_empty() => *last += count,
            _ => stream.push(Piece::Outside(count)),
        }
    }

    /// Whether the last that came was taken off the socket by the owner.
    pub(super) fn ends_outside(&self, number: u32) -> bool {
        let stream = self.streams.get(&number);
        stream.is_some_and(|it| {
            it.tail.is_empty() && matches!(it.pieces.back(), Some(Piece::Outside(_)))
        })
    }

    /// The sender has put bytes where the stream's memory is: how many, and the number of
    /// a stream whose owner has to be told.
    pub(super) fn shared(&mut self, wire: &Id, count: u64) -> Result<(usize, Option<u32>), Broken> {
        let Some((number, stream)) = self.get(wire) else {
            return Ok((0, None));
        };
        if stream.memory != Offer::Made {
            return Err(Broken("bytes in memory that was not offered"));
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        stream.check(count)?;
        stream.received += count as u64;
        // It is in use: from now on the peer is granted all of it.
        stream.window = memory_for(stream.window).unwrap_or(stream.window);
        stream.push_shared(count);
        stream.check_pieces()?;
        Ok((count, stream.tell().then_some(number)))
    }

    /// Where in the stream the next bytes begin, and how many, if they lie in memory.
    pub(super) fn next_shared(&self, number: u32) -> Option<(u64, usize)> {
        let stream = self.streams.get(&number).filter(|it| !it.failed)?;
        match stream.pieces.front()? {
            Piece::Shared(count) => Some((stream.read, *count)),
            _ => None,
        }
    }

    /// Whether bytes of any stream lie in memory and were not read.
    pub(super) fn holds_shared(&self) -> bool {
        let mut pieces = self.streams.values().flat_map(|it| &it.pieces);
        pieces.any(|piece| matches!(piece, Piece::Shared(_)))
    }

    /// The reader has copied so many of them; the new limit, if it is worth a frame.
    pub(super) fn took_shared(&mut self, number: u32, count: usize) -> Option<(Id, u64)> {
        let stream = self.streams.get_mut(&number)?;
        let Some(Piece::Shared(left)) = stream.pieces.front_mut() else {
            return None;
        };
        *left = left.saturating_sub(count);
        if *left == 0 {
            stream.pieces.pop_front();
        }
        self.consumed(number, count)
    }

    /// Whether a stream is one of those whose sender should have memory; asked once for
    /// each. Its reader has shown that the stream is long and that it keeps up.
    pub(super) fn should_offer(&mut self, number: u32) -> bool {
        let Some(stream) = self.streams.get_mut(&number) else {
            return false;
        };
        let long = stream.read >= u64::from(stream.window) && memory_for(stream.window).is_some();
        let ask = long
            && stream.memory == Offer::NotYet
            && !(stream.outlet || stream.ended || stream.failed);
        if ask {
            stream.memory = Offer::Asked;
        }
        ask
    }

    /// The id of a stream that is to be offered memory, and how much, if it still is.
    pub(super) fn wants_memory(&self, number: u32) -> Option<(Id, u32)> {
        let stream = self.streams.get(&number)?;
        let wants = stream.memory == Offer::Asked && !stream.ended && !stream.failed;
        let size = memory_for(stream.window).filter(|_| wants)?;
        Some((stream.wire.clone(), size))
    }

    /// The sender of a stream is offered memory.
    pub(super) fn offered(&mut self, number: u32) {
        if let Some(stream) = self.streams.get_mut(&number) {
            stream.memory = Offer::Made;
        }
    }

    /// Whether bytes of a stream may lie in memory.
    pub(super) fn has_memory(&self, number: u32) -> bool {
        let stream = self.streams.get(&number);
        stream.is_some_and(|it| it.memory == Offer::Made && !it.failed)
    }

    /// Forgets a stream; its id, unless the peer has given it up.
    pub(super) fn remove(&mut self, number: u32) -> Option<Id> {
        let stream = self.streams.remove(&number)?;
        self.takers -= usize::from(stream.is_taken());
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
    /// Whether its bytes may be taken off the socket.
    fn is_taken(&self) -> bool {
        self.outlet || self.direct
    }

    fn is_direct(&self) -> bool {
        let empty = self.pieces.is_empty() && self.tail.is_empty();
        self.direct && !self.outlet && !self.failed && empty
    }

    fn is_starved(&self) -> bool {
        !self.ended && !self.failed && self.pieces.is_empty() && self.tail.is_empty()
    }

    /// Whether the owner has to be told; once until it has read everything.
    fn tell(&mut self) -> bool {
        !std::mem::replace(&mut self.told, true) && !self.outlet
    }

    /// Whether the peer may send so many bytes.
    fn check(&self, count: usize) -> Result<(), Broken> {
        if self.ended {
            return Err(Broken("bytes after the end of a stream"));
        }
        if count as u64 > self.granted.saturating_sub(self.received) {
            return Err(Broken("more bytes of a stream than were granted"));
        }
        Ok(())
    }

    fn check_pieces(&self) -> Result<(), Broken> {
        let window = usize::try_from(self.window).unwrap_or(usize::MAX);
        if self.pieces.len() > FREE_PIECES + window / SMALL * MOST_PIECES {
            return Err(Broken("a stream in too many pieces"));
        }
        Ok(())
    }

    fn push(&mut self, piece: Piece) {
        self.end_tail();
        self.pieces.push_back(piece);
    }

    /// Adds bytes that lie in memory, to those before them: a read takes as many as it wants.
    fn push_shared(&mut self, count: usize) {
        match self.pieces.back_mut() {
            Some(Piece::Shared(last)) if self.tail.is_empty() => *last += count,
            _ => self.push(Piece::Shared(count)),
        }
    }

    /// What comes next is not joined to the small pieces that are here.
    fn end_tail(&mut self) {
        if !self.tail.is_empty() {
            let tail = self.tail.split().freeze();
            self.pieces.push_back(Piece::Bytes(tail));
        }
    }

    /// Raises the limit when a quarter of the window has come free, or half of a small one.
    fn grant(&mut self) -> Option<(Id, u64)> {
        let window = u64::from(self.window);
        let mut target = self.read + window;
        if self.outlet {
            // In whole quarters, so that a sender of large chunks need not cut them.
            target -= target % (window / 4).max(1);
        }
        let step = if window < 2 * LEAST_GRANT {
            window / 4
        } else {
            LEAST_GRANT.max(window / 4)
        };
        if self.ended || target.saturating_sub(self.granted) < step.max(1) {
            return None;
        }
        self.granted = target;
        Some((self.wire.clone(), target))
    }
}

#[cfg(test)]
mod tests;
