//! The connection behind a client: made, run, lost, won back.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, sleep_until, timeout, timeout_at};

use super::attempt::Running;
use super::{ConnectOptions, Inner, Phase, ServedBy};
use crate::ipc::bug;
use crate::ipc::close::CloseReason;
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::faults;
use crate::ipc::link::{now, Link};
use crate::ipc::notice::Notice;
use crate::ipc::proto::Backoff;
use crate::ipc::server::{idle, GRACE, TOLD_WITHIN};
use crate::ipc::trace;

/// Delays while waiting for a server to appear: short, for tests and start-up.
pub(super) const READY_FIRST: Duration = Duration::from_millis(10);
pub(super) const READY_LONGEST: Duration = Duration::from_millis(200);

/// Makes the first connection and keeps it alive until it ends for good.
pub(super) async fn supervise(inner: Arc<Inner>, options: ConnectOptions) {
    let work = async {
        faults::bug("connect");
        match inner.first(options).await {
            Ok(running) => inner.keep(running).await,
            Err(error) => inner.end(&error, None),
        }
    };
    let supervising = bug::contained(async {
        tokio::select! {
            () = work => {}
            () = inner.expire_queued() => {}
        }
    });
    if let Err(error) = supervising.await {
        inner.fall(&error);
    }
}

impl Inner {
    async fn first(self: &Arc<Self>, options: ConnectOptions) -> Result<Running, Error> {
        let retry = &self.options.retry;
        let (mut backoff, total, attempts) = if let Some(wait) = options.wait_for_ready {
            (Backoff::new(READY_FIRST, READY_LONGEST, 2.0), wait, None)
        } else if retry.enabled {
            let backoff = Backoff::new(retry.initial_delay, retry.max_delay, 2.0);
            (backoff, retry.total_timeout, retry.max_attempts)
        } else {
            return self
                .attempt_or_host(false)
                .await
                .map_err(|failed| failed.error);
        };
        let until = tokio::time::Instant::now() + total;
        let mut attempt = 0;
        let mut last = None;
        loop {
            attempt += 1;
            match timeout_at(until, self.attempt(false)).await {
                Ok(Ok(running)) => return Ok(running),
                Ok(Err(failed)) => {
                    if !failed.again || attempts.is_some_and(|most| attempt >= most) {
                        return Err(failed.error);
                    }
                    last = Some(failed.error);
                }
                Err(_) => return Err(self.out_of_time(options, total, last)),
            }
            let delay = backoff.next_delay(random());
            if tokio::time::Instant::now() + delay >= until {
                sleep_until(until).await;
                return Err(self.out_of_time(options, total, last));
            }
            sleep(delay).await;
        }
    }

    fn out_of_time(&self, options: ConnectOptions, total: Duration, last: Option<Error>) -> Error {
        let because = last.map_or_else(String::new, |error| format!(": {error}"));
        if options.wait_for_ready.is_some() {
            return Error::io(
                ErrorCode::ServerNotReady,
                format!("Server not ready after {} ms{because}", total.as_millis()),
            );
        }
        let text = format!("Connection timeout after {}ms{because}", total.as_millis());
        Error::io(ErrorCode::ConnectTimeout, text)
    }

    /// Runs the connection; when it is lost, wins it back, again and again.
    async fn keep(self: &Arc<Self>, mut running: Running) {
        loop {
            if !running.closed.await.unwrap_or(false) {
                return;
            }
            running = match self.win_back().await {
                Ok(running) => running,
                Err(error) => {
                    self.end(&error, Some(Notice::GaveUp(error.clone())));
                    return;
                }
            };
        }
    }

    async fn win_back(self: &Arc<Self>) -> Result<Running, Error> {
        let reconnect = &self.options.reconnect;
        let mut backoff = if self.state().served_by == ServedBy::Hub {
            // A server takes time to come back; the next hub is a millisecond away.
            Backoff::new(READY_FIRST.min(reconnect.delay), reconnect.max_delay, 2.0)
        } else {
            Backoff::new(reconnect.delay, reconnect.max_delay, reconnect.multiplier)
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut delay = backoff.next_delay(random());
            {
                let mut state = self.state();
                state.attempts = u64::from(attempt);
                if state.path_is_promised() {
                    delay = delay.min(READY_LONGEST);
                }
            }
            self.sink.notify(0, Notice::Reconnecting { attempt, delay });
            faults::bug("reconnect");
            sleep(delay).await;
            match self.attempt_or_host(true).await {
                Ok(running) => return Ok(running),
                Err(failed) => {
                    if !failed.again || reconnect.max_attempts.is_some_and(|most| attempt >= most) {
                        return Err(failed.error);
                    }
                }
            }
        }
    }

    /// Nobody looks after the connection any more, because of a bug.
    fn fall(&self, error: &Error) {
        let reconnecting = self.state().phase == Phase::Reconnecting;
        let notice = if reconnecting {
            Notice::GaveUp(error.clone())
        } else {
            Notice::Fault(error.clone())
        };
        self.end(error, Some(notice));
        if let Some(link) = self.link() {
            // The bug is counted where it is reported.
            link.with(|session, _| session.close(CloseReason::InternalError, bug::TEXT));
        }
    }

    pub(super) fn lost(&self, reason: CloseReason, message: String, again: bool) {
        trace::line(format_args!(
            "connection lost: {} ({message})",
            reason.as_str()
        ));
        self.sink.notify(
            0,
            Notice::Disconnected {
                reason,
                message,
                again,
            },
        );
    }

    /// Nothing more will come by itself.
    pub(super) fn end(&self, error: &Error, first: Option<Notice>) {
        let (waiting, calls, _hub) = {
            let mut state = self.state();
            if state.phase != Phase::Leaving {
                state.phase = Phase::Idle;
            }
            state.task = None;
            state.ended_with = Some(error.clone());
            let waiting = std::mem::take(&mut state.waiting);
            (waiting, state.queue.drain(), state.hub.take())
        };
        self.settle(first, waiting, calls, error);
    }

    /// Ends the connection in good order.
    pub(super) async fn leave(&self, link: &Arc<Link>, waiting: u64) {
        let links = || {
            if link.with(|session, _| session.is_open()) {
                vec![link.clone()]
            } else {
                vec![]
            }
        };
        let _ = timeout(GRACE, idle(links, waiting)).await;
        link.leave(CloseReason::Local, "disconnected");
        self.over().await;
        let mut state = self.state();
        if state.phase == Phase::Leaving {
            state.phase = Phase::Idle;
        }
    }

    /// Waits, for a bounded time, until the connection has ended and everything about
    /// that is told.
    pub(super) async fn over(&self) {
        let busy = || {
            let state = self.state();
            state.task.is_some() || state.telling
        };
        let over = async {
            while busy() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = timeout(TOLD_WITHIN, over).await;
    }

    /// Fails waiting calls whose time is over. Never ends.
    async fn expire_queued(&self) {
        loop {
            let deadline = self.state().queue.deadline();
            match deadline {
                None => self.queued.notified().await,
                Some(deadline) => tokio::select! {
                    () = self.queued.notified() => {}
                    () = sleep_until(deadline.into()) => {}
                },
            }
            let expired = self.state().queue.expire(now());
            let mut notices: Vec<Notice> = expired
                .iter()
                .map(|queued| queued.failed(queued.expired()))
                .collect();
            if !notices.is_empty() {
                self.sink.deliver(0, &mut notices);
            }
        }
    }
}

pub(super) fn random() -> f64 {
    getrandom::u32().map_or(0.5, |value| f64::from(value) / f64::from(u32::MAX))
}
