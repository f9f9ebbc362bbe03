//! Endpoints of this thread's environment, by number.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use bytes::Bytes;

use super::mailbox::Mailbox;
use super::pack;
use super::runtime::Held;
use crate::ipc::bug;
use crate::ipc::link::Link;
use crate::ipc::notice::{ConnId, Notice, Sink};
use crate::ipc::poller::Poller;
use crate::ipc::proto::{IdHasher, Session};
use crate::ipc::{Client, Error, Server};

/// A server or a client, with what it shares with JavaScript.
pub(super) struct Endpoint {
    pub(super) handle: Handle,
    pub(super) names: Arc<Names>,
    mailbox: Arc<Mailbox>,
    /// It is on the list of those that are written after the visit.
    listed: Cell<bool>,
    busy_poll: Option<BusyPoll>,
}

/// Told of traffic where the event loop is to look for more before it sleeps.
pub(super) type BusyPoll = Box<dyn Fn(Traffic)>;

/// What an endpoint's connections have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Traffic {
    /// Messages have come.
    Came,
    /// Output has been written.
    Left,
}

/// The core's handle.
#[derive(Clone)]
pub(super) enum Handle {
    Server(Server),
    Client(Client),
}

impl Handle {
    /// Uses the session of a connection, if it is still there.
    pub(super) fn with<R>(
        &self,
        conn: ConnId,
        call: impl FnOnce(&mut Session, Instant) -> R,
    ) -> Result<R, Error> {
        match self {
            Handle::Server(server) => server.with(conn, call),
            Handle::Client(client) => client.with(conn, call),
        }
    }

    /// The same where nobody could be told of a bug: it ends the connection.
    pub(super) fn safely_with(&self, conn: ConnId, call: impl FnOnce(&mut Session, Instant)) {
        if bug::contain(|| self.with(conn, call)).is_err() {
            self.fall(conn);
        }
    }

    /// Ends a connection because of a bug; its driver tells.
    pub(super) fn fall(&self, conn: ConnId) {
        let _ = bug::contain(|| self.with(conn, |session, _| session.fall()));
    }

    /// The link of a connection, if it is still there, and where its files are read
    /// and written.
    pub(super) fn link(&self, conn: ConnId) -> Option<(Arc<Link>, tokio::runtime::Handle)> {
        match self {
            Handle::Server(server) => server.link(conn),
            Handle::Client(client) => client.link(conn),
        }
    }

    /// Has the output of a link written with the next [`flush`](Self::flush).
    pub(super) fn flush_later(&self, link: Arc<Link>) {
        match self {
            Handle::Server(server) => server.flush_later(link),
            // It has one link, which is always written.
            Handle::Client(_) => drop(link),
        }
    }

    pub(super) fn flush(&self) {
        match self {
            Handle::Server(server) => server.flush(),
            Handle::Client(client) => client.flush(),
        }
    }

    fn abandon(&self) {
        match self {
            Handle::Server(server) => server.abandon(),
            Handle::Client(client) => client.abandon(),
        }
    }
}

/// Types and topics that both sides of the boundary know by number. Filled by
/// our own side only, so that no peer can make it grow.
#[derive(Default)]
pub(super) struct Names(Mutex<NameTable>);

#[derive(Default)]
pub(super) struct NameTable {
    numbers: HashMap<Bytes, u32>,
    texts: Vec<Bytes>,
    /// The last name that was found: messages of one type come in rows.
    last: Option<(Bytes, u32)>,
}

impl Names {
    pub(super) fn lock(&self) -> MutexGuard<'_, NameTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NameTable {
    /// Gives `name` the number `at`, in the place of what had it before.
    pub(super) fn set(&mut self, at: u32, name: Bytes) {
        let index = at as usize;
        if self.texts.len() <= index {
            self.texts.resize(index + 1, Bytes::new());
        }
        if let Some(slot) = self.texts.get_mut(index) {
            self.last = None;
            let old = std::mem::replace(slot, name.clone());
            self.numbers.remove(&old);
        }
        // Number 0 is for names used once; what comes in under them is text.
        if at != 0 {
            self.numbers.insert(name, at);
        }
    }

    pub(super) fn text(&self, number: u32) -> Bytes {
        self.texts.get(number as usize).cloned().unwrap_or_default()
    }

    pub(super) fn number(&mut self, name: &Bytes) -> Option<u32> {
        if let Some((last, number)) = &self.last {
            if last == name {
                return Some(*number);
            }
        }
        let (known, number) = self.numbers.get_key_value(name)?;
        self.last = Some((known.clone(), *number));
        Some(*number)
    }
}

/// Takes the core's notices to the mailbox. Knows the endpoint only weakly: the
/// endpoint owns the core, which owns this.
pub(super) struct Post {
    pub(super) number: u32,
    pub(super) names: Arc<Names>,
    pub(super) mailbox: Arc<Mailbox>,
}

