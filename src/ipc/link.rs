//! A link: one socket, its [`Session`], its output buffer.
//!
//! A link does not wait. Whoever knows that the socket is ready pumps it: the
//! tokio [`driver`](super::driver), or from the registration on a
//! [`Poller`] of the owner's. Any thread may use the session through
//! [`Link::with`] and write with [`Link::flush`], which spares the hop to
//! another thread. Whatever the owner has to be told is told by the driver
//! alone, so events keep their order.

mod crowd;
mod direct;
#[cfg_attr(not(unix), path = "link/no_files.rs")]
mod files;
mod io;
#[cfg_attr(not(target_os = "linux"), path = "link/no_memory.rs")]
mod memory;
mod pace;
mod wait;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::close::CloseReason;
use super::poller::{LinkKey, Poller};
use super::proto::{Bounds, Event, Session};
#[cfg(unix)]
use super::transport::Released;
use super::transport::{Credentials, Stream};
use files::Files;
#[cfg(unix)]
pub use files::{Direction, FileStatus};
use memory::Memory;
use pace::Pace;

/// Output above this does not wait for the end of the batch: it is worth a system call, and
/// the peer works while this side goes on. With four times as much a tenth less passed.
pub const FLUSH_AT: usize = 16 * 1024;

/// One connection.
#[derive(Debug)]
pub struct Link {
    core: Mutex<Core>,
    wake: Notify,
}

#[derive(Debug)]
struct Core {
    session: Session,
    stream: Option<Arc<Stream>>,
    /// The socket took less than we had; the driver waits until it takes more.
    blocked: bool,
    /// What the driver was told to wait for.
    planned: Plan,
    /// Until when the driver sleeps unless something comes.
    armed: Option<Instant>,
    linger_until: Option<Instant>,
    /// Who waits for the socket, once it is not tokio.
    poller: Option<(Arc<dyn Poller>, LinkKey)>,
    /// The poller was woken and has not looked since.
    woken: bool,
    /// Streams between files and this socket.
    files: Files,
    /// Memory that streams of this connection pass through.
    memory: Memory,
    pace: Pace,
    /// When what is being dealt with was read, and how many bytes.
    dealing: Option<(Instant, usize)>,
}

/// What was moved from the socket to a file without being read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code))]
enum Taken {
    /// All of a chunk.
    All,
    /// A part of it: there was no more, or no room.
    Some,
    /// Nothing: the socket has none.
    Empty,
    /// Nothing that could be: it has to be read.
    Nothing,
}

/// What the driver has to wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Plan {
    /// The socket becoming readable.
    pub read: bool,
    /// The socket becoming writable.
    pub write: bool,
    /// This moment. It may pass with nothing to do: what is armed already is
    /// left alone as long as it is early enough.
    pub deadline: Option<Instant>,
    /// Nothing more: the connection is over and its end has been told.
    pub done: bool,
}

impl Link {
    /// Joins a session to a connected socket.
    pub fn new(session: Session, stream: Stream) -> Arc<Self> {
        Arc::new(Self {
            core: Mutex::new(Core {
                session,
                stream: Some(Arc::new(stream)),
                blocked: false,
                planned: Plan::default(),
                armed: None,
                linger_until: None,
                poller: None,
                woken: false,
                files: Files::default(),
                memory: Memory::default(),
                pace: Pace::default(),
                dealing: None,
            }),
            wake: Notify::new(),
        })
    }

    /// Uses the session. Output stays in the buffer until [`flush`](Self::flush).
    pub fn with<R>(&self, call: impl FnOnce(&mut Session, Instant) -> R) -> R {
        let mut core = self.lock();
        let result = call(&mut core.session, now());
        core.settle(&self.wake);
        result
    }

    /// Uses the session for output that is [flushed](Self::flush) soon after: what
    /// has to be seen to is seen to then, once for many calls, as long as there is
    /// anything to write.
    pub(super) fn add<R>(&self, now: Instant, call: impl FnOnce(&mut Session, Instant) -> R) -> R {
        let mut core = self.lock();
        let result = call(&mut core.session, now);
        if core.session.output_len() == 0 || core.session.has_events() || core.session.is_closed() {
            core.settle(&self.wake);
        }
        result
    }

    /// Writes what the kernel takes, on the calling thread.
    pub fn flush(&self) {
        self.flush_at(now());
    }

    /// The same for one of many, which share a look at the clock.
    pub(super) fn flush_at(&self, now: Instant) {
        let mut core = self.lock();
        // Nothing waits after most batches that have been told.
        if core.session.output_len() > 0 {
            core.write(now);
        }
        core.offer_memory(now);
        core.look_for_credit();
        core.settle(&self.wake);
    }

    /// Ends the connection and tells the peer why.
    pub fn leave(&self, reason: CloseReason, message: &str) {
        self.with(|session, now| session.leave(reason, message, now));
        self.flush();
    }

    /// Who is on the other end, as the kernel says.
    pub(super) fn credentials(&self) -> Credentials {
        let core = self.lock();
        let stream = core.stream.as_ref();
        stream
            .map(|stream| stream.credentials())
            .unwrap_or_default()
    }

