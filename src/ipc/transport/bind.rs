//! Creating the listening socket on a path, and removing it again.
//!
//! The socket is bound in a private folder beside the path, given its final
//! mode, set listening, and only then linked to the path. Linking is atomic
//! and fails if the name is taken, so two servers cannot both get a path, and
//! nobody ever finds a socket there that is wider open than asked for or that
//! does not accept. Changing the mode after a plain `bind` leaves a moment in
//! which everybody may connect; changing the umask affects the whole process.
//!
//! A file in the way is removed only if it is a socket whose server is known
//! to be dead. The [lock](crate::ipc::lock), held for the server's life,
//! settles that for our own servers. Without the lock nothing in the way is
//! ever removed.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawMode, CWD};
use rustix::io::Errno;
#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::net::SocketFlags;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use rustix::process::geteuid;
use thiserror::Error;

use crate::ipc::lock::{Attempt, FileId, Holder, LockError, PathLock, Record, Unavailable};

/// How to create a socket; see [`bind`].
#[derive(Debug, Clone)]
pub struct BindOptions {
    /// Permission bits of the socket file, set exactly, whatever the umask.
    pub mode: u32,
    /// Whether a dead server's socket file may be replaced. A hub replaces a
    /// dead hub's file in any case, and no other.
    pub cleanup: bool,
    /// What the lock file says we are.
    pub holder: Holder,
    /// How long to wait for a lock whose holder is starting or stopping. A
    /// holder that serves the path is not waited for.
    pub lock_wait: Duration,
    /// Connections the kernel keeps waiting for `accept`.
    pub backlog: i32,
}

/// Why a socket could not be created.
#[derive(Debug, Error)]
pub enum BindError {
    /// The path has a server that lives, or that cannot be proved dead, or
    /// whose file we may not remove.
    #[error("address already in use")]
    AddressInUse {
        /// Who holds the path's lock, if it is one of ours.
        holder: Option<Record>,
    },
    /// The path does not fit into a socket address.
    #[error("socket path is {length} bytes long, the limit is {MAX_PATH}")]
    PathTooLong {
        /// The path's length in bytes.
        length: usize,
    },
    /// The path contains a NUL byte.
    #[error("socket path contains a NUL byte")]
    Nul,
    /// The path names an abstract socket, which has no permissions.
    #[error("abstract sockets are not supported")]
    Abstract,
    /// The path is empty or names a directory.
    #[error("socket path has no file name")]
    NoFileName,
    /// Something else is in the way; it was left alone.
    #[error("socket path is taken by a {kind}")]
    NotASocket {
        /// What is in the way.
        kind: &'static str,
    },
    /// A system call failed.
    #[error("{doing} failed: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl BindError {
    /// The system's error number, or the one that fits best.
    pub fn errno(&self) -> Option<i32> {
        let errno = match self {
            BindError::AddressInUse { .. } => Errno::ADDRINUSE,
            BindError::PathTooLong { .. } => Errno::NAMETOOLONG,
            BindError::Nul | BindError::Abstract | BindError::NoFileName => Errno::INVAL,
            BindError::NotASocket { .. } => Errno::NOTSOCK,
            BindError::Io { source, .. } => return source.raw_os_error(),
        };
        Some(errno.raw_os_error())
    }
}

impl From<LockError> for BindError {
    fn from(error: LockError) -> Self {
        let LockError::Io { source, .. } = error;
        BindError::Io {
            doing: "using the lock file",
            source,
        }
    }
}

/// A listening socket on a path of the file system.
///
/// Dropping it removes the file and then closes the socket.
#[derive(Debug)]
pub struct BoundSocket {
    // Before the listener: see `SocketGuard`.
    guard: SocketGuard,
    listener: UnixListener,
}

impl BoundSocket {
    /// The socket; non-blocking, and closed in programs we run.
    ///
    /// Its own address is the name it was bound to, not the path.
    pub fn listener(&self) -> &UnixListener {
        &self.listener
    }

    /// The file's keeper.
    pub fn guard(&self) -> &SocketGuard {
        &self.guard
    }

    /// Splits the socket from its file's keeper.
    pub fn into_parts(self) -> (UnixListener, SocketGuard) {
        (self.listener, self.guard)
    }
}

/// Keeps a socket's file and lock; removes the one and releases the other,
/// in this order, when dropped.
///
/// Drop it *before* the listener: while the listener lives, nobody can take
/// our file for a dead server's and replace it between our last look at it
/// and the removal.
#[derive(Debug)]
pub struct SocketGuard {
    path: PathBuf,
    socket: FileId,
    claim: Claim,
    released: bool,
    // Keeps the inode number from being given to another file.
    _pin: Option<File>,
}

