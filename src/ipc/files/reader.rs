//! Reads a file that is sent.

use std::fs::File;
use std::io;

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::io::pread;

use super::pipe::is_refused;
use super::{uninterrupted, Parcel, Pipe, Trouble, PARCEL};

/// Fewer bytes are copied: a pipe of their own costs more.
const LEAST_SPLICED: u64 = 64 * 1024;

/// A file that is sent: exactly as many bytes as it had at first.
#[derive(Debug)]
pub(in crate::ipc) struct Reader {
    file: File,
    at: u64,
    size: u64,
    splices: bool,
}

impl Reader {
    /// Reads `size` bytes from the start. `splices`: pipes are of use.
    pub(in crate::ipc) fn new(file: File, size: u64, splices: bool) -> Self {
        let splices = splices && cfg!(target_os = "linux") && size >= LEAST_SPLICED;
        Self {
            file,
            at: 0,
            size,
            splices,
        }
    }

    /// Whether parcels are pipes, as far as is known.
    pub(in crate::ipc) fn splices(&self) -> bool {
        self.splices
    }

    /// The next parcel; none at the end. An empty pipe is used, if there is one.
    pub(in crate::ipc) fn next(&mut self, pipe: Option<Pipe>) -> Result<Option<Parcel>, Trouble> {
        let left = self.size - self.at;
        if left == 0 {
            // One byte more than there should be shows a file that has grown.
            return match self.read(1)?.len() {
                0 => Ok(None),
                _ => Err(Trouble::Grew),
            };
        }
        let wanted = usize::try_from(left).unwrap_or(PARCEL).min(PARCEL);
        if self.splices {
            match pipe.or_else(Pipe::open) {
                Some(pipe) => match self.splice(pipe, wanted) {
                    Err(error) if is_refused(&error) => self.splices = false,
                    spliced => return self.checked(Parcel::Pipe(spliced?)),
                },
                None => self.splices = false,
            }
        }
        let bytes = self.read(wanted)?;
        self.checked(Parcel::Bytes(bytes.into()))
    }

    fn splice(&self, mut pipe: Pipe, wanted: usize) -> io::Result<Pipe> {
        while pipe.len() < wanted {
            let at = self.at + pipe.len() as u64;
            match pipe.read_file(&self.file, at, wanted - pipe.len()) {
                Ok(0) => break,
                Ok(_) => {}
                // What it has is sent; what comes next shows what is wrong.
                Err(_) if pipe.len() > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(pipe)
    }

    fn read(&self, wanted: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(wanted);
        uninterrupted(|| pread(&self.file, spare_capacity(&mut bytes), self.at))?;
        bytes.truncate(wanted);
        Ok(bytes)
    }

    fn checked(&mut self, parcel: Parcel) -> Result<Option<Parcel>, Trouble> {
        let count = match &parcel {
            Parcel::Bytes(bytes) => Bytes::len(bytes),
            Parcel::Pipe(pipe) => pipe.len(),
        };
        if count == 0 {
            return Err(Trouble::Shrank);
        }
        self.at += count as u64;
        Ok(Some(parcel))
    }
}
