//! Senders are held back by the handlers of the receiver.

use super::*;

fn window(profile: Profile, messages: u32) -> SessionConfig {
    limited(profile, |limits| limits.window_messages = messages)
}

/// How many messages one end has got.
fn messages(pair: &mut Pair, role: Role) -> usize {
    let events = pair.events(role);
    assert!(
        events
            .iter()
            .all(|event| matches!(event, Event::Message { .. })),
        "{events:?}"
    );
    events.len()
}

#[test]
fn messages_beyond_the_window_are_held_until_handlers_finish() {
    let mut pair = Pair::with(window(Profile::Binary, 4));
    for from in BOTH {
        for _ in 0..6 {
            assert_eq!(pair.message(from, 10), Ok(Sent::Accepted));
        }
        pair.shuttle();
        let to = other(from);
        assert_eq!(messages(&mut pair, to), 4);
        assert_eq!(pair.end(to).running(), 4);
        assert!(pair.end(from).queued() >= 2 * 256);
        let now = pair.now;
        pair.end(to).finished(1, now);
        pair.shuttle();
        assert_eq!(messages(&mut pair, to), 1);
        pair.end(to).finished(4, now);
        pair.shuttle();
        assert_eq!(messages(&mut pair, to), 1);
        assert_eq!(pair.end(from).queued(), 0);
        pair.end(to).finished(1, now);
        assert_eq!(pair.end(to).running(), 0);
    }
}

#[test]
fn bytes_beyond_the_window_are_held_until_they_are_taken() {
    let mut pair = Pair::with(limited(Profile::Binary, |limits| {
        limits.window_bytes = 1000
    }));
    for _ in 0..3 {
        pair.message(Role::Client, 600).unwrap();
    }
    pair.shuttle();
    let mut events = Vec::new();
    pair.server.take_events(&mut events);
    // The second passes the limit, or one that is larger than it never could.
    assert_eq!(events.len(), 2);
    pair.server.finished(2, pair.now);
    pair.shuttle();
    assert!(!pair.server.has_events(), "not taken yet");
    pair.server.taken(1200, pair.now);
    pair.shuttle();
    assert_eq!(messages(&mut pair, Role::Server), 1);
}

#[test]
fn a_peer_that_exceeds_its_credit_is_closed() {
    for from in BOTH {
        let mut pair = Pair::with(window(Profile::Binary, 4));
        let to = other(from);
        let message = Frame::Message {
            name: name("t"),
            body: Body::none(),
        };
        for _ in 0..4 {
            pair.inject(to, &message);
        }
        assert_eq!(messages(&mut pair, to), 4);
        pair.inject(to, &message);
        let events = pair.events(to);
        assert_eq!(events.len(), 1, "the fifth is not delivered: {events:?}");
        assert_eq!(closed(&events), CloseReason::ProtocolError);
        pair.shuttle();
        assert_eq!(
            closed(&pair.events(from)),
            CloseReason::ProtocolError,
            "it is told why"
        );
    }
}

#[test]
fn a_peer_that_exceeds_its_bytes_is_closed() {
    let mut pair = Pair::with(limited(Profile::Binary, |limits| {
        limits.window_bytes = 1000
    }));
    let message = Frame::Message {
        name: name("t"),
        body: bulk(2000),
    };
    pair.inject(Role::Server, &message);
    pair.inject(Role::Server, &message);
    let mut events = Vec::new();
    pair.server.take_events(&mut events);
    assert_eq!(events.len(), 2);
    assert_eq!(closed(&events), CloseReason::ProtocolError);
}

