//! Systems whose files JavaScript reads and writes.

use std::io;

use super::{Core, Stream, Taken};

#[derive(Debug, Default)]
pub(super) struct Files;

impl Files {
    pub(super) fn write_to(&mut self, _: &Stream, _: u32, _: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Core {
    pub(super) fn take_chunk(&mut self, _: &Stream) -> Taken {
        Taken::Nothing
    }

    pub(super) fn attend(&mut self) {}
}
