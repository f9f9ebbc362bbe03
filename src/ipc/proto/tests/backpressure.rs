//! Queues have marks.

use super::*;
use crate::ipc::options::{MAX_NAME, MESSAGE_OVERHEAD};
use crate::ipc::proto::Bounds;

fn marked(profile: Profile) -> SessionConfig {
    limited(profile, |limits| {
        limits.high_water = 10_000;
        limits.hard_cap = 30_000;
    })
}

fn senders_wait_above_the_mark_and_are_told_once_when_it_drains(profile: Profile) {
    let mut pair = Pair::with(marked(profile));
    let mut taken = Vec::new();
    for _ in 0..5 {
        taken.push(pair.message(Role::Client, 4000).unwrap());
    }
    assert_eq!(
        taken,
        [
            Sent::Accepted,
            Sent::Accepted,
            Sent::Wait,
            Sent::Wait,
            Sent::Wait
        ]
    );
    assert!(!pair.client.has_events());
    // Down to the mark is not enough: half of it is.
    let mut drained = 0;
    while pair.client.output_len() > 0 {
        let before = pair.client.queued();
        pair.client
            .wrote(500.min(pair.client.output_len()), pair.now);
        for event in pair.events(Role::Client) {
            assert!(matches!(event, Event::Drained), "{event:?}");
            drained += 1;
            assert!(before > 5000 && pair.client.queued() <= 5000);
        }
    }
    assert_eq!((drained, pair.client.queued()), (1, 0));
    // Nobody waits, so nobody is told.
    pair.message(Role::Client, 10).unwrap();
    pair.client.wrote(pair.client.output_len(), pair.now);
    assert!(!pair.client.has_events());
}

fn at_the_cap_sending_fails_and_queues_nothing(profile: Profile) {
    for kind in 0..3 {
        let mut pair = Pair::with(marked(profile));
        let error = loop {
            let now = pair.now;
            let sent = match kind {
                0 => pair.client.message(name("t"), bulk(4000), now),
                1 => pair.client.request(
                    pair.client.pending() as u32 + 1,
                    name("t"),
                    bulk(4000),
                    None,
                    now,
                ),
                _ => pair.client.publish(name("t"), bulk(4000), now),
            };
            if let Err(error) = sent {
                break error;
            }
            assert!(pair.client.queued() <= 30_000 + 4000 + 1000);
        };
        assert_eq!(
            (error.code, error.origin),
            (ErrorCode::Backpressure, Origin::Local)
        );
        let (queued, pending) = (pair.client.queued(), pair.client.pending());
        assert!(queued > 30_000);
        let id = pending as u32 + 1;
        assert!(pair.request(Role::Client, id, None).is_err());
        assert_eq!(
            (pair.client.queued(), pair.client.pending()),
            (queued, pending)
        );
        pair.shuttle();
        assert_eq!(pair.client.queued(), 0);
        assert!(pair.message(Role::Client, 10).is_ok());
    }
}

fn tiny_messages_fill_a_queue_too(profile: Profile) {
    let mut pair = Pair::with(marked(profile));
    let mut count = 0;
    while pair.message(Role::Client, 0).is_ok() {
        count += 1;
    }
    // Those above the mark are charged their overhead; those below are bytes.
    let held = 20_000 / MESSAGE_OVERHEAD;
    assert!(count < 10_000 / 5 + held + 2, "{count} messages");
}

fn answers_pass_a_full_queue(profile: Profile) {
    let mut pair = Pair::with(marked(profile));
    pair.request(Role::Server, 1, None).unwrap();
    pair.shuttle();
    let id = pair.asked(Role::Client)[0];
    while pair.message(Role::Client, 4000).is_ok() {}
    pair.respond(Role::Client, id);
    let frames = pair.spoken(Role::Client);
    let at = frames
        .iter()
        .position(|frame| matches!(frame, Frame::Response { .. }));
    let messages = frames
        .iter()
        .filter(|frame| matches!(frame, Frame::Message { .. }))
        .count();
    // Before the messages that were queued above the mark.
    assert_eq!(at, Some(3));
    assert!(messages >= 3);
}

