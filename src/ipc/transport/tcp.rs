//! TCP.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, Semaphore};

use super::{Bound, Listener, Stream};
use crate::ipc::endpoint::Address;
use crate::ipc::error::Error;

/// Silence after which the kernel asks whether the peer is there. The heartbeat is
/// sooner, but may be off.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// One look-up at a time; one that nobody waits for any more goes on, so the thread
/// keeps the permit, not the caller.
static LOOK_UPS: Semaphore = Semaphore::const_new(1);

pub(super) async fn listen(host: &str, port: u16, no_delay: bool) -> Result<Bound, Error> {
    // tokio sets SO_REUSEADDR, so a restart does not wait for TIME_WAIT.
    let listener = async { TcpListener::bind(&*resolve(host, port).await?).await }
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
    Ok(prepared(stream, no_delay))
}

pub(super) async fn connect(host: &str, port: u16, no_delay: bool) -> io::Result<Stream> {
    let stream = TcpStream::connect(&*resolve(host, port).await?).await?;
    Ok(prepared(stream, no_delay))
}

fn prepared(stream: TcpStream, no_delay: bool) -> Stream {
    // A peer that has gone already shows up when reading.
    let _ = stream.set_nodelay(no_delay);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    Stream::Tcp(stream)
}

/// The addresses of a host. Those that are written out are not looked up.
async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let host = host.to_owned();
    look_up(move || Ok((host.as_str(), port).to_socket_addrs()?.collect())).await
}

/// Runs what may block for long on a thread of its own, which ends with it. A
/// silent name server holds a look-up up for half a minute; the one thread for
/// calls that block has sockets to bind and files to move meanwhile.
async fn look_up<T: Send + 'static>(
    call: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let permit = LOOK_UPS.acquire().await.map_err(io::Error::other)?;
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new()
        .name("smartipc-dns".to_owned())
        .spawn(move || {
            let found = call();
            drop(permit);
            let _ = tell.send(found);
        })?;
    told.await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_look_up_that_hangs_holds_up_other_look_ups_and_nothing_else() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(crate::ipc::transport::BLOCKING_THREADS)
            .enable_all()
            .build()
            .expect("a runtime");
        let (silence, end) = mpsc::channel::<()>();
        let stuck = runtime.spawn(look_up(move || {
            let _ = end.recv();
            Ok(())
        }));
        // Given up: its caller is gone.
        let abandoned = runtime.spawn(look_up(|| Ok(())));
        runtime.block_on(async {
            tokio::task::yield_now().await;
            abandoned.abort();
            let waiting: Vec<_> = (0..10)
                .map(|_| tokio::spawn(resolve("localhost", 1)))
                .collect();
            let work = tokio::task::spawn_blocking(|| true);
            let bound = tokio::time::timeout(Duration::from_secs(10), work);
            assert!(matches!(bound.await, Ok(Ok(true))));
            assert!(!stuck.is_finished());
            assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
            drop(silence);
            for looked_up in waiting {
                assert!(looked_up.await.is_ok_and(|found| found.is_ok()));
            }
        });
    }

    #[tokio::test]
    async fn addresses_are_not_looked_up() {
        let _all = LOOK_UPS.acquire().await;
        for host in ["127.0.0.1", "::1"] {
            let found = tokio::time::timeout(Duration::from_secs(10), resolve(host, 1)).await;
            assert!(matches!(found, Ok(Ok(found)) if found.len() == 1), "{host}");
        }
    }
}
