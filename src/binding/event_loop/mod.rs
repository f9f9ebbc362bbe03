//! The loop driver: Node's own event loop waits for the sockets of registered
//! connections, so that reading, decoding and the call into JavaScript happen
//! on one thread, without a hop.
//!
//! tokio hands a link over through the [`Gate`]. From then on its poll handle
//! says when to read and write; one timer per environment serves the deadlines
//! of all links. What links have to tell goes to the mailbox as ever, and
//! JavaScript is entered once per turn of the loop, after all ready sockets have
//! been read (a check handle does that; it costs no system call).
//!
//! Everything but the gate lives on the JavaScript thread.

mod busy;
mod deadlines;
mod gate;
mod inside;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_int;
use std::hash::BuildHasherDefault;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use napi::sys;

use super::endpoint::{self, Traffic};
use super::uv::{Entrance, Handle, Hook, Kind, Loop, Symbols, READABLE, WRITABLE};
use crate::ipc::poller::{LinkKey, Plan, Polled};
use crate::ipc::proto::{Event, IdHasher};

use busy::BusyPoll;
use deadlines::Deadlines;
pub(super) use gate::Gate;
pub(super) use inside::ring_mail;
use inside::LoopId;

/// For handles that watch none.
const NO_FD: RawFd = -1;

/// The loop driver of one environment.
pub(super) struct EventLoop {
    this: Weak<Self>,
    id: LoopId,
    uv: Rc<Loop>,
    entrance: Entrance,
    gate: Arc<Gate>,
    handles: RefCell<Option<Handles>>,
    links: RefCell<HashMap<LinkKey, Rc<Watched>, BuildHasherDefault<IdHasher>>>,
    deadlines: RefCell<Deadlines>,
    /// Kept from call to call, as most callbacks need one.
    events: Cell<Vec<Event>>,
    /// Mail waits for the check or the idle callback.
    mail: Cell<bool>,
    busy: RefCell<BusyPoll>,
}

struct Handles {
    waker: Handle,
    timer: Handle,
    check: Handle,
    idle: Handle,
    awake: Handle,
}

/// A link and what it is waited for.
struct Watched {
    key: LinkKey,
    polled: RefCell<Polled>,
    poll: RefCell<Option<Handle>>,
    /// What the poll handle was told to wait for.
    mask: Cell<c_int>,
    /// Its place among the deadlines.
    due: Cell<Option<Instant>>,
}

/// Whether the loop driver can be had. Calls nothing that could crash a runtime
/// that only looks like Node; whether it is Node the caller must know.
pub(super) fn is_available() -> bool {
    Symbols::get().is_some()
}

impl EventLoop {
    /// A driver on the loop of this environment, which calls `visit` when there
    /// is mail. It takes itself down with the environment. None if something is
    /// missing here.
    ///
    /// # Safety
    /// `env` and its function `visit` must be those of the running call, and this
    /// must be Node: elsewhere libuv's functions may be there and crash.
    pub(super) unsafe fn start(
        id: LoopId,
        env: sys::napi_env,
        visit: sys::napi_value,
    ) -> Option<Rc<Self>> {
        let symbols = Symbols::get()?;
        let uv = Loop::of(env, symbols)?;
        // SAFETY: passed on.
        let entrance = unsafe { Entrance::new(env, visit, symbols) }?;
        let this = Rc::new_cyclic(|this| Self {
            this: this.clone(),
            id,
            uv,
            entrance,
            gate: Arc::new(Gate::new(id)),
            handles: RefCell::default(),
            links: RefCell::default(),
            deadlines: RefCell::default(),
            events: Cell::default(),
            mail: Cell::new(false),
            busy: RefCell::default(),
        });
        let Ok(handles) = this.open_handles() else {
            this.entrance.close();
            return None;
        };
        this.gate.open(handles.waker.waker());
        *this.handles.borrow_mut() = Some(handles);
        let owner = this.clone();
        let added = Hook::add(env, symbols, move |hook| {
            owner.close();
            owner.uv.when_empty(move || hook.done());
        });
        if !added {
            this.close();
        }
        added.then_some(this)
    }

