//! The connection behind a client: made, run, lost, won back.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::{sleep, sleep_until, timeout, timeout_at};

use super::{ConnectOptions, Inner, Phase};
use crate::ipc::close::CloseReason;
use crate::ipc::driver;
use crate::ipc::endpoint::Address;
use crate::ipc::error::{os_name, Error, ErrorCode};
use crate::ipc::frame::{Registration, Welcome};
use crate::ipc::link::{now, Link};
use crate::ipc::notice::{ConnId, Connected, Notice};
use crate::ipc::options::SessionConfig;
use crate::ipc::proto::{Backoff, Event, Session};
use crate::ipc::server::{idle, GRACE};
use crate::ipc::trace;
use crate::ipc::transport::{self, Stream};

/// Delays while waiting for a server to appear: short, for tests and start-up.
const READY_FIRST: Duration = Duration::from_millis(10);
const READY_LONGEST: Duration = Duration::from_millis(200);

/// A failed attempt.
struct Failed {
    error: Error,
    /// Whether another attempt may go better.
    again: bool,
}

/// A connection that is registered and runs.
struct Running {
    closed: oneshot::Receiver<(CloseReason, String)>,
}

/// Makes the first connection and keeps it alive until it ends for good.
pub(super) async fn supervise(inner: Arc<Inner>, options: ConnectOptions) {
    let work = async {
        match inner.first(options).await {
            Ok(running) => inner.keep(running).await,
            Err(error) => inner.end(&error),
        }
    };
    tokio::select! {
        () = work => {}
        () = inner.expire_queued() => {}
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
            return self.attempt(false).await.map_err(|failed| failed.error);
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
            let (reason, message) = running
                .closed
                .await
                .unwrap_or((CloseReason::IoError, "the driver has ended".to_owned()));
            let again = self.options.reconnect.enabled && reason.may_reconnect();
            self.lost(reason, message, again);
            if !again {
                self.end(&reason.to_error(false));
                return;
            }
            running = match self.win_back().await {
                Ok(running) => running,
                Err(error) => {
                    self.sink.notify(0, Notice::GaveUp(error.clone()));
                    self.end(&error);
                    return;
                }
            };
        }
    }

    async fn win_back(self: &Arc<Self>) -> Result<Running, Error> {
        let reconnect = &self.options.reconnect;
        let mut backoff =
            Backoff::new(reconnect.delay, reconnect.max_delay, reconnect.multiplier);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let delay = backoff.next_delay(random());
            self.state().attempts = u64::from(attempt);
            self.sink.notify(0, Notice::Reconnecting { attempt, delay });
            sleep(delay).await;
            match self.attempt(true).await {
                Ok(running) => return Ok(running),
                Err(failed) => {
                    if !failed.again || reconnect.max_attempts.is_some_and(|most| attempt >= most) {
                        return Err(failed.error);
                    }
                }
            }
        }
    }

    /// One attempt: dial, register.
    async fn attempt(self: &Arc<Self>, again: bool) -> Result<Running, Failed> {
        let patience = self.options.register_timeout;
        let until = tokio::time::Instant::now() + patience;
        let address = &self.options.address;
        let stream = match timeout_at(until, transport::connect(address, self.options.no_delay)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.unreachable(&error)),
            Err(_) => return Err(self.no_answer(patience)),
        };
        self.check_server(&stream)?;
        let session = Session::client(self.config.clone(), self.registration(), self.wall, now());
        let link = Link::new(session, stream);
        link.flush();
        let (opened_tx, opened) = oneshot::channel();
        let (closed_tx, closed) = oneshot::channel();
        let mut route = Route {
            inner: self.clone(),
            again,
            conn: 0,
            opened: Some(opened_tx),
            closed: Some(closed_tx),
        };
        let abandoned = Abandon(link.clone(), true);
        self.runtime.spawn(driver::run(link.clone(), move |link, events| {
            route.on_events(link, events);
        }));
        match timeout_at(until, opened).await {
            Ok(Ok(Ok(()))) => {
                abandoned.forget();
                Ok(Running { closed })
            }
            Ok(Ok(Err(failed))) => Err(failed),
            Ok(Err(_)) | Err(_) => Err(self.no_answer(patience)),
        }
    }

    fn registration(&self) -> Registration {
        let state = self.state();
        let metadata = self.options.metadata.clone();
        Registration {
            client_id: Some(self.options.client_id.clone()),
            metadata: metadata.and_then(|text| serde_json::value::RawValue::from_string(text).ok()),
            token: self.options.auth_token.clone(),
            resume: state.resume.clone(),
            topics: state.topics.iter().cloned().collect(),
            probe: false,
            protocol: None,
        }
    }

    fn unreachable(&self, error: &io::Error) -> Failed {
        let errno = os_name(error);
        let again = !matches!(errno, "EACCES" | "EPERM" | "EINVAL" | "ENAMETOOLONG");
        let message = if self.options.client_only {
            format!("Server not available ({errno}); clientOnly prevents auto-start")
        } else {
            format!("Server not available ({errno}) at {}", self.options.address)
        };
        Failed { error: Error::io(ErrorCode::Os(errno), message), again }
    }

    fn no_answer(&self, patience: Duration) -> Failed {
        let text = format!("Failed to register: no answer within {} ms", patience.as_millis());
        Failed { error: Error::io(ErrorCode::Registration, text), again: true }
    }

    fn check_server(&self, stream: &Stream) -> Result<(), Failed> {
        let Some(expected) = self.options.expect_server_uid else { return Ok(()) };
        let actual = stream.credentials().uid;
        if actual == Some(expected) {
            return Ok(());
        }
        let text = format!("Failed to register: the server runs as user {actual:?}, not as {expected}");
        Err(Failed { error: Error::local(ErrorCode::Unauthorized, text), again: false })
    }

    /// The connection is registered: says so, then makes the calls that waited.
    /// Returns the connection's number.
    fn up(&self, link: &Arc<Link>, welcome: Welcome, again: bool) -> ConnId {
        let mut notices = Vec::new();
        let mut state = self.state();
        if !matches!(state.phase, Phase::Connecting | Phase::Reconnecting) {
            // disconnect() came first.
            drop(state);
            link.leave(CloseReason::Local, "disconnected");
            return 0;
        }
        state.phase = Phase::Up;
        state.link = Some(link.clone());
        state.resume = welcome.resume;
        state.client_id = Some(welcome.client_id.clone());
        state.connected_at = self.wall.at(now());
        state.conn += 1;
        let conn = state.conn;
        state.reconnects += u64::from(again);
        state.attempts = 0;
        let clone_version = link.with(|session, _| session.peer_clone_version());
        notices.push(Notice::Connected(Box::new(Connected {
            client_id: welcome.client_id,
            metadata: None,
            peer: link.stream().map(|stream| stream.credentials()).unwrap_or_default(),
            clone_version,
            role: welcome.role,
            again,
        })));
        let waiting = std::mem::take(&mut state.waiting);
        notices.extend(waiting.into_iter().map(|op| Notice::Settled { op, result: Ok(()) }));
        self.make_queued(&mut state, &mut notices);
        drop(state);
        trace::line(format_args!("registered at {}", self.options.address));
        self.sink.deliver(conn, &mut notices);
        conn
    }

    /// The connection is over. From here on calls wait, or fail.
    fn down(&self, link: &Arc<Link>, reason: CloseReason) {
        let counters = link.with(|session, _| session.counters().clone());
        let mut state = self.state();
        state.past.counters.add(&counters);
        *state.past.closes.entry(reason).or_default() += 1;
        state.link = None;
        state.connected_at = 0;
        if state.phase == Phase::Up {
            let again = self.options.reconnect.enabled && reason.may_reconnect();
            state.phase = if again { Phase::Reconnecting } else { Phase::Idle };
        }
    }

    fn lost(&self, reason: CloseReason, message: String, again: bool) {
        trace::line(format_args!("connection lost: {} ({message})", reason.as_str()));
        self.sink.notify(0, Notice::Disconnected { reason, message, again });
    }

    /// Nothing more will come by itself.
    fn end(&self, error: &Error) {
        {
            let mut state = self.state();
            if state.phase != Phase::Leaving {
                state.phase = Phase::Idle;
            }
            state.task = None;
        }
        self.give_up(error);
    }

    /// Ends the connection in good order.
    pub(super) async fn leave(&self, link: &Arc<Link>, waiting: u64) {
        let links = || if link.with(|session, _| session.is_open()) { vec![link.clone()] } else { vec![] };
        let _ = timeout(GRACE, idle(links, waiting)).await;
        link.leave(CloseReason::Local, "disconnected");
        let gone = async {
            // The task ends after it has told everything.
            while self.state().task.is_some() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = timeout(Session::LINGER * 2, gone).await;
        let mut state = self.state();
        if state.phase == Phase::Leaving {
            state.phase = Phase::Idle;
        }
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
            let mut notices: Vec<Notice> =
                expired.iter().map(|queued| queued.failed(queued.expired())).collect();
            if !notices.is_empty() {
                self.sink.deliver(0, &mut notices);
            }
        }
    }
}

