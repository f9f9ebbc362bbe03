//! What clients say, and who gets it.

use std::sync::Arc;

use bytes::Bytes;

use super::{Inner, Phase, Server};
use crate::ipc::bug;
use crate::ipc::close::CloseReason;
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::faults;
use crate::ipc::frame::{Body, Failure, Frame, Id};
use crate::ipc::link::{now, Link};
use crate::ipc::notice::{ConnId, Notice};
use crate::ipc::proto::{topics, Event, Shared};
use crate::ipc::trace;

/// Output for one of many receivers above this does not wait for the end of the batch:
/// what is sent to all takes a system call for each.
const FULL: usize = 64 * 1024;

impl Server {
    /// Sends a message to each of `conns`; nobody waits for a slow one.
    ///
    /// # Errors
    /// If the message is larger than this server allows.
    pub fn broadcast(&self, conns: &[ConnId], name: Bytes, body: Body) -> Result<(), Error> {
        self.inner.fan_out(conns, Frame::Message { name, body })
    }

    /// Publishes to all subscribers of a topic, in the server's own name; returns how many
    /// there are.
    ///
    /// # Errors
    /// If the topic is none, or the message is larger than this server allows.
    pub fn publish(&self, topic: Bytes, body: Body) -> Result<usize, Error> {
        let text = String::from_utf8_lossy(&topic);
        topics::check_topic(&text)
            .map_err(|error| Error::local(ErrorCode::InvalidTopic, error.to_string()))?;
        let receivers = self.inner.topics().receivers(&text);
        drop(text);
        self.inner.fan_out(
            &receivers,
            Frame::Topic {
                topic,
                publisher: Bytes::new(),
                body,
            },
        )?;
        Ok(receivers.len())
    }
}

impl Inner {
    /// Handles what happened on a connection; called by its driver, in order.
    pub(super) fn on_events(&self, conn: ConnId, link: &Arc<Link>, events: &mut Vec<Event>) {
        // Neither changes within a batch: a registration is its last event.
        let (registered, stopping) = {
            let state = self.state();
            let peer = state.peers.get(&conn);
            let registered = peer.is_some_and(|peer| peer.client.is_some());
            (registered, state.phase == Phase::Stopping)
        };
        let mut notices = Vec::with_capacity(events.len());
        let mut rest = events.drain(..);
        let mut sort = |event: Event| {
            faults::bug("event");
            match event {
                Event::Register(registration) => self.on_register(conn, link, *registration),
                Event::Probed { alive } => self.on_probed(conn, alive),
                Event::Closed { reason, message } => {
                    // What came before it first; then nothing of it any more.
                    self.hand_over(conn, &mut notices);
                    self.on_closed(conn, link, reason, message);
                }
                event if !registered => drop(event),
                Event::Subscribe { topic, id } => self.on_subscribe(conn, link, &topic, id),
                Event::Unsubscribe { topic, id } => {
                    self.topics()
                        .unsubscribe(conn, &String::from_utf8_lossy(&topic));
                    link.with(|session, now| session.acknowledge_end(id, now));
                }
                Event::Publish { topic, body, size } => {
                    self.on_publish(conn, link, topic, body, size);
                }
                Event::Request { id, .. } if stopping => {
                    let failure = Failure::of(ErrorCode::ServerStopping, "The server is stopping");
                    link.with(|session, now| session.fail(id, failure, now));
                }
                event => notices.push(Notice::Event(event)),
            }
        };
        // A bug in the way of one event must not lose those behind it.
        while bug::contain(|| rest.by_ref().for_each(&mut sort)).is_err() {
            link.fall();
        }
        drop(rest);
        self.hand_over(conn, &mut notices);
        self.flush_dirty();
    }

    fn hand_over(&self, conn: ConnId, notices: &mut Vec<Notice>) {
        if !notices.is_empty() {
            self.sink.deliver(conn, notices);
            notices.clear();
        }
    }

    fn client_id(&self, conn: ConnId) -> Option<Arc<str>> {
        let state = self.state();
        Some(state.peers.get(&conn)?.client.as_ref()?.id.clone())
    }

