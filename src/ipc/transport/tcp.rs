//! TCP.

use std::io;

use tokio::net::{TcpListener, TcpStream};

use super::{Bound, Listener, Stream};
use crate::ipc::endpoint::Address;
use crate::ipc::error::Error;

pub(super) async fn listen(host: &str, port: u16, no_delay: bool) -> Result<Bound, Error> {
    // tokio sets SO_REUSEADDR, so a restart does not wait for TIME_WAIT.
    let listener = TcpListener::bind((host, port))
        .await
        .map_err(|error| Error::os(&error, format_args!("Cannot listen on {host}:{port}")))?;
    let port = listener
        .local_addr()
        .map(|address| address.port())
        .unwrap_or(port);
    Ok(Bound {
        listener: Listener::Tcp(listener, no_delay),
        address: Address::Tcp {
            host: host.to_owned(),
            port,
        },
        #[cfg(unix)]
        guard: None,
        insecure_directory: false,
    })
}

pub(super) async fn accept(listener: &TcpListener, no_delay: bool) -> io::Result<Stream> {
    let (stream, _) = listener.accept().await?;
    // A peer that has gone already shows up when reading.
    let _ = stream.set_nodelay(no_delay);
    Ok(Stream::Tcp(stream))
}

pub(super) async fn connect(host: &str, port: u16, no_delay: bool) -> io::Result<Stream> {
    let stream = TcpStream::connect((host, port)).await?;
    // A peer that has gone already shows up when reading.
    let _ = stream.set_nodelay(no_delay);
    Ok(Stream::Tcp(stream))
}
