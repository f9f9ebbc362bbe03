//! A TCP socket with TLS, for a link that never waits.
//!
//! rustls does no I/O of its own: reading takes bytes from the socket and turns
//! them into plain text, writing the other way round. The handshake needs no
//! stage of its own either. It happens in the first reads and writes, so that a
//! connection is counted, bounded and closed like any other from its first byte.

use std::io::{self, IoSlice, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustls::{ClientConnection, Connection, ServerConnection};
use tokio::net::TcpStream;

use crate::ipc::link::now;
use crate::ipc::tls::{ClientTls, ServerTls, TlsFailure};

/// Records without plain text in them that one read may go through: a peer that
/// sends nothing else must not keep the thread.
const ROUNDS: usize = 32;

/// An encrypted connection.
#[derive(Debug)]
pub struct TlsStream {
    socket: TcpStream,
    state: Mutex<State>,
    /// Until when the handshake has to be done.
    until: Instant,
}

#[derive(Debug)]
struct State {
    tls: Connection,
    /// Bytes of the caller's that are encrypted and not all written yet. Their
    /// number is told once they are, so whoever asks what waits to be written sees
    /// them until then.
    taken: usize,
}

impl TlsStream {
    pub(super) fn server(socket: TcpStream, tls: &ServerTls) -> io::Result<Self> {
        let until = now() + tls.timeout;
        let connection = ServerConnection::new(tls.config.clone()).map_err(io::Error::other)?;
        Ok(Self::new(socket, connection.into(), until))
    }

    pub(super) fn client(socket: TcpStream, tls: &ClientTls) -> io::Result<Self> {
        let until = now() + tls.timeout;
        let connection = ClientConnection::new(tls.config.clone(), tls.name.clone())
            .map_err(io::Error::other)?;
        Ok(Self::new(socket, connection.into(), until))
    }

    fn new(socket: TcpStream, tls: Connection, until: Instant) -> Self {
        Self {
            socket,
            state: Mutex::new(State { tls, taken: 0 }),
            until,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when the handshake has to be done; none once it is.
    pub(super) fn securing_until(&self) -> Option<Instant> {
        self.state().tls.is_handshaking().then_some(self.until)
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.state().read(&self.socket, buffer)
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.state().write(&self.socket, bytes)
    }

    /// Waits until reading makes sense, or until what rustls itself has to say
    /// can be written.
    pub(super) async fn readable(&self) -> io::Result<()> {
        let has_to_write = {
            let mut state = self.state();
            match state.tls.process_new_packets() {
                // What is decrypted already, the socket will not tell of again.
                Ok(known) if known.plaintext_bytes_to_read() > 0 || known.peer_has_closed() => {
                    return Ok(())
                }
                Ok(_) => state.tls.wants_write(),
                Err(_) => return Ok(()),
            }
        };
        tokio::select! {
            readable = self.socket.readable() => readable,
            writable = self.socket.writable(), if has_to_write => writable,
        }
    }

    /// Waits until writing makes sense. While it is the peer's turn in the
    /// handshake it never does, however empty the socket's buffer is.
    pub(super) async fn writable(&self) -> io::Result<()> {
        let peers_turn = {
            let state = self.state();
            state.tls.is_handshaking() && !state.tls.wants_write()
        };
        if peers_turn {
            return std::future::pending().await;
        }
        self.socket.writable().await
    }
}

impl Drop for TlsStream {
    /// Says goodbye in the words of TLS, if the socket takes them. Our frames tell
    /// the end of everything themselves, so nothing depends on it.
    fn drop(&mut self) {
        let mut state = self.state();
        state.tls.send_close_notify();
        let _ = state.send(&self.socket);
    }
}

impl State {
    fn read(&mut self, socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        for _ in 0..ROUNDS {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A peer that was killed did not say goodbye. Every frame has its
                // length, so a cut is noticed without TLS.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                plain => return plain,
            }
            match self.tls.read_tls(&mut Socket(socket)) {
                Ok(0) if self.tls.is_handshaking() => return Err(TlsFailure::cut_short().into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.send(socket).map_err(|error| self.explain(error))?;
                    return Err(error);
                }
                Err(error) => return Err(self.explain(error)),
            }
            let handshaking = self.tls.is_handshaking();
            if let Err(error) = self.tls.process_new_packets() {
                // The alert tells the other side why, as far as it gets.
                let _ = self.send(socket);
                return Err(TlsFailure::from_rustls(&error, handshaking).into());
            }
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    fn write(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        self.send_all(socket)?;
        if self.tls.is_handshaking() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.taken == 0 {
            self.taken = self.tls.writer().write(bytes)?;
            self.send_all(socket)?;
        }
        Ok(std::mem::take(&mut self.taken))
    }

    /// What it means that the socket failed: in a handshake, hardly ever the network.
    fn explain(&self, error: io::Error) -> io::Error {
        if self.tls.is_handshaking() && is_gone(&error) {
            TlsFailure::cut_short().into()
        } else {
            error
        }
    }

    /// Writes what rustls has, as far as the socket takes it.
    fn send(&mut self, socket: &TcpStream) -> io::Result<()> {
        match self.send_all(socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            sent => sent,
        }
    }

    /// Writes all that rustls has; `WouldBlock` if the socket does not take it.
    fn send_all(&mut self, socket: &TcpStream) -> io::Result<()> {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut Socket(socket))? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

/// The socket as rustls wants it.
struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
