//! Sockets of all kinds behind two enums. Platform code stays below them.

#[cfg(unix)]
pub mod bind;
#[cfg(target_os = "linux")]
mod passing;
#[cfg(windows)]
mod pipe;
#[cfg(unix)]
mod released;
mod tcp;
mod tls;
#[cfg(unix)]
mod unix;

use std::io::{self, IoSlice};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(unix)]
use std::sync::Arc;
use std::time::Instant;

use tokio::net::{TcpListener, TcpStream};

use super::endpoint::Address;
use super::error::Error;
use super::options::ServerOptions;
use super::tls::{ClientTls, ServerTls};

#[cfg(unix)]
pub use released::Released;

/// Threads for calls that block: sockets and their locks, files. Host names are
/// looked up elsewhere, as that may take very long.
pub const BLOCKING_THREADS: usize = 1;

/// Who is on the other end, as the kernel says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Process. May be reused by another one; for information only.
    pub pid: Option<i32>,
    /// User.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
}

/// A connected socket. Reading and writing never wait.
#[derive(Debug)]
pub enum Stream {
    /// A Unix socket.
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
    /// TCP.
    Tcp(TcpStream),
    /// TCP with TLS.
    Tls(Box<tls::TlsStream>),
    /// Either of them, once tokio has let it go.
    #[cfg(unix)]
    Released(Arc<Released>),
    /// The server's end of a named pipe.
    #[cfg(windows)]
    PipeServer(tokio::net::windows::named_pipe::NamedPipeServer),
    /// The client's end of a named pipe.
    #[cfg(windows)]
    PipeClient(tokio::net::windows::named_pipe::NamedPipeClient),
}

/// Calls the same method on whatever the stream is.
macro_rules! each {
    ($self:ident, $stream:ident => $call:expr, $released:ident => $else:expr) => {
        match $self {
            #[cfg(unix)]
            Stream::Unix($stream) => $call,
            Stream::Tcp($stream) => $call,
            Stream::Tls($stream) => $call,
            #[cfg(unix)]
            Stream::Released($released) => $else,
            #[cfg(windows)]
            Stream::PipeServer($stream) => $call,
            #[cfg(windows)]
            Stream::PipeClient($stream) => $call,
        }
    };
}

