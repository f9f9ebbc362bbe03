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

mod folder;
mod found;
mod socket;

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use thiserror::Error;

use crate::ipc::lock::{Attempt, FileId, Holder, LockError, PathLock, Record, Unavailable};
use folder::{sweep, Folder, SOCKET};
use found::{pin, Found};

pub use socket::{BoundSocket, SocketGuard};

/// How to create a socket; see [`bind`].
#[derive(Debug, Clone)]
pub struct BindOptions {
    /// Permission bits of the socket file, set exactly, whatever the umask.
    pub mode: u32,
    /// Whether a dead server's socket file may be replaced. A dead hub's file
    /// is replaced in any case; a hub replaces no other.
    pub cleanup: bool,
    /// What the lock file says we are.
    pub holder: Holder,
    /// How long a server waits for a lock whose holder is starting or stopping.
    /// A holder that serves the path is not waited for; a hub waits for nobody.
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
    /// A hub needs the path's lock, and it can't be had here.
    #[error("{0}")]
    NoLock(#[source] Unavailable),
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
            BindError::NoLock(_) => Errno::NOLCK,
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

/// Whether a name is meant as that of an abstract socket. Such a name belongs to
/// whoever is first, has no permissions, and crosses the borders of containers.
pub(super) fn is_abstract(path: &[u8]) -> bool {
    matches!(path.first(), Some(b'\0' | b'@'))
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
    classify(path)?;
    let path = std::path::absolute(path).map_err(io_error("resolving the socket path"))?;
    Found::at(&path)?;
    Ok(path)
}

/// Whether a socket can have this path, as far as its bytes tell.
///
/// # Errors
/// If the path is abstract, has a NUL, is too long, or names no file.
pub fn classify(path: &Path) -> Result<(), BindError> {
    let bytes = path.as_os_str().as_bytes();
    if is_abstract(bytes) {
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
    Ok(())
}

fn acquire(path: &Path, options: &BindOptions) -> Result<Claim, BindError> {
    let deadline = Instant::now().checked_add(options.lock_wait);
    loop {
        let record = match PathLock::try_acquire(path, options.holder)? {
            Attempt::Held(lock) => return Ok(Claim::Locked(lock)),
            // Without the lock a hub could not be told to give way.
            Attempt::Unavailable(reason) if options.holder == Holder::Hub => {
                return Err(BindError::NoLock(reason));
            }
            Attempt::Unavailable(reason) => return Ok(Claim::Unlocked(reason)),
            Attempt::Busy(record) => record,
        };
        if options.holder == Holder::Hub {
            // An election is lost at once: whoever has the lock serves soon.
            return Err(BindError::AddressInUse { holder: record });
        }
        // Right after a holder was killed the lock may be its successor's, and
        // the record still its own.
        let holder = record.filter(|record| alive(record.pid));
        // A holder whose socket is at the path has finished starting, and has
        // not begun to stop.
        let serving = holder.and_then(|record| record.socket);
        let found = fs::symlink_metadata(path).ok();
        let established = serving.is_some() && found.map(|meta| FileId::of(&meta)) == serving;
        let expired = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if established || expired {
            return match holder {
                None => Ok(Claim::Unlocked(Unavailable::HeldByStranger)),
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
    // Nobody asked for a hub, so nobody has to clean up after one either.
    let by_hub = left.is_some_and(|left| left.by == Holder::Hub);
    let allowed = by_hub || (options.holder == Holder::Server && options.cleanup);
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

/// Longest path that fits into a socket address with its closing NUL.
pub const MAX_PATH: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
    107
} else {
    103
};

/// Starting and stopping take the lock for about a millisecond.
const LOCK_POLL: Duration = Duration::from_millis(5);