#[test]
fn the_control_lane_passes_an_exhausted_window() {
    let mut pair = Pair::with(window(Profile::Binary, 2));
    pair.request(Role::Server, 50, None).unwrap();
    pair.shuttle();
    let incoming = pair.asked(Role::Client)[0];
    // The request that waits at the client is worth one message more.
    pair.request(Role::Client, 1, None).unwrap();
    for _ in 0..9 {
        pair.message(Role::Client, 10).unwrap();
    }
    pair.shuttle();
    let events = pair.events(Role::Server);
    assert!(matches!(events[0], Event::Request { .. }));
    assert!(events.len() <= 3);
    let held = pair.client.queued();
    assert!(held > 0);

    pair.respond(Role::Client, incoming);
    assert!(pair.client.cancel(1, pair.now));
    pair.client.probe(pair.now + SECOND, pair.now);
    pair.client
        .subscribe(2, name("t"), true, None, pair.now)
        .unwrap();
    pair.shuttle();
    let events = pair.events(Role::Server);
    assert!(
        matches!(
            events[..],
            [
                Event::Response { id: 50, .. },
                Event::Cancelled { .. },
                Event::Ping,
                Event::Subscribe { .. }
            ]
        ),
        "{events:?}"
    );
    pair.server.pong(pair.now);
    pair.shuttle();
    assert!(matches!(
        pair.events(Role::Client)[..],
        [Event::Probed { alive: true }]
    ));
    assert_eq!(pair.client.queued(), held, "messages still wait");
}

#[test]
fn held_messages_keep_their_order() {
    let mut pair = Pair::with(window(Profile::Binary, 2));
    for number in 0..50 {
        let body = Body::json(number.to_string());
        if number % 3 == 0 {
            pair.client
                .request(number + 1, name("n"), body, None, pair.now)
                .unwrap();
        } else {
            pair.client.message(name("n"), body, pair.now).unwrap();
        }
    }
    let mut seen = Vec::new();
    loop {
        pair.shuttle();
        let events = pair.events(Role::Server);
        if events.is_empty() {
            break;
        }
        for event in events {
            let (Event::Message { body, .. } | Event::Request { body, .. }) = &event else {
                panic!()
            };
            seen.push(
                std::str::from_utf8(&body.payload)
                    .unwrap()
                    .parse::<u32>()
                    .unwrap(),
            );
            match event {
                Event::Request { id, .. } => pair.respond(Role::Server, id),
                _ => pair.server.finished(1, pair.now),
            }
        }
    }
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
}

/// Gives back what an owner can count: names, headers, payloads.
fn give_back(pair: &mut Pair) -> usize {
    let mut events = Vec::new();
    pair.server.take_events(&mut events);
    for event in &events {
        let (name, body) = match event {
            Event::Message { name, body } | Event::Request { name, body, .. } => (name, body),
            other => panic!("{other:?}"),
        };
        let headers = body.headers.as_ref().map_or(0, Bytes::len);
        pair.server.taken(
            (name.len() + headers + body.payload.len() + 32) as u64,
            pair.now,
        );
    }
    events.len()
}