    /// Takes the socket away from tokio; from here on `poller` waits for it.
    /// False if somebody else has it in hand, or the connection is over.
    #[cfg(unix)]
    pub(super) fn hand_over(&self, poller: Arc<dyn Poller>, key: LinkKey) -> bool {
        let mut core = self.lock();
        if !core.session.is_open() {
            return false;
        }
        let Some(stream) = core.stream.take() else {
            return false;
        };
        let stream = match Arc::try_unwrap(stream) {
            Ok(stream) => stream,
            Err(shared) => {
                core.stream = Some(shared);
                return false;
            }
        };
        match stream.release() {
            Ok(stream) => core.stream = Some(Arc::new(stream)),
            Err(error) => core.fail(&error),
        }
        core.poller = Some((poller, key));
        core.planned = Plan::default();
        core.armed = None;
        true
    }

    /// Sockets of this system stay with tokio.
    #[cfg(not(unix))]
    pub(super) fn hand_over(&self, _: Arc<dyn Poller>, _: LinkKey) -> bool {
        false
    }

    /// The socket, once it is handed over.
    #[cfg(unix)]
    pub(super) fn released(&self) -> Option<Arc<Released>> {
        let core = self.lock();
        core.stream.as_ref().and_then(|stream| stream.released())
    }

    /// Whether only tokio can wait for the socket.
    pub(super) fn keeps_to_tokio(&self) -> bool {
        let core = self.lock();
        core.stream.as_ref().is_some_and(|it| it.is_encrypted())
    }

    /// Whether a TLS handshake is under way.
    pub(super) fn is_securing(&self) -> bool {
        self.lock().securing_until().is_some()
    }

    /// Whether so much can be accepted: see [`Session::has_room`].
    pub(super) fn has_room(&self, bounds: &Bounds) -> bool {
        self.lock().session.has_room(bounds)
    }

    /// Whether the connection is registered and nothing of it waits to be told.
    pub(super) fn is_settled(&self) -> bool {
        let core = self.lock();
        core.session.is_open() && !core.session.has_events()
    }

    pub(super) fn wake(&self) -> &Notify {
        &self.wake
    }

    pub(super) fn stream(&self) -> Option<Arc<Stream>> {
        self.lock().stream.clone()
    }

    /// What to wait for next; remembered, so that others wake the driver only
    /// when it would sleep too long. What has happened meanwhile is handed over.
    pub(super) fn plan(&self, events: &mut Vec<Event>) -> Plan {
        let mut core = self.lock();
        let now = now();
        core.keep_pace(now);
        core.woken = false;
        core.session.take_events(events);
        let reading = core.session.wants_read();
        core.session.note_reading(reading, now);
        if core.session.is_closed() && core.linger_until.is_none() {
            core.linger_until = Some(now + Session::LINGER);
        }
        let deadline = core.linger_until.or_else(|| core.deadline());
        core.arm(deadline, now);
        let deadline = core.armed;
        let written = core.session.output_len() == 0;
        let over = core
            .linger_until
            .is_some_and(|until| written || until <= now);
        let done = core.session.is_closed() && over && events.is_empty();
        // Output that is merely waiting for the end of its batch is not our business.
        let write = !written && (core.blocked || core.session.is_closed());
        core.planned = Plan {
            read: reading,
            write,
            deadline,
            done,
        };
        core.planned
    }

    /// Reads, lets time pass, writes; then hands over what happened. True if
    /// there may be more to read.
    pub(super) fn pump(&self, events: &mut Vec<Event>) -> bool {
        let mut core = self.lock();
        let queued = core.session.output_len();
        let heard = core.session.counters().bytes_received;
        core.session.lend_events(events);
        let more = core.read();
        let now = now();
        // Before anybody is judged: what has arrived counts, and output that our
        // own side has not flushed yet is not the peer's fault.
        if core.session.deadline().is_some_and(|at| at <= now) {
            core.write(now);
        }
        core.session.tick(now);
        core.end_stalled_handshake(now);
        // A peer that speaks has read: there may be room before the kernel says so.
        let spoke = core.blocked && core.session.counters().bytes_received > heard;
        if core.planned.write || spoke || core.session.output_len() > queued {
            core.write(now);
        }
        core.attend();
        core.attend_memory();
        core.session.take_back(events);
        more
    }

    /// What was pumped is dealt with, and is to be pumped again before a plan is made.
    pub(super) fn keep_pace(&self) {
        self.lock().keep_pace(now());
    }

    /// Ends the connection because of a bug, and tells what that has ended.
    pub(super) fn give_up(&self, events: &mut Vec<Event>) {
        self.fall();
        self.plan(events);
    }

    /// Ends the connection because of a bug; its driver tells.
    pub(super) fn fall(&self) {
        self.with(|session, _| session.fall());
    }

    /// Closes the socket.
    pub(super) fn shut(&self) {
        let mut core = self.lock();
        core.stream = None;
        core.attend();
        core.attend_memory();
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        // Nothing panics while holding the lock that could leave half a change.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The clock of links; tests with a paused runtime move it.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
