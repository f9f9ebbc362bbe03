//! Who owns a socket path: a lock file beside it, held for the server's life.
//!
//! Asking a socket whether its server lives is a guess: a server that has
//! bound but not yet listened, or whose backlog is full on some systems,
//! answers like a dead one, and between the question and the `unlink` another
//! process can bind. A lock needs no guess. The kernel drops it when its holder
//! dies, however that happens, so whoever gets the lock of a path knows that no
//! server of ours lives there and that nobody else is about to remove its file.
//!
//! The file is never removed: with it gone, two processes could hold "the"
//! lock, one on the deleted file and one on the new. Its text says who holds
//! the lock and which socket file that holder made, or which one it found left
//! behind; the next holder thereby knows its predecessors' files from a
//! stranger's.

mod record;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{fchmod, flock, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;
use thiserror::Error;

use record::{MAGIC, RECORD_SIZE};

pub use record::{FileId, Holder, Left, Record};

/// Outcome of [`PathLock::try_acquire`].
#[derive(Debug)]
pub enum Attempt {
    /// The lock is ours until the value is dropped.
    Held(PathLock),
    /// Somebody else holds it; with what the file says, if that is readable.
    ///
    /// A holder that has only just got the lock may not have written yet, so
    /// the record can be missing or still be its predecessor's.
    Busy(Option<Record>),
    /// This path can have no lock that proves anything.
    Unavailable(Unavailable),
}

/// Why a path can have no lock that proves anything.
///
/// In a shared directory anybody can put a file at the lock's name, so only a
/// plain file of our own, or of root's, counts.
#[derive(Debug, Error)]
pub enum Unavailable {
    /// The name is taken by a symbolic link.
    #[error("the lock file is a symbolic link")]
    Symlink,
    /// The name is taken by something that is not a regular file.
    #[error("the lock file is not a regular file")]
    NotAFile,
    /// Another user owns the file, and could hold its lock for ever.
    #[error("the lock file belongs to user {0}")]
    ForeignOwner(u32),
    /// The file has a second name, so it may be some other file of ours.
    #[error("the lock file has more than one hard link")]
    HardLinked,
    /// The file holds something that we did not write.
    #[error("the lock file holds other data")]
    OtherData,
    /// The lock stayed taken, by nobody who says who it is.
    #[error("the lock is held by an unknown program")]
    HeldByStranger,
    /// The file cannot be opened, created or locked here.
    #[error("the lock file cannot be used: {0}")]
    Unusable(#[source] io::Error),
}

/// A failure that says nothing about the path, such as too many open files.
#[derive(Debug, Error)]
pub enum LockError {
    /// A system call failed.
    #[error("{doing} the lock file failed: {source}")]
    Io {
        /// What was being done to the file.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

/// The lock of one socket path, held until dropped.
#[derive(Debug)]
pub struct PathLock {
    file: File,
    record: Record,
    previous: Option<Record>,
}

impl PathLock {
    /// Takes the lock of socket path `path` without waiting, and records
    /// `as_` and our pid in it.
    ///
    /// # Errors
    ///
    /// Only what is no fact about the path: see [`LockError`].
    pub fn try_acquire(path: &Path, as_: Holder) -> Result<Attempt, LockError> {
        let name = lock_path(path);
        for _ in 0..OPEN_TRIES {
            let file = match open(&name)? {
                Ok(file) => file,
                Err(reason) => return Ok(Attempt::Unavailable(reason)),
            };
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    let text = read(&file).map_err(io_error("reading"))?;
                    return Ok(Attempt::Busy(Record::parse(&text)));
                }
                Err(Errno::INTR) => continue,
                Err(errno) => {
                    return Ok(Attempt::Unavailable(Unavailable::Unusable(errno.into())));
                }
            }
            // Somebody (a cleaner of /tmp, say) may have removed the file
            // since the open: this lock would then exclude nobody.
            let held = FileId::of(&file.metadata().map_err(io_error("examining"))?);
            match fs::symlink_metadata(&name) {
                Ok(meta) if FileId::of(&meta) == held => return Self::take(file, as_),
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error("examining")(error)),
            }
        }
        Ok(Attempt::Unavailable(Unavailable::Unusable(
            Errno::STALE.into(),
        )))
    }

    /// What the file said before we took the lock.
    pub fn previous(&self) -> Option<Record> {
        self.previous
    }

