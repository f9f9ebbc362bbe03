//! Bytes of streams straight between the socket and the owner's memory. What may go
//! so is said by `proto/streams/direct.rs`.

use std::io;

use super::{now, Core, Link};
use crate::ipc::proto::Sent;
use crate::ipc::transport::Stream;

/// Room for the head of the chunk behind the bytes that are read.
#[cfg(unix)]
const HEAD_ROOM: usize = 16;

impl Link {
    /// Writes bytes of a stream, or queues those that the socket does not take. Only
    /// the thread that writes the output of this connection calls it. If the second is
    /// true there is output, where none was before, to be [flushed](Self::flush) with
    /// that of the turn.
    pub fn write_stream(&self, number: u32, data: &[u8]) -> (Sent, bool) {
        let mut core = self.lock();
        let before = core.session.output_len();
        let (sent, shared) = core.write_stream(number, data);
        let waits = shared && sent == Sent::Accepted;
        if !waits {
            core.write_on();
        }
        let first = before == 0 && core.session.output_len() > 0;
        core.settle(&self.wake);
        (sent, waits && first)
    }

    /// How many bytes of a stream can be taken off the socket now, by a reader that has
    /// found nothing else. If none, its owner is told when there is something.
    pub fn on_socket(&self, number: u32) -> usize {
        let mut core = self.lock();
        if core.poller.is_none() {
            return 0;
        }
        core.session.wait_directly(number);
        core.on_socket(number)
    }

    /// Takes bytes of a stream off the socket, or out of its memory, and grants the peer
    /// as many; how many.
    pub fn read_off(&self, number: u32, buffer: &mut [u8]) -> usize {
        let mut core = self.lock();
        let now = now();
        let count = match core.read_shared(number, buffer, now) {
            0 => core.read_off(number, buffer),
            count => count,
        };
        core.write_on();
        core.offer_memory(now);
        core.settle(&self.wake);
        count
    }
}

impl Core {
    /// Whether the source may go on; and whether all of it lies in memory.
    fn write_stream(&mut self, number: u32, data: &[u8]) -> (Sent, bool) {
        let now = now();
        let (mut rest, sent) = self.share(number, data, now);
        if rest.is_empty() && !data.is_empty() {
            return (sent, true);
        }
        while let Some(count) = self.begin_chunk(number, rest.len()) {
            let (chunk, behind) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            let written = self.write_both(chunk);
            let go_on = self.session.wrote_chunk(number, chunk, written, now);
            rest = behind;
            if rest.is_empty() {
                let sent = if go_on { Sent::Accepted } else { Sent::Wait };
                return (sent, false);
            }
        }
        let rest = bytes::Bytes::copy_from_slice(rest);
        (self.session.write_stream(number, rest, now), false)
    }

    /// Writes what is there, unless the socket is known to be full.
    fn write_on(&mut self) {
        if !self.blocked && self.session.output_len() > 0 {
            self.write(now());
        }
    }

    fn begin_chunk(&mut self, number: u32, length: usize) -> Option<usize> {
        self.put_shared();
        // A socket that has taken less than we had is full.
        let free = !self.blocked && !self.memory.is_leaving();
        let plain = free && self.stream.as_ref().is_some_and(|it| !it.is_encrypted());
        plain
            .then(|| self.session.begin_chunk(number, length, now()))
            .flatten()
    }

    /// Writes the output and a chunk behind it; how many bytes the socket took.
    fn write_both(&mut self, chunk: &[u8]) -> usize {
        let Some(stream) = &self.stream else { return 0 };
        match stream.try_write_both(self.session.output(), chunk) {
            Ok(count) => {
                self.blocked = count < self.session.output().len() + chunk.len();
                count
            }
            Err(error) => {
                // What has gone wrong is found again, and dealt with, where the
                // output is written.
                self.blocked = error.kind() == io::ErrorKind::WouldBlock;
                0
            }
        }
    }

    /// Whether what comes next stays on the socket for the reader of a stream.
    pub(super) fn leave_to_reader(&mut self, stream: &Stream) -> bool {
        // Where nothing is, the end or an error is to be read, and by nobody else.
        let awaited = self.session.next_head() > 0;
        if !awaited || available(stream) == 0 {
            return false;
        }
        // What has arrived counts before anybody is judged, so it is read.
        let due = self.session.deadline().is_some_and(|at| at <= now());
        !due && self.session.leave_to_reader()
    }

    /// Bytes of a stream that can be taken off the socket now.
    fn on_socket(&self, number: u32) -> usize {
        let Some(left) = self.session.next_directly(number) else {
            return 0;
        };
        self.stream.as_deref().map_or(0, available).min(left)
    }

    #[cfg(unix)]
    fn read_off(&mut self, number: u32, buffer: &mut [u8]) -> usize {
        let Some(left) = self.session.next_directly(number) else {
            return 0;
        };
        let Some(Stream::Released(socket)) = self.stream.as_deref() else {
            return 0;
        };
        // The head of the next chunk may stand behind the end of this one, or a frame with
        // which a descriptor comes.
        let mut head = [0; HEAD_ROOM];
        let behind = if buffer.len() == left && !self.session.takes_memory() {
            self.session.next_head().min(HEAD_ROOM)
        } else {
            0
        };
        let room = buffer.len().min(left);
        let (Some(buffer), Some(head)) = (buffer.get_mut(..room), head.get_mut(..behind)) else {
            return 0;
        };
        // An error, or the end, is found again where everything is read.
        let count = socket.try_read_both(buffer, head).unwrap_or(0);
        let own = count.min(room);
        if own > 0 {
            self.session.took_directly(number, own, now());
        }
        if let Some(head) = head.get(..count - own).filter(|it| !it.is_empty()) {
            self.session.input(head, now());
        }
        own
    }

    #[cfg(not(unix))]
    fn read_off(&mut self, _: u32, _: &mut [u8]) -> usize {
        0
    }
}

/// Bytes that can be read now of a socket that a poller waits for.
fn available(stream: &Stream) -> usize {
    match stream {
        #[cfg(unix)]
        Stream::Released(socket) => socket.available().unwrap_or(0),
        _ => 0,
    }
}
