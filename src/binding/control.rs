//! The calls to endpoints that are made rarely: starting, connecting, subscribing, ending.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use napi::bindgen_prelude::{Error, Result};
use napi_derive::napi;

use super::endpoint::{self, Endpoint, Handle};
use super::pack::describe_error;
use crate::ipc::client::{Call, ConnectOptions};
use crate::ipc::frame::Failure;
use crate::ipc::proto::Session;

/// What "for ever" comes to where a clock has to hold it.
pub(super) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A time limit in ms; 0 is none.
pub(super) fn limit(millis: u32) -> Option<Duration> {
    (millis > 0).then(|| Duration::from_millis(millis.into()))
}

/// A call that failed at once, as JSON text; the facade makes an error of it.
pub(super) fn failed(error: &crate::ipc::Error) -> String {
    describe_error(error, None).to_string()
}

pub(super) fn find(number: u32) -> Result<Rc<Endpoint>> {
    endpoint::get(number).ok_or_else(|| Error::from_reason("the endpoint was closed"))
}

/// Uses a session. If the connection is over nobody waits for the outcome.
pub(super) fn with_session<R>(
    endpoint: u32,
    conn: u32,
    call: impl FnOnce(&mut Session, Instant) -> R,
) -> Result<()> {
    let _ = find(endpoint)?.handle.with(conn, call);
    Ok(())
}

/// Writes what all endpoints have queued; for the end of the process.
#[napi(catch_unwind)]
pub fn flush_all() {
    endpoint::flush_all();
}

/// Gives a type or topic a number.
#[napi(catch_unwind)]
pub fn set_name(endpoint: u32, number: u32, name: String) -> Result<()> {
    find(endpoint)?.names.lock().set(number, Bytes::from(name));
    Ok(())
}

/// Starts a server; `op` settles.
#[napi(catch_unwind)]
pub fn start(endpoint: u32, op: u32) -> Result<Option<String>> {
    match &find(endpoint)?.handle {
        Handle::Server(server) => Ok(server.start(op).err().map(|error| failed(&error))),
        Handle::Client(_) => Ok(None),
    }
}

/// Stops a server or disconnects a client; `op` settles.
#[napi(catch_unwind)]
pub fn close(endpoint: u32, op: u32, waiting: u32) -> Result<()> {
    match &find(endpoint)?.handle {
        Handle::Server(server) => server.stop(op, waiting.into()),
        Handle::Client(client) => client.disconnect(op, waiting.into()),
    }
    Ok(())
}

/// Connects a client; `op` settles. `wait_for_ready` in ms; `may_host`: a hub,
/// if nobody listens.
#[napi(catch_unwind)]
pub fn connect(endpoint: u32, op: u32, wait_for_ready: Option<u32>, may_host: bool) -> Result<()> {
    if let Handle::Client(client) = &find(endpoint)?.handle {
        let wait_for_ready = wait_for_ready.map(|millis| limit(millis).unwrap_or(LONGEST));
        let options = ConnectOptions {
            wait_for_ready,
            may_host,
        };
        client.connect(op, options);
    }
    Ok(())
}

/// Subscribes or unsubscribes a client; ends as a request does, or at once with
/// the error that is returned. A timeout of 0 is none.
#[napi(catch_unwind)]
pub fn subscribe(
    endpoint: u32,
    op: u32,
    topic: String,
    on: bool,
    timeout: u32,
) -> Result<Option<String>> {
    let endpoint = find(endpoint)?;
    let Handle::Client(client) = &endpoint.handle else {
        return Ok(None);
    };
    let timeout = limit(timeout);
    let call: Call = Call::Subscribe {
        topic: Bytes::from(topic),
        on,
        timeout,
    };
    let result = client.call(op, call);
    client.flush();
    Ok(result.err().map(|error| failed(&error)))
}

/// No longer subscribes to a topic when registering.
#[napi(catch_unwind)]
pub fn forget_topic(endpoint: u32, topic: String) -> Result<()> {
    if let Handle::Client(client) = &find(endpoint)?.handle {
        client.forget(&topic);
    }
    Ok(())
}

/// Withdraws a request; true if it had left.
#[napi(catch_unwind)]
pub fn cancel(endpoint: u32, conn: u32, op: u32) -> Result<bool> {
    Ok(match &find(endpoint)?.handle {
        Handle::Client(client) => client.cancel(op),
        Handle::Server(server) => server
            .with(conn, |session, now| session.cancel(op, now))
            .unwrap_or(false),
    })
}

/// Answers a request with a failure.
#[napi(catch_unwind)]
pub fn fail(
    endpoint: u32,
    conn: u32,
    id: u32,
    message: String,
    name: String,
    code: String,
) -> Result<()> {
    let failure = Failure {
        message,
        name,
        code,
    };
    with_session(endpoint, conn, |session, now| {
        session.fail(id, failure, now)
    })
}

/// Counts a message that could not be used.
#[napi(catch_unwind)]
pub fn count_error(endpoint: u32, conn: u32) -> Result<()> {
    with_session(endpoint, conn, |session, _| session.count_error())
}

/// Closes one client's connection to a server.
#[napi(catch_unwind)]
pub fn disconnect_client(endpoint: u32, conn: u32, message: String) -> Result<()> {
    if let Handle::Server(server) = &find(endpoint)?.handle {
        server.disconnect(conn, &message);
    }
    Ok(())
}
