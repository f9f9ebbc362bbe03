//! Memory for streams: made and offered where the peer's bytes are read, mapped where
//! ours are written. Which stream has some is said by `proto/streams/memory.rs`.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use super::Core;
use crate::ipc::proto::{Due, Sent, Session};
use crate::ipc::transport::Stream;
use crate::sys::memory::{ReadEnd, WriteEnd};

/// Descriptors that may wait for the frames that they belong to. We have one under way
/// at a time; whoever sends more loses them.
const WAITING: usize = 4;

/// The memory of a connection's streams, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Streams of the peer.
    read: HashMap<u32, ReadEnd>,
    /// Streams of ours.
    write: HashMap<u32, WriteEnd>,
    /// What leaves with the next bytes of the output.
    leaving: Option<OwnedFd>,
    /// What has come, in order.
    come: VecDeque<OwnedFd>,
    /// A frame has left, or has come, without its descriptor: from then on those that
    /// come could be taken for another's, so no more are sent or taken.
    broken: bool,
}

impl Memory {
    /// Whether nothing may be written past the output.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Writes output, with the descriptor that belongs to it.
    pub(super) fn write_to(&mut self, stream: &Stream, bytes: &[u8]) -> io::Result<usize> {
        let Some(file) = &self.leaving else {
            return stream.try_write(bytes);
        };
        match stream.try_write_passing(bytes, file) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Err(error)
            }
            // Too many are on their way: without one the peer takes no notice of the offer.
            Err(_) => {
                self.leaving = None;
                self.broken = true;
                stream.try_write(bytes)
            }
            written => {
                self.leaving = None;
                written
            }
        }
    }

    /// Reads, and takes the descriptors that come with it.
    pub(super) fn read_from(&mut self, stream: &Stream, buffer: &mut [u8]) -> io::Result<usize> {
        let come = &mut self.come;
        stream.try_read_passing(buffer, |file| {
            if come.len() < WAITING {
                come.push_back(file);
            }
        })
    }

    /// Puts where they belong the bytes of which the output tells.
    fn put(&mut self, session: &mut Session) {
        for Due { number, at, data } in session.take_due() {
            if let Some(end) = self.write.get(&number) {
                end.write(at, &data);
            }
        }
    }

    /// Takes the offers of the peer, and lets go of what is over.
    fn attend(&mut self, session: &mut Session) {
        self.put(session);
        for number in session.take_offers() {
            let file = self.come.pop_front().filter(|_| !self.broken);
            self.broken |= file.is_none();
            let size = session.memory_size();
            let (Some(number), Some(file), Some(size)) = (number, file, size) else {
                continue;
            };
            if session.writes_memory(number) {
                continue;
            }
            if let Ok(end) = WriteEnd::open(&file, size) {
                if session.use_memory(number) {
                    self.write.insert(number, end);
                }
            }
        }
        if self.broken || !session.takes_memory() {
            self.come.clear();
        }
        if session.is_closed() {
            self.leaving = None;
        }
        self.read.retain(|number, _| session.reads_memory(*number));
        self.write
            .retain(|number, _| session.writes_memory(*number));
    }
}

impl Core {
    /// To be called before output is written.
    pub(super) fn put_shared(&mut self) {
        self.memory.put(&mut self.session);
    }

    pub(super) fn attend_memory(&mut self) {
        self.memory.attend(&mut self.session);
    }

    /// Offers memory to the sender of a stream that deserves it.
    pub(super) fn offer_memory(&mut self, now: Instant) {
        // Alone with its descriptor, the frame can't be taken for another's.
        if self.poller.is_none() || self.session.output_len() > 0 || self.memory.is_leaving() {
            return;
        }
        let Some((number, size)) = self.session.next_offer() else {
            return;
        };
        let made = if self.memory.broken {
            Err(io::ErrorKind::Unsupported.into())
        } else {
            ReadEnd::create(size)
        };
        self.session.offer_memory(made.is_ok(), now);
        if let Ok((end, file)) = made {
            self.memory.read.insert(number, end);
            self.memory.leaving = Some(file);
            self.write(now);
        }
    }

    /// Puts as much of a stream's bytes into its memory as may be; what is left, and
    /// whether its source may go on.
    pub(super) fn share<'a>(
        &mut self,
        number: u32,
        data: &'a [u8],
        now: Instant,
    ) -> (&'a [u8], Sent) {
        let mut rest = data;
        let Some(end) = self.memory.write.get(&number) else {
            return (rest, Sent::Accepted);
        };
        while let Some((at, count)) = self.session.share_chunk(number, rest.len(), now) {
            let (chunk, behind) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            end.write(at, chunk);
            rest = behind;
            if rest.is_empty() && !self.session.may_share_on(number) {
                return (rest, Sent::Wait);
            }
        }
        (rest, Sent::Accepted)
    }

    /// Copies bytes of a stream out of its memory; how many.
    pub(super) fn read_shared(&mut self, number: u32, buffer: &mut [u8], now: Instant) -> usize {
        let Some((at, left)) = self.session.next_shared(number) else {
            return 0;
        };
        let count = left.min(buffer.len());
        let end = self.memory.read.get(&number);
        let part = buffer.get_mut(..count).unwrap_or_default();
        if !end.is_some_and(|end| end.read(at, part)) {
            return 0;
        }
        self.session.took_shared(number, count, now);
        count
    }
}
