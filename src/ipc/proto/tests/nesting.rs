//! Handlers that ask back: nobody may wait for everybody.

use std::collections::{HashMap, VecDeque};

use super::*;
use crate::ipc::proto::Read;

/// One end whose handlers, asked with a depth, ask back with one less before
/// they answer.
#[derive(Default)]
struct Asker {
    /// Our request, made for this request of the peer; none: made by nobody.
    made_for: HashMap<u32, Option<u32>>,
    next: u32,
    inbox: VecDeque<Event>,
    answered: usize,
}

impl Asker {
    fn ask(&mut self, session: &mut Session, depth: u32, made_for: Option<u32>, now: Instant) {
        self.next += 1;
        self.made_for.insert(self.next, made_for);
        session
            .request(
                self.next,
                name("nest"),
                Body::json(depth.to_string()),
                None,
                now,
            )
            .unwrap();
    }

    /// Handles one event, as a busy thread would.
    fn handle_one(&mut self, session: &mut Session, now: Instant) -> bool {
        let Some(event) = self.inbox.pop_front() else {
            return false;
        };
        match event {
            Event::Request { id, body, .. } => {
                let depth: u32 = std::str::from_utf8(&body.payload).unwrap().parse().unwrap();
                match depth.checked_sub(1) {
                    Some(depth) => self.ask(session, depth, Some(id), now),
                    None => session.respond(id, Body::none(), now).unwrap(),
                }
            }
            Event::Response { id, .. } => match self.made_for.remove(&id).unwrap() {
                Some(incoming) => session.respond(incoming, Body::none(), now).unwrap(),
                None => self.answered += 1,
            },
            Event::Drained => {}
            other => panic!("{other:?}"),
        }
        true
    }
}

/// Asks this often at each end, this deep, and lets everybody go on.
fn nest(client: SessionConfig, server: SessionConfig, requests: [usize; 2], depth: u32) {
    let mut pair = Pair::open_with(client, server);
    pair.chunk = 64;
    let now = pair.now;
    let mut askers = [Asker::default(), Asker::default()];
    for ((role, asker), count) in BOTH.into_iter().zip(&mut askers).zip(requests) {
        for _ in 0..count {
            asker.ask(pair.end(role), depth, None, now);
        }
    }
    loop {
        pair.shuttle();
        let mut moved = false;
        for (role, asker) in BOTH.into_iter().zip(&mut askers) {
            asker.inbox.extend(pair.events(role));
            for _ in 0..10 {
                moved |= asker.handle_one(pair.end(role), now);
            }
        }
        if !moved {
            break;
        }
    }
    assert_eq!(askers.map(|asker| asker.answered), requests, "stuck");
    for role in BOTH {
        let session = pair.end(role);
        assert_eq!(
            (session.pending(), session.running(), session.queued()),
            (0, 0, 0)
        );
    }
}

fn nested_requests_in_both_directions_do_not_deadlock(profile: Profile) {
    for (window, bytes) in [(1, 1), (16, 8_000_000), (600, 64)] {
        let config = limited(profile, |limits| {
            limits.window_messages = window;
            limits.window_bytes = bytes;
            limits.high_water = 4096;
        });
        nest(config.clone(), config, [600, 600], 5);
    }
}

fn a_single_request_may_nest_deeper_than_the_window(profile: Profile) {
    let window = |messages| limited(profile, |limits| limits.window_messages = messages);
    for requests in [[1, 0], [0, 1]] {
        // With a large window at one end there is no other reason to grant.
        for (client, server) in [(1, 1), (1, 1000), (1000, 1)] {
            nest(window(client), window(server), requests, 50);
        }
    }
}

