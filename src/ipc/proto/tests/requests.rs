//! Requests and what becomes of them.

use super::*;

fn a_request_is_answered_in_both_directions(profile: Profile) {
    let mut pair = Pair::open(profile);
    for (chunk, from) in [
        (usize::MAX, Role::Client),
        (1, Role::Server),
        (7, Role::Client),
    ] {
        pair.chunk = chunk;
        pair.request(from, 40, Some(SECOND)).unwrap();
        assert_eq!(pair.end(from).pending(), 1);
        pair.shuttle();
        let id = match pair.events(other(from)).pop() {
            Some(Event::Request { id, name, body }) => {
                assert_eq!(name, "ask");
                assert_eq!(body, Body::json("1"));
                id
            }
            other => panic!("{other:?}"),
        };
        pair.respond(other(from), id);
        pair.shuttle();
        match &pair.events(from)[..] {
            [Event::Response { id: 40, body }] => assert_eq!(*body, Body::json("2")),
            other => panic!("{other:?}"),
        }
        assert_eq!(pair.end(from).pending(), 0);
        assert_eq!(pair.end(other(from)).running(), 0);
    }
}

fn answers_find_their_request_in_any_order(profile: Profile) {
    let mut pair = Pair::open(profile);
    for id in [3, 1, 2] {
        pair.request(Role::Client, id, None).unwrap();
    }
    pair.shuttle();
    let mut asked = pair.asked(Role::Server);
    asked.reverse();
    for id in asked {
        pair.respond(Role::Server, id);
    }
    pair.shuttle();
    let answered: Vec<_> = pair
        .events(Role::Client)
        .into_iter()
        .map(|event| match event {
            Event::Response { id, .. } => id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(answered, [2, 1, 3]);
}

fn a_failure_keeps_its_text_name_and_code_and_is_the_peers(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.request(Role::Client, 1, None).unwrap();
    pair.shuttle();
    let id = pair.asked(Role::Server)[0];
    let failure = Failure {
        message: "no such thing".to_owned(),
        name: "RangeError".to_owned(),
        // Not even the code of ours makes it look like our own failure.
        code: "IPC_ERR_TIMEOUT".to_owned(),
    };
    pair.server.fail(id, failure, pair.now);
    pair.shuttle();
    match &pair.events(Role::Client)[..] {
        [Event::Failed {
            id: 1,
            error,
            remote: Some((name, code)),
        }] => {
            assert_eq!(
                (error.code, error.origin),
                (ErrorCode::Remote, Origin::Peer)
            );
            assert_eq!(error.message, "no such thing");
            assert!(!error.may_have_run);
            assert_eq!((&**name, &**code), ("RangeError", "IPC_ERR_TIMEOUT"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.server.running(), 0);
}

fn a_cancelled_request_is_reported_to_the_peer_once(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.request(Role::Client, 1, None).unwrap();
    pair.shuttle();
    let id = pair.asked(Role::Server)[0];
    assert!(pair.client.cancel(1, pair.now));
    assert!(!pair.client.cancel(1, pair.now));
    pair.shuttle();
    assert!(matches!(pair.events(Role::Server)[..], [Event::Cancelled { id: told }] if told == id));
    let wire_id = if profile == Profile::Json {
        Id::Text(name("1"))
    } else {
        Id::Number(1)
    };
    pair.inject(Role::Server, &Frame::Cancel { id: wire_id });
    assert!(!pair.server.has_events());
    assert!(!pair.client.has_events(), "who cancels needs no event");
}

fn a_cancellation_of_something_unknown_is_ignored(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.inject(Role::Server, &Frame::Cancel { id: Id::Number(99) });
    assert!(!pair.server.has_events());
    assert!(pair.server.is_open());
}

fn p6_answers_to_nothing_are_counted_and_harmless(profile: Profile) {
    let mut pair = Pair::open(profile);
    for id in 0..10_000 {
        let id = Id::Number(id);
        let frame = if id == Id::Number(5) {
            Frame::Failed {
                id,
                name: name("t"),
                failure: Failure::default(),
            }
        } else {
            Frame::Response {
                id,
                name: name("t"),
                body: Body::none(),
            }
        };
        pair.inject(Role::Client, &frame);
    }
    assert!(!pair.client.has_events());
    assert!(pair.client.is_open());
    assert_eq!(pair.client.counters().errors, 10_000);
    assert_eq!(pair.client.queued(), 0);
}

fn p7_the_first_of_two_answers_counts(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.request(Role::Client, 1, None).unwrap();
    for text in ["true", "false"] {
        let answer = Frame::Response {
            id: Id::Number(1),
            name: name("ask"),
            body: Body::json(text),
        };
        pair.inject(Role::Client, &answer);
    }
    match &pair.events(Role::Client)[..] {
        [Event::Response { id: 1, body }] => assert_eq!(*body, Body::json("true")),
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.client.counters().errors, 1);
}

fn a_handler_can_not_answer_twice(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.request(Role::Client, 1, None).unwrap();
    pair.shuttle();
    let id = pair.asked(Role::Server)[0];
    pair.respond(Role::Server, id);
    pair.respond(Role::Server, id);
    pair.server.fail(id, Failure::default(), pair.now);
    pair.shuttle();
    assert!(matches!(
        pair.events(Role::Client)[..],
        [Event::Response { .. }]
    ));
    assert_eq!(pair.client.counters().errors, 0);
}

fn p15_requests_in_flight_are_limited_at_the_sender(profile: Profile) {
    let mut pair = Pair::open(profile);
    for id in 1..=10_000 {
        pair.request(Role::Client, id, Some(SECOND)).unwrap();
    }
    let error = pair
        .request(Role::Client, 10_001, Some(SECOND))
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::TooManyPending);
    let subscribed = pair
        .client
        .subscribe(10_002, name("t"), true, None, pair.now);
    assert_eq!(subscribed.unwrap_err().code, ErrorCode::TooManyPending);
    assert_eq!(pair.client.pending(), 10_000);
    // The earlier ones still complete, and make room.
    let mut answered = 0;
    while pair.client.pending() > 0 {
        pair.shuttle();
        for id in pair.asked(Role::Server) {
            pair.respond(Role::Server, id);
        }
        pair.shuttle();
        let events = pair.events(Role::Client);
        answered += events
            .iter()
            .filter(|event| matches!(event, Event::Response { .. }))
            .count();
    }
    assert_eq!(answered, 10_000);
    pair.request(Role::Client, 10_001, None).unwrap();
}

fn f16_a_message_too_large_for_the_peer_fails_at_the_sender_alone(profile: Profile) {
    let small = limited(profile, |limits| limits.max_message_size = 2000);
    let mut pair = Pair::open_with(config(profile), small);
    let error = pair.message(Role::Client, 2001).unwrap_err();
    assert_eq!(
        (error.code, error.origin),
        (ErrorCode::MessageTooLarge, Origin::Local)
    );
    assert!(
        error.message.starts_with("Message size 20")
            || error.message.starts_with("Message size 21"),
        "{}",
        error.message
    );
    assert!(
        error.message.ends_with(" exceeds maximum 2000"),
        "{}",
        error.message
    );
    let error = pair
        .client
        .request(1, name("ask"), bulk(2001), None, pair.now)
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::MessageTooLarge);
    assert_eq!((pair.client.pending(), pair.client.output_len()), (0, 0));
    pair.message(Role::Client, 1500).unwrap();
    pair.shuttle();
    assert!(matches!(
        pair.events(Role::Server)[..],
        [Event::Message { .. }]
    ));
    assert!(pair.client.is_open());
}

fn a_peer_with_a_tiny_maximum_still_gets_control_frames(profile: Profile) {
    let mut pair = Pair::connected(config(profile), config(profile));
    pair.carry(Role::Client);
    let Some(Event::Register(registration)) = pair.events(Role::Server).pop() else {
        panic!()
    };
    let mut protocol = registration.protocol.unwrap();
    protocol.max_message_size = 1;
    pair.server.accept(welcome(), Some(&protocol), pair.now);
    pair.shuttle();
    pair.events(Role::Client);
    pair.server.probe(pair.now + SECOND, pair.now);
    pair.shuttle();
    assert!(matches!(pair.events(Role::Client)[..], [Event::Ping]));
    assert_eq!(
        pair.message(Role::Server, 2000).unwrap_err().code,
        ErrorCode::MessageTooLarge
    );
}

fn names_and_headers_too_long_fail_at_the_sender(profile: Profile) {
    let mut pair = Pair::open(profile);
    let now = pair.now;
    let headers = Bytes::from(format!("{{\"a\":\"{}\"}}", "x".repeat(64 * 1024)));
    let long = || Bytes::from("n".repeat(257));
    let heavy = || Body {
        headers: Some(headers.clone()),
        ..Body::none()
    };
    let results = [
        pair.client.message(long(), Body::none(), now),
        pair.client.message(name("t"), heavy(), now),
        pair.client.request(1, long(), Body::none(), None, now),
        pair.client.request(1, name("t"), heavy(), None, now),
        pair.client.publish(long(), Body::none(), now),
        pair.client.publish(name("t"), heavy(), now),
    ];
    for result in results {
        assert_eq!(result.unwrap_err().code, ErrorCode::MessageTooLarge);
    }
    assert_eq!((pair.client.output_len(), pair.client.pending()), (0, 0));
    pair.client
        .message(Bytes::from("n".repeat(256)), Body::none(), now)
        .unwrap();
    pair.shuttle();
    assert!(matches!(
        pair.events(Role::Server)[..],
        [Event::Message { .. }]
    ));
}

fn our_own_maximum_counts_for_what_we_send_too(profile: Profile) {
    let small = limited(profile, |limits| limits.max_message_size = 2000);
    let mut pair = Pair::open_with(small, config(profile));
    let error = pair.message(Role::Client, 2001).unwrap_err();
    assert_eq!(error.code, ErrorCode::MessageTooLarge);
    pair.message(Role::Client, 1500).unwrap();
}

fn an_answer_too_large_becomes_a_failure(profile: Profile) {
    let small = limited(profile, |limits| limits.max_message_size = 2000);
    let mut pair = Pair::open_with(small, config(profile));
    pair.request(Role::Client, 1, None).unwrap();
    pair.shuttle();
    let id = pair.asked(Role::Server)[0];
    let error = pair.server.respond(id, bulk(3000), pair.now).unwrap_err();
    assert_eq!(error.code, ErrorCode::MessageTooLarge);
    pair.shuttle();
    match &pair.events(Role::Client)[..] {
        [Event::Failed {
            id: 1,
            error,
            remote: Some((_, code)),
        }] => {
            assert_eq!(error.origin, Origin::Peer);
            assert_eq!(code, ErrorCode::MessageTooLarge.as_str());
        }
        other => panic!("{other:?}"),
    }
    assert!(pair.client.is_open() && pair.server.is_open());
    assert_eq!(pair.server.running(), 0);
}

both_profiles!(
    a_request_is_answered_in_both_directions,
    answers_find_their_request_in_any_order,
    a_failure_keeps_its_text_name_and_code_and_is_the_peers,
    a_cancelled_request_is_reported_to_the_peer_once,
    a_cancellation_of_something_unknown_is_ignored,
    p6_answers_to_nothing_are_counted_and_harmless,
    p7_the_first_of_two_answers_counts,
    a_handler_can_not_answer_twice,
    p15_requests_in_flight_are_limited_at_the_sender,
    f16_a_message_too_large_for_the_peer_fails_at_the_sender_alone,
    a_peer_with_a_tiny_maximum_still_gets_control_frames,
    names_and_headers_too_long_fail_at_the_sender,
    our_own_maximum_counts_for_what_we_send_too,
    an_answer_too_large_becomes_a_failure,
);
