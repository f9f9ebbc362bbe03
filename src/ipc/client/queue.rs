//! Calls that wait for a connection: in order, bounded, each with its time.

use std::collections::VecDeque;
use std::time::Instant;

use super::call::Call;
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::frame::Payload;
use crate::ipc::notice::Op;
use crate::ipc::options::MESSAGE_OVERHEAD;

/// A call that waits.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) op: Op,
    call: Call,
    deadline: Option<Instant>,
    cost: usize,
}

impl Queued {
    pub(super) fn new<P: Payload>(op: Op, call: Call<P>, now: Instant) -> Self {
        let call = call.owned();
        let (size, timeout) = match &call {
            Call::Message { body, .. } | Call::Publish { body, .. } => (body.payload.len(), None),
            Call::Request { body, timeout, .. } => (body.payload.len(), *timeout),
            Call::Subscribe { timeout, .. } => (0, *timeout),
        };
        let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
        Self {
            op,
            call,
            deadline,
            cost: size + MESSAGE_OVERHEAD,
        }
    }

    /// The call, with what is left of its time; none if nothing is.
    pub(super) fn call(&self, now: Instant) -> Option<Call> {
        let left = match self.deadline {
            Some(deadline) if deadline <= now => return None,
            Some(deadline) => Some(deadline - now),
            None => None,
        };
        Some(match &self.call {
            Call::Message { name, body } => Call::Message {
                name: name.clone(),
                body: body.clone(),
            },
            Call::Request { name, body, .. } => Call::Request {
                name: name.clone(),
                body: body.clone(),
                timeout: left,
            },
            Call::Publish { topic, body } => Call::Publish {
                topic: topic.clone(),
                body: body.clone(),
            },
            Call::Subscribe { topic, on, .. } => Call::Subscribe {
                topic: topic.clone(),
                on: *on,
                timeout: left,
            },
        })
    }

    /// Whether it ends as a request does; others end when they are sent.
    pub(super) fn settles(&self) -> bool {
        matches!(self.call, Call::Request { .. } | Call::Subscribe { .. })
    }

    /// The error of a call whose time ran out while it waited.
    pub(super) fn expired(&self) -> Error {
        match &self.call {
            Call::Request { name, .. } => Error::timeout(&String::from_utf8_lossy(name)),
            _ => Error::timeout("subscribe"),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    calls: VecDeque<Queued>,
    bytes: usize,
    max_calls: usize,
    max_bytes: usize,
}

impl Queue {
    pub(super) fn new(max_calls: usize, max_bytes: usize) -> Self {
        Self {
            max_calls,
            max_bytes,
            ..Self::default()
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a call; true if it is the first to run out of time.
    ///
    /// # Errors
    /// If the queue is full.
    pub(super) fn push(&mut self, queued: Queued) -> Result<bool, Error> {
        if self.calls.len() >= self.max_calls || self.bytes + queued.cost > self.max_bytes {
            return Err(Error::local(
                ErrorCode::Backpressure,
                format!("{} calls wait for a connection already", self.calls.len()),
            ));
        }
        let sooner = match (queued.deadline, self.deadline()) {
            (Some(new), Some(old)) => new < old,
            (new, _) => new.is_some(),
        };
        self.bytes += queued.cost;
        self.calls.push_back(queued);
        Ok(sooner)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.calls.iter().filter_map(|queued| queued.deadline).min()
    }

    /// Takes out what has no time left.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Queued> {
        let (expired, kept) = std::mem::take(&mut self.calls)
            .into_iter()
            .partition(|queued| queued.deadline.is_some_and(|at| at <= now));
        self.calls = kept;
        self.count();
        Vec::from_iter::<VecDeque<Queued>>(expired)
    }

    pub(super) fn remove(&mut self, op: Op) {
        self.calls.retain(|queued| queued.op != op);
        self.count();
    }

    pub(super) fn drain(&mut self) -> Vec<Queued> {
        self.bytes = 0;
        self.calls.drain(..).collect()
    }

    fn count(&mut self) {
        self.bytes = self.calls.iter().map(|queued| queued.cost).sum();
    }
}
