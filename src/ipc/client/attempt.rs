//! One attempt to get a connection: dial, look who answers, register.
//!
//! Whether to try again, and when, is decided elsewhere; an attempt says only
//! whether another may go better.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::route::Route;
use super::Inner;
use crate::ipc::close::CloseReason;
use crate::ipc::driver;
use crate::ipc::error::{os_name, Error, ErrorCode};
use crate::ipc::frame::Registration;
use crate::ipc::link::{now, Link};
use crate::ipc::proto::{Event, Session};
use crate::ipc::transport::{self, Stream};

/// A failed attempt.
pub(super) struct Failed {
    pub(super) error: Error,
    /// Whether another attempt may go better.
    pub(super) again: bool,
    pub(super) cause: Cause,
}

/// What an attempt has met with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nobody listens.
    Nobody,
    /// Somebody listened, and went away before we were registered.
    Gone,
    /// Somebody is there who does not take us, or nothing can be tried at all.
    Refused,
}

impl Failed {
    /// The same failure, with the reason why it could not be mended.
    pub(super) fn because(mut self, error: &Error) -> Self {
        self.error.message = format!("{}; no hub can be started: {error}", self.error.message);
        self
    }
}

/// A connection that is registered and runs.
pub(super) struct Running {
    pub(super) closed: oneshot::Receiver<bool>,
}

impl Inner {
    /// One attempt: dial, register.
    pub(super) async fn attempt(self: &Arc<Self>, again: bool) -> Result<Running, Failed> {
        let patience = self.options.register_timeout;
        let until = tokio::time::Instant::now() + patience;
        let address = &self.options.address;
        transport::check(address).map_err(|error| Failed {
            error,
            again: false,
            cause: Cause::Refused,
        })?;
        let tls = self.options.tls.as_ref();
        let dialling = transport::connect(address, self.options.no_delay, tls);
        let stream = match timeout_at(until, dialling).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.unreachable(&error)),
            Err(_) => return Err(self.no_answer(patience)),
        };
        self.check_server(&stream)?;
        let poller = self.sink.poller();
        let config = self
            .config
            .sharing(poller.is_some() && stream.shares_memory());
        let session = Session::client(config, self.registration(), self.wall, now());
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
        let deliver = Box::new(move |link: &Arc<Link>, events: &mut Vec<Event>| {
            route.on_events(link, events);
        });
        self.runtime
            .spawn(driver::register(link.clone(), poller, deliver));
        match timeout_at(until, opened).await {
            Ok(Ok(Ok(()))) => {
                abandoned.forget();
                Ok(Running { closed })
            }
            Ok(Ok(Err(failed))) => Err(failed),
            Err(_) if link.is_securing() => Err(tls_unfinished(patience)),
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
            give_way: false,
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
        Failed {
            error: Error::io(ErrorCode::Os(errno), message),
            again,
            cause: match errno {
                "ENOENT" | "ECONNREFUSED" => Cause::Nobody,
                // We waited to be accepted by somebody who has stopped listening.
                "ECONNRESET" | "ECONNABORTED" | "EPIPE" => Cause::Gone,
                _ => Cause::Refused,
            },
        }
    }

    fn no_answer(&self, patience: Duration) -> Failed {
        let text = format!(
            "Failed to register: no answer within {} ms",
            patience.as_millis()
        );
        Failed {
            error: Error::io(ErrorCode::Registration, text),
            again: true,
            cause: Cause::Refused,
        }
    }

    fn check_server(&self, stream: &Stream) -> Result<(), Failed> {
        let Some(expected) = self.options.expect_server_uid else {
            return Ok(());
        };
        let actual = stream.credentials().uid;
        if actual == Some(expected) {
            return Ok(());
        }
        let actual = actual.map_or_else(|| "unknown".to_owned(), |uid| uid.to_string());
        let text =
            format!("Failed to register: the server runs as user {actual}, not as {expected}");
        Err(Failed {
            error: Error::local(ErrorCode::ServerIdentity, text),
            again: false,
            cause: Cause::Refused,
        })
    }
}

/// The server has accepted the connection and stalls in the handshake.
fn tls_unfinished(patience: Duration) -> Failed {
    let text = format!(
        "Failed to register: no end of the TLS handshake within {} ms",
        patience.as_millis()
    );
    Failed {
        error: Error::io(ErrorCode::TlsTimeout, text),
        again: true,
        cause: Cause::Refused,
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
            self.0
                .with(|session, _| session.close(CloseReason::Local, "given up"));
        }
    }
}