impl Stream {
    /// Reads what is there; `WouldBlock` if nothing is.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let buffer = super::faults::shorten_read(buffer)?;
        each!(self, stream => stream.try_read(buffer), released => released.try_read(buffer))
    }

    /// Writes what the kernel takes; `WouldBlock` if it takes nothing.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = super::faults::shorten_write(bytes)?;
        #[cfg(windows)]
        let bytes = match self {
            Stream::PipeServer(_) | Stream::PipeClient(_) => pipe::piece(bytes),
            Stream::Tcp(_) | Stream::Tls(_) => bytes,
        };
        each!(self, stream => stream.try_write(bytes), released => released.try_write(bytes))
    }

    /// Writes what the kernel takes of one, then of the other.
    ///
    /// # Errors
    /// As of [`try_write`](Self::try_write).
    pub(super) fn try_write_both(&self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        let limit = super::faults::shorten_splice_out(first.len() + second.len())?;
        let (first, second) = match limit.checked_sub(first.len()) {
            Some(left) => (first, second.get(..left).unwrap_or(second)),
            None => (first.get(..limit).unwrap_or(first), &[][..]),
        };
        let both = [IoSlice::new(first), IoSlice::new(second)];
        match self {
            #[cfg(unix)]
            Stream::Unix(stream) => stream.try_write_vectored(&both),
            Stream::Tcp(stream) => stream.try_write_vectored(&both),
            #[cfg(unix)]
            Stream::Released(stream) => stream.try_write_both(&both),
            Stream::Tls(_) => self.try_write(first),
            #[cfg(windows)]
            Stream::PipeServer(_) | Stream::PipeClient(_) => self.try_write(first),
        }
    }

    /// The socket, if its bytes are ours as they are: those of TLS are not.
    #[cfg(unix)]
    pub(super) fn plain(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Stream::Unix(stream) => Some(stream.as_fd()),
            Stream::Tcp(stream) => Some(stream.as_fd()),
            Stream::Tls(_) => None,
            Stream::Released(stream) => Some(stream.as_fd()),
        }
    }

    /// Lets `write` write to the socket, if it may take something.
    ///
    /// # Errors
    /// Those of `write`; `WouldBlock` as of [`try_write`](Self::try_write);
    /// `Unsupported` if the socket is not [`plain`](Self::plain).
    #[cfg(unix)]
    pub(super) fn try_write_with(
        &self,
        mut write: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        use tokio::io::Interest;
        match self {
            Stream::Unix(it) => it.try_io(Interest::WRITABLE, || write(it.as_fd())),
            Stream::Tcp(it) => it.try_io(Interest::WRITABLE, || write(it.as_fd())),
            Stream::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
            Stream::Released(it) => write(it.as_fd()),
        }
    }

    /// After the end of input: whether nobody reads on the other side either.
    ///
    /// TCP can't tell a peer that has finished sending from one that is gone.
    pub fn peer_is_gone(&self) -> bool {
        match self {
            #[cfg(unix)]
            Stream::Unix(stream) => unix::is_hung_up(stream),
            Stream::Tcp(_) | Stream::Tls(_) => false,
            #[cfg(unix)]
            Stream::Released(stream) => stream.is_hung_up(),
            #[cfg(windows)]
            Stream::PipeServer(_) | Stream::PipeClient(_) => true,
        }
    }

    /// Takes the socket away from tokio, on whose runtime nothing is to wait
    /// for it any more.
    ///
    /// # Errors
    /// Those of the operating system; the socket is closed then.
    #[cfg(unix)]
    pub(super) fn release(self) -> io::Result<Self> {
        Ok(Stream::Released(match self {
            Stream::Unix(stream) => Arc::new(Released::unix(stream)?),
            Stream::Tcp(stream) => Arc::new(Released::tcp(stream)?),
            // What has been read of it is not all in the socket any more.
            Stream::Tls(_) => return Err(io::ErrorKind::Unsupported.into()),
            Stream::Released(stream) => stream,
        }))
    }

    /// Whether bytes pass through TLS, so that only tokio can wait for them.
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }

    /// Until when a TLS handshake that is under way has to be done.
    pub(super) fn securing_until(&self) -> Option<Instant> {
        match self {
            Stream::Tls(stream) => stream.securing_until(),
            _ => None,
        }
    }

    /// What to wait for, once tokio has let it go.
    #[cfg(unix)]
    pub(super) fn released(&self) -> Option<Arc<Released>> {
        match self {
            Stream::Released(stream) => Some(stream.clone()),
            _ => None,
        }
    }

    /// Waits until reading makes sense; for ever once tokio has let go.
    ///
    /// # Errors
    /// Those of the operating system.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub async fn readable(&self) -> io::Result<()> {
        each!(self, stream => stream.readable().await, _released => std::future::pending().await)
    }

    /// Waits until writing makes sense; for ever once tokio has let go.
    ///
    /// # Errors
    /// Those of the operating system.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub async fn writable(&self) -> io::Result<()> {
        each!(self, stream => stream.writable().await, _released => std::future::pending().await)
    }

    /// The same socket with TLS, if it is TCP.
    fn encrypted(
        self,
        wrap: impl FnOnce(TcpStream) -> io::Result<tls::TlsStream>,
    ) -> io::Result<Self> {
        match self {
            Stream::Tcp(socket) => Ok(Stream::Tls(Box::new(wrap(socket)?))),
            other => Ok(other),
        }
    }

    /// A Unix socket that tokio has not let go.
    #[cfg(unix)]
    pub fn unix(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Stream::Unix(stream) => Some(stream.as_fd()),
            _ => None,
        }
    }

    /// Whether descriptors may pass between the peer and us: not on this system.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn shares_memory(&self) -> bool {
        false
    }

    /// Who is on the other end; nothing is known over TCP.
    pub fn credentials(&self) -> Credentials {
        match self {
            #[cfg(unix)]
            Stream::Unix(stream) => unix::credentials(stream),
            #[cfg(windows)]
            Stream::PipeServer(stream) => pipe::client_of(stream),
            #[cfg(windows)]
            Stream::PipeClient(stream) => pipe::server_of(stream),
            _ => Credentials::default(),
        }
    }
}

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    /// A Unix socket.
    #[cfg(unix)]
    Unix(tokio::net::UnixListener),
    /// TCP.
    Tcp(TcpListener, bool),
    /// TCP with TLS.
    Tls(TcpListener, bool, ServerTls),
    /// A named pipe.
    #[cfg(windows)]
    Pipe(pipe::PipeListener),
}

