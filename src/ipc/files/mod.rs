//! The file's end of a transfer: what reads a file to be sent, and what writes one
//! that is saved. Both may block, and run on the thread for that.
//!
//! Bytes go between here and the socket in parcels of up to [`PARCEL`] bytes. On
//! Linux a parcel is a pipe with bytes in it, filled and emptied with `splice(2)`,
//! so that they stay in the kernel. Elsewhere, and where that is refused, it is
//! memory.
//!
//! A pipe belongs to one side at a time, and is handed over as a whole: the kernel
//! locks a pipe while it waits for a disk, and whoever then touched its other end
//! would wait too.

pub(super) mod lane;
#[cfg_attr(not(target_os = "linux"), path = "no_pipe.rs")]
mod pipe;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::io;

use bytes::Bytes;

use super::error::os_name;

pub(super) use pipe::Pipe;
pub(super) use reader::Reader;
pub(super) use writer::Writer;

/// Bytes moved at once: some calls and a hand-over for each. A message waits for one
/// such piece at most.
pub(super) const PARCEL: usize = 256 * 1024;

/// Bytes on their way between a file and a socket.
#[derive(Debug)]
pub(super) enum Parcel {
    /// In memory.
    Bytes(Bytes),
    /// In the kernel.
    Pipe(Pipe),
}

/// Why a file could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The operating system's name for it, such as `ENOSPC`.
    Os(&'static str),
    /// The file has more bytes than it had.
    Grew,
    /// It has fewer.
    Shrank,
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Os(os_name(&error))
    }
}

/// Calls until no signal comes between.
fn uninterrupted<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}
