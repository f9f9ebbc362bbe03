//! The calls that are made rarely: opening, starting, connecting, looking.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
#[cfg(unix)]
use napi::bindgen_prelude::JsValue;
use napi::bindgen_prelude::{Error, Function, Result, Uint8Array};
use napi::{Env, Status};
use napi_derive::napi;
use serde_json::json;
use tokio::task::AbortHandle;

use super::endpoint::{self, BusyPoll, Endpoint, Handle, Names, Post};
#[cfg(unix)]
use super::event_loop::EventLoop;
use super::mailbox::{Mailbox, MAX_RECORDS, PREFIX, RECORD};
use super::options::{JsClientOptions, JsServerOptions};
use super::pack::describe_error;
use super::runtime::{Held, Lease};
use crate::ipc::bug;
use crate::ipc::client::{Call, ConnectOptions};
use crate::ipc::frame::{Body, Encoding, Failure};
use crate::ipc::notice::{Notice, Sink};
use crate::ipc::options::{ClientOptions, ServerOptions, SessionConfig};
use crate::ipc::proto::topics::Pattern;
use crate::ipc::proto::Session;
use crate::ipc::stats::Stats;
use crate::ipc::tls::OptionError;
use crate::ipc::{Address, Client, Server};

/// What an environment holds while its mailbox is open.
struct Open {
    mailbox: Arc<Mailbox>,
    lease: Rc<Lease>,
    #[cfg(unix)]
    event_loop: Option<Rc<EventLoop>>,
}

thread_local! {
    /// Probes under way, by the number of their endpoint.
    static PROBES: RefCell<Held<HashMap<u32, AbortHandle>>> = RefCell::default();
    static MAILBOXES: RefCell<Held<HashMap<u32, Open>>> = RefCell::default();
}

pub(super) fn mailbox(number: u32) -> Option<Arc<Mailbox>> {
    MAILBOXES.with_borrow(|all| all.get(&number).map(|open| open.mailbox.clone()))
}

/// What "for ever" comes to where a clock has to hold it.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A time limit in ms; 0 is none.
fn limit(millis: u32) -> Option<Duration> {
    (millis > 0).then(|| Duration::from_millis(millis.into()))
}

/// A call that failed at once, as JSON text; the facade makes an error of it.
pub(super) fn failed(error: &crate::ipc::Error) -> String {
    describe_error(error, None).to_string()
}

pub(super) fn find(number: u32) -> Result<Rc<Endpoint>> {
    endpoint::get(number).ok_or_else(|| Error::from_reason("the endpoint was closed"))
}

