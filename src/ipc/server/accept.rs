//! The accept loop. No error ends it, and no silent peer holds it up.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;

use super::{policy, Inner, Peer};
use crate::ipc::bug;
use crate::ipc::close::CloseReason;
use crate::ipc::driver;
use crate::ipc::error::Error;
use crate::ipc::faults;
use crate::ipc::link::{now, Link};
use crate::ipc::notice::Notice;
use crate::ipc::proto::{Event, Session};
use crate::ipc::trace;
use crate::ipc::transport::{Listener, Stream};

/// Connections that may be unregistered at one time.
const MAX_UNREGISTERED: usize = 64;
/// How long an unregistered connection is safe from being pushed out.
const UNREGISTERED_SAFE: Duration = Duration::from_secs(1);
/// First and longest pause after the system ran out of something.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(inner: Arc<Inner>, mut listener: Listener) {
    let weak = Arc::downgrade(&inner);
    drop(inner);
    while let Err(error) = bug::contained(serve(&weak, &mut listener)).await {
        let Some(inner) = weak.upgrade() else { return };
        bug::report(&*inner.sink, &error);
        drop(inner);
        sleep(FIRST_PAUSE).await;
    }
}

/// Accepts until the server is gone.
async fn serve(weak: &Weak<Inner>, listener: &mut Listener) {
    let mut pause = None;
    loop {
        let accepted = listener.accept().await;
        let Some(inner) = weak.upgrade() else { return };
        match accepted {
            Ok(stream) => {
                faults::bug("accept");
                pause = None;
                inner.make_room().await;
                inner.welcome(stream);
            }
            // The peer was gone before we came; others wait.
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                // Out of descriptors or memory: told once, then tried more and
                // more rarely, so that it neither ends nor spins.
                if pause.is_none() {
                    let error = Error::os(&error, "Cannot accept a connection");
                    inner.sink.notify(0, Notice::Fault(error));
                }
                drop(inner);
                let wait = pause.unwrap_or(FIRST_PAUSE);
                sleep(wait).await;
                pause = Some((wait * 2).min(LONGEST_PAUSE));
            }
        }
    }
}

fn is_the_peers(error: &io::Error) -> bool {
    if matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    ) {
        return true;
    }
    #[cfg(unix)]
    {
        error.raw_os_error() == Some(rustix::io::Errno::PROTO.raw_os_error())
    }
    #[cfg(not(unix))]
    false
}

impl Inner {
    /// Keeps silent connections from filling the house: the oldest goes, if it
    /// had its second; otherwise the next ones wait in the kernel's queue.
    async fn make_room(&self) {
        loop {
            let (count, oldest) = {
                let state = self.state();
                // Those whom our owner has not heard of yet count as well.
                let waits = |peer: &&Peer| peer.client.is_none() || peer.welcome.is_some();
                let silent = state.peers.values().filter(waits);
                let count = silent.clone().count();
                (
                    count,
                    silent
                        .min_by_key(|peer| peer.since)
                        .map(|peer| (peer.link.clone(), peer.since)),
                )
            };
            let Some((link, since)) = oldest.filter(|_| count >= MAX_UNREGISTERED) else {
                return;
            };
            let age = now().saturating_duration_since(since);
            if age >= UNREGISTERED_SAFE {
                link.with(|session, _| {
                    session.close(
                        CloseReason::HandshakeTimeout,
                        "pushed out by newer connections",
                    );
                });
                // Its driver takes it off the list.
                tokio::task::yield_now().await;
            } else {
                tokio::select! {
                    () = sleep(UNREGISTERED_SAFE - age) => {}
                    () = self.room.notified() => {}
                }
            }
        }
    }

    fn welcome(self: &Arc<Self>, stream: Stream) {
        let credentials = stream.credentials();
        let in_allowed_group = policy::is_in_allowed_group(&self.options, &stream);
        let poller = self.sink.poller();
        let config = self
            .config
            .sharing(poller.is_some() && stream.shares_memory());
        let session = Session::server(config, self.wall, now());
        let link = Link::new(session, stream);
        let conn = {
            let mut state = self.state();
            // Four thousand million connections later the numbers would start
            // again; those still in use are passed over.
            loop {
                state.last_conn = state.last_conn.wrapping_add(1).max(1);
                if !state.peers.contains_key(&state.last_conn) {
                    break;
                }
            }
            let conn = state.last_conn;
            let peer = Peer {
                link: link.clone(),
                since: now(),
                credentials,
                in_allowed_group,
                client: None,
                welcome: None,
                is_probe: false,
            };
            state.peers.insert(conn, peer);
            conn
        };
        trace::line(format_args!(
            "connection {conn} accepted from {credentials:?}"
        ));
        let inner = self.clone();
        let deliver = Box::new(move |link: &Arc<Link>, events: &mut Vec<Event>| {
            inner.on_events(conn, link, events);
        });
        self.runtime.spawn(driver::register(link, poller, deliver));
    }
}
