//! Streams between a file and the socket, without the owner's program in between.
//!
//! Two threads share the work. The *file thread* is that of the runtime's threads
//! for calls that block on which the jobs of the [`lane`] run: it reads and writes files, and is the only one that may wait
//! for a disk. Whoever pumps the link moves bytes between parcels and the socket. A
//! transfer's file is with one of them at a time: while there is nothing to do for
//! it, it lies here; when there is, it goes to the file thread in a job, and comes
//! back. A job moves a bounded number of parcels before others have their turn.
//!
//! The session knows of bytes and turns only: see `proto/streams/outside.rs`.

mod saving;
mod sending;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};

use tokio::runtime::Handle;

use super::{Core, Link};
use crate::ipc::bug;
use crate::ipc::close::CloseReason;
use crate::ipc::files::{lane, Trouble};
use crate::ipc::proto::Session;
use crate::ipc::transport::Stream;

use saving::Saving;
use sending::Sending;

/// Parcels that a job moves before others have their turn.
const PARCELS_PER_JOB: usize = 16;

/// Which way a stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ours: a file is sent.
    Sending,
    /// The peer's: a file is saved.
    Saving,
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileStatus {
    /// Bytes read from the file, or written to it.
    pub bytes: u64,
    /// All of the stream is in the file. The file is closed, but not synchronised.
    pub done: bool,
    /// Why it does not go on. The file is closed.
    pub trouble: Option<Trouble>,
}

/// Tells a transfer from an earlier one whose stream had the same number, and of
/// which a job may still be at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    number: u32,
    serial: u64,
}

/// The transfers of a connection, by the numbers of their streams.
#[derive(Debug, Default)]
pub(super) struct Files {
    last: u64,
    sending: HashMap<u32, Sending>,
    saving: HashMap<u32, Saving>,
}

/// What both directions have.
#[derive(Debug)]
struct Transfer {
    key: Key,
    link: Weak<Link>,
    runtime: Handle,
    status: FileStatus,
    /// The owner wants to see every parcel.
    watched: bool,
    /// It has not looked at the last one yet, and the next waits for that.
    unseen: bool,
}

impl Transfer {
    fn new(key: Key, link: &Arc<Link>, runtime: &Handle, watched: bool) -> Self {
        Self {
            key,
            link: Arc::downgrade(link),
            runtime: runtime.clone(),
            status: FileStatus::default(),
            watched,
            unseen: false,
        }
    }

    /// Runs a job on the file thread.
    fn run(&self, job: impl FnOnce(&Arc<Link>) + Send + 'static) {
        let Some(link) = self.link.upgrade() else {
            return;
        };
        lane::run(&self.runtime, move || {
            if bug::contain(|| job(&link)).is_err() {
                link.with(|session, _| session.close(CloseReason::IoError, bug::TEXT));
            }
        });
    }

    /// Closes a file where closing may take its time.
    fn close(&self, file: Option<impl Send + 'static>) {
        if file.is_some() {
            self.run(move |_| drop(file));
        }
    }

    /// Notes that a parcel was moved; whether the owner is to be told.
    fn moved(&mut self, count: usize) -> bool {
        self.status.bytes += count as u64;
        self.unseen = self.watched;
        self.watched
    }
}

impl Link {
    /// How far a transfer is; none if it is over. The owner is told after every
    /// parcel, and the next one waits until it has asked, as long as it is `watched`;
    /// of the end it is told in any case. It hears `StreamRoom` or `StreamReadable`.
    pub fn file_status(
        &self,
        direction: Direction,
        number: u32,
        watched: bool,
    ) -> Option<FileStatus> {
        let mut core = self.lock();
        let files = &mut core.files;
        let transfer = match direction {
            Direction::Sending => files.sending.get_mut(&number).map(|it| &mut it.transfer),
            Direction::Saving => files.saving.get_mut(&number).map(|it| &mut it.transfer),
        }?;
        transfer.watched = watched;
        transfer.unseen = false;
        let status = transfer.status;
        core.settle(&self.wake);
        Some(status)
    }
}

impl Core {
    /// Gives the file thread what there is to do, and lets go of what is over.
    pub(super) fn attend(&mut self) {
        if !self.files.sending.is_empty() || !self.files.saving.is_empty() {
            self.files.attend(&self.session, self.stream.is_some());
        }
    }
}

impl Files {
    fn key(&mut self, number: u32) -> Key {
        self.last += 1;
        Key {
            number,
            serial: self.last,
        }
    }

    fn sending(&mut self, key: Key) -> Option<&mut Sending> {
        let sending = self.sending.get_mut(&key.number);
        sending.filter(|it| it.transfer.key == key)
    }

    fn saving(&mut self, key: Key) -> Option<&mut Saving> {
        let saving = self.saving.get_mut(&key.number);
        saving.filter(|it| it.transfer.key == key)
    }

    fn attend(&mut self, session: &Session, connected: bool) {
        self.sending.retain(|number, sending| {
            // A chunk whose head has gone out has to follow it.
            let owed = connected && session.owes_outside(*number);
            let kept = owed || session.backlog(*number).is_some();
            if kept {
                sending.attend(session);
            } else {
                sending.discard();
            }
            kept
        });
        self.saving.retain(|number, saving| {
            let kept = session.has_outlet(*number);
            if kept {
                saving.attend(session);
            } else {
                saving.discard();
            }
            kept
        });
    }

    /// Writes what the session says is outside.
    pub(super) fn write_to(
        &mut self,
        stream: &Stream,
        number: u32,
        most: usize,
    ) -> io::Result<usize> {
        let sending = self.sending.get_mut(&number);
        let sending = sending.ok_or(io::ErrorKind::NotFound)?;
        sending.write_to(stream, most)
    }
}
