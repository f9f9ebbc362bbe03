//! Windows named pipes.
//!
//! A pipe has no backlog: each waiting client needs an instance of its own. So
//! a few instances always wait, and each is replaced before the client that
//! took it is handed out.
//!
//! Two things keep a name for one server. A second pipe, `<name>.lock`, of which there
//! can be one instance only, is its lock file: it goes with its holder, and says that
//! one of ours serves or starts here. And the first instance of the pipe itself is
//! denied as long as anybody has another: a stranger, or the connections that a
//! server which has gone left behind.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::windows::named_pipe::{
    ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions,
};
use tokio::time::sleep;

use super::{Bound, Credentials, Listener, Obstacle, Refused, Stream};
use crate::ipc::endpoint::{is_pipe_name, pipe_name, Address, LONGEST_PIPE_NAME, PIPE_PREFIX};
use crate::ipc::error::{Error, ErrorCode};
use crate::sys::pipe::{client_process, server_process, OwnerOnly};

/// What the name of a pipe's lock ends with.
const LOCK: &str = ".lock";
/// All instances are taken: the server accepts too slowly, or has stopped.
const ERROR_PIPE_BUSY: i32 = 231;
/// How soon to try again at a server whose instances are all taken.
const BUSY_WAIT: Duration = Duration::from_millis(10);
/// Instances that wait for clients, which is what many may connect at the same
/// moment without trying again. libuv keeps four.
const WAITING: usize = 16;
/// Bytes written at once. A write is under way until the peer has read most of
/// it: what is above this stays in our queue, where it counts.
const WRITE_SIZE: usize = 64 * 1024;

/// A named pipe and the instances that wait for clients.
pub struct PipeListener {
    name: String,
    owner: OwnerOnly,
    waiting: Vec<Waiting>,
    _lock: NamedPipeServer,
}

/// Gives the instance back, with a client or without.
type Waiting = Pin<Box<dyn Future<Output = (NamedPipeServer, io::Result<()>)> + Send + Sync>>;

pub(super) fn listen(path: &Path) -> Result<Bound, Refused> {
    check(path)?;
    let name = name_of(path).map_err(|error| cannot_listen(&error, path))?;
    let listener = PipeListener::new(&name).map_err(|error| cannot_listen(&error, path))?;
    Ok(Bound {
        listener: Listener::Pipe(listener),
        address: Address::Path(name.into()),
        insecure_directory: false,
    })
}

fn cannot_listen(error: &io::Error, path: &Path) -> Refused {
    let doing = format!("Cannot listen on {}", path.display());
    let taken = error.kind() == io::ErrorKind::PermissionDenied
        || error.raw_os_error() == Some(ERROR_PIPE_BUSY);
    if !taken {
        return Refused {
            error: Error::os(error, doing),
            by: Obstacle::Other,
        };
    }
    // Who has the name can't be looked up, only asked.
    Refused {
        error: Error::io(
            ErrorCode::Os("EADDRINUSE"),
            format!("{doing}: EADDRINUSE: address already in use"),
        ),
        by: Obstacle::Hub,
    }
}

/// Refuses what no pipe can be called.
///
/// # Errors
/// `EINVAL` for a name that is empty or has a NUL, `ENAMETOOLONG`.
pub(super) fn check(path: &Path) -> Result<(), Error> {
    let text = path.to_string_lossy();
    let code = if text.contains('\0') {
        "EINVAL"
    } else if !is_pipe_name(&text) {
        return Ok(());
    } else if text.len() == PIPE_PREFIX.len() {
        "EINVAL"
    } else if text.encode_utf16().count() + LOCK.len() > LONGEST_PIPE_NAME {
        "ENAMETOOLONG"
    } else {
        return Ok(());
    };
    Err(Error::local(
        ErrorCode::Os(code),
        format!(
            "{code}: a pipe's name has 1 to {} characters and no NUL",
            LONGEST_PIPE_NAME - PIPE_PREFIX.len() - LOCK.len()
        ),
    ))
}

