//! Directories with socket files in them, and what is expected of those.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{socket, AddressFamily, SocketAddrUnix, SocketType};
use smartipc_native::ipc::lock::{FileId, Holder};
use smartipc_native::ipc::transport::bind::{BindError, BindOptions, BoundSocket};

/// A directory of the test's own, removed at the end.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("po-{}-{count}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        Dir(dir)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.inodes().into_iter().map(|(name, _)| name).collect()
    }

    pub(crate) fn inodes(&self) -> Vec<(String, u64)> {
        let entries = fs::read_dir(&self.0).unwrap().map(Result::unwrap);
        let mut all: Vec<_> = entries
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    entry.metadata().unwrap().ino(),
                )
            })
            .collect();
        all.sort();
        all
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn options() -> BindOptions {
    BindOptions {
        mode: 0o600,
        cleanup: true,
        holder: Holder::Server,
        lock_wait: Duration::from_secs(10),
        backlog: 1,
    }
}

pub(crate) fn in_use(outcome: Result<BoundSocket, BindError>) -> BindError {
    let error = outcome.unwrap_err();
    assert!(matches!(error, BindError::AddressInUse { .. }), "{error}");
    assert_eq!(error.errno(), Some(Errno::ADDRINUSE.raw_os_error()));
    error
}

/// Leaves a stale socket file as a program without our lock does, long ago.
pub(crate) fn abandon(path: &str) {
    drop(UnixListener::bind(path).unwrap());
    let long_ago = rustix::fs::Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    let times = rustix::fs::Timestamps {
        last_access: long_ago,
        last_modification: long_ago,
    };
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::empty()).unwrap();
}

pub(crate) fn id(path: &str) -> FileId {
    FileId::of(&fs::symlink_metadata(path).unwrap())
}

/// Connects until the kernel says that the backlog is full.
pub(crate) fn fill_backlog(path: &str) -> Vec<rustix::fd::OwnedFd> {
    let address = SocketAddrUnix::new(path).unwrap();
    let mut waiting = Vec::new();
    loop {
        let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::fs::fcntl_setfl(&socket, rustix::fs::OFlags::NONBLOCK).unwrap();
        match rustix::net::connect(&socket, &address) {
            Ok(()) => waiting.push(socket),
            // What a full backlog is called on Linux, and elsewhere.
            Err(Errno::AGAIN | Errno::CONNREFUSED) => return waiting,
            Err(errno) => panic!("{errno}"),
        }
    }
}

/// The socket at `path` is `bound`'s, and accepts.
pub(crate) fn serves(bound: &BoundSocket, path: &str) {
    assert!(fs::symlink_metadata(path).unwrap().file_type().is_socket());
    assert!(bound.guard().still_ours());
    let _client = UnixStream::connect(path).unwrap();
    bound.listener().accept().unwrap();
    let again = bound.listener().accept().unwrap_err();
    assert_eq!(again.kind(), io::ErrorKind::WouldBlock);
}

/// Connects, and checks that process `pid` answers.
pub(crate) fn greet(path: &str, pid: u32) {
    let mut answer = String::new();
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(b"?").unwrap();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, pid.to_string());
}
