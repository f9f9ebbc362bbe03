//! Opening and closing of endpoints, and of probes, which are one for a moment.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use napi::bindgen_prelude::{Error, Result};
use napi::{Env, Status};
use napi_derive::napi;
use tokio::task::AbortHandle;

use super::control::{limit, LONGEST};
use super::endpoint::{self, Handle, Names, Post};
use super::environment;
use super::options::{JsClientOptions, JsServerOptions};
use super::runtime::Held;
use crate::ipc::bug;
use crate::ipc::notice::{Notice, Sink};
use crate::ipc::options::{ClientOptions, ServerOptions, SessionConfig};
use crate::ipc::tls::OptionError;
use crate::ipc::{Client, Server};

thread_local! {
    /// Probes under way, by the number of their endpoint.
    static PROBES: RefCell<Held<HashMap<u32, AbortHandle>>> = RefCell::default();
}

fn open<O, H>(
    mailbox: u32,
    mut options: O,
    session: impl FnOnce(&mut O) -> &mut SessionConfig,
    busy: Option<Duration>,
    make: impl FnOnce(O, tokio::runtime::Handle, Arc<dyn Sink>) -> H,
    wrap: impl FnOnce(H) -> Handle,
) -> Result<u32> {
    let busy_poll = environment::busy_poll(mailbox, busy);
    let (mailbox, lease) = environment::share(mailbox)?;
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

/// Looks whether a server answers; op 0 of the endpoint number that is returned
/// settles. A timeout of 0 is none.
#[napi(catch_unwind)]
pub fn probe(env: Env, mailbox: u32, options: JsClientOptions, timeout: u32) -> Result<u32> {
    let options = ClientOptions::try_from(options).map_err(|error| wrong_option(&env, &error))?;
    let (mail, lease) = environment::share(mailbox)?;
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

/// The environment goes away, and nobody waits for any of them.
pub(super) fn end_probes() {
    PROBES.with_borrow_mut(|probes| {
        for (_, probing) in probes.drain() {
            probing.abort();
        }
    });
}

/// A probe has settled, or nobody waits for it any more.
#[napi(catch_unwind)]
pub fn end_probe(number: u32) {
    if let Some(probing) = PROBES.with_borrow_mut(|probes| probes.remove(&number)) {
        probing.abort();
    }
}