/// Handlers at both ends that end only when their own message has gone out.
fn handlers_that_wait_to_send_do_not_deadlock(profile: Profile) {
    let mut pair = Pair::with(limited(profile, |limits| {
        limits.window_messages = 2;
        limits.high_water = 4096;
    }));
    let now = pair.now;
    for role in BOTH {
        for _ in 0..2 {
            pair.message(role, 10).unwrap();
        }
    }
    pair.shuttle();
    // Each of the four handlers sends; at each end the second one has to wait.
    let mut waiting = [0, 0];
    for (role, waiting) in BOTH.into_iter().zip(&mut waiting) {
        assert_eq!(pair.events(role).len(), 2);
        for _ in 0..2 {
            match pair.message(role, 3000).unwrap() {
                Sent::Wait => *waiting += 1,
                Sent::Accepted => pair.end(role).finished(1, now),
            }
        }
    }
    assert_eq!(waiting, [1, 1]);
    let mut left = [waiting[0], waiting[1]];
    for _ in 0..10 {
        pair.shuttle();
        for (role, left) in BOTH.into_iter().zip(&mut left) {
            for event in pair.events(role) {
                match event {
                    Event::Drained => {
                        pair.end(role).finished(*left, now);
                        *left = 0;
                    }
                    Event::Message { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    assert_eq!(left, [0, 0], "stuck");
}

fn messages_both_ways_before_anybody_reads_arrive(profile: Profile) {
    let mut pair = Pair::open(profile);
    const SIZE: usize = 6 * 1024 * 1024;
    for from in BOTH {
        pair.message(from, SIZE).unwrap();
    }
    pair.chunk = 64 * 1024;
    pair.shuttle();
    for to in BOTH {
        let sizes: Vec<_> = pair
            .events(to)
            .into_iter()
            .filter_map(|event| match event {
                Event::Message { body, .. } => Some(body.payload.len()),
                _ => None,
            })
            .collect();
        assert_eq!(sizes, [SIZE]);
    }
}

/// The window is full of handlers that all wait for a stream of the peer, whose
/// bytes come behind more messages.
fn handlers_that_wait_for_a_stream_of_the_peer_do_not_deadlock(profile: Profile) {
    for from in BOTH {
        let mut pair = Pair::with(limited(profile, |limits| limits.window_messages = 2));
        let now = pair.now;
        let to = other(from);
        let stream = Bytes::from_static(b"awaited");
        let opened = pair.end(from).open_stream(1, stream, Body::none(), 8, now);
        opened.unwrap();
        for _ in 0..10 {
            pair.message(from, 10).unwrap();
        }
        pair.shuttle();
        pair.end(from).write_stream(1, name("bytes"), now);
        pair.end(from).end_stream(1, now);
        pair.shuttle();
        let mut id = None;
        for event in pair.events(to) {
            if let Event::StreamReadable { id: readable } = event {
                id = Some(readable);
            }
        }
        let read = pair.end(to).read_stream(id.expect("stuck"), now);
        assert_eq!(read, Read::Data(name("bytes")));
    }
}

/// The same with a stream of our own, of which the peer says that it has read it.
fn handlers_that_wait_for_a_stream_to_be_read_do_not_deadlock(profile: Profile) {
    for from in BOTH {
        let mut pair = Pair::with(limited(profile, |limits| limits.window_messages = 2));
        let now = pair.now;
        let peer = other(from);
        let stream = Bytes::from_static(b"read me");
        let opened = pair.end(from).open_stream(1, stream, Body::none(), 8, now);
        opened.unwrap();
        pair.end(from).end_stream(1, now);
        for _ in 0..10 {
            pair.message(peer, 10).unwrap();
        }
        pair.shuttle();
        for event in pair.events(peer) {
            if let Event::StreamReadable { id } = event {
                assert_eq!(pair.end(peer).read_stream(id, now), Read::End);
                pair.end(peer).finish_stream(id, now);
            }
        }
        pair.shuttle();
        let over = pair.events(from);
        let over = over
            .iter()
            .any(|it| matches!(it, Event::StreamDone { id: 1 }));
        assert!(over, "stuck");
    }
}

/// It is no way to keep any number of handlers running.
#[test]
fn a_stream_that_is_kept_open_is_worth_a_bounded_number_of_handlers() {
    let config = limited(Profile::Json, |limits| {
        limits.window_messages = 2;
        limits.pending_requests = 5;
    });
    let mut pair = Pair::with(config);
    let now = pair.now;
    let stream = Bytes::from_static(b"never written");
    let opened = pair
        .end(Role::Client)
        .open_stream(1, stream, Body::none(), 8, now);
    opened.unwrap();
    for _ in 0..100 {
        pair.message(Role::Client, 10).unwrap();
        pair.shuttle();
    }
    assert_eq!(pair.server.running(), 2 + 5);
}

both_profiles!(
    handlers_that_wait_for_a_stream_of_the_peer_do_not_deadlock,
    handlers_that_wait_for_a_stream_to_be_read_do_not_deadlock,
    nested_requests_in_both_directions_do_not_deadlock,
    a_single_request_may_nest_deeper_than_the_window,
    handlers_that_wait_to_send_do_not_deadlock,
    messages_both_ways_before_anybody_reads_arrive,
);
