//! How many streams there may be.

use super::*;
use crate::ipc::options::{SlowConsumer, MAX_HEADERS};

const FULL: &str = "Maximum of 2 concurrent streams reached";

fn open(number: u32) -> Frame {
    Frame::StreamOpen {
        id: Id::Number(number),
        name: Bytes::from(format!("s{number}")),
        body: Body::none(),
    }
}

fn abort(number: u32) -> Frame {
    Frame::StreamError {
        id: Id::Number(number),
        failure: reason("gone"),
    }
}

fn our_own_limit_refuses_at_once(profile: Profile) {
    let mut pair = Pair::open_with(limited(profile, |it| it.streams = 2), config(profile));
    let first = pair.opened(Role::Client, 1);
    pair.opened(Role::Client, 2);
    let error = pair.stream(Role::Client, 3).unwrap_err();
    assert_eq!(
        (error.code, &*error.message),
        (ErrorCode::TooManyStreams, FULL)
    );
    assert_eq!(error.origin, Origin::Local);
    assert_eq!(pair.client.output_len(), 0, "the peer hears nothing of it");
    // Those of the peer count on their own.
    pair.opened(Role::Server, 1);
    pair.opened(Role::Server, 2);
    pair.cancel_incoming(Role::Server, first);
    pair.shuttle();
    pair.events(Role::Client);
    pair.opened(Role::Client, 3);
}

fn the_receivers_limit_refuses_by_a_cancel(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.streams = 2);
    let first = pair.opened(Role::Client, 1);
    pair.opened(Role::Client, 2);
    pair.stream(Role::Client, 3).unwrap();
    pair.write(Role::Client, 3, pattern(1000));
    pair.shuttle();
    assert!(pair.events(Role::Server).is_empty());
    match &pair.events(Role::Client)[..] {
        [Event::StreamCancelled {
            id: 3,
            error,
            remote: Some((_, code)),
        }] => {
            assert_eq!(
                (&*error.message, &**code),
                (FULL, "IPC_ERR_TOO_MANY_STREAMS")
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.server.counters().streams_opened, 2);
    // One that is over makes room, for either way to be over.
    pair.finish(Role::Server, first);
    pair.shuttle();
    pair.events(Role::Client);
    pair.opened(Role::Client, 4);
    pair.abort(Role::Client, 2);
    pair.shuttle();
    pair.events(Role::Server);
    pair.opened(Role::Client, 5);
}

fn opening_and_giving_up_in_a_loop_is_bounded(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.streams = 2);
    let mut events = Vec::new();
    for number in 1..=1000 {
        pair.inject(Role::Server, &open(number));
        pair.inject(Role::Server, &abort(number));
        pair.server.take_events(&mut events);
    }
    // Twice the limit, until the owner lets go of them.
    assert_eq!(events.len(), 2 * 4);
    assert_eq!(pair.server.open_streams(), 0);
    assert_eq!(pair.server.counters().streams_opened, 4);
    let refused = pair.spoken(Role::Server);
    assert_eq!(refused.len(), 996);
    for event in events {
        if let Event::StreamFailed { id, .. } = event {
            pair.cancel_incoming(Role::Server, id);
        }
    }
    pair.inject(Role::Server, &open(2000));
    pair.announced(Role::Server);
}

fn an_id_that_is_in_use_closes(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.opened(Role::Client, 1);
    pair.inject(Role::Server, &open(1));
    let events = pair.events(Role::Server);
    assert_eq!(closed(&events), CloseReason::ProtocolError);
}

fn an_id_serves_again_once_its_stream_is_over(profile: Profile) {
    let mut pair = Pair::open(profile);
    let id = pair.opened(Role::Client, 1);
    pair.cancel_incoming(Role::Server, id);
    pair.inject(Role::Server, &open(1));
    let (id, _) = pair.announced(Role::Server);
    assert_eq!(pair.read(Role::Server, id), Read::Nothing);
}

fn metadata_has_a_limit(profile: Profile) {
    for (length, allowed) in [(MAX_HEADERS, true), (MAX_HEADERS + 1, false)] {
        let mut pair = Pair::open(profile);
        let text = format!("\"{}\"", "m".repeat(length - 2));
        let id = match profile {
            Profile::Binary => Id::Number(1),
            Profile::Json => Id::Text(Bytes::from_static(b"1")),
        };
        let frame = Frame::StreamOpen {
            id,
            name: Bytes::from_static(b"s"),
            body: Body::json(text),
        };
        pair.inject(Role::Server, &frame);
        if allowed {
            pair.announced(Role::Server);
        } else {
            let events = pair.events(Role::Server);
            assert_eq!(closed(&events), CloseReason::ProtocolError);
        }
    }
}

