//! What a hub says where a server's JavaScript would: next to nothing.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::ipc::error::ErrorCode;
use crate::ipc::frame::Failure;
use crate::ipc::notice::{ConnId, Notice, Sink};
use crate::ipc::proto::Event;
use crate::ipc::server::{Server, WeakServer};

/// Lets everybody in, answers pings, and has no handlers and listeners.
pub(super) struct Answers {
    /// Weak, for the server owns its sink.
    server: OnceLock<WeakServer>,
    faults: Arc<dyn Sink>,
}

impl Answers {
    pub(super) fn new(faults: Arc<dyn Sink>) -> Self {
        Self {
            server: OnceLock::new(),
            faults,
        }
    }

    /// Answers in the name of `server` from now on.
    pub(super) fn serve(&self, server: &Server) {
        let _ = self.server.set(server.downgrade());
    }
}

impl Sink for Answers {
    fn deliver(&self, conn: ConnId, notices: &mut Vec<Notice>) {
        let Some(server) = self.server.get().and_then(WeakServer::upgrade) else {
            return notices.clear();
        };
        for notice in notices.drain(..) {
            match notice {
                Notice::Connected(_) => server.let_in(conn),
                Notice::Event(event) => answer(&server, conn, event),
                Notice::Fault(error) => self.faults.notify(0, Notice::Fault(error)),
                _ => {}
            }
        }
        server.flush();
    }
}

/// A connection that is gone meanwhile needs no answer.
fn answer(server: &Server, conn: ConnId, event: Event) {
    let _ = match event {
        Event::Ping => server.with(conn, |session, now| session.pong(now)),
        Event::Request { id, name, body } => server.with(conn, |session, now| {
            session.taken(body.cost(&name) as u64, now);
            session.fail(id, no_handler(&name), now);
        }),
        Event::Message { name, body } => server.with(conn, |session, now| {
            session.count_error();
            session.taken(body.cost(&name) as u64, now);
            session.finished(1, now);
        }),
        Event::StreamOpen { id, .. } => {
            let failure = Failure::of(ErrorCode::StreamRefused, "Nobody listens for streams");
            server.with(conn, |session, now| session.cancel_stream(id, failure, now))
        }
        _ => Ok(()),
    };
}

fn no_handler(name: &Bytes) -> Failure {
    let name = String::from_utf8_lossy(name);
    let text = format!("No handler registered for message type: {name}");
    Failure::of(ErrorCode::NoHandler, text)
}
