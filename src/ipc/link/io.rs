//! Between the socket and the session: what is read, what is written, and what it means
//! when the socket refuses.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::{crowd, now, Core, Taken};
use crate::ipc::close::CloseReason;
use crate::ipc::tls::TlsFailure;

/// Bytes read at once. Large enough for hundreds of small messages a call.
const READ_SIZE: usize = 64 * 1024;
/// Reads before others get their turn.
const READS_PER_PUMP: usize = 8;
/// The same where the others are all of a program's events.
const READS_PER_POLL: usize = 2;
/// As many heads of chunks, and moves of their bytes to a file, which copy nothing.
const MOVES: usize = 8;

thread_local! {
    // One buffer per pumping thread, not per connection: idle ones need none.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_SIZE].into_boxed_slice());
}

impl Core {
    pub(super) fn read(&mut self) -> bool {
        let Some(stream) = self.stream.clone() else {
            return false;
        };
        let polled = self.poller.is_some();
        let crowd = crowd::share(self.session.is_crowded());
        let share = match (crowd, self.pace.share(READ_SIZE)) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let (reads, size) = match share {
            // What a frame lacks costs no more than its copy.
            Some(share) => (1, share.max(self.session.frame_left()).min(READ_SIZE)),
            None if polled => (READS_PER_POLL, READ_SIZE),
            None => (READS_PER_PUMP, READ_SIZE),
        };
        SCRATCH.with_borrow_mut(|scratch| {
            let (scratch, _) = scratch.split_at_mut(size);
            let mut reads = reads;
            let mut moves = MOVES;
            while reads > 0 && moves > 0 {
                if !self.session.wants_read() {
                    return false;
                }
                match self.take_chunk(&stream) {
                    Taken::Some | Taken::Empty if polled => return false,
                    Taken::All | Taken::Some => {
                        moves -= 1;
                        continue;
                    }
                    Taken::Empty | Taken::Nothing => {}
                }
                if polled && self.leave_to_reader(&stream) {
                    return false;
                }
                let room = scratch.len().min(self.session.next_read());
                let buffer = scratch.get_mut(..room).unwrap_or_default();
                if room == size {
                    reads -= 1;
                } else {
                    moves -= 1;
                }
                let read = if self.session.takes_memory() {
                    self.memory.read_from(&stream, buffer)
                } else {
                    stream.try_read(buffer)
                };
                match read {
                    Ok(0) => {
                        if stream.peer_is_gone() {
                            self.session.eof();
                        } else {
                            self.session.half_close(now());
                        }
                        return false;
                    }
                    Ok(count) => {
                        if count == size {
                            crowd::enter(Arc::as_ptr(&stream).addr());
                        }
                        let bytes = buffer.get(..count).unwrap_or_default();
                        let now = now();
                        let (since, before) = self.dealing.unwrap_or((now, 0));
                        self.dealing = Some((since, before + count));
                        self.session.input(bytes, now);
                        // A poller says so if there is more; tokio has to be
                        // shown that there is not.
                        if polled && count < room {
                            return false;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        self.fail(&error);
                        return false;
                    }
                }
            }
            true
        })
    }

    /// What was read is dealt with.
    pub(super) fn keep_pace(&mut self, now: Instant) {
        if let Some((since, bytes)) = self.dealing.take() {
            let time = now.saturating_duration_since(since);
            self.pace.took(bytes, time, READ_SIZE);
        }
    }

    pub(super) fn write(&mut self, now: Instant) {
        self.blocked = false;
        let Some(stream) = self.stream.clone() else {
            return;
        };
        while self.session.output_len() > 0 {
            self.put_shared();
            let written = match self.session.outside() {
                None => self.memory.write_to(&stream, self.session.output()),
                Some((number, most)) => self.files.write_to(&stream, number, most),
            };
            match written {
                Ok(0) => {
                    return self
                        .session
                        .close(CloseReason::IoError, "the socket takes nothing");
                }
                Ok(count) => self.session.wrote(count, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // Nothing more can be written; the peer may have said why
                    // it went, so what it sent is read before we judge.
                    self.read();
                    self.fail(&error);
                    self.linger_until = Some(now);
                    return;
                }
            }
        }
    }

    /// Reads what may let waiting messages go. A poller's thread that sends much
    /// in one turn does not come to read meanwhile, and a peer that has granted
    /// credit must not be taken for a slow one. The driver tells what is read.
    pub(super) fn look_for_credit(&mut self) {
        if self.poller.is_some() && self.session.is_held_up() {
            // Both may run on one CPU, and the peer has to get there to read.
            std::thread::yield_now();
            self.read();
            // What JavaScript does after this is no reason to read more slowly.
            self.dealing = None;
            self.write(now());
        }
    }

    pub(super) fn fail(&mut self, error: &io::Error) {
        if let Some(failure) = TlsFailure::of(error) {
            self.session.close(failure.reason, failure.to_string());
            // Without TLS nothing that waits can leave.
            self.linger_until = Some(now());
            return;
        }
        let reason = match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted => CloseReason::Reset,
            _ => CloseReason::IoError,
        };
        self.session.close(reason, error.to_string());
    }
}
