//! Unix sockets. How the socket file comes about is in `bind`.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use super::bind::{self, BindError, BindOptions};
use super::{Bound, Credentials, Listener, Obstacle, Refused, Stream};
use crate::ipc::endpoint::Address;
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::lock::Holder;
use crate::ipc::options::ServerOptions;

/// Connections that the kernel keeps for us; it cuts this at its own limit.
const BACKLOG: i32 = 4096;
/// How soon to try again at a server whose backlog is full.
const BACKLOG_WAIT: Duration = Duration::from_millis(10);
/// How long another server may take to start or stop on the same path.
const LOCK_WAIT: Duration = Duration::from_secs(2);

pub(super) async fn listen(path: PathBuf, options: &ServerOptions) -> Result<Bound, Refused> {
    let bind_options = BindOptions {
        mode: options.socket_mode,
        cleanup: options.cleanup,
        holder: if options.hub {
            Holder::Hub
        } else {
            Holder::Server
        },
        lock_wait: LOCK_WAIT,
        backlog: BACKLOG,
    };
    let shown = path.clone();
    // Locks and file systems may block; the I/O thread must not.
    let bound = tokio::task::spawn_blocking(move || {
        let insecure = bind::insecure_directory(&path);
        bind::bind(&path, &bind_options).map(|bound| (bound, insecure))
    })
    .await
    .map_err(|error| Error::local(ErrorCode::Internal, error.to_string()))?;
    let (bound, insecure_directory) = bound.map_err(|error| Refused {
        by: obstacle(&error),
        error: explain(error, &shown),
    })?;
    let (listener, guard) = bound.into_parts();
    let listener = UnixListener::from_std(listener)
        .map_err(|error| Error::os(&error, format_args!("Cannot listen on {}", shown.display())))?;
    Ok(Bound {
        listener: Listener::Unix(listener),
        address: Address::Path(shown),
        guard: Some(guard),
        insecure_directory,
    })
}

fn explain(error: BindError, path: &Path) -> Error {
    let code = code_of(&error);
    let path = path.display();
    Error::io(
        code,
        format!("Cannot listen on {path}: {}: {error}", code.as_str()),
    )
}

fn obstacle(error: &BindError) -> Obstacle {
    match error {
        BindError::AddressInUse {
            holder: Some(record),
        } => match record.holder {
            Holder::Hub => Obstacle::Hub,
            Holder::Server => Obstacle::Holder,
        },
        BindError::AddressInUse { holder: None } => Obstacle::File,
        _ => Obstacle::Other,
    }
}

fn code_of(error: &BindError) -> ErrorCode {
    match error {
        BindError::PathTooLong { .. } => ErrorCode::PathTooLong,
        BindError::Nul | BindError::Abstract | BindError::NoFileName => ErrorCode::InvalidPath,
        BindError::NotASocket { .. } => ErrorCode::NotASocket,
        BindError::AddressInUse { .. } => ErrorCode::Os("EADDRINUSE"),
        BindError::NoLock(_) => ErrorCode::Os("ENOLCK"),
        BindError::Io { source, .. } => ErrorCode::Os(crate::ipc::error::os_name(source)),
    }
}

/// The same bounds as for listening: a path is never cut, and never taken for an
/// abstract name, which has no permissions.
pub(super) fn check(path: &Path) -> Result<(), Error> {
    let bytes = path.as_os_str().as_bytes();
    let error = if bind::is_abstract(bytes) {
        BindError::Abstract
    } else if bytes.len() > bind::MAX_PATH {
        BindError::PathTooLong {
            length: bytes.len(),
        }
    } else if bytes.contains(&0) {
        BindError::Nul
    } else {
        return Ok(());
    };
    Err(Error::local(
        code_of(&error),
        format!("Cannot connect: {error}"),
    ))
}

pub(super) async fn connect(path: &Path) -> io::Result<Stream> {
    loop {
        match UnixStream::connect(path).await {
            // Linux says so of a server whose backlog is full: it lives and is
            // busy. The caller bounds the wait.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(BACKLOG_WAIT).await,
            connected => return connected.map(Stream::Unix),
        }
    }
}

/// Whether both directions are closed. Asked once per connection.
pub(super) fn is_hung_up(stream: &impl AsFd) -> bool {
    use rustix::event::{poll, PollFd, PollFlags, Timespec};
    let mut fds = [PollFd::new(stream, PollFlags::empty())];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // If asking fails nothing is known, and nothing can be sent either.
    poll(&mut fds, Some(&at_once)).is_err()
        || fds
            .iter()
            .any(|fd| fd.revents().intersects(PollFlags::HUP | PollFlags::ERR))
}

pub(super) fn credentials(stream: &UnixStream) -> Credentials {
    match stream.peer_cred() {
        Ok(peer) => Credentials {
            pid: peer.pid(),
            uid: Some(peer.uid()),
            gid: Some(peer.gid()),
        },
        Err(_) => Credentials::default(),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::net::{accept, bind, listen, socket, AddressFamily, SocketAddrUnix, SocketType};

    #[tokio::test]
    async fn a_full_backlog_is_waited_for() {
        let folder = std::env::temp_dir().join(format!("backlog-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the socket");
        let path = folder.join("s");
        let server = socket(AddressFamily::UNIX, SocketType::STREAM, None).expect("a socket");
        bind(&server, &SocketAddrUnix::new(&path).expect("short")).expect("free");
        listen(&server, 0).expect("it listens");

        let first = connect(&path).await.expect("the backlog has room for one");
        let blocked = UnixStream::connect(&path).await.map(|_| ());
        assert_eq!(
            blocked.map_err(|error| error.kind()),
            Err(io::ErrorKind::WouldBlock)
        );
        let wait = Duration::from_millis(50);
        let second = connect(&path);
        tokio::pin!(second);
        assert!(tokio::time::timeout(wait, &mut second).await.is_err());
        let taken = accept(&server).expect("the first waits");
        let second = second.await;
        std::fs::remove_dir_all(&folder).expect("removed");
        assert!(second.is_ok());
        drop((first, taken));
    }
}
