//! The server: accepts connections, keeps the registry of clients, routes
//! topics and broadcasts, closes in good order.

mod accept;
mod admit;
mod policy;
mod route;
mod stop;
pub(crate) use stop::{idle, GRACE, TOLD_WITHIN};

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::bug;
use super::close::CloseReason;
use super::endpoint::Address;
use super::error::{Error, ErrorCode};
use super::faults;
use super::frame::{Protocol, Registration, Welcome};
use super::hub;
use super::link::{now, Link, FLUSH_AT};
use super::notice::{ConnId, Notice, Op, Sink};
use super::options::{ServerOptions, SessionConfig};
use super::proto::topics::Topics;
use super::proto::{Bounds, IdHasher, Session, WallClock};
use super::stats::{Counters, Stats};
use super::transport::{self, Bound, Credentials, Refused};

/// A server. Cheap to clone; the last clone that goes closes everything.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

struct Inner {
    options: ServerOptions,
    config: Arc<SessionConfig>,
    runtime: Handle,
    sink: Arc<dyn Sink>,
    wall: WallClock,
    state: Mutex<State>,
    topics: Mutex<Topics<ConnId>>,
    /// Links with output that waits for the end of the batch.
    dirty: Mutex<Vec<Arc<Link>>>,
    /// A connection has been let in, or went.
    room: tokio::sync::Notify,
    /// Held while a name is looked up and given away: connections that may ask
    /// for the same one are driven by more than one thread.
    naming: Mutex<()>,
    /// The owner knows that the socket's folder is insecure.
    warned: AtomicBool,
}

#[derive(Default)]
struct State {
    phase: Phase,
    address: Option<Address>,
    /// Removes the socket file when dropped.
    #[cfg(unix)]
    guard: Option<super::transport::bind::SocketGuard>,
    accepting: Option<AbortHandle>,
    peers: HashMap<ConnId, Peer, BuildHasherDefault<IdHasher>>,
    clients: HashMap<Arc<str>, ConnId>,
    last_conn: ConnId,
    /// Connections off the list whose end is still being told.
    telling: usize,
    /// Newcomers that wait for the holder of their name to prove that it lives.
    contenders: HashMap<ConnId, Vec<(ConnId, Registration)>>,
    past: Past,
}

impl State {
    /// Whether newcomers find us. Somebody may have removed or replaced the file.
    fn is_reachable(&self) -> bool {
        #[cfg(unix)]
        if !self.guard.as_ref().is_none_or(|guard| guard.still_ours()) {
            return false;
        }
        self.phase == Phase::Running
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Stopped,
    Starting,
    Running,
    Stopping,
}

/// One connection, registered or not.
struct Peer {
    link: Arc<Link>,
    since: Instant,
    credentials: Credentials,
    /// By a group that is not its primary one.
    in_allowed_group: bool,
    client: Option<Registered>,
    /// The answer that the client gets once our owner knows of it.
    welcome: Option<(Welcome, Option<Protocol>)>,
    /// Only looked whether we are there; appears nowhere.
    is_probe: bool,
}

struct Registered {
    id: Arc<str>,
    resume: Option<String>,
    connected_at: u64,
}

/// What connections that are gone leave behind.
#[derive(Default)]
struct Past {
    counters: Counters,
    closes: BTreeMap<CloseReason, u64>,
    total: u64,
}

/// What the server knows of a client.
#[derive(Clone, Debug)]
pub struct ClientInfo {
    /// When it registered, in ms since the epoch.
    pub connected_at: u64,
    /// When something last came from it, in ms since the epoch.
    pub last_activity: u64,
    /// Who it is, as the kernel says.
    pub peer: Credentials,
}

impl Server {
    /// A server that does not listen yet. Its tasks run on `runtime`.
    pub fn new(options: ServerOptions, runtime: Handle, sink: Arc<dyn Sink>) -> Self {
        let config = Arc::new(options.session.clone());
        Self {
            inner: Arc::new(Inner {
                options,
                config,
                runtime,
                sink,
                wall: wall_clock(),
                state: Mutex::default(),
                topics: Mutex::default(),
                dirty: Mutex::default(),
                room: tokio::sync::Notify::new(),
                naming: Mutex::default(),
                warned: AtomicBool::new(false),
            }),
        }
    }

