//! The private folder in which a socket gets ready, and what killed processes
//! leave of it.
//!
//! A folder's name says whose path it is for and which process made it, so the
//! next server on that path can tell what nobody needs any more.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawMode, CWD};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::found::descriptor_path;
use super::{alive, io_error, BindError, BindOptions, MAX_PATH};

/// A fresh folder beside the path in which the socket gets ready: only we can
/// enter it. Removed when dropped.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    // The folder itself, whatever somebody does to its name.
    dir: OwnedFd,
}

impl Folder {
    pub(super) fn beside(path: &Path) -> Result<Self, BindError> {
        let mut tries = FOLDER_TRIES;
        let folder = loop {
            let mut random = [0; 4];
            getrandom::fill(&mut random)
                .map_err(|error| io_error("drawing a random name")(io::Error::other(error)))?;
            let mut name = folder_prefix(path);
            let (pid, random) = (std::process::id(), u32::from_ne_bytes(random));
            name.push(format!("{pid}.{random:08x}"));
            let folder = path.with_file_name(name);
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => break folder,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries > 0 => {}
                Err(error) => return Err(io_error("creating the socket's folder")(error)),
            }
            tries -= 1;
        };
        // The umask may have taken from us what we need.
        let dir = fs::set_permissions(&folder, Permissions::from_mode(0o700))
            .and_then(|()| Ok(open_folder(&folder)?));
        match dir {
            Ok(dir) => Ok(Folder { path: folder, dir }),
            Err(error) => {
                let _ = fs::remove_dir(&folder);
                Err(io_error("opening the socket's folder")(error))
            }
        }
    }

    /// A listening socket in the folder, with its final mode.
    pub(super) fn listen(&self, options: &BindOptions) -> Result<UnixListener, BindError> {
        let listener = UnixListener::bind(self.address()?).map_err(io_error("bind"))?;
        let mode = Mode::from_raw_mode((options.mode & 0o777) as RawMode);
        rustix::fs::chmodat(&self.dir, SOCKET, mode, AtFlags::empty())
            .map_err(|errno| io_error("setting the socket's mode")(errno.into()))?;
        // The standard library chose a backlog; listening again replaces it.
        rustix::net::listen(&listener, options.backlog)
            .map_err(|errno| io_error("listen")(errno.into()))?;
        listener.set_nonblocking(true).map_err(io_error("listen"))?;
        Ok(listener)
    }

    /// A name for the socket that fits into an address. The readable one is
    /// preferred, for it is what tools show as the socket's address.
    fn address(&self) -> Result<PathBuf, BindError> {
        let readable = self.path.join(SOCKET);
        let length = readable.as_os_str().len();
        if length <= MAX_PATH {
            return Ok(readable);
        }
        let short = descriptor_path(&self.dir).map(|dir| dir.join(SOCKET));
        short.ok_or(BindError::PathTooLong { length })
    }

    /// Gives the socket its real name; fails with `EXIST` if that is taken.
    pub(super) fn publish(&self, path: &Path) -> Result<(), Errno> {
        match rustix::fs::linkat(&self.dir, SOCKET, CWD, path, AtFlags::empty()) {
            // Some file systems have sockets but no hard links.
            Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS) => self.rename(path),
            outcome => outcome,
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn rename(&self, path: &Path) -> Result<(), Errno> {
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        rustix::fs::renameat_with(&self.dir, SOCKET, CWD, path, flags)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn rename(&self, _path: &Path) -> Result<(), Errno> {
        Err(Errno::NOTSUP)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = rustix::fs::unlinkat(&self.dir, SOCKET, AtFlags::empty());
        let _ = fs::remove_dir(&self.path);
    }
}

/// Removes folders that killed processes left for this path. Called with the
/// lock held, so nobody is about to use them.
pub(super) fn sweep(path: &Path) {
    let prefix = folder_prefix(path);
    let Some(Ok(entries)) = path.parent().map(fs::read_dir) else {
        return;
    };
    for entry in entries.take(SWEEP_ENTRIES).flatten() {
        let name = entry.file_name();
        let maker = name
            .as_bytes()
            .strip_prefix(prefix.as_bytes())
            .and_then(folder_maker);
        // A restarted container gives the same pid to every instance.
        if maker.is_some_and(|pid| pid == std::process::id() || !alive(pid)) {
            let _ = remove_left_folder(&entry.path());
        }
    }
}

/// Removes a folder of ours with at most one socket in it, and nothing else.
fn remove_left_folder(path: &Path) -> io::Result<()> {
    let dir = File::from(open_folder(path)?);
    if dir.metadata()?.uid() != geteuid().as_raw() {
        return Ok(());
    }
    let socket = rustix::fs::statat(&dir, SOCKET, AtFlags::SYMLINK_NOFOLLOW);
    if socket.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_socket()) {
        rustix::fs::unlinkat(&dir, SOCKET, AtFlags::empty())?;
    }
    fs::remove_dir(path)
}

/// The pid in a folder's name, after the prefix.
fn folder_maker(rest: &[u8]) -> Option<u32> {
    let (pid, random) = std::str::from_utf8(rest).ok()?.split_once('.')?;
    u32::from_str_radix(random, 16).ok()?;
    (random.len() == 8).then(|| pid.parse().ok())?
}

fn folder_prefix(path: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name
}

/// Opens a folder, but not through a symbolic link.
fn open_folder(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}

/// The socket's name in its folder: short, the path may have no room for more.
pub(super) const SOCKET: &str = "s";
/// A random name of 32 bits is never taken twice in a row by accident.
const FOLDER_TRIES: u32 = 8;
/// Enough for every folder made for sockets; bounds the time spent in a full
/// /tmp to a few milliseconds.
const SWEEP_ENTRIES: usize = 4096;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ipc::lock::Holder;

    #[test]
    fn only_our_folder_names_are_recognised() {
        assert_eq!(folder_maker(b"12.0123abcd"), Some(12));
        for name in [
            "12",
            "12.0123abc",
            "12.0123abcg",
            "x.0123abcd",
            ".0123abcd",
            "-1.0123abcd",
        ] {
            assert_eq!(folder_maker(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn renaming_serves_where_linking_cannot() {
        let name = format!("smartipc-rename-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let options = BindOptions {
            mode: 0o600,
            cleanup: false,
            holder: Holder::Server,
            lock_wait: Duration::ZERO,
            backlog: 1,
        };
        for expected in [Ok(()), Err(Errno::EXIST)] {
            let folder = Folder::beside(&path).unwrap();
            let _listener = folder.listen(&options).unwrap();
            assert_eq!(folder.rename(&path), expected);
        }
        fs::remove_file(&path).unwrap();
    }
}