impl Listener {
    /// Waits for the next connection.
    ///
    /// # Errors
    /// Those of the operating system. None of them means that listening is over.
    pub async fn accept(&mut self) -> io::Result<Stream> {
        super::faults::accept()?;
        match self {
            #[cfg(unix)]
            Listener::Unix(listener) => Ok(Stream::Unix(listener.accept().await?.0)),
            Listener::Tcp(listener, no_delay) => tcp::accept(listener, *no_delay).await,
            Listener::Tls(listener, no_delay, tls) => {
                let stream = tcp::accept(listener, *no_delay).await?;
                stream.encrypted(|socket| tls::TlsStream::server(socket, tls))
            }
            #[cfg(windows)]
            Listener::Pipe(listener) => listener.accept().await,
        }
    }
}

impl Listener {
    /// The same socket with TLS, if that is asked for and it is TCP.
    fn encrypted(self, tls: Option<&ServerTls>) -> Self {
        match (self, tls) {
            (Listener::Tcp(listener, no_delay), Some(tls)) => {
                Listener::Tls(listener, no_delay, tls.clone())
            }
            (listener, _) => listener,
        }
    }
}

/// A listening socket and what has to be cleaned up after it.
#[derive(Debug)]
pub struct Bound {
    /// The socket.
    pub listener: Listener,
    /// The address that clients connect to, with the port that was chosen.
    pub address: Address,
    /// Removes the socket file when dropped, if it is still ours.
    #[cfg(unix)]
    pub guard: Option<bind::SocketGuard>,
    /// The directory lets others replace the socket file.
    pub insecure_directory: bool,
}

/// Why listening was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    /// With the errno as code, or the code of a path that can't be used.
    pub(crate) error: Error,
    /// What is in the way.
    pub(crate) by: Obstacle,
}

/// What keeps an address from being listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Only a socket path tells who holds it.
#[cfg_attr(not(unix), allow(dead_code))]
pub(crate) enum Obstacle {
    /// A hub has it, or may have it.
    Hub,
    /// Somebody else has it, or is starting or stopping there.
    Holder,
    /// A socket file that is not ours to remove, or a holder we know nothing of.
    File,
    /// Nothing that anybody could clear away.
    Other,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self {
            error,
            by: Obstacle::Other,
        }
    }
}

/// Starts to listen.
pub(crate) async fn listen(options: &ServerOptions) -> Result<Bound, Refused> {
    match &options.address {
        #[cfg(unix)]
        Address::Path(path) => unix::listen(path.clone(), options).await,
        #[cfg(windows)]
        Address::Path(path) => pipe::listen(path),
        Address::Tcp { host, port } => {
            let mut bound = tcp::listen(host, *port, options.no_delay).await?;
            bound.listener = bound.listener.encrypted(options.tls.as_ref());
            Ok(bound)
        }
    }
}

/// Whether an address can be connected to at all, before it is tried.
///
/// # Errors
/// For a socket path that the system would cut off or misread.
pub fn check(address: &Address) -> Result<(), Error> {
    match address {
        #[cfg(unix)]
        Address::Path(path) => unix::check(path),
        #[cfg(windows)]
        Address::Path(path) => pipe::check(path),
        Address::Tcp { .. } => Ok(()),
    }
}

/// Connects, once.
///
/// # Errors
/// Those of the operating system.
pub async fn connect(
    address: &Address,
    no_delay: bool,
    tls: Option<&ClientTls>,
) -> io::Result<Stream> {
    match address {
        #[cfg(unix)]
        Address::Path(path) => unix::connect(path).await,
        #[cfg(windows)]
        Address::Path(path) => pipe::connect(path).await,
        Address::Tcp { host, port } => {
            let stream = tcp::connect(host, *port, no_delay).await?;
            match tls {
                None => Ok(stream),
                Some(tls) => stream.encrypted(|socket| tls::TlsStream::client(socket, tls)),
            }
        }
    }
}