    /// Starts to listen; `op` settles when clients can connect.
    ///
    /// # Errors
    /// If the server is not stopped. Failures to listen settle `op`.
    pub fn start(&self, op: Op) -> Result<(), Error> {
        let mut state = self.inner.state();
        if state.phase != Phase::Stopped {
            return Err(Error::local(
                ErrorCode::Internal,
                "the server is not stopped",
            ));
        }
        state.phase = Phase::Starting;
        drop(state);
        let inner = self.inner.clone();
        self.inner.runtime.spawn(async move {
            let wanted = || inner.state().phase == Phase::Starting;
            let starting = bug::contained(async {
                faults::bug("start");
                match hub::listen(&inner.options, wanted).await {
                    Ok(bound) => inner.listening(bound),
                    Err(error) => {
                        inner.state().phase = Phase::Stopped;
                        Err(error)
                    }
                }
            });
            let result = starting.await.unwrap_or_else(|error| {
                bug::report(&*inner.sink, &error);
                let _ = bug::contain(|| inner.stop_listening());
                inner.state().phase = Phase::Stopped;
                Err(error)
            });
            inner.sink.notify(0, Notice::Settled { op, result });
        });
        Ok(())
    }

    /// Starts to listen at once or not at all: for a hub, which waits for nobody.
    pub(super) async fn open(&self) -> Result<(), Refused> {
        self.inner.state().phase = Phase::Starting;
        let bound = transport::listen(&self.inner.options).await?;
        Ok(self.inner.listening(bound)?)
    }

    /// A handle that does not keep the server.
    pub(super) fn downgrade(&self) -> WeakServer {
        WeakServer(Arc::downgrade(&self.inner))
    }

    /// Uses a client's session.
    ///
    /// # Errors
    /// If the client is gone.
    pub fn with<R>(
        &self,
        conn: ConnId,
        call: impl FnOnce(&mut Session, Instant) -> R,
    ) -> Result<R, Error> {
        let link = self.inner.link(conn).ok_or_else(gone)?;
        let (result, first, full) = link.with(|session, now| {
            let before = session.output_len();
            let result = call(session, now);
            let after = session.output_len();
            let full = after >= FLUSH_AT || session.is_held_up();
            (result, before == 0 && after > 0, full)
        });
        if full {
            link.flush();
        } else if first {
            self.inner.dirty().push(link);
        }
        Ok(result)
    }

    /// Whether so much can be accepted on a connection: see [`Session::has_room`].
    pub fn has_room(&self, conn: ConnId, bounds: &Bounds) -> bool {
        let link = self.inner.link(conn);
        link.is_some_and(|link| link.has_room(bounds))
    }

    /// The link of a connection, if it is still there, and where its files are read
    /// and written.
    pub fn link(&self, conn: ConnId) -> Option<(Arc<Link>, Handle)> {
        let link = self.inner.link(conn)?;
        Some((link, self.inner.runtime.clone()))
    }

    /// Has the output of a link written with the next [`flush`](Self::flush).
    pub fn flush_later(&self, link: Arc<Link>) {
        self.inner.dirty().push(link);
    }

    /// Writes what has been queued since the last call.
    pub fn flush(&self) {
        self.inner.flush_dirty();
    }

    /// Where the server listens, once it does.
    pub fn address(&self) -> Option<Address> {
        self.inner.state().address.clone()
    }

    /// What the server knows of a client.
    pub fn client_info(&self, conn: ConnId) -> Option<ClientInfo> {
        let state = self.inner.state();
        let peer = state.peers.get(&conn)?;
        let client = peer.client.as_ref()?;
        let last = peer.link.with(|session, _| session.last_received());
        Some(ClientInfo {
            connected_at: client.connected_at,
            last_activity: self.inner.wall.at(last),
            peer: peer.credentials,
        })
    }

