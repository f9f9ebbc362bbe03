//! Systems where all bytes of streams go through the socket.

use std::io;
use std::time::Instant;

use super::Core;
use crate::ipc::proto::Sent;
use crate::ipc::transport::Stream;

#[derive(Debug, Default)]
pub(super) struct Memory {}

impl Memory {
    pub(super) fn is_leaving(&self) -> bool {
        false
    }

    pub(super) fn write_to(&mut self, stream: &Stream, bytes: &[u8]) -> io::Result<usize> {
        stream.try_write(bytes)
    }

    pub(super) fn read_from(&mut self, stream: &Stream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.try_read(buffer)
    }
}

impl Core {
    pub(super) fn put_shared(&mut self) {}

    pub(super) fn attend_memory(&mut self) {}

    pub(super) fn offer_memory(&mut self, _: Instant) {}

    pub(super) fn share<'a>(&mut self, _: u32, data: &'a [u8], _: Instant) -> (&'a [u8], Sent) {
        (data, Sent::Accepted)
    }

    pub(super) fn read_shared(&mut self, _: u32, _: &mut [u8], _: Instant) -> usize {
        0
    }
}
