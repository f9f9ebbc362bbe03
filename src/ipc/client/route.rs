//! Takes what one connection tells to where it belongs: the state of the
//! client, the attempt that waits for the registration, and the owner.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::attempt::{Cause, Failed};
use super::{Inner, Phase, ServedBy};
use crate::ipc::bug;
use crate::ipc::close::CloseReason;
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::faults;
use crate::ipc::frame::Welcome;
use crate::ipc::hub;
use crate::ipc::link::{now, Link};
use crate::ipc::notice::{ConnId, Connected, Notice};
use crate::ipc::proto::Event;
use crate::ipc::trace;

/// Takes one connection's events to where they belong.
pub(super) struct Route {
    pub(super) inner: Arc<Inner>,
    pub(super) again: bool,
    pub(super) conn: ConnId,
    pub(super) opened: Option<oneshot::Sender<Result<(), Failed>>>,
    pub(super) closed: Option<oneshot::Sender<bool>>,
}

impl Route {
    pub(super) fn on_events(&mut self, link: &Arc<Link>, events: &mut Vec<Event>) {
        let mut notices = Vec::with_capacity(events.len());
        let mut rest = events.drain(..);
        let mut sort = |event: Event| {
            faults::bug("event");
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
        };
        // A bug in the way of one event must not lose those behind it.
        while bug::contain(|| rest.by_ref().for_each(&mut sort)).is_err() {
            link.fall();
        }
        drop(rest);
        if !notices.is_empty() {
            self.inner.sink.deliver(self.conn, &mut notices);
        }
    }

    fn on_closed(&mut self, link: &Arc<Link>, reason: CloseReason, message: String) {
        if let Some(opened) = self.opened.take() {
            let _ = opened.send(Err(refused(reason, &message)));
            return;
        }
        if self.conn == 0 {
            return;
        }
        let again = self.inner.down(link, reason);
        if !again {
            self.inner.end(&reason.to_error(false), None);
        }
        self.inner.lost(reason, message, again);
        self.inner.state().telling = false;
        if let Some(closed) = self.closed.take() {
            let _ = closed.send(again);
        }
    }
}

impl Inner {
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
        let by_hub = welcome.role == hub::ROLE;
        state.served_by = if by_hub {
            ServedBy::Hub
        } else {
            ServedBy::Server
        };
        // Where a server serves, what is left of a hub of ours is over.
        let (hosts, over) = if by_hub {
            (state.hub.is_some() && !state.hosts, None)
        } else {
            (false, state.hub.take())
        };
        state.hosts = state.hub.is_some();
        state.path_promised = None;
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
            peer: link.credentials(),
            clone_version,
            role: welcome.role,
            again,
        })));
        if hosts {
            notices.push(Notice::Hosting);
        }
        let waiting = std::mem::take(&mut state.waiting);
        notices.extend(
            waiting
                .into_iter()
                .map(|op| Notice::Settled { op, result: Ok(()) }),
        );
        self.make_queued(&mut state, &mut notices);
        drop(state);
        drop(over);
        trace::line(format_args!("registered at {}", self.options.address));
        self.sink.deliver(conn, &mut notices);
        conn
    }

    /// The connection is over. From here on calls wait, which is true, or fail.
    fn down(&self, link: &Arc<Link>, reason: CloseReason) -> bool {
        let counters = link.with(|session, _| session.counters().clone());
        let mut state = self.state();
        state.telling = true;
        state.past.counters.add(&counters);
        *state.past.closes.entry(reason).or_default() += 1;
        if state
            .link
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, link))
        {
            state.link = None;
        }
        state.connected_at = 0;
        if reason == CloseReason::Yielded {
            state.promise_path();
        }
        if state.phase == Phase::Up {
            let again = self.options.reconnect.enabled && reason.may_reconnect();
            state.phase = if again {
                Phase::Reconnecting
            } else {
                Phase::Idle
            };
        }
        state.phase == Phase::Reconnecting
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
        CloseReason::TlsFailed => ErrorCode::TlsFailed,
        CloseReason::TlsMismatch => ErrorCode::TlsMismatch,
        CloseReason::TlsUntrusted => ErrorCode::TlsUntrusted,
        CloseReason::TlsExpired => ErrorCode::TlsExpired,
        CloseReason::TlsCertificateRequired => ErrorCode::TlsCertificateRequired,
        CloseReason::TlsTimeout => ErrorCode::TlsTimeout,
        _ => ErrorCode::Registration,
    };
    let cause = match reason {
        CloseReason::PeerClosed
        | CloseReason::Reset
        | CloseReason::ServerStopping
        | CloseReason::Yielded => Cause::Gone,
        _ => Cause::Refused,
    };
    let text = format!("Failed to register: {message}");
    let error = if reason.is_tls() {
        Error::io(code, text)
    } else {
        Error::peer(code, text)
    };
    Failed {
        error,
        again: reason.may_reconnect(),
        cause,
    }
}