    /// Opens them in an order in which only the first can fail.
    fn open_handles(&self) -> Result<Handles, c_int> {
        let on = |call: fn(&Self)| {
            let this = self.this.clone();
            move |_: c_int| {
                if let Some(this) = this.upgrade() {
                    inside::enter(this.id, || call(&this));
                }
            }
        };
        Ok(Handles {
            waker: self.uv.handle(Kind::Async, NO_FD, on(Self::on_wake))?,
            timer: self.uv.handle(Kind::Timer, NO_FD, on(Self::on_timer))?,
            check: self.uv.handle(Kind::Check, NO_FD, on(Self::on_check))?,
            idle: self.uv.handle(Kind::Idle, NO_FD, on(Self::on_idle))?,
            awake: self.uv.handle(Kind::Idle, NO_FD, on(Self::on_awake))?,
        })
    }

    /// Where other threads hand links over.
    pub(super) fn gate(&self) -> Arc<Gate> {
        self.gate.clone()
    }

    /// There was traffic on an endpoint that wants the loop to look for more for
    /// `time` before it sleeps.
    pub(super) fn stay_awake(&self, traffic: Traffic, time: Duration) {
        if self.busy.borrow_mut().note(traffic, time) {
            self.with_handles(|handles| handles.awake.start_idle());
        }
    }

    /// As long as an idle handle is active, the loop looks at descriptors without
    /// waiting, and timers and other handles have their turns as ever.
    fn on_awake(&self) {
        let now = Instant::now();
        let mut busy = self.busy.borrow_mut();
        if busy.look(now) {
            // The peer may need this very CPU to answer.
            std::thread::yield_now();
            if !busy.is_in_the_way(now.elapsed()) {
                return;
            }
        }
        self.with_handles(|handles| handles.awake.stop_idle());
    }

    fn on_wake(&self) {
        self.attend();
        self.visit_after_polling();
    }

    fn on_poll(&self, watched: &Watched, status: c_int) {
        if status < 0 {
            // libuv has stopped it; reading tells what is wrong.
            watched.mask.set(0);
        }
        self.work(watched, Polled::pump);
        self.visit_after_polling();
    }

    fn on_timer(&self) {
        self.deadlines.borrow_mut().went_off();
        // One look at the clock, or those that are overdue could go round for ever.
        let now = Instant::now();
        loop {
            let key = self.deadlines.borrow_mut().take(now);
            let Some(key) = key else { break };
            if let Some(watched) = self.watched(key) {
                watched.due.set(None);
                self.work(&watched, Polled::pump);
            }
        }
        self.set_timer();
        // The loop waits for descriptors next, so mail must not be left.
        self.visit_if_mail();
    }

    fn on_idle(&self) {
        self.with_handles(|handles| handles.idle.stop_idle());
        self.visit_if_mail();
    }

    fn on_check(&self) {
        self.with_handles(|handles| handles.check.stop_check());
        self.visit_if_mail();
    }

    /// Has JavaScript called once all ready sockets have been read.
    fn visit_after_polling(&self) {
        if inside::take_links() {
            self.attend();
        }
        if inside::take_mail() && !self.mail.replace(true) {
            self.with_handles(|handles| handles.check.start_check());
        }
    }

    /// Calls JavaScript, and sees to what it has done to links.
    fn visit_if_mail(&self) {
        if inside::take_links() {
            self.attend();
        }
        if !(inside::take_mail() | self.mail.take()) {
            return;
        }
        endpoint::visit(|| self.entrance.call());
        if inside::take_links() {
            self.attend();
        }
        // Others first. The idle callback comes before the loop waits again.
        if inside::take_mail() && !self.mail.replace(true) {
            self.with_handles(|handles| handles.idle.start_idle());
        }
    }

    /// Sees to what has come through the gate.
    fn attend(&self) {
        while let Some(waiting) = self.gate.take() {
            for (key, polled) in waiting.adopted {
                self.adopt(key, polled);
            }
            for key in waiting.woken {
                // One that is not there yet is looked at when it comes.
                if let Some(watched) = self.watched(key) {
                    self.work(&watched, Polled::settle);
                }
            }
        }
    }

