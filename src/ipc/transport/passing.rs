//! Descriptors that travel with the bytes of a Unix socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::cmsg_space;
use rustix::net::{
    recvmsg, sendmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use tokio::io::Interest;

use super::Stream;
use crate::ipc::faults;

/// Descriptors that are taken with one read; the kernel closes those beyond.
const MOST_FILES: usize = 4;

impl Stream {
    /// Whether descriptors may pass between the peer and us, and memory with them. A peer
    /// of another user could send one that takes its time to be closed.
    pub(in crate::ipc) fn shares_memory(&self) -> bool {
        let peer = self.credentials().uid;
        let own = rustix::process::geteuid().as_raw();
        let trusted = peer == Some(own) || peer == Some(0);
        trusted && crate::sys::memory::is_sound()
    }

    /// Writes what the kernel takes, and sends a descriptor with the first of it.
    ///
    /// # Errors
    /// As of [`try_write`](Self::try_write). The descriptor has not left then.
    pub(in crate::ipc) fn try_write_passing(
        &self,
        bytes: &[u8],
        file: &OwnedFd,
    ) -> io::Result<usize> {
        let bytes = faults::shorten_write(bytes)?;
        match self {
            Stream::Unix(it) => it.try_io(Interest::WRITABLE, || write(it, bytes, file)),
            Stream::Released(it) => write(it, bytes, file),
            Stream::Tcp(_) | Stream::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Reads what is there, and takes the descriptors that come with it.
    ///
    /// # Errors
    /// As of [`try_read`](Self::try_read).
    pub(in crate::ipc) fn try_read_passing(
        &self,
        buffer: &mut [u8],
        take: impl FnMut(OwnedFd),
    ) -> io::Result<usize> {
        let buffer = faults::shorten_read(buffer)?;
        match self {
            Stream::Unix(it) => it.try_io(Interest::READABLE, || read(it, buffer, take)),
            Stream::Released(it) => read(it, buffer, take),
            Stream::Tcp(_) | Stream::Tls(_) => self.try_read(buffer),
        }
    }
}

fn write(socket: impl AsFd, bytes: &[u8], file: &OwnedFd) -> io::Result<usize> {
    let mut room = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut attached = SendAncillaryBuffer::new(&mut room);
    let files = [file.as_fd()];
    attached.push(SendAncillaryMessage::ScmRights(&files));
    let bytes = &[IoSlice::new(bytes)];
    Ok(sendmsg(socket, bytes, &mut attached, SendFlags::NOSIGNAL)?)
}

fn read(socket: impl AsFd, buffer: &mut [u8], take: impl FnMut(OwnedFd)) -> io::Result<usize> {
    let mut room = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST_FILES))];
    let mut attached = RecvAncillaryBuffer::new(&mut room);
    let buffer = &mut [IoSliceMut::new(buffer)];
    let read = recvmsg(socket, buffer, &mut attached, RecvFlags::CMSG_CLOEXEC)?;
    let files = attached.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    files.flatten().for_each(take);
    Ok(read.bytes)
}
