//! Writes a file that is saved.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::pipe::is_refused;
use super::{Parcel, Pipe};

/// Bytes copied at once where a file can't be spliced to.
const COPIED: usize = 64 * 1024;

/// A file that is saved, from its start on.
#[derive(Debug)]
pub(in crate::ipc) struct Writer {
    file: File,
    at: u64,
    splices: bool,
}

impl Writer {
    pub(in crate::ipc) fn new(file: File) -> Self {
        Self {
            file,
            at: 0,
            splices: true,
        }
    }

    /// Writes all of a parcel. A pipe comes back empty, to be used again.
    pub(in crate::ipc) fn write(&mut self, parcel: Parcel) -> io::Result<Option<Pipe>> {
        match parcel {
            Parcel::Bytes(bytes) => {
                self.file.write_all_at(&bytes, self.at)?;
                self.at += bytes.len() as u64;
                Ok(None)
            }
            Parcel::Pipe(mut pipe) => {
                self.write_pipe(&mut pipe)?;
                Ok(Some(pipe))
            }
        }
    }

    fn write_pipe(&mut self, pipe: &mut Pipe) -> io::Result<()> {
        while pipe.len() > 0 {
            if !self.splices {
                self.copy(pipe)?;
                continue;
            }
            match pipe.write_file(&self.file, self.at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.at += count as u64,
                Err(error) if is_refused(&error) => self.splices = false,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn copy(&mut self, pipe: &mut Pipe) -> io::Result<()> {
        let mut buffer = vec![0; COPIED];
        let count = pipe.read(&mut buffer)?;
        let bytes = buffer.get(..count).filter(|bytes| !bytes.is_empty());
        let bytes = bytes.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.file.write_all_at(bytes, self.at)?;
        self.at += count as u64;
        Ok(())
    }
}
