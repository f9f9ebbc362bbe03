//! A file that is saved: the link fills pipes, the file thread empties them.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::{Key, Transfer, PARCELS_PER_JOB};
use crate::ipc::faults;
use crate::ipc::files::{Parcel, Pipe, Trouble, Writer};
use crate::ipc::link::{now, Core, Link, Taken};
use crate::ipc::proto::{Read, Session};
use crate::ipc::transport::Stream;

/// What a stream that goes to a file may have under way: most of it is in pipes, so
/// it costs less than the window of a stream that a program reads.
const WINDOW: u32 = 1024 * 1024;
/// Pipes of one transfer: as many as the window fills.
const PIPES: usize = 4;

#[derive(Debug)]
pub(super) struct Saving {
    pub(super) transfer: Transfer,
    /// While the file thread does not have it.
    writer: Option<Writer>,
    /// What the session knows as pieces outside, one each, in order.
    full: VecDeque<Pipe>,
    spare: Vec<Pipe>,
    /// How many there may still be.
    unmade: usize,
}

/// The socket has nothing.
struct Empty;

/// What there is to do next for the file thread.
enum Next {
    Write(Writer, Parcel),
    /// All was written.
    Finish(Writer),
    /// Nothing now: the writer waits.
    Nothing,
    /// The stream is over.
    Close(Writer),
}

impl Link {
    /// Saves what comes of a stream to a file, from its start. The owner is told when
    /// all is written or can't be, and then has to finish the stream or to cancel it.
    /// The file is written by a thread of `runtime`. False if the stream is over.
    pub fn save_file(
        self: &Arc<Self>,
        number: u32,
        file: File,
        watched: bool,
        runtime: &Handle,
    ) -> bool {
        let mut core = self.lock();
        if !core.session.open_outlet(number, WINDOW, now()) {
            return false;
        }
        let key = core.files.key(number);
        let saving = Saving {
            transfer: Transfer::new(key, self, runtime, watched),
            writer: Some(Writer::new(file)),
            full: VecDeque::new(),
            spare: Vec::new(),
            unmade: PIPES,
        };
        core.files.saving.insert(number, saving);
        core.settle(&self.wake);
        true
    }

    fn next_to_write(&self, key: Key, writer: Writer, last: bool) -> Next {
        let mut core = self.lock();
        let next = core.next_to_write(key, writer, last);
        core.settle(&self.wake);
        next
    }

    /// A parcel was written: the peer may send as much more.
    fn parcel_written(&self, key: Key, count: usize, pipe: Option<Pipe>) {
        let mut core = self.lock();
        let now = now();
        let Core { session, files, .. } = &mut *core;
        let Some(saving) = files.saving(key) else {
            return;
        };
        saving.spare.extend(pipe);
        if saving.transfer.moved(count) {
            session.call_to(key.number, false);
        }
        session.consumed(key.number, count, now);
        core.write(now);
        core.settle(&self.wake);
    }

    /// All was written, or can't be; the file is closed.
    fn end_saving(&self, key: Key, trouble: Option<Trouble>) {
        let mut core = self.lock();
        let Core { session, files, .. } = &mut *core;
        if let Some(saving) = files.saving(key) {
            saving.transfer.status.done = trouble.is_none();
            saving.transfer.status.trouble = trouble;
            session.call_to(key.number, false);
        }
        core.settle(&self.wake);
    }
}

impl Core {
    /// Takes bytes that belong to a file off the socket.
    pub(in crate::ipc::link) fn take_chunk(&mut self, stream: &Stream) -> Taken {
        let Some((number, left)) = self.session.awaited_chunk() else {
            return Taken::Nothing;
        };
        let Some(saving) = self.files.saving.get_mut(&number) else {
            return Taken::Nothing;
        };
        let joins = self.session.ends_outside(number);
        match saving.read_from(stream, left, joins) {
            Ok(None) => Taken::Nothing,
            Ok(Some((count, joined))) => {
                self.session.took(count, joined, now());
                if count == left {
                    Taken::All
                } else {
                    Taken::Some
                }
            }
            Err(Empty) => Taken::Empty,
        }
    }