/// The pipe of a path. A relative one belongs to the working directory, as that of
/// a socket does; one that starts at a root is taken as it is written, so that
/// `/tmp/app.sock` is one place whatever the current drive.
fn name_of(path: &Path) -> io::Result<String> {
    let text = path.to_string_lossy();
    if is_pipe_name(&text) || path.has_root() {
        return Ok(pipe_name(&text));
    }
    Ok(pipe_name(&std::path::absolute(path)?.to_string_lossy()))
}

impl PipeListener {
    fn new(name: &str) -> io::Result<Self> {
        let owner = OwnerOnly::new()?;
        let mut options = ServerOptions::new();
        options
            .max_instances(1)
            .first_pipe_instance(true)
            .reject_remote_clients(true);
        let lock = owner.create(&options, &format!("{name}{LOCK}"))?;
        // Nobody else must receive our clients.
        let first = create(&owner, name, true)?;
        Ok(Self {
            name: name.to_owned(),
            owner,
            waiting: vec![waiting(first)],
            _lock: lock,
        })
    }

    /// # Cancel safety
    /// Safe: instances and their clients stay.
    pub(super) async fn accept(&mut self) -> io::Result<Stream> {
        self.replenish()?;
        let (server, connected) = std::future::poll_fn(|cx| self.poll_connected(cx)).await;
        connected?;
        // Before anybody else comes. If there is no memory for it, others wait
        // still, and the next accept() tells.
        let _ = self.replenish();
        Ok(Stream::PipeServer(server))
    }

