//! Windows named pipes.
//!
//! A pipe has no backlog: each waiting client needs an instance of its own, so
//! the next instance is created before the last one is handed out.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeServer, ServerOptions};

use super::{Bound, Listener, Obstacle, Refused, Stream};
use crate::ipc::endpoint::{pipe_name, Address};
use crate::ipc::error::Error;

/// All instances are taken: the server has not created the next one yet.
const ERROR_PIPE_BUSY: i32 = 231;
/// How often a busy pipe is tried, and how long to wait between.
const BUSY_ATTEMPTS: u32 = 100;
const BUSY_DELAY: Duration = Duration::from_millis(10);

/// A named pipe and the instance that waits for the next client.
#[derive(Debug)]
pub struct PipeListener {
    name: String,
    next: NamedPipeServer,
}

pub(super) fn listen(path: &Path) -> Result<Bound, Refused> {
    let name = pipe_name(&path.to_string_lossy());
    // The first instance fails if the name is taken, which keeps another
    // process from receiving our clients.
    let next = create(&name, true).map_err(|error| Refused {
        // Who has the name can't be looked up, only asked.
        by: match error.kind() {
            io::ErrorKind::PermissionDenied => Obstacle::Hub,
            _ => Obstacle::Other,
        },
        error: Error::os(&error, format_args!("Cannot listen on {name}")),
    })?;
    Ok(Bound {
        listener: Listener::Pipe(PipeListener {
            name: name.clone(),
            next,
        }),
        address: Address::Path(name.into()),
        insecure_directory: false,
    })
}

fn create(name: &str, first: bool) -> io::Result<NamedPipeServer> {
    // reject_remote_clients last: setting the pipe mode afterwards would undo it
    // (RUSTSEC-2023-0001).
    ServerOptions::new()
        .first_pipe_instance(first)
        .reject_remote_clients(true)
        .create(name)
}

impl PipeListener {
    pub(super) async fn accept(&mut self) -> io::Result<Stream> {
        self.next.connect().await?;
        let next = create(&self.name, false)?;
        Ok(Stream::PipeServer(std::mem::replace(&mut self.next, next)))
    }
}

pub(super) async fn connect(path: &Path) -> io::Result<Stream> {
    let name = pipe_name(&path.to_string_lossy());
    let mut attempts = 0;
    loop {
        match ClientOptions::new().open(&name) {
            Ok(client) => return Ok(Stream::PipeClient(client)),
            Err(error)
                if error.raw_os_error() == Some(ERROR_PIPE_BUSY) && attempts < BUSY_ATTEMPTS =>
            {
                attempts += 1;
                tokio::time::sleep(BUSY_DELAY).await;
            }
            Err(error) => return Err(error),
        }
    }
}
