//! Calls: what the owner wants to say. Straight into the session while
//! connected, into the queue while a connection is on its way.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::queue::Queued;
use super::{Client, Inner, Phase, State};
use crate::ipc::close::CloseReason;
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::frame::{Body, Payload};
use crate::ipc::link::{now, Link, FLUSH_AT};
use crate::ipc::notice::{ConnId, Notice, Op};
use crate::ipc::proto::{topics, Bounds, Event, Sent, Session};

/// One call. The type parameter lets the payload be encoded on the way.
#[derive(Debug)]
pub enum Call<P = Bytes> {
    /// A message that nobody answers.
    Message {
        /// Its type.
        name: Bytes,
        /// What it carries.
        body: Body<P>,
    },
    /// A request; ends as `Response` or `Failed` with the call's number.
    Request {
        /// Its type.
        name: Bytes,
        /// What it carries.
        body: Body<P>,
        /// How long to wait for the answer, from now.
        timeout: Option<Duration>,
    },
    /// A message for the subscribers of a topic.
    Publish {
        /// The topic.
        topic: Bytes,
        /// What it carries.
        body: Body<P>,
    },
    /// A subscription, or its end; ends as a request does.
    Subscribe {
        /// Topic or pattern.
        topic: Bytes,
        /// Subscribe, or unsubscribe.
        on: bool,
        /// How long to wait for the acknowledgement.
        timeout: Option<Duration>,
    },
}

/// How a call was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is on its way, or queued below the mark.
    Accepted,
    /// Queued above the mark: wait for `Drained`.
    Wait,
    /// It waits for a connection, and will settle under its number.
    Queued,
}

impl Client {
    /// Makes a call under the number `op`.
    ///
    /// # Errors
    /// If it can't be taken; then nothing follows.
    pub fn call<P: Payload>(&self, op: Op, call: Call<P>) -> Result<Taken, Error> {
        let mut state = self.inner.state();
        if let Call::Subscribe { topic, on, .. } = &call {
            state.remember(topic, *on, self.inner.config.limits.subscriptions)?;
        }
        let call = match (state.phase, &state.link) {
            (Phase::Up, Some(link)) => match send(link, op, call) {
                Ok(sent) => return sent,
                // The link was lost a moment ago and its driver has not told
                // yet: what is called meanwhile belongs to what comes after.
                Err(call) => call,
            },
            _ => call,
        };
        match state.phase {
            Phase::Connecting | Phase::Reconnecting | Phase::Up => {
                let sooner = state.queue.push(Queued::new(op, call, now()))?;
                drop(state);
                if sooner {
                    self.inner.queued.notify_one();
                }
                Ok(Taken::Queued)
            }
            Phase::Leaving => Err(CloseReason::Local.to_error(false)),
            Phase::Idle => Err(state.ended_with.clone().unwrap_or_else(|| {
                Error::local(ErrorCode::NotConnected, "The client is not connected")
            })),
        }
    }

    /// Sends messages whose senders have been told already that they are accepted. Those
    /// that find the connection lost wait for the next one, if there is to be one.
    ///
    /// # Errors
    /// Why the last of those that could not wait is lost.
    pub fn send_accepted<P: Payload>(
        &self,
        messages: &mut impl Iterator<Item = (Bytes, Body<P>)>,
    ) -> Result<(), Error> {
        let state = self.inner.state();
        if let (Phase::Up, Some(link)) = (state.phase, &state.link) {
            let full = link.add(now(), |session, now| {
                session.send_accepted(messages, now);
                is_full(session)
            });
            if full {
                link.flush();
            }
        }
        drop(state);
        let mut result = Ok(());
        for (name, body) in messages {
            // Nobody waits for number 0.
            if let Err(error) = self.call(0, Call::Message { name, body }) {
                result = Err(error);
            }
        }
        result
    }

    /// Whether so much can be accepted on connection number `conn`: see
    /// [`Session::has_room`].
    pub fn has_room(&self, conn: ConnId, bounds: &Bounds) -> bool {
        let state = self.inner.state();
        let link = state.link.as_ref();
        state.phase == Phase::Up
            && state.conn == conn
            && link.is_some_and(|link| link.has_room(bounds))
    }

