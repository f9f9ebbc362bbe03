//! A socket file that is in the way, and whether its server is dead.
//!
//! All questions are about one file, whatever happens to its name meanwhile:
//! it is pinned, as far as the system can do that. When in doubt, the server
//! lives.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::io::Errno;
#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::net::SocketFlags;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use super::{io_error, BindError};
use crate::ipc::lock::FileId;

/// A socket file that is in the way.
pub(super) struct Found {
    path: PathBuf,
    pub(super) id: FileId,
    born: SystemTime,
    pin: Option<File>,
}

impl Found {
    pub(super) fn at(path: &Path) -> Result<Option<Self>, BindError> {
        let (meta, pin) = match pin(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("examining the socket path")(error)),
        };
        let kind = meta.file_type();
        if !kind.is_socket() {
            let kind = match () {
                () if kind.is_symlink() => "symbolic link",
                () if kind.is_dir() => "directory",
                () if kind.is_file() => "regular file",
                () => "special file",
            };
            return Err(BindError::NotASocket { kind });
        }
        Ok(Some(Found {
            path: path.to_owned(),
            id: FileId::of(&meta),
            // Nothing writes to a socket file, so this is when it was bound.
            born: meta.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            pin,
        }))
    }

    /// Whether no server can be behind the file. `recorded`: the lock file
    /// names it, and we hold the lock.
    pub(super) fn is_dead(&self, recorded: bool) -> bool {
        match self.probe() {
            Probe::Alive => false,
            Probe::Unknown => recorded,
            Probe::Refused if recorded => true,
            Probe::Refused => {
                // A stranger between its bind and its listen refuses as well.
                let age = self.born.elapsed().unwrap_or_default();
                let young = SETTLE.saturating_sub(age);
                thread::sleep(young);
                young.is_zero() || matches!(self.probe(), Probe::Refused)
            }
        }
    }

    fn probe(&self) -> Probe {
        // Through the pinned inode the answer is about this very file.
        let pinned = self.pin.as_ref().and_then(descriptor_path);
        let target = pinned.filter(|path| path.exists());
        let target = target.unwrap_or_else(|| self.path.clone());
        let outcome = SocketAddrUnix::new(&target)
            .and_then(|address| rustix::net::connect(&probing_socket()?, &address));
        match outcome {
            // AGAIN: the backlog is full. PROTOTYPE: not a stream socket.
            Ok(()) | Err(Errno::AGAIN | Errno::INPROGRESS | Errno::PROTOTYPE) => Probe::Alive,
            Err(Errno::CONNREFUSED) if cfg!(any(target_os = "linux", target_os = "android")) => {
                Probe::Refused
            }
            Err(_) => Probe::Unknown,
        }
    }
}

/// What connecting to a socket file shows.
enum Probe {
    Alive,
    Refused,
    Unknown,
}

/// Looks at `path` itself, not at what a link leads to. While the descriptor
/// is open, no other file can get the same identity.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn pin(path: &Path) -> io::Result<(fs::Metadata, Option<File>)> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    Ok((file.metadata()?, Some(file)))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn pin(path: &Path) -> io::Result<(fs::Metadata, Option<File>)> {
    Ok((fs::symlink_metadata(path)?, None))
}

/// A name for an open file that is short wherever the file is; on Linux only.
pub(super) fn descriptor_path(fd: &impl AsRawFd) -> Option<PathBuf> {
    let linux = cfg!(any(target_os = "linux", target_os = "android"));
    linux.then(|| format!("/proc/self/fd/{}", fd.as_raw_fd()).into())
}

/// A socket whose `connect` does not wait for room in a backlog.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn probing_socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn probing_socket() -> Result<OwnedFd, Errno> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&socket, OFlags::NONBLOCK)?;
    Ok(socket)
}

/// A stranger needs microseconds from bind to listen; on a machine so loaded
/// that it takes longer, we do.
const SETTLE: Duration = Duration::from_millis(200);