#[test]
fn senders_are_told_when_what_was_held_is_withdrawn() {
    for timed_out in [true, false] {
        let mut pair = Pair::with(limited(Profile::Binary, |limits| {
            limits.window_messages = 1;
            limits.high_water = 1000;
        }));
        for id in 1..=20 {
            pair.request(Role::Client, id, Some(SECOND)).unwrap();
        }
        assert_eq!(pair.message(Role::Client, 10), Ok(Sent::Wait));
        pair.shuttle();
        if timed_out {
            pair.client.tick(pair.now + SECOND);
        } else {
            (1..=20).for_each(|id| {
                pair.client.cancel(id, pair.now);
            });
        }
        let events = pair.events(Role::Client);
        let drained = events
            .iter()
            .filter(|event| matches!(event, Event::Drained))
            .count();
        assert_eq!(drained, 1, "{events:?}");
    }
}

#[test]
fn a_withdrawn_request_costs_no_credit_and_does_not_leave() {
    let mut pair = Pair::with(limited(Profile::Binary, |limits| {
        limits.window_messages = 1
    }));
    for id in 1..=3 {
        pair.request(Role::Client, id, None).unwrap();
    }
    assert!(pair.client.cancel(1, pair.now), "has left");
    assert!(!pair.client.cancel(2, pair.now), "has not left");
    pair.shuttle();
    let events = pair.events(Role::Server);
    assert!(
        matches!(events[..], [Event::Request { .. }, Event::Cancelled { .. }]),
        "{events:?}"
    );
    pair.respond(Role::Server, 1);
    pair.shuttle();
    assert_eq!(pair.asked(Role::Server), [3]);
}

/// Texts whose names are as long, and in JSON as wide, as they can be.
fn worst(bounds: &Bounds) -> impl Iterator<Item = (Bytes, Body)> {
    let name = Bytes::from("\u{1}".repeat(MAX_NAME));
    let each = bounds.bytes / bounds.messages;
    (0..bounds.messages).map(move |_| (name.clone(), bulk(each)))
}

fn where_there_is_room_all_is_accepted_whatever_it_is(profile: Profile) {
    let bounds = Bounds {
        messages: 8,
        bytes: 8000,
        longest: 4000,
    };
    for window in [1, 1000] {
        let mut pair = Pair::with(limited(profile, |limits| {
            limits.high_water = 50_000;
            limits.window_messages = window;
        }));
        let mut batches = 0;
        while pair.client.has_room(&bounds) {
            let now = pair.now;
            pair.client.send_accepted(&mut worst(&bounds), now);
            assert!(!pair.client.is_held_up());
            batches += 1;
        }
        assert!(batches > 0);
        // It is not refused much too early either.
        assert!(pair.client.queued() > 50_000 / 3);
        assert_eq!(pair.client.counters().messages_sent, batches * 8);
        assert_eq!(pair.client.counters().errors, 0);
    }
}

fn what_was_accepted_is_queued_above_cap_and_mark(profile: Profile) {
    let mut pair = Pair::with(marked(profile));
    while pair.message(Role::Client, 4000).is_ok() {}
    let queued = pair.client.queued();
    let mut one = std::iter::once((name("late"), bulk(10)));
    pair.client.send_accepted(&mut one, pair.now);
    assert!(pair.client.queued() > queued);
    // Once it is closed, messages stay where they are.
    pair.client.close(CloseReason::Local, "");
    let mut two = std::iter::repeat_n((name("late"), bulk(10)), 2);
    pair.client.send_accepted(&mut two, pair.now);
    assert_eq!(two.count(), 2);
}

fn there_is_no_room_for_what_the_peer_refuses(profile: Profile) {
    let mut pair = Pair::with(limited(profile, |limits| limits.max_message_size = 4096));
    let bounds = |longest| Bounds {
        messages: 2,
        bytes: 6000,
        longest,
    };
    assert!(pair.client.has_room(&bounds(1000)));
    assert!(!pair.client.has_room(&bounds(4096)));
    pair.client.close(CloseReason::Local, "");
    assert!(!pair.client.has_room(&bounds(1000)));
}

both_profiles!(
    where_there_is_room_all_is_accepted_whatever_it_is,
    what_was_accepted_is_queued_above_cap_and_mark,
    there_is_no_room_for_what_the_peer_refuses,
    senders_wait_above_the_mark_and_are_told_once_when_it_drains,
    at_the_cap_sending_fails_and_queues_nothing,
    tiny_messages_fill_a_queue_too,
    answers_pass_a_full_queue,
);
