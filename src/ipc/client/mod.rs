//! The client: calls that may be made at any time, and the connection behind
//! them, which comes, goes and comes back.

mod attempt;
mod call;
mod connect;
mod host;
mod probe;
mod queue;
mod route;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::bug;
use super::close::CloseReason;
use super::error::{Error, ErrorCode};
use super::faults;
use super::hub::Hub;
use super::link::Link;
use super::notice::{ConnId, Notice, Op, Sink};
use super::options::{ClientOptions, SessionConfig};
use super::proto::{Session, WallClock};
use super::server::wall_clock;
use super::stats::{Counters, Stats};

pub use call::{Call, Taken};
pub(super) use probe::inquire;
pub use probe::probe;
use queue::Queue;

/// A client. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    options: ClientOptions,
    config: Arc<SessionConfig>,
    runtime: Handle,
    sink: Arc<dyn Sink>,
    wall: WallClock,
    state: Mutex<State>,
    /// The queue has a new earliest deadline.
    queued: Notify,
}

#[derive(Default)]
struct State {
    phase: Phase,
    link: Option<Arc<Link>>,
    task: Option<AbortHandle>,
    /// The end of the connection is being told, perhaps by another thread.
    telling: bool,
    /// Calls of `connect` that wait.
    waiting: Vec<Op>,
    queue: Queue,
    /// What to subscribe to after every registration.
    topics: BTreeSet<String>,
    resume: Option<String>,
    /// Why there is no connection, for calls that come after the news but before
    /// their owner has read it.
    ended_with: Option<Error>,
    client_id: Option<String>,
    connected_at: u64,
    past: Past,
    attempts: u64,
    reconnects: u64,
    /// Number of the present connection; each one has its own.
    conn: ConnId,
    /// The owner wants a hub where nobody listens.
    may_host: bool,
    /// The hub that this client hosts.
    hub: Option<Hub>,
    /// The owner knows that it hosts this hub.
    hosts: bool,
    served_by: ServedBy,
    /// Until when no hub may be started, because a server is about to listen.
    path_promised: Option<Instant>,
}

/// Who answered the last registration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ServedBy {
    /// Nobody yet, or nobody since `disconnect`.
    #[default]
    Nobody,
    Server,
    Hub,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing under way; calls fail.
    #[default]
    Idle,
    /// The first connection is being made; calls wait.
    Connecting,
    /// Registered.
    Up,
    /// The connection was lost and is being won back; calls wait.
    Reconnecting,
    /// `disconnect` lets running work finish; calls fail.
    Leaving,
}

#[derive(Default)]
struct Past {
    counters: Counters,
    closes: BTreeMap<CloseReason, u64>,
}

/// How to make the first connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectOptions {
    /// Keep trying for this long until a server is there.
    pub wait_for_ready: Option<std::time::Duration>,
    /// Host a hub if nobody listens on the socket path, now and when a hub is
    /// lost. Of no effect where a server served this client before, with
    /// [`client_only`](ClientOptions::client_only), and while it keeps trying.
    pub may_host: bool,
}

impl Client {
    /// A client that does nothing yet. Its tasks run on `runtime`.
    pub fn new(options: ClientOptions, runtime: Handle, sink: Arc<dyn Sink>) -> Self {
        let config = Arc::new(options.session.clone());
        let queue = Queue::new(options.offline_messages, options.offline_bytes);
        Self {
            inner: Arc::new(Inner {
                options,
                config,
                runtime,
                sink,
                wall: wall_clock(),
                state: Mutex::new(State {
                    queue,
                    ..State::default()
                }),
                queued: Notify::new(),
            }),
        }
    }

    /// Connects and registers; `op` settles when that is done or has failed.
    /// While it is under way, calls wait.
    pub fn connect(&self, op: Op, options: ConnectOptions) {
        let may_host = self.may_elect(options);
        let mut state = self.inner.state();
        state.may_host = match state.phase {
            Phase::Idle => may_host,
            // A call that was made first may have begun this.
            _ => state.may_host || may_host,
        };
        match state.phase {
            Phase::Up => {
                drop(state);
                self.inner
                    .sink
                    .notify(0, Notice::Settled { op, result: Ok(()) });
            }
            Phase::Leaving => {
                drop(state);
                let error = Error::local(ErrorCode::Disconnected, "disconnect() is under way");
                self.inner.sink.notify(
                    0,
                    Notice::Settled {
                        op,
                        result: Err(error),
                    },
                );
            }
            Phase::Connecting | Phase::Reconnecting => state.waiting.push(op),
            Phase::Idle => {
                state.phase = Phase::Connecting;
                state.ended_with = None;
                state.waiting.push(op);
                let task = self
                    .inner
                    .runtime
                    .spawn(connect::supervise(self.inner.clone(), options));
                state.task = Some(task.abort_handle());
            }
        }
    }