    fn on_subscribe(&self, conn: ConnId, link: &Arc<Link>, topic: &Bytes, id: Option<Id>) {
        let topic = String::from_utf8_lossy(topic);
        let limit = self.config.limits.subscriptions;
        let result = match topics::check_pattern(&topic) {
            Err(error) => Err(Error::local(ErrorCode::InvalidTopic, error.to_string())),
            Ok(()) if self.topics().subscribe(conn, &topic, limit) => Ok(()),
            Ok(()) => Err(Error::local(
                ErrorCode::TooManySubscriptions,
                format!("{limit} topics are subscribed to already"),
            )),
        };
        link.with(|session, now| session.acknowledge(id, result, now));
    }

    fn on_publish(&self, conn: ConnId, link: &Arc<Link>, topic: Bytes, body: Body, size: usize) {
        let text = String::from_utf8_lossy(&topic);
        if topics::check_topic(&text).is_ok() {
            let receivers = self.topics().receivers(&text);
            let publisher = self
                .client_id(conn)
                .map_or_else(Bytes::new, |id| Bytes::copy_from_slice(id.as_bytes()));
            drop(text);
            // The size was checked when the frame came in.
            let _ = self.fan_out(
                &receivers,
                Frame::Topic {
                    topic,
                    publisher,
                    body,
                },
            );
        } else {
            link.with(|session, _| session.count_error());
        }
        link.with(|session, now| {
            session.taken(size as u64, now);
            session.finished(1, now);
        });
    }

    /// Encodes once per profile, queues for each; flushed with the batch.
    fn fan_out(&self, receivers: &[ConnId], frame: Frame) -> Result<(), Error> {
        let max = self.config.limits.max_message_size;
        if let Frame::Message { body, .. } | Frame::Topic { body, .. } = &frame {
            if body.payload.len() > max {
                return Err(Error::too_large(body.payload.len(), max));
            }
        }
        let now = now();
        let mut shared = Shared::new(frame, self.wall.at(now));
        for link in self.links_of(receivers) {
            let (first, full) = link.add(now, |session, now| {
                let before = session.output_len();
                session.share(&mut shared, now);
                let after = session.output_len();
                let full = after >= FULL || session.is_held_up();
                (before == 0 && after > 0, full)
            });
            // What a burst fills, the socket empties meanwhile: a client that
            // reads is not taken for a slow one.
            if full {
                link.flush();
            } else if first {
                self.dirty().push(link);
            }
        }
        Ok(())
    }

    pub(super) fn flush_dirty(&self) {
        let dirty = std::mem::take(&mut *self.dirty());
        if dirty.is_empty() {
            return;
        }
        let now = now();
        for link in dirty {
            link.flush_at(now);
        }
    }

    fn on_closed(&self, conn: ConnId, link: &Arc<Link>, reason: CloseReason, message: String) {
        trace::line(format_args!(
            "connection {conn} closed: {} ({message})",
            reason.as_str()
        ));
        self.topics().remove(conn);
        let registered = {
            let mut state = self.state();
            let Some(peer) = state.peers.remove(&conn) else {
                return;
            };
            state.telling += 1;
            if !peer.is_probe {
                let counters = link.with(|session, _| session.counters().clone());
                state.past.counters.add(&counters);
                *state.past.closes.entry(reason).or_default() += 1;
            }
            if let Some(client) = &peer.client {
                if state.clients.get(&client.id) == Some(&conn) {
                    state.clients.remove(&client.id);
                }
            }
            peer.client.is_some()
        };
        self.room.notify_one();
        // It waits for nobody any more.
        self.state().contenders.values_mut().for_each(|waiting| {
            waiting.retain(|(newcomer, _)| *newcomer != conn);
        });
        // Newcomers that waited for this one to prove that it lives.
        self.on_probed(conn, false);
        // Once more: another thread may just have been letting it in.
        self.topics().remove(conn);
        if registered {
            self.sink.notify(
                conn,
                Notice::Disconnected {
                    reason,
                    message,
                    again: false,
                },
            );
        }
        self.state().telling -= 1;
    }
}
