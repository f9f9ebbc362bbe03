//! A peer that writes its frames itself, and sends descriptors with them.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::cmsg_space;
use rustix::fs::{fcntl_add_seals, ftruncate, memfd_create, MemfdFlags, SealFlags};
use rustix::net::{
    recvmsg, sendmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use smartipc_native::ipc::notice::{ConnId, Notice};
use smartipc_native::ipc::proto::Event;

use super::support::{TestServer, PATIENCE};

/// The seals of good memory.
pub(super) fn seals() -> SealFlags {
    SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL
}

/// A file in memory.
pub(super) fn memory(size: usize, seals: SealFlags) -> OwnedFd {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = memfd_create("of-a-test", flags).unwrap();
    ftruncate(&file, size as u64).unwrap();
    fcntl_add_seals(&file, seals).unwrap();
    file
}

/// What a raw peer has of a file in memory: it reads and writes it without a mapping.
pub(super) struct Memory(File);

impl Memory {
    pub(super) fn of(file: &OwnedFd) -> Self {
        Self(file.try_clone().unwrap().into())
    }

    pub(super) fn get(&self, at: usize, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact_at(&mut bytes, at as u64).unwrap();
        bytes
    }

    pub(super) fn put(&self, at: usize, bytes: &[u8]) {
        self.0.write_all_at(bytes, at as u64).unwrap();
    }
}

/// A client of whose bytes the test decides.
pub(super) struct RawPeer {
    socket: UnixStream,
    files: Vec<OwnedFd>,
}

impl RawPeer {
    pub(super) fn connect(path: &Path) -> Self {
        let socket = UnixStream::connect(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            files: Vec::new(),
        }
    }

    pub(super) fn register(&mut self, features: &[&str], window: usize) {
        let text = format!(
            r#"{{"id":"0","type":"__register__","payload":{{"clientId":"raw","protocol":{{"version":1,"features":{features:?},"maxMessageSize":8388608,"windowMessages":1024,"windowBytes":8388608,"streamWindow":{window}}}}},"headers":{{"requiresResponse":true}}}}"#
        );
        self.send(text.as_bytes());
    }

    /// The answer to the registration.
    pub(super) fn answer(&mut self) -> String {
        String::from_utf8(self.frame()).unwrap()
    }

    pub(super) fn send(&mut self, body: &[u8]) {
        self.send_with(body, &[]);
    }

    /// Sends a frame, and descriptors with its first byte.
    pub(super) fn send_with(&mut self, body: &[u8], files: &[OwnedFd]) {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let frame = [&length[..], body].concat();
        let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        let mut room = [MaybeUninit::uninit(); cmsg_space!(ScmRights(8))];
        let mut attached = SendAncillaryBuffer::new(&mut room);
        if !files.is_empty() {
            assert!(attached.push(SendAncillaryMessage::ScmRights(&files)));
        }
        let mut sent = 0;
        while sent < frame.len() {
            let part = &[IoSlice::new(&frame[sent..])];
            sent += sendmsg(&self.socket, part, &mut attached, SendFlags::NOSIGNAL).unwrap();
            attached.clear();
        }
    }

    /// The body of the next frame.
    pub(super) fn frame(&mut self) -> Vec<u8> {
        let length = self.read(4);
        let length = u32::from_be_bytes(length.try_into().unwrap());
        self.read(length as usize)
    }

    fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let mut read = 0;
        while read < count {
            let mut room = [MaybeUninit::uninit(); cmsg_space!(ScmRights(8))];
            let mut attached = RecvAncillaryBuffer::new(&mut room);
            let part = &mut [IoSliceMut::new(&mut bytes[read..])];
            let flags = RecvFlags::CMSG_CLOEXEC;
            let got = recvmsg(&self.socket, part, &mut attached, flags).unwrap();
            assert!(got.bytes > 0, "the end");
            read += got.bytes;
            for message in attached.drain() {
                if let RecvAncillaryMessage::ScmRights(files) = message {
                    self.files.extend(files);
                }
            }
        }
        bytes
    }

    /// The descriptors that have come.
    pub(super) fn files(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.files)
    }

    /// Waits until the server has read all that was sent to it.
    pub(super) fn roundtrip(&mut self, it: &mut TestServer, conn: ConnId) {
        self.send(&[0x0e, 5]);
        it.told.until("ping", |_, notice| {
            matches!(notice, Notice::Event(Event::Ping)).then_some(())
        });
        it.server
            .with(conn, |session, now| session.pong(now))
            .unwrap();
        it.server.flush();
        while self.frame()[0] != 0x0f {}
    }
}