impl SocketGuard {
    /// The socket's path, made absolute: the working directory may change.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still leads to our socket.
    pub fn still_ours(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|meta| FileId::of(&meta) == self.socket)
    }

    /// Why we run without the lock, if we do.
    ///
    /// The next server on this path cannot tell for sure what we left behind.
    pub fn unlocked_because(&self) -> Option<&Unavailable> {
        match &self.claim {
            Claim::Unlocked(reason) => Some(reason),
            _ => None,
        }
    }

    /// Removes our file, if it is still ours, and releases the lock; says
    /// whether there was a file of ours.
    ///
    /// # Errors
    ///
    /// The removal's error, for instance because the folder has become
    /// read-only. The lock is released all the same.
    pub fn release(mut self) -> io::Result<bool> {
        self.remove()
    }

    fn remove(&mut self) -> io::Result<bool> {
        if self.released {
            return Ok(false);
        }
        self.released = true;
        let ours = self.still_ours();
        if ours {
            fs::remove_file(&self.path)?;
        }
        if let Claim::Locked(lock) = &mut self.claim {
            lock.forget_socket()?;
        }
        Ok(ours)
    }
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        // The lock, a field, goes after this.
        let _ = self.remove();
    }
}

/// Creates a listening socket at `path`. Blocks, for a bounded time.
///
/// # Errors
///
/// On every error nothing is left behind but the lock file, and nothing was
/// removed but, at most, a dead server's socket file.
///
/// # Platform-specific behavior
///
/// On Linux a socket file of a program without our lock counts as dead if
/// connecting to it is refused. Elsewhere a full backlog refuses too, so there
/// only files that the lock file records are ever replaced.
pub fn bind(path: &Path, options: &BindOptions) -> Result<BoundSocket, BindError> {
    let path = check(path)?;
    let claim = acquire(&path, options)?;
    create(path, options, claim)
}

/// Like [`bind`] with the lock left out but its rights assumed, and a `pause`
/// between the last look at a file and its removal.
///
/// Shows that the tests for the lock can fail. Of no other use.
#[doc(hidden)]
pub fn bind_without_lock(
    path: &Path,
    options: &BindOptions,
    pause: Duration,
) -> Result<BoundSocket, BindError> {
    create(check(path)?, options, Claim::Pretended(pause))
}