    /// Counters, now.
    pub fn stats(&self) -> Stats {
        let state = self.inner.state();
        let mut stats = Stats {
            counters: state.past.counters.clone(),
            closes: state.past.closes.clone(),
            connected: state.clients.len() as u64,
            total_connections: state.past.total,
            reachable: state.is_reachable(),
            ..Stats::default()
        };
        for peer in state.peers.values().filter(|peer| !peer.is_probe) {
            peer.link.with(|session, _| {
                stats.counters.add(session.counters());
                stats.requests_pending += session.pending() as u64;
                stats.queued_bytes += session.queued() as u64;
            });
        }
        stats
    }

    /// Closes everything at once, without a word. For an owner that goes away.
    pub fn abandon(&self) {
        self.inner.stop_listening();
        self.inner.close_links("the owner has gone");
    }
}

/// A handle that does not keep its server.
pub(super) struct WeakServer(Weak<Inner>);

impl WeakServer {
    pub(super) fn upgrade(&self) -> Option<Server> {
        self.0.upgrade().map(|inner| Server { inner })
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn topics(&self) -> MutexGuard<'_, Topics<ConnId>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dirty(&self) -> MutexGuard<'_, Vec<Arc<Link>>> {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn naming(&self) -> MutexGuard<'_, ()> {
        self.naming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn link(&self, conn: ConnId) -> Option<Arc<Link>> {
        self.state().peers.get(&conn).map(|peer| peer.link.clone())
    }

    fn links_of(&self, conns: &[ConnId]) -> Vec<Arc<Link>> {
        let state = self.state();
        let peers = conns.iter().filter_map(|conn| state.peers.get(conn));
        peers.map(|peer| peer.link.clone()).collect()
    }

    fn links(&self) -> Vec<Arc<Link>> {
        self.state()
            .peers
            .values()
            .map(|peer| peer.link.clone())
            .collect()
    }

    fn listening(self: &Arc<Self>, bound: Bound) -> Result<(), Error> {
        let mut state = self.state();
        if state.phase != Phase::Starting {
            return Err(Error::local(
                ErrorCode::Disconnected,
                "The server was stopped while starting",
            ));
        }
        state.phase = Phase::Running;
        state.address = Some(bound.address);
        #[cfg(unix)]
        {
            state.guard = bound.guard;
        }
        let task = self
            .runtime
            .spawn(accept::run(self.clone(), bound.listener));
        state.accepting = Some(task.abort_handle());
        drop(state);
        if bound.insecure_directory && !self.warned.swap(true, Ordering::Relaxed) {
            let text = "The socket's directory lets other users replace the socket file";
            self.sink.notify(
                0,
                Notice::Fault(Error::local(ErrorCode::InsecureDirectory, text)),
            );
        }
        Ok(())
    }

    /// Closes all connections without a word.
    fn close_links(&self, why: &str) {
        for link in self.links() {
            link.with(|session, _| session.close(CloseReason::Local, why));
        }
    }

    /// Gives up the address. Connections stay.
    fn stop_listening(&self) {
        let mut state = self.state();
        // The file first: while we still listen nobody can take it for stale.
        #[cfg(unix)]
        {
            let guard = state.guard.take();
            if let Err(error) = bug::contain(|| drop(guard)) {
                bug::report(&*self.sink, &error);
            }
        }
        if let Some(task) = state.accepting.take() {
            task.abort();
        }
        state.address = None;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop_listening();
    }
}

fn gone() -> Error {
    Error::local(ErrorCode::UnknownClient, "The client is not connected")
}

/// The time of day now, tied to the monotonic clock.
pub(super) fn wall_clock() -> WallClock {
    let millis = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_millis();
    WallClock {
        base: now(),
        millis: u64::try_from(millis).unwrap_or(0),
    }
}
