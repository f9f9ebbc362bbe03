//! The socket once it is there, and the keeper of its file.
//!
//! Two values, because they end at different times: a server hands the
//! listener to its runtime, while whoever keeps the guard decides when the file
//! goes.

use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::Claim;
use crate::ipc::lock::{FileId, Unavailable};

/// A listening socket on a path of the file system.
///
/// Dropping it removes the file and then closes the socket.
#[derive(Debug)]
pub struct BoundSocket {
    // Before the listener: see `SocketGuard`.
    pub(super) guard: SocketGuard,
    pub(super) listener: UnixListener,
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
    pub(super) path: PathBuf,
    pub(super) socket: FileId,
    pub(super) claim: Claim,
    pub(super) released: bool,
    // Keeps the inode number from being given to another file.
    pub(super) _pin: Option<File>,
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
        crate::ipc::faults::bug("unbind");
        // The lock, a field, goes after this.
        let _ = self.remove();
    }
}