    fn adopt(&self, key: LinkKey, polled: Polled) {
        let fd = polled.socket().map(|socket| socket.as_fd().as_raw_fd());
        let watched = Rc::new(Watched {
            key,
            polled: RefCell::new(polled),
            poll: RefCell::default(),
            mask: Cell::new(0),
            due: Cell::new(None),
        });
        // A socket that could not be taken from tokio has none: it only ends.
        if let Some(fd) = fd {
            let (this, link) = (self.this.clone(), Rc::downgrade(&watched));
            let poll = self.uv.handle(Kind::Poll, fd, move |status| {
                if let (Some(this), Some(link)) = (this.upgrade(), link.upgrade()) {
                    inside::enter(this.id, || this.on_poll(&link, status));
                }
            });
            match poll {
                Ok(poll) => *watched.poll.borrow_mut() = Some(poll),
                // Out of memory, or of what the system lets one watch.
                Err(_) => {
                    let mut polled = watched.polled.borrow_mut();
                    polled.fail("the event loop can't watch the socket");
                }
            }
        }
        self.links.borrow_mut().insert(key, watched.clone());
        self.work(&watched, Polled::settle);
    }

    fn watched(&self, key: LinkKey) -> Option<Rc<Watched>> {
        self.links.borrow().get(&key).cloned()
    }

    /// Lets a link do something, and waits for what it then wants.
    fn work(&self, watched: &Watched, step: fn(&mut Polled, &mut Vec<Event>) -> Plan) {
        let mut events = self.events.take();
        let plan = step(&mut watched.polled.borrow_mut(), &mut events);
        events.clear();
        self.events.set(events);
        if plan.done {
            self.remove(watched);
        } else {
            self.follow(watched, plan);
        }
    }

    fn follow(&self, watched: &Watched, plan: Plan) {
        let read = if plan.read { READABLE } else { 0 };
        let write = if plan.write { WRITABLE } else { 0 };
        let mask = read | write;
        if watched.mask.replace(mask) != mask {
            if let Some(poll) = &*watched.poll.borrow() {
                poll.poll(mask);
            }
        }
        if watched.due.get() != plan.deadline {
            let old = watched.due.replace(plan.deadline);
            let mut deadlines = self.deadlines.borrow_mut();
            deadlines.replace(watched.key, old, plan.deadline);
            drop(deadlines);
            self.set_timer();
        }
    }

    fn set_timer(&self) {
        let wait = self.deadlines.borrow_mut().next(Instant::now());
        if let Some(wait) = wait {
            self.with_handles(|handles| handles.timer.after(wait));
        }
    }

    /// The socket is closed after the handle that polls it.
    fn remove(&self, watched: &Watched) {
        let poll = watched.poll.borrow_mut().take();
        if let Some(poll) = poll {
            poll.close();
        }
        let polled = watched.polled.try_borrow();
        if let Ok(polled) = polled {
            polled.shut();
        }
        let due = watched.due.take();
        self.deadlines.borrow_mut().replace(watched.key, due, None);
        self.links.borrow_mut().remove(&watched.key);
    }

    fn with_handles(&self, call: impl FnOnce(&Handles)) {
        if let Some(handles) = &*self.handles.borrow() {
            call(handles);
        }
    }

    /// Ends all links and closes all handles: the environment goes away.
    fn close(&self) {
        let waiting = self.gate.close();
        let links: Vec<_> = self.links.borrow_mut().drain().map(|(_, it)| it).collect();
        // Nobody is called any more for what they have to tell.
        inside::enter(self.id, || {
            for (_, mut polled) in waiting.adopted {
                polled.abandon();
                polled.shut();
            }
            for watched in links {
                let poll = watched.poll.borrow_mut().take();
                if let Some(poll) = poll {
                    poll.close();
                }
                let mut polled = watched.polled.borrow_mut();
                polled.abandon();
                polled.shut();
            }
        });
        let handles = self.handles.borrow_mut().take();
        if let Some(handles) = handles {
            let Handles {
                waker,
                timer,
                check,
                idle,
                awake,
            } = handles;
            for handle in [waker, timer, check, idle, awake] {
                handle.close();
            }
        }
        self.entrance.close();
    }
}
