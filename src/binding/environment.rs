//! What an environment has of its own: its mailbox, its lease of the I/O thread and, where
//! there is one, the loop driver.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

#[cfg(unix)]
use napi::bindgen_prelude::JsValue;
use napi::bindgen_prelude::{Error, Function, Result};
use napi::Env;
use napi_derive::napi;

use super::endpoint::{self, BusyPoll};
#[cfg(unix)]
use super::event_loop::EventLoop;
use super::mailbox::{Mailbox, MAX_RECORDS, PREFIX, RECORD};
use super::open;
use super::runtime::{Held, Lease};
use crate::ipc::bug;

/// What an environment holds while its mailbox is open.
struct Open {
    mailbox: Arc<Mailbox>,
    lease: Rc<Lease>,
    #[cfg(unix)]
    event_loop: Option<Rc<EventLoop>>,
}

thread_local! {
    static MAILBOXES: RefCell<Held<HashMap<u32, Open>>> = RefCell::default();
}

pub(super) fn mailbox(number: u32) -> Option<Arc<Mailbox>> {
    MAILBOXES.with_borrow(|all| all.get(&number).map(|open| open.mailbox.clone()))
}

/// What an endpoint needs of it.
pub(super) fn share(mailbox: u32) -> Result<(Arc<Mailbox>, Rc<Lease>)> {
    MAILBOXES
        .with_borrow(|all| {
            all.get(&mailbox)
                .map(|open| (open.mailbox.clone(), open.lease.clone()))
        })
        .ok_or_else(|| Error::from_reason("the environment is going away"))
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
            open::end_probes();
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
pub(super) fn busy_poll(mailbox: u32, time: Option<Duration>) -> Option<BusyPoll> {
    let time = time.unwrap_or_default();
    let event_loop = MAILBOXES.with_borrow(|all| all.get(&mailbox)?.event_loop.clone())?;
    Some(Box::new(move |traffic| {
        event_loop.stay_awake(traffic, time);
    }))
}

#[cfg(not(unix))]
pub(super) fn busy_poll(_: u32, _: Option<Duration>) -> Option<BusyPoll> {
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