/// Closes a link whose attempt was given up, so that no half connection stays.
struct Abandon(Arc<Link>, bool);

impl Abandon {
    fn forget(mut self) {
        self.1 = false;
    }
}

impl Drop for Abandon {
    fn drop(&mut self) {
        if self.1 {
            self.0.with(|session, _| session.close(CloseReason::Local, "given up"));
        }
    }
}

/// Takes one connection's events to where they belong.
struct Route {
    inner: Arc<Inner>,
    again: bool,
    conn: ConnId,
    opened: Option<oneshot::Sender<Result<(), Failed>>>,
    closed: Option<oneshot::Sender<(CloseReason, String)>>,
}

impl Route {
    fn on_events(&mut self, link: &Arc<Link>, events: &mut Vec<Event>) {
        let mut notices = Vec::new();
        for event in events.drain(..) {
            match event {
                Event::Open(welcome) => {
                    self.conn = self.inner.up(link, *welcome, self.again);
                    if let Some(opened) = self.opened.take() {
                        let _ = opened.send(Ok(()));
                    }
                }
                Event::Closed { reason, message } => {
                    if !notices.is_empty() {
                        self.inner.sink.deliver(self.conn, &mut notices);
                        notices.clear();
                    }
                    self.on_closed(link, reason, message);
                }
                event => notices.push(Notice::Event(event)),
            }
        }
        if !notices.is_empty() {
            self.inner.sink.deliver(self.conn, &mut notices);
        }
    }