    /// The socket file that an earlier holder may have left at the path.
    pub fn left(&self) -> Option<Left> {
        self.record.left
    }

    /// Records `socket` as the file we serve.
    ///
    /// # Errors
    ///
    /// The write's error; the record is then unchanged.
    pub fn record_socket(&mut self, socket: FileId) -> io::Result<()> {
        self.write(Record {
            socket: Some(socket),
            left: None,
            ..self.record
        })
    }

    /// Records that our socket file is gone, so that no later file with the
    /// same inode number is taken for it.
    ///
    /// # Errors
    ///
    /// The write's error; the record is then unchanged.
    pub fn forget_socket(&mut self) -> io::Result<()> {
        if self.record.socket.is_none() {
            return Ok(());
        }
        self.write(Record {
            socket: None,
            ..self.record
        })
    }

    fn take(file: File, as_: Holder) -> Result<Attempt, LockError> {
        let meta = file.metadata().map_err(io_error("examining"))?;
        let text = read(&file).map_err(io_error("reading"))?;
        let ours = text.is_empty() || text.starts_with(MAGIC);
        if !ours || meta.len() > RECORD_SIZE as u64 {
            return Ok(Attempt::Unavailable(Unavailable::OtherData));
        }
        if meta.uid() == geteuid().as_raw() && meta.mode() & 0o777 != 0o600 {
            // Whoever can open the file can hold its lock, and an unusual
            // umask can shut us out of our own.
            fchmod(&file, PRIVATE).map_err(|errno| io_error("protecting")(errno.into()))?;
        }
        let previous = Record::parse(&text);
        let record = Record {
            holder: as_,
            pid: std::process::id(),
            socket: None,
            left: previous.and_then(|previous| previous.leaves()),
        };
        let mut lock = PathLock {
            file,
            record,
            previous,
        };
        lock.write(record).map_err(io_error("writing"))?;
        Ok(Attempt::Held(lock))
    }

    /// One write of a fixed size: a reader never sees an emptied file, and a
    /// process killed in between leaves the old text or the new.
    fn write(&mut self, record: Record) -> io::Result<()> {
        let width = RECORD_SIZE.saturating_sub(1);
        let text = format!("{:<width$}\n", record.to_string());
        self.file.write_all_at(text.as_bytes(), 0)?;
        self.record = record;
        Ok(())
    }
}

impl Drop for PathLock {
    fn drop(&mut self) {
        // Closing is not enough: a child between fork and exec shares the
        // open file, and would keep the lock until it runs its program.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// The lock file of socket path `path`.
pub fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn open(name: &Path) -> Result<Result<File, Unavailable>, LockError> {
    // NONBLOCK, so that a FIFO or a device at the name cannot hold us up.
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match rustix::fs::open(name, flags, PRIVATE) {
        Ok(fd) => File::from(fd),
        Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::INTR | Errno::IO)) => {
            return Err(io_error("opening")(errno.into()));
        }
        Err(Errno::LOOP) => return Ok(Err(Unavailable::Symlink)),
        Err(Errno::ISDIR | Errno::NXIO) => return Ok(Err(Unavailable::NotAFile)),
        Err(errno) => return Ok(Err(Unavailable::Unusable(errno.into()))),
    };
    let meta = file.metadata().map_err(io_error("examining"))?;
    if !meta.is_file() {
        return Ok(Err(Unavailable::NotAFile));
    }
    if meta.uid() != geteuid().as_raw() && meta.uid() != 0 {
        return Ok(Err(Unavailable::ForeignOwner(meta.uid())));
    }
    if meta.nlink() > 1 {
        return Ok(Err(Unavailable::HardLinked));
    }
    Ok(Ok(file))
}

/// The start of the file, without padding.
fn read(file: &File) -> io::Result<String> {
    let mut buffer = [0; RECORD_SIZE];
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let text = String::from_utf8_lossy(buffer.get(..filled).unwrap_or_default());
    // A power cut can leave a file of zeros.
    Ok(text
        .trim_end_matches(|c: char| c == '\0' || c.is_ascii_whitespace())
        .to_owned())
}

fn io_error(doing: &'static str) -> impl Fn(io::Error) -> LockError {
    move |source| LockError::Io { doing, source }
}

/// The file has to be deleted between open and flock this often in a row
/// before we believe that no lock can be had here.
const OPEN_TRIES: u32 = 16;
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