fn bytes_counted_by_content_are_given_back_in_full(profile: Profile) {
    let mut pair = Pair::with(limited(profile, |limits| limits.window_bytes = 3000));
    for number in 0..300 {
        let payload = Bytes::from(vec![7; number]);
        let headers = Some(name(r#"{"some":"header"}"#));
        let body = Body {
            headers,
            encoding: Encoding::Bytes,
            payload,
        };
        pair.client.message(name("t"), body, pair.now).unwrap();
        pair.shuttle();
        assert_eq!(give_back(&mut pair), 1, "after {number} messages");
        pair.server.finished(1, pair.now);
    }
}

fn refused_requests_keep_no_bytes(profile: Profile) {
    let limits = limited(profile, |limits| {
        limits.pending_requests = 1;
        limits.window_bytes = 1000;
    });
    let mut pair = Pair::open_with(config(profile), limits);
    pair.request(Role::Client, 1, None).unwrap();
    pair.shuttle();
    assert_eq!(give_back(&mut pair), 1);
    for id in 2..50 {
        pair.client
            .request(id, name("ask"), bulk(500), None, pair.now)
            .unwrap();
        pair.shuttle();
        assert!(
            matches!(pair.events(Role::Client)[..], [Event::Failed { .. }]),
            "request {id}"
        );
    }
}

fn who_has_much_waiting_is_not_read_while_the_owner_is_busy(profile: Profile) {
    let config = config(profile);
    let backlog = config.backlog.clone();
    let mut pair = Pair::with(config);
    backlog.add(10_000);
    assert!(pair.server.wants_read(), "it has nothing there");
    pair.message(Role::Client, 1000).unwrap();
    pair.shuttle();
    assert!(!pair.server.wants_read());
    // It has been taken, or there is no hurry any more.
    pair.server.taken(2000, pair.now);
    assert!(pair.server.wants_read());
    pair.message(Role::Client, 1000).unwrap();
    pair.shuttle();
    assert!(!pair.server.wants_read());
    backlog.take(9_000);
    assert!(pair.server.wants_read());
}

fn slow_handlers_hold_the_sender_back(profile: Profile) {
    const WINDOW: u32 = 8;
    let mut pair = Pair::with(window(profile, WINDOW));
    // A reader that gets one frame at a time stops in time.
    pair.chunk = 1;
    for _ in 0..300 {
        pair.message(Role::Client, 20).unwrap();
    }
    let mut handled = 0;
    while handled < 300 {
        pair.shuttle();
        assert!(
            pair.server.running() <= u64::from(WINDOW),
            "{} handlers",
            pair.server.running()
        );
        assert!(handled + 8 >= 300 || pair.client.queued() > 0);
        assert!(pair.server.running() > 0, "everybody waits for everybody");
        pair.events(Role::Server);
        pair.server.finished(1, pair.now);
        handled += 1;
    }
    pair.shuttle();
    assert_eq!((pair.client.queued(), pair.server.running()), (0, 0));
}

fn the_handler_of_a_cancelled_request_counts_until_it_ends(profile: Profile) {
    let mut pair = Pair::with(window(profile, 1));
    pair.chunk = 1;
    pair.request(Role::Client, 1, None).unwrap();
    pair.request(Role::Client, 2, None).unwrap();
    pair.shuttle();
    let first = pair.asked(Role::Server);
    assert_eq!(first.len(), 1);
    pair.client.cancel(1, pair.now);
    pair.shuttle();
    if profile == Profile::Binary {
        // In JSON the cancellation stands behind the second request, unread.
        assert!(matches!(
            pair.events(Role::Server)[..],
            [Event::Cancelled { .. }]
        ));
    }
    assert_eq!(pair.server.running(), 1);
    assert!(!pair.server.has_events());
    pair.respond(Role::Server, first[0]);
    pair.shuttle();
    assert!(pair
        .events(Role::Server)
        .iter()
        .any(|event| matches!(event, Event::Request { .. })));
}

fn more_requests_than_the_limit_are_refused_at_once(profile: Profile) {
    let mut pair = Pair::open_with(
        config(profile),
        limited(profile, |limits| limits.pending_requests = 3),
    );
    for id in 1..=4 {
        pair.request(Role::Client, id, None).unwrap();
    }
    pair.shuttle();
    let asked = pair.asked(Role::Server);
    assert_eq!(asked.len(), 3);
    match &pair.events(Role::Client)[..] {
        [Event::Failed {
            id: 4,
            error,
            remote: Some((_, code)),
        }] => {
            assert_eq!(error.origin, Origin::Peer);
            assert_eq!(code, ErrorCode::TooManyPending.as_str());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.server.running(), 3);
    pair.respond(Role::Server, asked[0]);
    pair.request(Role::Client, 5, None).unwrap();
    pair.shuttle();
    assert_eq!(pair.asked(Role::Server).len(), 1);
}

both_profiles!(
    bytes_counted_by_content_are_given_back_in_full,
    refused_requests_keep_no_bytes,
    who_has_much_waiting_is_not_read_while_the_owner_is_busy,
    slow_handlers_hold_the_sender_back,
    the_handler_of_a_cancelled_request_counts_until_it_ends,
    more_requests_than_the_limit_are_refused_at_once,
);