/// Whether users other than the owner of `path`'s folder can replace files in
/// it, and so put their own server in the place of ours.
pub fn insecure_directory(path: &Path) -> bool {
    let Ok(path) = std::path::absolute(path) else {
        return false;
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::metadata(folder).is_ok_and(|meta| meta.mode() & 0o022 != 0 && meta.mode() & 0o1000 == 0)
}

/// The right to remove what is in the way.
#[derive(Debug)]
enum Claim {
    Locked(PathLock),
    Unlocked(Unavailable),
    Pretended(Duration),
}

/// Refuses what can be refused before anything is created; gives the absolute
/// path.
fn check(path: &Path) -> Result<PathBuf, BindError> {
    let bytes = path.as_os_str().as_bytes();
    if matches!(bytes.first(), Some(b'\0' | b'@')) {
        return Err(BindError::Abstract);
    }
    if bytes.contains(&b'\0') {
        return Err(BindError::Nul);
    }
    if bytes.len() > MAX_PATH {
        return Err(BindError::PathTooLong {
            length: bytes.len(),
        });
    }
    if path.file_name().is_none() || bytes.ends_with(b"/") || bytes.ends_with(b"/.") {
        return Err(BindError::NoFileName);
    }
    let path = std::path::absolute(path).map_err(io_error("resolving the socket path"))?;
    Found::at(&path)?;
    Ok(path)
}

fn acquire(path: &Path, options: &BindOptions) -> Result<Claim, BindError> {
    let deadline = Instant::now().checked_add(options.lock_wait);
    loop {
        let record = match PathLock::try_acquire(path, options.holder)? {
            Attempt::Held(lock) => return Ok(Claim::Locked(lock)),
            Attempt::Unavailable(reason) => return Ok(Claim::Unlocked(reason)),
            Attempt::Busy(record) => record,
        };
        // A holder whose socket is at the path has finished starting, and has
        // not begun to stop.
        let serving = record.and_then(|record| record.socket);
        let found = fs::symlink_metadata(path).ok();
        let established = serving.is_some() && found.map(|meta| FileId::of(&meta)) == serving;
        let expired = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if established || expired {
            return match record.filter(|record| alive(record.pid)) {
                None if !established => Ok(Claim::Unlocked(Unavailable::HeldByStranger)),
                holder => Err(BindError::AddressInUse { holder }),
            };
        }
        thread::sleep(LOCK_POLL);
    }
}

fn create(path: PathBuf, options: &BindOptions, claim: Claim) -> Result<BoundSocket, BindError> {
    if let Claim::Locked(_) = claim {
        sweep(&path);
    }
    let folder = Folder::beside(&path)?;
    let listener = folder.listen(options)?;
    let (meta, pin) = pin(&folder.path.join(SOCKET)).map_err(io_error("examining the socket"))?;
    let mut guard = SocketGuard {
        path,
        socket: FileId::of(&meta),
        claim,
        released: false,
        _pin: pin,
    };
    clear_the_way(&guard.path, options, &guard.claim)?;
    if let Claim::Locked(lock) = &mut guard.claim {
        // Before the file appears: a process killed right after has left a
        // file, and its successor must know whose it is.
        lock.record_socket(guard.socket)
            .map_err(io_error("writing the lock file"))?;
    }
    match folder.publish(&guard.path) {
        Ok(()) => Ok(BoundSocket { guard, listener }),
        Err(Errno::EXIST) => Err(BindError::AddressInUse { holder: None }),
        Err(errno) => Err(io_error("linking the socket to its path")(errno.into())),
    }
}

/// Removes a dead server's file from `path`, or says why that cannot be done.
fn clear_the_way(path: &Path, options: &BindOptions, claim: &Claim) -> Result<(), BindError> {
    let Some(found) = Found::at(path)? else {
        return Ok(());
    };
    let left = match claim {
        Claim::Locked(lock) => lock.left().filter(|left| left.socket == found.id),
        Claim::Pretended(_) => None,
        Claim::Unlocked(_) => return Err(BindError::AddressInUse { holder: None }),
    };
    let allowed = match options.holder {
        Holder::Server => options.cleanup,
        Holder::Hub => left.is_some_and(|left| left.by == Holder::Hub),
    };
    if !allowed || !found.is_dead(left.is_some()) {
        return Err(BindError::AddressInUse { holder: None });
    }
    // Only a program without our lock can have replaced the file since.
    match fs::symlink_metadata(path) {
        Ok(meta) if FileId::of(&meta) == found.id => {}
        Ok(_) => return Err(BindError::AddressInUse { holder: None }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("examining the socket path")(error)),
    }
    if let Claim::Pretended(pause) = claim {
        thread::sleep(*pause);
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("removing a dead server's socket")(error))
        }
        _ => Ok(()),
    }
}

/// A socket file that is in the way.
struct Found {
    path: PathBuf,
    id: FileId,
    born: SystemTime,
    pin: Option<File>,
}

impl Found {
    fn at(path: &Path) -> Result<Option<Self>, BindError> {
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
    fn is_dead(&self, recorded: bool) -> bool {
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
fn pin(path: &Path) -> io::Result<(fs::Metadata, Option<File>)> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    Ok((file.metadata()?, Some(file)))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn pin(path: &Path) -> io::Result<(fs::Metadata, Option<File>)> {
    Ok((fs::symlink_metadata(path)?, None))
}

/// A name for an open file that is short wherever the file is; on Linux only.
fn descriptor_path(fd: &impl AsRawFd) -> Option<PathBuf> {
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

/// Whether process `pid` exists; a process we may not signal does.
fn alive(pid: u32) -> bool {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(Errno::SRCH))
}

fn io_error(doing: &'static str) -> impl Fn(io::Error) -> BindError {
    move |source| BindError::Io { doing, source }
}

/// A fresh folder beside the path in which the socket gets ready: only we can
/// enter it. Removed when dropped.
struct Folder {
    path: PathBuf,
    // The folder itself, whatever somebody does to its name.
    dir: OwnedFd,
}

impl Folder {
    fn beside(path: &Path) -> Result<Self, BindError> {
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
    fn listen(&self, options: &BindOptions) -> Result<UnixListener, BindError> {
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
    fn publish(&self, path: &Path) -> Result<(), Errno> {
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
fn sweep(path: &Path) {
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

/// Longest path that fits into a socket address with its closing NUL.
pub const MAX_PATH: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
    107
} else {
    103
};

/// The socket's name in its folder: short, the path may have no room for more.
const SOCKET: &str = "s";
/// A random name of 32 bits is never taken twice in a row by accident.
const FOLDER_TRIES: u32 = 8;
/// Enough for every folder made for sockets; bounds the time spent in a full
/// /tmp to a few milliseconds.
const SWEEP_ENTRIES: usize = 4096;
/// Starting and stopping take the lock for about a millisecond.
const LOCK_POLL: Duration = Duration::from_millis(5);
/// A stranger needs microseconds from bind to listen; on a machine so loaded
/// that it takes longer, we do.
const SETTLE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

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
