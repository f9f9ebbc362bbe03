//! Stopping in good order: no new work, let running work finish, say goodbye.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Inner, Phase, Server};
use crate::ipc::bug;
use crate::ipc::close::CloseReason;
use crate::ipc::faults;
use crate::ipc::link::Link;
use crate::ipc::notice::{ConnId, Notice, Op};

/// How long running work may take to finish.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// How long the end of connections may take to be told. They end within
/// their linger, but an owner with an event loop tells it there, and its
/// JavaScript may be busy: whoever went on before that would meet the old end later.
pub(crate) const TOLD_WITHIN: Duration = Duration::from_secs(60);
/// How often it is looked at. Stopping is rare, so a timer is cheaper than
/// telling every step of every session to somebody who is not there.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

impl Server {
    /// Stops listening, lets pending work finish for at most five seconds, then
    /// closes all connections; `op` settles at the end. `waiting` handlers are
    /// not waited for: those that themselves wait for this call.
    pub fn stop(&self, op: Op, waiting: u64) {
        let inner = self.inner.clone();
        {
            let mut state = inner.state();
            if matches!(state.phase, Phase::Stopped | Phase::Starting) {
                // A start under way finds the phase changed and gives up.
                state.phase = Phase::Stopped;
                drop(state);
                inner.sink.notify(0, Notice::Settled { op, result: Ok(()) });
                return;
            }
            state.phase = Phase::Stopping;
        }
        inner.stop_listening();
        self.inner.runtime.spawn(async move {
            let stopping = bug::contained(async {
                faults::bug("stop");
                let _ = timeout(GRACE, idle(|| inner.links(), waiting)).await;
                for link in inner.links() {
                    link.leave(CloseReason::ServerStopping, "the server is stopping");
                }
                let _ = timeout(TOLD_WITHIN, inner.emptied()).await;
            });
            let result = stopping.await;
            if let Err(error) = &result {
                bug::report(&*inner.sink, error);
                let _ = bug::contain(|| inner.close_links("stopped after a bug"));
                // Whoever hears that it is over looks for no ends of connections any more.
                let _ = bug::contained(timeout(TOLD_WITHIN, inner.emptied())).await;
            }
            inner.state().phase = Phase::Stopped;
            inner.sink.notify(0, Notice::Settled { op, result });
        });
    }

    /// Closes one client's connection and tells it why.
    pub fn disconnect(&self, conn: ConnId, message: &str) {
        if let Some(link) = self.inner.link(conn) {
            link.leave(CloseReason::Kicked, message);
        }
    }
}

impl Server {
    /// Frees the address, then says goodbye to everybody, without waiting for
    /// work under way. The server is of no use afterwards.
    pub(in crate::ipc) fn vacate(&self, reason: CloseReason, message: &str) {
        self.inner.vacate(reason, message);
    }

    /// Waits, for a bounded time, until the last goodbye has been read.
    pub(in crate::ipc) async fn emptied(&self) {
        let _ = timeout(TOLD_WITHIN, self.inner.emptied()).await;
    }
}

impl Inner {
    pub(super) fn vacate(&self, reason: CloseReason, message: &str) {
        self.state().phase = Phase::Stopping;
        // First: whoever is told looks for the path at once.
        self.stop_listening();
        for link in self.links() {
            link.leave(reason, message);
        }
    }

    async fn emptied(self: &Arc<Self>) {
        let busy = || {
            let state = self.state();
            !state.peers.is_empty() || state.telling > 0
        };
        while busy() {
            sleep(LOOK_AGAIN).await;
        }
    }
}

/// Waits until nothing is under way on any of the links but `waiting` handlers.
pub(crate) async fn idle(links: impl Fn() -> Vec<Arc<Link>>, waiting: u64) {
    loop {
        let mut running = 0;
        let mut quiet = true;
        for link in links() {
            link.with(|session, _| {
                running += session.running();
                let under_way = session.pending() + session.queued() + session.open_streams();
                quiet &= under_way == 0;
            });
        }
        if quiet && running <= waiting {
            return;
        }
        sleep(LOOK_AGAIN).await;
    }
}
