//! Handing a registered link over to a driver of the owner's.
//!
//! tokio connects, accepts and registers. From then on an owner with an event
//! loop of its own may wait for the socket there and save the hops between two
//! threads. What is handed over is one unit: the link with its socket (which
//! tokio has let go), its session, its output and its deadlines, and where its
//! events go. What had arrived before has been told before.

use std::fmt;
#[cfg(unix)]
use std::os::fd::AsFd;
use std::sync::Arc;

use super::bug;
use super::close::CloseReason;
use super::faults;
use super::link::{now, Link};
use super::proto::Event;

pub use super::link::Plan;

/// Where the events of a link go, in order; the last one is [`Event::Closed`].
pub type Deliver = Box<dyn FnMut(&Arc<Link>, &mut Vec<Event>) + Send>;

/// Number of a link at its poller. Never used twice.
pub type LinkKey = u64;

/// How often a link that keeps having something to tell is heard in a row.
const ROUNDS: usize = 16;

/// An event loop that waits for sockets in the place of tokio.
pub trait Poller: Send + Sync + fmt::Debug {
    /// A number for the next link; none if no more are taken.
    fn reserve(&self) -> Option<LinkKey>;

    /// Takes a link over, from the I/O thread.
    fn adopt(&self, key: LinkKey, polled: Polled);

    /// The link has something that its socket will not tell: an event, another
    /// deadline, output that was not taken, an end. To be looked at with
    /// [`Polled::settle`] soon, but not from within: the caller holds locks.
    fn wake(&self, key: LinkKey);
}

/// A link in the hands of a poller.
pub struct Polled {
    link: Arc<Link>,
    deliver: Deliver,
}

impl Polled {
    pub(super) fn new(link: Arc<Link>, deliver: Deliver) -> Self {
        Self { link, deliver }
    }

    /// The socket to wait for; none once it is closed. Whoever keeps it keeps it
    /// open.
    #[cfg(unix)]
    pub fn socket(&self) -> Option<Arc<impl AsFd>> {
        self.link.released()
    }

    /// Reads a bounded amount, lets time pass, writes, and tells what happened.
    /// Called when the socket is ready or the deadline of the plan has come.
    pub fn pump(&mut self, events: &mut Vec<Event>) -> Plan {
        self.contained(events, |this, events| {
            faults::bug("driver");
            this.link.pump(events);
            this.tell(events);
            this.settled(events)
        })
    }

    /// Tells what happened without reading, and says what to wait for.
    pub fn settle(&mut self, events: &mut Vec<Event>) -> Plan {
        self.contained(events, Self::settled)
    }

    /// A bug on the way costs this connection alone.
    fn contained(
        &mut self,
        events: &mut Vec<Event>,
        step: fn(&mut Self, &mut Vec<Event>) -> Plan,
    ) -> Plan {
        if let Ok(plan) = bug::contain(|| step(self, events)) {
            return plan;
        }
        events.clear();
        let _ = bug::contain(|| {
            self.link.give_up(events);
            self.tell(events);
        });
        events.clear();
        Plan {
            done: true,
            ..Plan::default()
        }
    }

    fn settled(&mut self, events: &mut Vec<Event>) -> Plan {
        for _ in 0..ROUNDS {
            let plan = self.link.plan(events);
            if events.is_empty() {
                return plan;
            }
            // This may lead to more: a broadcast looks for credit, and reads.
            self.tell(events);
        }
        let plan = self.link.plan(events);
        self.tell(events);
        Plan {
            deadline: Some(now()),
            done: false,
            ..plan
        }
    }

    /// Closes the socket. Whoever polls it has stopped.
    pub fn shut(&self) {
        self.link.shut();
    }

    /// Ends the connection at once, because its event loop goes away.
    pub fn abandon(&mut self) {
        self.end(CloseReason::Local, "the owner has gone");
    }

    /// Ends the connection at once, because it can't be polled (any more). A
    /// client tries to come back.
    pub fn fail(&mut self, why: &str) {
        self.end(CloseReason::IoError, why);
    }

    fn end(&mut self, reason: CloseReason, why: &str) {
        self.link.with(|session, _| session.close(reason, why));
        self.link.flush();
        let mut events = Vec::new();
        self.settle(&mut events);
    }

    fn tell(&mut self, events: &mut Vec<Event>) {
        if !events.is_empty() {
            (self.deliver)(&self.link, events);
            events.clear();
            // Answers given while delivering leave with one write.
            self.link.flush();
        }
    }
}

impl fmt::Debug for Polled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polled")
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}