/// Whether the loop driver can be had. Only Node's own event loop will do: the
/// caller has to know that this is Node.
#[napi(catch_unwind)]
pub fn has_loop_driver() -> bool {
    #[cfg(unix)]
    return super::event_loop::is_available();
    #[cfg(not(unix))]
    false
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

/// Opens the mailbox of this environment; `bell` is called when there is mail.
/// Returns its number. It is closed with the environment. With `event_loop` the
/// loop driver waits for its connections.
#[napi(catch_unwind)]
pub fn open_mailbox(env: Env, bell: Function<'_, (), ()>, event_loop: bool) -> Result<u32> {
    let number = endpoint::next_number();
    let mailbox = Arc::new(Mailbox::new(&bell)?);
    let open = Open {
        mailbox: mailbox.clone(),
        lease: Rc::new(Lease::new()),
        #[cfg(unix)]
        event_loop: None,
    };
    MAILBOXES.with_borrow_mut(|all| all.insert(number, open));
    let own = mailbox.clone();
    // Added after the bell, so it runs before Node takes the bell away.
    env.add_env_cleanup_hook(number, move |number| {
        let _ = bug::contain(|| {
            own.close();
            endpoint::remove_all(&Arc::downgrade(&own));
        });
        // Dropping the last lease ends and joins the I/O thread.
        let _ = bug::contain(|| {
            let open = MAILBOXES.with_borrow_mut(|all| all.remove(&number));
            drop(open);
        });
    })?;
    if event_loop {
        start_event_loop(env, &bell, number, &mailbox)?;
    }
    Ok(number)
}

#[cfg(unix)]
fn start_event_loop(
    env: Env,
    bell: &Function<'_, (), ()>,
    number: u32,
    mailbox: &Mailbox,
) -> Result<()> {
    // Its hook comes after that of the mailbox, so it runs before: links are
    // closed while there are still endpoints to hear of it.
    // SAFETY: env and function are those of this call, and the facade asks for
    // this only in Node.
    let started = unsafe { EventLoop::start(number, env.raw(), bell.raw()) };
    let started = started.ok_or_else(|| Error::from_reason("the loop driver cannot be started"))?;
    mailbox.set_event_loop(number, started.gate());
    MAILBOXES.with_borrow_mut(|all| {
        if let Some(open) = all.get_mut(&number) {
            open.event_loop = Some(started);
        }
    });
    Ok(())
}

/// How an endpoint keeps its event loop awake. None with the tokio driver, whose
/// thread sleeps whatever is asked for.
#[cfg(unix)]
fn busy_poll(mailbox: u32, time: Option<Duration>) -> Option<BusyPoll> {
    let time = time.unwrap_or_default();
    let event_loop = MAILBOXES.with_borrow(|all| all.get(&mailbox)?.event_loop.clone())?;
    Some(Box::new(move |traffic| {
        event_loop.stay_awake(traffic, time);
    }))
}

#[cfg(not(unix))]
fn busy_poll(_: u32, _: Option<Duration>) -> Option<BusyPoll> {
    None
}

#[cfg(not(unix))]
fn start_event_loop(_: Env, _: &Function<'_, (), ()>, _: u32, _: &Mailbox) -> Result<()> {
    Err(Error::from_reason("there is no loop driver on this system"))
}

/// The length of the array that `drain` fills, in words.
#[napi(catch_unwind)]
pub fn heads_length() -> u32 {
    (PREFIX + MAX_RECORDS * RECORD) as u32
}

fn open<O, H>(
    mailbox: u32,
    mut options: O,
    session: impl FnOnce(&mut O) -> &mut SessionConfig,
    busy: Option<Duration>,
    make: impl FnOnce(O, tokio::runtime::Handle, Arc<dyn Sink>) -> H,
    wrap: impl FnOnce(H) -> Handle,
) -> Result<u32> {
    let busy_poll = busy_poll(mailbox, busy);
    let (mailbox, lease) = MAILBOXES
        .with_borrow(|all| {
            all.get(&mailbox)
                .map(|open| (open.mailbox.clone(), open.lease.clone()))
        })
        .ok_or_else(|| Error::from_reason("the environment is going away"))?;
    let runtime = lease
        .handle()
        .map_err(|error| Error::from_reason(format!("cannot start the I/O thread: {error}")))?;
    session(&mut options).backlog = mailbox.backlog();
    let number = endpoint::next_number();
    let names = Arc::new(Names::default());
    let post = Post {
        number,
        names: names.clone(),
        mailbox: mailbox.clone(),
    };
    let handle = wrap(make(options, runtime, Arc::new(post)));
    endpoint::add(number, handle, names, mailbox, busy_poll);
    Ok(number)
}

/// Throws a `TypeError` that names an option only the core could judge.
fn wrong_option(env: &Env, error: &OptionError) -> Error {
    match env.throw_type_error(&error.to_string(), None) {
        Ok(()) => Error::from_status(Status::PendingException),
        Err(error) => error,
    }
}

/// Makes a server that does not listen yet; returns its number.
#[napi(catch_unwind)]
pub fn open_server(env: Env, mailbox: u32, options: JsServerOptions) -> Result<u32> {
    let busy = options.common.busy_poll();
    open(
        mailbox,
        ServerOptions::try_from(options).map_err(|error| wrong_option(&env, &error))?,
        |options| &mut options.session,
        busy,
        Server::new,
        Handle::Server,
    )
}

/// Makes a client that is not connected yet; returns its number.
#[napi(catch_unwind)]
pub fn open_client(env: Env, mailbox: u32, options: JsClientOptions) -> Result<u32> {
    let busy = options.common.busy_poll();
    open(
        mailbox,
        ClientOptions::try_from(options).map_err(|error| wrong_option(&env, &error))?,
        |options| &mut options.session,
        busy,
        Client::new,
        Handle::Client,
    )
}

/// Closes an endpoint that nobody refers to any more.
#[napi(catch_unwind)]
pub fn dispose(endpoint: u32) {
    endpoint::remove(endpoint);
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

fn shared_body(encoding: u32, text: Option<String>, bytes: Option<Uint8Array>) -> Body {
    let encoding = u8::try_from(encoding).ok().and_then(Encoding::from_number);
    let payload = match (text, bytes) {
        (Some(text), _) => Bytes::from(text),
        (None, Some(bytes)) => Bytes::copy_from_slice(&bytes),
        (None, None) => Bytes::new(),
    };
    Body {
        headers: None,
        encoding: encoding.unwrap_or(Encoding::None),
        payload,
    }
}

/// Publishes in the name of a server.
#[napi(catch_unwind)]
pub fn publish_from_server(
    endpoint: u32,
    topic: String,
    encoding: u32,
    text: Option<String>,
    bytes: Option<Uint8Array>,
) -> Result<Option<String>> {
    let endpoint = find(endpoint)?;
    let Handle::Server(server) = &endpoint.handle else {
        return Ok(None);
    };
    let result = server.publish(&topic, shared_body(encoding, text, bytes));
    Ok(result.err().map(|error| failed(&error)))
}

/// Closes one client's connection to a server.
#[napi(catch_unwind)]
pub fn disconnect_client(endpoint: u32, conn: u32, message: String) -> Result<()> {
    if let Handle::Server(server) = &find(endpoint)?.handle {
        server.disconnect(conn, &message);
    }
    Ok(())
}

/// What a server knows of a client, as JSON text.
#[napi(catch_unwind)]
pub fn client_info(endpoint: u32, conn: u32) -> Result<Option<String>> {
    let endpoint = find(endpoint)?;
    let Handle::Server(server) = &endpoint.handle else {
        return Ok(None);
    };
    Ok(server.client_info(conn).map(|info| {
        json!({
            "connectedAt": info.connected_at,
            "lastActivity": info.last_activity,
            "peer": { "pid": info.peer.pid, "uid": info.peer.uid, "gid": info.peer.gid },
        })
        .to_string()
    }))
}

/// Where a server listens, as JSON text.
#[napi(catch_unwind)]
pub fn address(endpoint: u32) -> Result<Option<String>> {
    let endpoint = find(endpoint)?;
    let Handle::Server(server) = &endpoint.handle else {
        return Ok(None);
    };
    Ok(server.address().map(|address| {
        match address {
            Address::Path(path) => json!(path.to_string_lossy()),
            Address::Tcp { host, port } => json!({ "address": host, "port": port }),
        }
        .to_string()
    }))
}

/// Counters, as JSON text.
#[napi(catch_unwind)]
pub fn stats(endpoint: u32) -> Result<String> {
    let stats = match &find(endpoint)?.handle {
        Handle::Server(server) => server.stats(),
        Handle::Client(client) => client.stats(),
    };
    Ok(describe_stats(&stats))
}

fn describe_stats(stats: &Stats) -> String {
    let closes: serde_json::Map<String, serde_json::Value> = stats
        .closes
        .iter()
        .map(|(reason, count)| (reason.as_str().to_owned(), json!(count)))
        .collect();
    let counters = &stats.counters;
    json!({
        "messagesSent": counters.messages_sent,
        "messagesReceived": counters.messages_received,
        "bytesSent": counters.bytes_sent,
        "bytesReceived": counters.bytes_received,
        "heartbeatTimeouts": counters.heartbeat_timeouts,
        "requestTimeouts": counters.request_timeouts,
        "errors": counters.errors,
        "streamsOpened": counters.streams_opened,
        "requestsPending": stats.requests_pending,
        "queuedBytes": stats.queued_bytes,
        "closeReasons": closes,
        "connected": stats.connected,
        "totalConnections": stats.total_connections,
        "reachable": stats.reachable,
        "reconnects": stats.reconnects,
        "reconnectAttempts": stats.reconnect_attempts,
        "connectedAt": stats.connected_at,
    })
    .to_string()
}

/// Looks whether a server answers; op 0 of the endpoint number that is returned
/// settles. A timeout of 0 is none.
#[napi(catch_unwind)]
pub fn probe(env: Env, mailbox: u32, options: JsClientOptions, timeout: u32) -> Result<u32> {
    let options = ClientOptions::try_from(options).map_err(|error| wrong_option(&env, &error))?;
    let (mail, lease) = MAILBOXES
        .with_borrow(|all| {
            all.get(&mailbox)
                .map(|open| (open.mailbox.clone(), open.lease.clone()))
        })
        .ok_or_else(|| Error::from_reason("the environment is going away"))?;
    let runtime = lease
        .handle()
        .map_err(|error| Error::from_reason(error.to_string()))?;
    let number = endpoint::next_number();
    let post = Post {
        number,
        names: Arc::default(),
        mailbox: mail,
    };
    let until = Instant::now() + limit(timeout).unwrap_or(LONGEST);
    let probing = runtime.spawn(async move {
        let looking = crate::ipc::client::probe(&options.address, options.tls.as_ref(), until);
        let result = bug::contained(looking).await.and_then(|found| found);
        post.notify(0, Notice::Settled { op: 0, result });
    });
    PROBES.with_borrow_mut(|probes| probes.insert(number, probing.abort_handle()));
    Ok(number)
}

/// A probe has settled, or nobody waits for it any more.
#[napi(catch_unwind)]
pub fn end_probe(number: u32) {
    if let Some(probing) = PROBES.with_borrow_mut(|probes| probes.remove(&number)) {
        probing.abort();
    }
}

/// Whether a topic matches a pattern.
#[napi(catch_unwind)]
pub fn topic_matches(pattern: String, topic: String) -> bool {
    Pattern::new(&pattern).matches(&topic)
}