    fn on_closed(&mut self, link: &Arc<Link>, reason: CloseReason, message: String) {
        if let Some(opened) = self.opened.take() {
            let _ = opened.send(Err(refused(reason, &message)));
            return;
        }
        self.inner.down(link, reason);
        if let Some(closed) = self.closed.take() {
            let _ = closed.send((reason, message));
        }
    }
}

/// The registration failed: the server said no, or went away.
fn refused(reason: CloseReason, message: &str) -> Failed {
    let code = match reason {
        CloseReason::Unauthorized => ErrorCode::Unauthorized,
        CloseReason::DuplicateClientId => ErrorCode::DuplicateClientId,
        CloseReason::MaxConnections => ErrorCode::MaxConnections,
        CloseReason::ServerStopping => ErrorCode::ServerStopping,
        CloseReason::Incompatible => ErrorCode::Incompatible,
        _ => ErrorCode::Registration,
    };
    let error = Error::peer(code, format!("Failed to register: {message}"));
    Failed { error, again: reason.may_reconnect() }
}

fn random() -> f64 {
    getrandom::u32().map_or(0.5, |value| f64::from(value) / f64::from(u32::MAX))
}

/// Looks whether a server answers, without appearing anywhere.
///
/// # Errors
/// Why it does not.
pub async fn probe(address: &Address, until: Instant) -> Result<(), Error> {
    let mut backoff = Backoff::new(READY_FIRST, READY_LONGEST, 2.0);
    let mut last = None;
    while now() < until {
        let attempt = probe_once(address);
        match timeout_at(until.into(), attempt).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => last = Some(error),
            Err(_) => break,
        }
        let delay = backoff.next_delay(random()).min(until.saturating_duration_since(now()));
        sleep(delay).await;
    }
    let because = last.map_or_else(String::new, |error| format!(": {error}"));
    Err(Error::io(ErrorCode::ServerNotReady, format!("Server not ready at {address}{because}")))
}

async fn probe_once(address: &Address) -> Result<(), Error> {
    let stream = transport::connect(address, true)
        .await
        .map_err(|error| Error::os(&error, "connecting"))?;
    let registration = Registration {
        client_id: None,
        metadata: None,
        token: None,
        resume: None,
        topics: Vec::new(),
        probe: true,
        protocol: None,
    };
    let config = Arc::new(SessionConfig::default());
    let wall = crate::ipc::server::wall_clock();
    let link = Link::new(Session::client(config, registration, wall, now()), stream);
    link.flush();
    let (answered_tx, answered) = oneshot::channel();
    let mut answered_tx = Some(answered_tx);
    let driver = driver::run(link.clone(), move |link, events| {
        for event in events.drain(..) {
            let answer = match event {
                Event::Open(_) => Ok(()),
                // A server that refuses us is a server all the same.
                Event::Closed { reason: CloseReason::Unauthorized, .. } => Ok(()),
                Event::Closed { message, .. } => Err(Error::peer(ErrorCode::Registration, message)),
                _ => continue,
            };
            if let Some(answered) = answered_tx.take() {
                let _ = answered.send(answer);
            }
            link.with(|session, now| session.leave(CloseReason::Local, "probe", now));
        }
    });
    driver.await;
    answered.await.unwrap_or_else(|_| {
        Err(Error::io(ErrorCode::Registration, "the server closed the connection"))
    })
}
