//! The mailbox of an environment: what its endpoints have to tell, in batches.
//!
//! Whoever posts rings the doorbell if it has not rung yet; JavaScript takes one
//! batch per call until the mailbox is empty. What may pile up here is bounded
//! by the credit of each connection, which is given back as batches are taken.
//!
//! A batch is three things: `heads`, a fixed number of 32-bit words per record;
//! `text`, the ASCII payloads of all records in one string, of which JavaScript
//! takes slices, some of them [many at once](super::runs); and `extras`, the values that
//! don't fit there.

use std::collections::VecDeque;
use std::sync::Arc;
#[cfg(unix)]
use std::sync::OnceLock;

use bytes::Bytes;
use napi::bindgen_prelude::{Function, Status};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};

#[cfg(unix)]
use super::event_loop::{self, Gate};
use super::runs::Run;
use crate::ipc::backlog::Backlog;
use crate::ipc::notice::ConnId;
use crate::ipc::poller::Poller;
use crate::sync;

/// Words per record.
pub(super) const RECORD: usize = 8;
/// Words before the first record: endpoint, records, whether to come again,
/// whether to flush.
pub(super) const PREFIX: usize = 4;
/// Records per batch: enough to make the crossing cheap, few enough to let
/// other events of the loop have their turn.
pub(super) const MAX_RECORDS: usize = 256;
/// Text per batch, about.
const MAX_TEXT: usize = 256 * 1024;
/// Text of a batch that is kept to be filled again.
const KEEP_TEXT: usize = 32 * 1024;

/// A value that travels beside the text.
#[derive(Debug)]
pub(super) enum Extra {
    /// UTF-8 that is not ASCII, or too long for the common text.
    Text(Bytes),
    /// A `Buffer`.
    Bytes(Bytes),
}

/// Records of one endpoint that cross the boundary together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) endpoint: u32,
    pub(super) heads: Vec<u32>,
    pub(super) text: Vec<u8>,
    /// What `text` ends with.
    pub(super) run: Run,
    pub(super) extras: Vec<Extra>,
    /// Bytes to give back to each connection when the batch is taken.
    pub(super) taken: Vec<(ConnId, u64)>,
    /// Clients that are let in once JavaScript has heard of them.
    pub(super) arrivals: Vec<ConnId>,
    /// Connections whose peer waits for a sign of life from this thread.
    pub(super) pings: Vec<ConnId>,
}

impl Batch {
    fn new(endpoint: u32) -> Self {
        Self {
            endpoint,
            // Usual sizes of a busy connection's batch; growing copies.
            heads: Vec::with_capacity(MAX_RECORDS * RECORD / 4),
            text: Vec::with_capacity(8 * 1024),
            ..Self::default()
        }
    }

    /// Makes an empty batch of one that has been taken.
    fn cleared(mut self) -> Self {
        self.heads.clear();
        self.text.clear();
        self.run = Run::default();
        self.extras.clear();
        self.taken.clear();
        self.arrivals.clear();
        self.pings.clear();
        self
    }

    fn has_room(&self, endpoint: u32) -> bool {
        self.endpoint == endpoint
            && self.heads.len() < MAX_RECORDS * RECORD
            && self.text.len() < MAX_TEXT
    }
}

/// The batches of one mailbox, with a place for the next record.
#[derive(Debug, Default)]
pub(super) struct Batches {
    queue: VecDeque<Batch>,
    endpoint: u32,
    /// An empty one for the next record: most visits take a single batch.
    spare: Option<Batch>,
}

impl Batches {
    /// The batch that the next record goes to.
    pub(super) fn next(&mut self) -> &mut Batch {
        let endpoint = self.endpoint;
        if !self
            .queue
            .back()
            .is_some_and(|batch| batch.has_room(endpoint))
        {
            let batch = match self.spare.take() {
                Some(spare) => Batch { endpoint, ..spare },
                None => Batch::new(endpoint),
            };
            self.queue.push_back(batch);
        }
        match self.queue.back_mut() {
            Some(batch) => batch,
            // Just pushed.
            None => unreachable!("a queue with a batch has a last one"),
        }
    }
}

impl Batches {
    /// Words from batch number `at` on.
    fn words(&self, at: usize) -> usize {
        self.queue.iter().skip(at).map(|it| it.heads.len()).sum()
    }
}