    /// Lets pending work finish for a bounded time, says goodbye and closes;
    /// `op` settles at the end. `waiting` handlers are not waited for.
    pub fn disconnect(&self, op: Op, waiting: u64) {
        let inner = self.inner.clone();
        let (link, hub) = {
            let mut state = inner.state();
            let link = state.link.clone();
            state.served_by = ServedBy::Nobody;
            state.path_promised = None;
            if link.is_some() && state.phase == Phase::Up {
                state.phase = Phase::Leaving;
            } else if state.phase != Phase::Leaving {
                state.phase = Phase::Idle;
                if let Some(task) = state.task.take() {
                    task.abort();
                }
            }
            (link, state.hub.take())
        };
        let closed = Error::local(ErrorCode::Disconnected, "The client was disconnected");
        inner.give_up(&closed);
        self.inner.runtime.spawn(async move {
            let leaving = bug::contained(async {
                faults::bug("disconnect");
                if let Some(link) = &link {
                    inner.leave(link, waiting).await;
                }
                if let Some(hub) = hub {
                    hub.close().await;
                }
            });
            let result = leaving.await;
            if let Err(error) = &result {
                bug::report(&*inner.sink, error);
                inner.state().phase = Phase::Idle;
                if let Some(link) = &link {
                    // The bug is counted where it is reported.
                    link.with(|session, _| session.close(CloseReason::InternalError, bug::TEXT));
                    // Whoever hears that it is over looks for nothing any more.
                    let _ = bug::contained(inner.over()).await;
                }
            }
            inner.sink.notify(0, Notice::Settled { op, result });
        });
    }

    /// Writes what has been queued since the last call.
    pub fn flush(&self) {
        if let Some(link) = self.inner.link() {
            link.flush();
        }
    }

    /// Uses the session of connection number `conn`.
    ///
    /// # Errors
    /// If that connection is over, even if there is a later one: answers to the
    /// requests of one must not reach the other.
    pub fn with<R>(
        &self,
        conn: ConnId,
        call: impl FnOnce(&mut Session, Instant) -> R,
    ) -> Result<R, Error> {
        let link = {
            let state = self.inner.state();
            state.link.clone().filter(|_| state.conn == conn)
        };
        match link {
            Some(link) => Ok(link.with(call)),
            None => Err(Error::local(
                ErrorCode::NotConnected,
                "The connection is over",
            )),
        }
    }

    /// The link of the connection, if it is still this one, and where its files are
    /// read and written.
    pub fn link(&self, conn: ConnId) -> Option<(Arc<Link>, Handle)> {
        let state = self.inner.state();
        let link = state.link.clone().filter(|_| state.conn == conn)?;
        Some((link, self.inner.runtime.clone()))
    }

    /// Whether the client is registered now.
    pub fn is_connected(&self) -> bool {
        self.inner.state().phase == Phase::Up
    }

    /// Counters, now.
    pub fn stats(&self) -> Stats {
        let state = self.inner.state();
        let mut stats = Stats {
            counters: state.past.counters.clone(),
            closes: state.past.closes.clone(),
            connected: u64::from(state.phase == Phase::Up),
            total_connections: u64::from(state.conn),
            reconnects: state.reconnects,
            reconnect_attempts: state.attempts,
            connected_at: state.connected_at,
            queued_bytes: state.queue.bytes() as u64,
            ..Stats::default()
        };
        if let Some(link) = &state.link {
            link.with(|session, _| {
                stats.counters.add(session.counters());
                stats.requests_pending += session.pending() as u64;
                stats.queued_bytes += session.queued() as u64;
            });
        }
        stats
    }

    /// Closes at once, without a word. For an owner that goes away.
    pub fn abandon(&self) {
        let (task, link, _hub) = {
            let mut state = self.inner.state();
            state.phase = Phase::Idle;
            (state.task.take(), state.link.take(), state.hub.take())
        };
        if let Some(task) = task {
            task.abort();
        }
        if let Some(link) = link {
            link.with(|session, _| session.close(CloseReason::Local, "the owner has gone"));
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn link(&self) -> Option<Arc<Link>> {
        self.state().link.clone()
    }

    /// Settles everything that waits for a connection.
    fn give_up(&self, error: &Error) {
        let (waiting, calls) = {
            let mut state = self.state();
            (std::mem::take(&mut state.waiting), state.queue.drain())
        };
        self.settle(None, waiting, calls, error);
    }

    fn settle(
        &self,
        first: Option<Notice>,
        waiting: Vec<Op>,
        calls: Vec<queue::Queued>,
        error: &Error,
    ) {
        let mut notices: Vec<Notice> = first.into_iter().collect();
        // Before the calls: whoever hears that one has failed may connect again at once.
        notices.extend(waiting.into_iter().map(|op| Notice::Settled {
            op,
            result: Err(error.clone()),
        }));
        notices.extend(calls.iter().map(|call| call.failed(error.clone())));
        if !notices.is_empty() {
            self.sink.deliver(0, &mut notices);
        }
    }
}