    fn next_to_write(&mut self, key: Key, writer: Writer, last: bool) -> Next {
        let Core { session, files, .. } = self;
        let Some(saving) = files.saving(key) else {
            return Next::Close(writer);
        };
        if last || saving.transfer.unseen {
            saving.writer = Some(writer);
            return Next::Nothing;
        }
        let parcel = match session.take_stream(key.number) {
            Read::Data(bytes) => Some(Parcel::Bytes(bytes)),
            Read::Outside(_) => saving.full.pop_front().map(Parcel::Pipe),
            Read::End => return Next::Finish(writer),
            Read::Gone => return Next::Close(writer),
            // An outlet has no memory.
            Read::Nothing | Read::Shared(_) => None,
        };
        match parcel {
            Some(parcel) => Next::Write(writer, parcel),
            None => {
                saving.writer = Some(writer);
                Next::Nothing
            }
        }
    }
}

impl Saving {
    pub(super) fn attend(&mut self, session: &Session) {
        let key = self.transfer.key;
        if self.transfer.unseen || !session.is_readable(key.number) {
            return;
        }
        if let Some(writer) = self.writer.take() {
            self.transfer.run(move |link| write_on(link, key, writer));
        }
    }

    /// Closes the file, unless a job has it: then that does.
    pub(super) fn discard(&mut self) {
        let writer = self.writer.take();
        self.transfer.close(writer);
    }

    /// Moves bytes of the socket to a pipe: how many, and whether to the last one.
    /// None if there is no pipe for them, or reading tells better what is wrong.
    fn read_from(
        &mut self,
        stream: &Stream,
        most: usize,
        joins: bool,
    ) -> Result<Option<(usize, bool)>, Empty> {
        let (Some(socket), Ok(most)) = (stream.plain(), faults::shorten_splice_in(most)) else {
            return Ok(None);
        };
        if let Some(pipe) = self.full.back_mut().filter(|it| joins && !it.is_full()) {
            match pipe.read_socket(socket, most) {
                Ok(count) if count > 0 => return Ok(Some((count, true))),
                Err(_) if pipe.is_full() => {}
                _ => return Ok(None),
            }
        }
        let Some(mut pipe) = self.empty_pipe() else {
            return Ok(None);
        };
        match pipe.read_socket(socket, most) {
            Ok(count) if count > 0 => {
                self.full.push_back(pipe);
                Ok(Some((count, false)))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.spare.push(pipe);
                if let Some(last) = self.full.back_mut() {
                    last.reopen();
                }
                Err(Empty)
            }
            _ => {
                self.spare.push(pipe);
                Ok(None)
            }
        }
    }

    fn empty_pipe(&mut self) -> Option<Pipe> {
        self.spare.pop().or_else(|| {
            self.unmade = self.unmade.checked_sub(1)?;
            Pipe::open()
        })
    }
}

/// The job: writes parcels as long as there are any.
fn write_on(link: &Arc<Link>, key: Key, mut writer: Writer) {
    for left in (0..=PARCELS_PER_JOB).rev() {
        let (open, parcel) = match link.next_to_write(key, writer, left == 0) {
            Next::Write(writer, parcel) => (writer, parcel),
            Next::Finish(writer) => {
                drop(writer);
                return link.end_saving(key, None);
            }
            Next::Nothing => return,
            Next::Close(writer) => return drop(writer),
        };
        writer = open;
        let count = match &parcel {
            Parcel::Bytes(bytes) => bytes.len(),
            Parcel::Pipe(pipe) => pipe.len(),
        };
        match writer.write(parcel) {
            Ok(pipe) => link.parcel_written(key, count, pipe),
            Err(error) => {
                drop(writer);
                return link.end_saving(key, Some(error.into()));
            }
        }
    }
}