type Bell = ThreadsafeFunction<(), (), (), Status, false, true>;

/// See the module.
pub(super) struct Mailbox {
    batches: sync::Doorbell<Batches>,
    /// How many records wait here, for the connections to know.
    backlog: Backlog,
    /// Between the bell and the end of the environment: see [`sync::Gate`].
    bell: sync::Gate<Bell>,
    /// The loop driver whose links post here, if there is one.
    #[cfg(unix)]
    event_loop: OnceLock<(u32, Arc<Gate>)>,
}

impl Mailbox {
    /// A mailbox whose bell calls `callback`, without keeping the process alive.
    ///
    /// # Errors
    /// If Node-API refuses.
    pub(super) fn new(callback: &Function<'_, (), ()>) -> napi::Result<Self> {
        let bell = callback
            .build_threadsafe_function::<()>()
            .weak::<true>()
            .build()?;
        Ok(Self {
            batches: sync::Doorbell::new(),
            backlog: Backlog::default(),
            bell: sync::Gate::new(Some(bell)),
            #[cfg(unix)]
            event_loop: OnceLock::new(),
        })
    }

    /// Connections of this mailbox's endpoints are driven by an event loop,
    /// which looks into the mailbox by itself.
    #[cfg(unix)]
    pub(super) fn set_event_loop(&self, number: u32, gate: Arc<Gate>) {
        let _ = self.event_loop.set((number, gate));
    }

    /// How much waits here.
    pub(super) fn backlog(&self) -> Backlog {
        self.backlog.clone()
    }

    /// Who waits for the sockets of this mailbox's endpoints, if it is not tokio.
    pub(super) fn poller(&self) -> Option<Arc<dyn Poller>> {
        #[cfg(unix)]
        if let Some((_, gate)) = self.event_loop.get() {
            return Some(gate.clone());
        }
        None
    }

    fn has_event_loop(&self) -> bool {
        #[cfg(unix)]
        return self.event_loop.get().is_some();
        #[cfg(not(unix))]
        false
    }

    /// Whether this is a callback of the event loop, which comes here anyway.
    fn is_watched(&self) -> bool {
        #[cfg(unix)]
        if let Some((number, _)) = self.event_loop.get() {
            return event_loop::ring_mail(*number);
        }
        false
    }

    /// Adds records of one endpoint and rings, unless it has rung already.
    pub(super) fn post(&self, endpoint: u32, add: impl FnOnce(&mut Batches)) {
        let ring = self.batches.add(|batches| {
            batches.endpoint = endpoint;
            let last = batches.queue.len().saturating_sub(1);
            let before = batches.words(last);
            add(batches);
            let added = batches.words(last).saturating_sub(before);
            self.backlog.add(added / RECORD);
        });
        if ring == Some(true) && !self.is_watched() {
            self.bell.with(|bell| {
                // Never refused: at most one ring is under way.
                bell.call((), ThreadsafeFunctionCallMode::NonBlocking)
            });
        }
    }

    /// Takes the oldest batch and tells whether to come again.
    pub(super) fn take(&self) -> (Option<Batch>, bool) {
        // The next post rings again only once everything is taken: as long as
        // there is more, JavaScript comes back by itself. It comes once more
        // for what another thread has posted meanwhile; with a loop driver
        // there is hardly any, and a bell is cheap.
        let once_more = !self.has_event_loop();
        self.batches.take(|batches| {
            let batch = batches.queue.pop_front();
            if let Some(batch) = &batch {
                self.backlog.take(batch.heads.len() / RECORD);
            }
            let again = once_more || !batches.queue.is_empty();
            let comes = batch.is_some() && again;
            ((batch, again), comes)
        })
    }

    /// Takes a batch back that has been read.
    pub(super) fn give_back(&self, batch: Batch) {
        if batch.text.capacity() <= KEEP_TEXT {
            let batch = batch.cleared();
            self.batches.with(|batches| batches.spare = Some(batch));
        }
    }

    /// The environment goes away: no more calls into it.
    pub(super) fn close(&self) {
        drop(self.bell.close());
        let left = self.batches.close();
        self.backlog.take(left.words(0) / RECORD);
    }
}