    /// Has as many instances wait as there should be; fails if none does.
    fn replenish(&mut self) -> io::Result<()> {
        while self.waiting.len() < WAITING {
            match create(&self.owner, &self.name, false) {
                Ok(server) => self.waiting.push(waiting(server)),
                Err(error) if self.waiting.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<(NamedPipeServer, io::Result<()>)> {
        for at in 0..self.waiting.len() {
            let Some(instance) = self.waiting.get_mut(at) else {
                break;
            };
            if let Poll::Ready(done) = instance.as_mut().poll(cx) {
                drop(self.waiting.swap_remove(at));
                return Poll::Ready(done);
            }
        }
        Poll::Pending
    }
}

impl fmt::Debug for PipeListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeListener")
            .field("name", &self.name)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

fn waiting(server: NamedPipeServer) -> Waiting {
    Box::pin(async move {
        let connected = server.connect().await;
        (server, connected)
    })
}

fn create(owner: &OwnerOnly, name: &str, first: bool) -> io::Result<NamedPipeServer> {
    let mut options = ServerOptions::new();
    // reject_remote_clients last: setting the pipe mode afterwards would undo it
    // (RUSTSEC-2023-0001).
    options
        .first_pipe_instance(first)
        .reject_remote_clients(true);
    owner.create(&options, name)
}

pub(super) async fn connect(path: &Path) -> io::Result<Stream> {
    let name = name_of(path)?;
    loop {
        // tokio lets the server know who we are, and not act in our name.
        match ClientOptions::new().open(&name) {
            Ok(client) => return Ok(Stream::PipeClient(client)),
            // It lives and is busy. The caller bounds the wait.
            Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) => sleep(BUSY_WAIT).await,
            Err(error) => return Err(error),
        }
    }
}

/// What is to be written at once.
pub(super) fn piece(bytes: &[u8]) -> &[u8] {
    bytes.get(..WRITE_SIZE).unwrap_or(bytes)
}

pub(super) fn client_of(pipe: &NamedPipeServer) -> Credentials {
    process(client_process(pipe))
}

pub(super) fn server_of(pipe: &NamedPipeClient) -> Credentials {
    process(server_process(pipe))
}

/// Of the user it is known without asking that the pipe lets him in.
fn process(pid: Option<u32>) -> Credentials {
    Credentials {
        pid: pid.and_then(|pid| i32::try_from(pid).ok()),
        ..Credentials::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn fresh(name: &str) -> PathBuf {
        format!(r"\\.\pipe\{name}-{}", std::process::id()).into()
    }

    fn listener(path: &Path) -> Listener {
        listen(path).expect("the name is free").listener
    }

    #[tokio::test]
    async fn a_name_has_one_listener_until_that_is_dropped() {
        let path = fresh("taken");
        let mut first = listener(&path);
        let refused = listen(&path).expect_err("taken");
        assert_eq!(refused.error.code.as_str(), "EADDRINUSE");
        assert_eq!(refused.by, Obstacle::Hub);
        let client = connect(&path).await.expect("somebody listens");
        let served = first.accept().await.expect("a client waits");
        drop((first, client, served));
        // The system takes a moment to close what is still waited for.
        let until = tokio::time::Instant::now() + Duration::from_secs(10);
        while let Err(refused) = listen(&path) {
            assert_eq!(refused.error.code.as_str(), "EADDRINUSE");
            assert!(tokio::time::Instant::now() < until, "the name stays taken");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn more_clients_than_instances_wait_and_are_all_served() {
        let path = fresh("many");
        let mut server = listener(&path);
        let clients: Vec<_> = (0..4 * WAITING)
            .map(|_| {
                let path = path.clone();
                tokio::spawn(async move { connect(&path).await })
            })
            .collect();
        let mut served = Vec::new();
        while served.len() < clients.len() {
            served.push(server.accept().await.expect("clients wait"));
        }
        for client in clients {
            assert!(client.await.expect("no panic").is_ok());
        }
    }

    #[tokio::test]
    async fn a_client_that_went_before_it_was_accepted_is_no_failure() {
        let path = fresh("fickle");
        let mut server = listener(&path);
        drop(connect(&path).await.expect("it listens"));
        let served = server.accept().await.expect("who is gone again");
        served.readable().await.expect("the end is readable");
        assert_eq!(served.try_read(&mut [0; 8]).expect("the end"), 0);
        let client = connect(&path).await.expect("it listens still");
        server.accept().await.expect("the next one");
        drop(client);
    }

    #[tokio::test]
    async fn both_ends_know_the_process_at_the_other() {
        let path = fresh("who");
        let mut server = listener(&path);
        let client = connect(&path).await.expect("it listens");
        let served = server.accept().await.expect("a client");
        let own = i32::try_from(std::process::id()).ok();
        assert_eq!(client.credentials().pid, own);
        assert_eq!(served.credentials().pid, own);
    }

    #[tokio::test]
    async fn nobody_there_is_enoent() {
        let error = connect(&fresh("nobody")).await.expect_err("nobody listens");
        assert_eq!(crate::ipc::error::os_name(&error), "ENOENT");
    }

    #[tokio::test]
    async fn many_start_at_the_same_moment_and_one_gets_the_name() {
        let path = fresh("race");
        let results: Vec<_> = (0..8).map(|_| listen(&path)).collect();
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    }

    #[test]
    fn names_that_no_pipe_can_have_are_refused() {
        let long = format!(r"\\.\pipe\{}", "x".repeat(LONGEST_PIPE_NAME));
        for (path, code) in [
            (r"\\.\pipe\", "EINVAL"),
            ("a\0b", "EINVAL"),
            (long.as_str(), "ENAMETOOLONG"),
        ] {
            let error = check(Path::new(path)).expect_err(path);
            assert_eq!(error.code.as_str(), code);
        }
        assert!(check(Path::new(&"x".repeat(1000))).is_ok());
    }

    #[test]
    fn relative_paths_belong_to_the_working_directory_and_rooted_ones_to_no_drive() {
        let here = std::env::current_dir().expect("a working directory");
        let absolute = here.join("app.sock");
        let name = |path: &Path| name_of(path).expect("a name");
        assert_eq!(name(Path::new("app.sock")), name(&absolute));
        assert_eq!(name(Path::new("sub/../app.sock")), name(&absolute));
        assert_eq!(name(Path::new("/tmp/app.sock")), pipe_name("/tmp/app.sock"));
    }
}