impl Sink for Post {
    fn poller(&self) -> Option<Arc<dyn Poller>> {
        self.mailbox.poller()
    }

    fn deliver(&self, conn: ConnId, notices: &mut Vec<Notice>) {
        let mut names = self.names.lock();
        let mut lost = false;
        self.mailbox.post(self.number, |batches| {
            for notice in notices.iter() {
                lost |= !pack::pack(batches, &mut names, conn, notice);
            }
        });
        drop(names);
        notices.clear();
        // What the peer has said can't be made good: its driver ends the connection.
        if lost && conn != 0 {
            std::panic::resume_unwind(Box::new(bug::TEXT));
        }
    }
}

/// The endpoints of one JavaScript thread by their numbers.
type Endpoints = HashMap<u32, Rc<Endpoint>, BuildHasherDefault<IdHasher>>;

thread_local! {
    static ENDPOINTS: RefCell<Held<Endpoints>> = RefCell::default();
    /// The event loop has called JavaScript, and writes when it is back.
    static VISITED: Cell<bool> = const { Cell::new(false) };
    /// What it then writes.
    static UNWRITTEN: RefCell<Vec<Rc<Endpoint>>> = const { RefCell::new(Vec::new()) };
}

impl Endpoint {
    /// Leaves writing to the end of the visit that is under way; false if there
    /// is none, and JavaScript has to see to it.
    pub(super) fn writes_after_visit(self: &Rc<Self>) -> bool {
        let visited = VISITED.get();
        if visited && !self.listed.replace(true) {
            UNWRITTEN.with_borrow_mut(|all| all.push(self.clone()));
        }
        visited
    }

    /// Writes what has been queued since the last call.
    pub(super) fn flush(&self) {
        self.handle.flush();
        self.note(Traffic::Left);
    }

    /// Tells of traffic.
    pub(super) fn note(&self, traffic: Traffic) {
        if let Some(note) = &self.busy_poll {
            note(traffic);
        }
    }
}

/// Lets the event loop call JavaScript, and writes what was sent meanwhile: by
/// handlers, and by the promise callbacks and ticks that run before it is back.
/// They need no tick of their own to have it written.
#[cfg(unix)]
pub(super) fn visit(call: impl FnOnce()) {
    VISITED.set(true);
    call();
    VISITED.set(false);
    write_listed();
}

/// Writes what waits for the end of the visit.
pub(super) fn write_listed() {
    let listed = UNWRITTEN.take();
    for endpoint in &listed {
        endpoint.listed.set(false);
        endpoint.flush();
    }
    // The list is used again, unless writing has begun another.
    UNWRITTEN.with_borrow_mut(|all| {
        if all.is_empty() {
            *all = listed;
            all.clear();
        }
    });
}

/// A number for a new endpoint, unique in the process.
pub(super) fn next_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(super) fn add(
    number: u32,
    handle: Handle,
    names: Arc<Names>,
    mailbox: Arc<Mailbox>,
    busy_poll: Option<BusyPoll>,
) {
    let endpoint = Rc::new(Endpoint {
        handle,
        names,
        mailbox,
        listed: Cell::new(false),
        busy_poll,
    });
    ENDPOINTS.with_borrow_mut(|endpoints| endpoints.insert(number, endpoint));
}

pub(super) fn get(number: u32) -> Option<Rc<Endpoint>> {
    ENDPOINTS.with_borrow(|endpoints| endpoints.get(&number).cloned())
}

/// Closes an endpoint that nobody refers to any more.
pub(super) fn remove(number: u32) {
    let endpoint = ENDPOINTS.with_borrow_mut(|endpoints| endpoints.remove(&number));
    if let Some(endpoint) = endpoint {
        endpoint.handle.abandon();
    }
}

/// Writes what all endpoints have queued; the process is about to end, perhaps
/// in the middle of a visit.
pub(super) fn flush_all() {
    VISITED.set(false);
    let all: Vec<_> = ENDPOINTS.with_borrow(|endpoints| endpoints.values().cloned().collect());
    for endpoint in all {
        endpoint.handle.flush();
    }
}

/// Closes the endpoints of an environment that is going away.
pub(super) fn remove_all(mailbox: &Weak<Mailbox>) {
    let gone: Vec<_> = ENDPOINTS.with_borrow_mut(|endpoints| {
        let numbers: Vec<u32> = endpoints
            .iter()
            .filter(|(_, endpoint)| std::ptr::eq(Arc::as_ptr(&endpoint.mailbox), mailbox.as_ptr()))
            .map(|(number, _)| *number)
            .collect();
        numbers
            .into_iter()
            .filter_map(|number| endpoints.remove(&number))
            .collect()
    });
    for endpoint in gone {
        endpoint.handle.abandon();
    }
}
