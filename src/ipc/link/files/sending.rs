//! A file that is sent: the file thread fills pipes, the link empties them.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::{Key, Transfer, PARCELS_PER_JOB};
use crate::ipc::faults;
use crate::ipc::files::{Parcel, Pipe, Reader, Trouble, PARCEL};
use crate::ipc::frame::Profile;
use crate::ipc::link::{now, Core, Link};
use crate::ipc::proto::Session;
use crate::ipc::transport::Stream;

/// Pipes of one transfer. The file thread goes on until all are full, and comes back
/// when half of them are empty: to wake it for each costs as much as what it then does.
const PIPES: usize = 4;
/// The same in memory.
const BACKLOG: usize = 2 * PARCEL;

#[derive(Debug)]
pub(super) struct Sending {
    pub(super) transfer: Transfer,
    /// While the file thread does not have it.
    reader: Option<Reader>,
    /// What the session knows as bytes outside, in order.
    full: VecDeque<Pipe>,
    spare: Vec<Pipe>,
}

impl Link {
    /// Sends `size` bytes of a file, from its start, as a stream that has just been
    /// opened, and ends the stream. When the stream is over, or the file can't be
    /// read, the file is closed; the owner then has to give the stream up. The file is
    /// read by a thread of `runtime`. False if the stream is over already.
    pub fn send_file(
        self: &Arc<Self>,
        number: u32,
        file: File,
        size: u64,
        watched: bool,
        runtime: &Handle,
    ) -> bool {
        let mut core = self.lock();
        if core.session.backlog(number).is_none() {
            return false;
        }
        let plain = core.stream.as_ref().is_some_and(|it| it.plain().is_some());
        let splices = plain && core.session.profile() == Profile::Binary;
        let key = core.files.key(number);
        let sending = Sending {
            transfer: Transfer::new(key, self, runtime, watched),
            reader: Some(Reader::new(file, size, splices)),
            full: VecDeque::new(),
            spare: Vec::new(),
        };
        core.files.sending.insert(number, sending);
        core.settle(&self.wake);
        true
    }

    /// Queues what was read, and writes what the socket takes. The reader and an empty
    /// pipe, if there is room for more.
    fn queue_parcel(
        &self,
        key: Key,
        reader: Reader,
        parcel: Parcel,
        last: bool,
    ) -> Option<(Reader, Option<Pipe>)> {
        let mut core = self.lock();
        core.queue_parcel(key, parcel)?;
        core.write(now());
        let Core { session, files, .. } = &mut *core;
        let next = match files.sending(key) {
            Some(sending) if !last && sending.has_room(&reader, PIPES, session) => {
                Some((reader, sending.spare.pop()))
            }
            Some(sending) => {
                sending.reader = Some(reader);
                None
            }
            None => None,
        };
        core.settle(&self.wake);
        next
    }

    /// The file was read to its end, or could not be; it is closed.
    fn end_sending(&self, key: Key, trouble: Option<Trouble>) {
        let mut core = self.lock();
        let now = now();
        let Core { session, files, .. } = &mut *core;
        let Some(sending) = files.sending(key) else {
            return;
        };
        sending.transfer.status.trouble = trouble;
        sending.transfer.status.done = trouble.is_none();
        if trouble.is_some() {
            session.call_to(key.number, true);
        } else {
            session.end_stream(key.number, now);
        }
        core.write(now);
        core.settle(&self.wake);
    }
}

impl Core {
    fn queue_parcel(&mut self, key: Key, parcel: Parcel) -> Option<()> {
        let Core { session, files, .. } = self;
        let number = key.number;
        session.backlog(number)?;
        let sending = files.sending(key)?;
        let count = match parcel {
            Parcel::Bytes(bytes) => {
                let count = bytes.len();
                session.offer_bytes(number, bytes, now());
                count
            }
            Parcel::Pipe(pipe) => {
                let count = pipe.len();
                sending.full.push_back(pipe);
                session.offer_outside(number, count, now());
                count
            }
        };
        if sending.transfer.moved(count) {
            session.call_to(number, true);
        }
        Some(())
    }
}

impl Sending {
    /// Whether there is room for one more parcel: of `pipes` one is empty.
    fn has_room(&self, reader: &Reader, pipes: usize, session: &Session) -> bool {
        if self.transfer.unseen {
            return false;
        }
        if reader.splices() {
            return self.full.len() < pipes;
        }
        let queued = session.backlog(self.transfer.key.number);
        queued.is_some_and(|queued| queued < BACKLOG)
    }

    pub(super) fn attend(&mut self, session: &Session) {
        let key = self.transfer.key;
        let Some(reader) = self.reader.take() else {
            return;
        };
        if session.backlog(key.number).is_none() || !self.has_room(&reader, PIPES / 2 + 1, session)
        {
            self.reader = Some(reader);
            return;
        }
        let pipe = self.spare.pop();
        self.transfer
            .run(move |link| read_on(link, key, reader, pipe));
    }

    /// Closes the file, unless a job has it: then that does.
    pub(super) fn discard(&mut self) {
        let reader = self.reader.take();
        self.transfer.close(reader);
    }

    pub(super) fn write_to(&mut self, stream: &Stream, most: usize) -> io::Result<usize> {
        let most = faults::shorten_splice_out(most)?;
        let pipe = self.full.front_mut().ok_or(io::ErrorKind::NotFound)?;
        let count = stream.try_write_with(|socket| pipe.write_socket(socket, most))?;
        if pipe.len() == 0 {
            self.spare.extend(self.full.pop_front());
        }
        Ok(count)
    }
}

/// The job: reads parcels as long as there is room for them.
fn read_on(link: &Arc<Link>, key: Key, mut reader: Reader, mut pipe: Option<Pipe>) {
    for left in (0..PARCELS_PER_JOB).rev() {
        let parcel = match reader.next(pipe.take()) {
            Ok(Some(parcel)) => parcel,
            ended => {
                drop(reader);
                return link.end_sending(key, ended.err());
            }
        };
        match link.queue_parcel(key, reader, parcel, left == 0) {
            Some((again, spare)) => (reader, pipe) = (again, spare),
            None => return,
        }
    }
}
