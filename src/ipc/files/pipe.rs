//! A pipe as a buffer in the kernel.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::pipe::{
    fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice, PipeFlags, SpliceFlags,
};

use super::{uninterrupted, PARCEL};

/// What a pipe must hold to be of use.
const LEAST: usize = 64 * 1024;

/// Bytes in the kernel, in order.
#[derive(Debug)]
pub(in crate::ipc) struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    len: usize,
    /// It took no more; so until it is empty. A page may be taken by a few bytes, so
    /// its length does not tell.
    full: bool,
}

impl Pipe {
    /// An empty one; none if the system gives none.
    pub(in crate::ipc) fn open() -> Option<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).ok()?;
        // Refused to a user who has many large ones; one of the usual size does as
        // well, but not the tiny ones that follow.
        let size = fcntl_setpipe_size(&writer, PARCEL).or_else(|_| fcntl_getpipe_size(&writer));
        size.ok().filter(|size| *size >= LEAST)?;
        Some(Self {
            reader,
            writer,
            len: 0,
            full: false,
        })
    }

    /// Bytes in it.
    pub(in crate::ipc) fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing more is to be added.
    pub(in crate::ipc) fn is_full(&self) -> bool {
        self.full
    }

    /// It was not full after all: there was nothing to add.
    pub(in crate::ipc) fn reopen(&mut self) {
        self.full = self.len >= PARCEL;
    }

    /// Adds bytes of a file, as many as it takes of `most`. May block.
    pub(super) fn read_file(&mut self, file: &File, at: u64, most: usize) -> io::Result<usize> {
        let mut at = at;
        self.fill(most, |writer, most| {
            splice(
                file,
                Some(&mut at),
                writer,
                None,
                most,
                SpliceFlags::NONBLOCK,
            )
        })
    }

    /// Moves bytes to a file. May block.
    pub(super) fn write_file(&mut self, file: &File, at: u64) -> io::Result<usize> {
        let mut at = at;
        self.drain(usize::MAX, |reader, most| {
            splice(
                reader,
                None,
                file,
                Some(&mut at),
                most,
                SpliceFlags::empty(),
            )
        })
    }

    /// Adds bytes of a socket. `WouldBlock`: it has none, or this is full.
    pub(in crate::ipc) fn read_socket(
        &mut self,
        socket: BorrowedFd<'_>,
        most: usize,
    ) -> io::Result<usize> {
        self.fill(most, |writer, most| {
            splice(socket, None, writer, None, most, SpliceFlags::NONBLOCK)
        })
    }

    /// Moves bytes to a socket. A peer that is gone is a SIGPIPE as well, which Node
    /// and Rust's standard library ignore: this call has no flag against it.
    pub(in crate::ipc) fn write_socket(
        &mut self,
        socket: BorrowedFd<'_>,
        most: usize,
    ) -> io::Result<usize> {
        self.drain(most, |reader, most| {
            splice(reader, None, socket, None, most, SpliceFlags::NONBLOCK)
        })
    }

    /// Takes bytes into memory.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len();
        self.drain(most, |reader, most| {
            let (part, _) = buffer.split_at_mut(most);
            rustix::io::read(reader, part)
        })
    }

    fn fill(
        &mut self,
        most: usize,
        mut call: impl FnMut(&OwnedFd, usize) -> rustix::io::Result<usize>,
    ) -> io::Result<usize> {
        let most = most.min(PARCEL.saturating_sub(self.len));
        let filled = uninterrupted(|| call(&self.writer, most));
        match &filled {
            Ok(count) => self.len += count,
            Err(error) if self.len > 0 && error.kind() == io::ErrorKind::WouldBlock => {
                self.full = true;
            }
            Err(_) => {}
        }
        self.full |= self.len >= PARCEL;
        filled
    }

    fn drain(
        &mut self,
        most: usize,
        mut call: impl FnMut(&OwnedFd, usize) -> rustix::io::Result<usize>,
    ) -> io::Result<usize> {
        let most = most.min(self.len);
        let count = uninterrupted(|| call(&self.reader, most))?;
        self.len = self.len.saturating_sub(count);
        self.full &= self.len > 0;
        Ok(count)
    }
}

/// Whether the system does not splice this kind of file, or not at all.
pub(super) fn is_refused(error: &io::Error) -> bool {
    let refusals = [Errno::INVAL, Errno::NOSYS, Errno::PERM, Errno::OPNOTSUPP];
    let raw = error.raw_os_error();
    refusals
        .iter()
        .any(|errno| Some(errno.raw_os_error()) == raw)
}