    /// No longer subscribes to a topic when registering: its subscription failed.
    pub fn forget(&self, topic: &str) {
        self.inner.state().topics.remove(topic);
    }

    /// Withdraws a request. True if it had left, so that it may have run.
    pub fn cancel(&self, op: Op) -> bool {
        let mut state = self.inner.state();
        state.queue.remove(op);
        match &state.link {
            Some(link) => link.with(|session, now| session.cancel(op, now)),
            None => false,
        }
    }
}

impl State {
    fn remember(&mut self, topic: &Bytes, on: bool, limit: usize) -> Result<(), Error> {
        let topic = String::from_utf8_lossy(topic);
        topics::check_pattern(&topic)
            .map_err(|error| Error::local(ErrorCode::InvalidTopic, error.to_string()))?;
        if on && self.topics.len() >= limit && !self.topics.contains(&*topic) {
            return Err(Error::local(
                ErrorCode::TooManySubscriptions,
                format!("{limit} topics are subscribed to already"),
            ));
        }
        if on {
            self.topics.insert(topic.into_owned());
        } else {
            self.topics.remove(&*topic);
        }
        Ok(())
    }
}

/// Whether the output is not to wait for the end of the batch.
fn is_full(session: &Session) -> bool {
    session.output_len() >= FLUSH_AT || session.is_held_up()
}

/// Makes a call on a link; gives it back if the link is closed.
fn send<P: Payload>(link: &Link, op: Op, call: Call<P>) -> Result<Result<Taken, Error>, Call<P>> {
    let (sent, full) = link.add(now(), |session, now| {
        if !session.is_open() {
            return Err(call);
        }
        let sent = apply(session, op, call, now);
        Ok((sent, is_full(session)))
    })?;
    if full {
        link.flush();
    }
    Ok(sent.map(|sent| match sent {
        Sent::Accepted => Taken::Accepted,
        Sent::Wait => Taken::Wait,
    }))
}

/// Turns a call into a command of the session.
fn apply<P: Payload>(
    session: &mut Session,
    op: Op,
    call: Call<P>,
    now: Instant,
) -> Result<Sent, Error> {
    match call {
        Call::Message { name, body } => session.message(name, body, now),
        Call::Request {
            name,
            body,
            timeout,
        } => session.request(op, name, body, timeout, now),
        Call::Publish { topic, body } => session.publish(topic, body, now),
        Call::Subscribe { topic, on, timeout } => session
            .subscribe(op, topic, on, timeout, now)
            .map(|()| Sent::Accepted),
    }
}

impl<P: Payload> Call<P> {
    /// The call with its payload in Rust's memory, so that it can wait.
    pub(super) fn owned(self) -> Call {
        match self {
            Call::Message { name, body } => Call::Message {
                name,
                body: body.owned(),
            },
            Call::Request {
                name,
                body,
                timeout,
            } => Call::Request {
                name,
                body: body.owned(),
                timeout,
            },
            Call::Publish { topic, body } => Call::Publish {
                topic,
                body: body.owned(),
            },
            Call::Subscribe { topic, on, timeout } => Call::Subscribe { topic, on, timeout },
        }
    }
}

impl Inner {
    /// Makes the calls that waited, in order. The state is held meanwhile, so
    /// that no later call can overtake them.
    pub(super) fn make_queued(&self, state: &mut State, notices: &mut Vec<Notice>) {
        let Some(link) = state.link.clone() else {
            return;
        };
        for queued in state.queue.drain() {
            let op = queued.op;
            let settles = queued.settles();
            let result = link.with(|session, now| match queued.call(now) {
                Some(call) => apply(session, op, call, now).map(|_| ()),
                None => Err(queued.expired()),
            });
            match result {
                // Requests go on to their answer; one-way calls are done.
                Ok(()) if settles => {}
                Ok(()) => notices.push(Notice::Settled { op, result: Ok(()) }),
                Err(error) => notices.push(queued.failed(error)),
            }
        }
        link.flush();
    }
}

impl Queued {
    /// The notice that a waiting call has failed.
    pub(super) fn failed(&self, error: Error) -> Notice {
        if self.settles() {
            Notice::Event(Event::Failed {
                id: self.op,
                error,
                remote: None,
            })
        } else {
            Notice::Settled {
                op: self.op,
                result: Err(error),
            }
        }
    }
}