#[test]
fn zero_is_no_id() {
    let mut pair = Pair::open(Profile::Binary);
    pair.inject(Role::Server, &open(0));
    let events = pair.events(Role::Server);
    assert_eq!(closed(&events), CloseReason::ProtocolError);
}

fn a_name_that_is_in_use_is_refused_here(profile: Profile) {
    let mut pair = Pair::open(profile);
    let id = pair.opened(Role::Client, 1);
    let now = pair.now;
    let mut again = |number, text| {
        let name = name(text);
        pair.client
            .open_stream(number, name, Body::none(), CHUNK, now)
    };
    let error = again(2, "s1").unwrap_err();
    assert_eq!(error.code, ErrorCode::StreamInUse);
    assert!(error.message.contains("'s1'"), "{}", error.message);
    // Nor is a number taken from the stream that has it.
    assert_eq!(again(1, "s2").unwrap_err().code, ErrorCode::StreamInUse);
    pair.cancel_incoming(Role::Server, id);
    pair.shuttle();
    pair.events(Role::Client);
    let now = pair.now;
    let opened = pair
        .client
        .open_stream(2, name("s1"), Body::none(), CHUNK, now);
    assert!(opened.is_ok());
}

fn what_the_peer_would_not_take_is_refused_here(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.max_message_size = 1024);
    let now = pair.now;
    let mut open = |name: String, body| {
        let opened = pair
            .client
            .open_stream(1, Bytes::from(name), body, CHUNK, now);
        opened.map_err(|error| error.code)
    };
    let too_large = Err(ErrorCode::MessageTooLarge);
    assert_eq!(open("n".repeat(257), Body::none()), too_large);
    assert_eq!(open("n".to_owned(), bulk(1024)), too_large);
    let headers = Body {
        headers: Some(Bytes::from(format!("{{\"a\":\"{}\"}}", "x".repeat(65_536)))),
        ..Body::none()
    };
    assert_eq!(open("n".to_owned(), headers), too_large);
    assert_eq!(
        (pair.client.open_streams(), pair.client.output_len()),
        (0, 0)
    );
}

/// Refusals are frames too, and a client has nothing else that stops reading.
fn a_peer_that_opens_and_never_reads_the_refusals_is_let_go(profile: Profile) {
    for role in BOTH {
        let small = || {
            limited(profile, |limits| {
                limits.streams = 1;
                limits.high_water = 10_000;
                limits.hard_cap = 20_000;
                limits.slow_consumer = SlowConsumer::Wait;
            })
        };
        let mut pair = Pair::with(small());
        let mut most = 0;
        for number in 1..=10_000 {
            pair.inject(role, &open(number));
            most = most.max(pair.end(role).output_len());
        }
        assert!(most < 21_000, "{most} bytes of refusals");
        let events = pair.events(role);
        assert_eq!(closed(&events), CloseReason::SlowConsumer);
    }
}

fn t5_rapid_resets_close(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.stream_resets = 10);
    let mut reset = |number| {
        pair.inject(Role::Server, &open(number));
        pair.inject(Role::Server, &abort(number));
        let mut events = Vec::new();
        pair.server.take_events(&mut events);
        for event in &events {
            // A handler that is done at once does not make it harmless.
            if let Event::StreamFailed { id, .. } = event {
                pair.cancel_incoming(Role::Server, *id);
            }
        }
        events.into_iter().find_map(|event| match event {
            Event::Closed { reason, .. } => Some(reason),
            _ => None,
        })
    };
    for number in 1..=100 {
        assert_eq!(reset(number), None, "{number}");
    }
    assert_eq!(reset(101), Some(CloseReason::TooManyResets));
}

fn t5_streams_that_end_do_not_count(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.stream_resets = 1);
    for number in 1..=100 {
        pair.inject(Role::Server, &open(number));
        pair.inject(
            Role::Server,
            &Frame::StreamEnd {
                id: Id::Number(number),
            },
        );
        pair.inject(Role::Server, &abort(number));
        let mut events = Vec::new();
        pair.server.take_events(&mut events);
        pair.cancel_incoming(Role::Server, number);
    }
    assert!(pair.server.is_open());
}

both_profiles!(
    metadata_has_a_limit,
    our_own_limit_refuses_at_once,
    the_receivers_limit_refuses_by_a_cancel,
    opening_and_giving_up_in_a_loop_is_bounded,
    an_id_that_is_in_use_closes,
    an_id_serves_again_once_its_stream_is_over,
    a_name_that_is_in_use_is_refused_here,
    what_the_peer_would_not_take_is_refused_here,
    a_peer_that_opens_and_never_reads_the_refusals_is_let_go,
    t5_rapid_resets_close,
    t5_streams_that_end_do_not_count,
);
