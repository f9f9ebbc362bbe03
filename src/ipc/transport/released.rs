//! A connected socket that tokio has let go: somebody else waits for it.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{sendmsg, SendAncillaryBuffer};

/// A peer that is gone is an error, not a signal that ends the process. On Apple's
/// systems it is an option of the socket, which std and tokio have set.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: rustix::net::SendFlags = rustix::net::SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: rustix::net::SendFlags = rustix::net::SendFlags::empty();

/// A non-blocking socket that nothing here waits for.
#[derive(Debug)]
pub struct Released {
    fd: OwnedFd,
    /// A Unix socket, which can tell more about its peer than TCP.
    local: bool,
}

impl Released {
    pub(super) fn unix(stream: tokio::net::UnixStream) -> io::Result<Self> {
        Ok(Self {
            fd: stream.into_std()?.into(),
            local: true,
        })
    }

    pub(super) fn tcp(stream: tokio::net::TcpStream) -> io::Result<Self> {
        Ok(Self {
            fd: stream.into_std()?.into(),
            local: false,
        })
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.fd, buffer)?)
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(&self.fd, bytes, NO_SIGNAL)?)
    }

    pub(super) fn try_write_both(&self, both: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut nothing = SendAncillaryBuffer::default();
        Ok(sendmsg(&self.fd, both, &mut nothing, NO_SIGNAL)?)
    }

    /// Bytes that can be read now.
    pub(in crate::ipc) fn available(&self) -> io::Result<usize> {
        let count = rustix::io::ioctl_fionread(&self.fd)?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Reads into one buffer, and what comes after it into the other.
    pub(in crate::ipc) fn try_read_both(
        &self,
        first: &mut [u8],
        second: &mut [u8],
    ) -> io::Result<usize> {
        let buffers = &mut [IoSliceMut::new(first), IoSliceMut::new(second)];
        Ok(rustix::io::readv(&self.fd, buffers)?)
    }

    pub(super) fn is_hung_up(&self) -> bool {
        self.local && super::unix::is_hung_up(&self.fd)
    }
}

impl AsFd for Released {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
