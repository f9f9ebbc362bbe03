//! The end of a connection.

use super::*;

fn every_reason_reaches_the_peer(profile: Profile) {
    for role in BOTH {
        for reason in CloseReason::ALL {
            let mut pair = Pair::open(profile);
            let now = pair.now;
            pair.end(role).leave(*reason, "so it is", now);
            assert_eq!(closed(&pair.events(role)), *reason);
            pair.shuttle();
            // What is "local" there is "peer" here; and no client kicks a server.
            let strange = role == Role::Client && reason.is_servers();
            let expected = if *reason == CloseReason::Local || strange {
                CloseReason::Peer
            } else {
                *reason
            };
            match &pair.events(other(role))[..] {
                [Event::Closed { reason, message }] => {
                    assert_eq!((*reason, &**message), (expected, "so it is"))
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn an_unknown_reason_is_the_peers(profile: Profile) {
    let mut pair = Pair::open(profile);
    let body: &[u8] = match profile {
        Profile::Binary => &[0x10, 200, 0],
        Profile::Json => br#"{"type":"__goaway__","payload":{"reason":"later","message":""}}"#,
    };
    pair.client
        .input(&(body.len() as u32).to_be_bytes(), pair.now);
    pair.client.input(body, pair.now);
    assert_eq!(closed(&pair.events(Role::Client)), CloseReason::Peer);
}

fn the_last_messages_leave_before_the_farewell(profile: Profile) {
    let mut pair = Pair::open(profile);
    for _ in 0..3 {
        pair.message(Role::Client, 10).unwrap();
    }
    pair.client.leave(CloseReason::Local, "", pair.now);
    assert!(!pair.client.wants_read());
    pair.shuttle();
    let events = pair.events(Role::Server);
    assert_eq!(events.len(), 4);
    assert_eq!(closed(&events), CloseReason::Peer);
    assert_eq!(pair.client.output_len(), 0);
}

fn requests_that_have_left_may_have_run_and_others_have_not(profile: Profile) {
    let mut pair = Pair::with(limited(profile, |limits| {
        limits.window_messages = 3;
        limits.high_water = 200;
    }));
    for id in 0..12 {
        pair.request(Role::Client, id, Some(SECOND)).unwrap();
    }
    // What the socket has, what waits for it, and what is held back.
    let mut left = pair.client.output_len();
    let mut ready = Decoder::new(usize::MAX);
    ready.feed(pair.client.output());
    let mut sent = 0;
    while let Some((_, size)) = ready.next_frame().unwrap() {
        left -= size + 4;
        sent += 1;
    }
    assert!(sent > 0 && sent < 12 && left == 0);
    pair.client.close(CloseReason::Reset, "gone");
    let events = pair.events(Role::Client);
    assert_eq!(closed(&events), CloseReason::Reset);
    let mut settled = Vec::new();
    for event in &events[..events.len() - 1] {
        match event {
            Event::Failed {
                id,
                error,
                remote: None,
            } => {
                assert_eq!(
                    (error.code, error.origin),
                    (ErrorCode::ConnectionLost, Origin::Io)
                );
                settled.push((*id, error.may_have_run));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        settled,
        (0..12).map(|id| (id, id < sent)).collect::<Vec<_>>()
    );
    assert_eq!((pair.client.pending(), pair.client.deadline()), (0, None));
    // What never left is forgotten.
    assert_eq!(pair.client.queued(), pair.client.output_len());
}

fn nothing_is_reported_after_the_close(profile: Profile) {
    let mut pair = Pair::with(limited(profile, |limits| limits.high_water = 1000));
    assert_eq!(pair.message(Role::Client, 2000), Ok(Sent::Wait));
    pair.client.close(CloseReason::Reset, "");
    assert_eq!(closed(&pair.events(Role::Client)), CloseReason::Reset);
    pair.client.wrote(pair.client.output_len(), pair.now);
    assert!(!pair.client.has_events(), "{:?}", pair.events(Role::Client));
}

fn incoming_requests_are_cancelled_by_a_close(profile: Profile) {
    let mut pair = Pair::open(profile);
    for id in 1..=3 {
        pair.request(Role::Client, id, None).unwrap();
    }
    pair.shuttle();
    let asked = pair.asked(Role::Server);
    pair.client.cancel(1, pair.now);
    pair.respond(Role::Server, asked[1]);
    pair.shuttle();
    assert!(matches!(pair.events(Role::Server)[..], [Event::Cancelled { id }] if id == asked[0]));
    pair.server.close(CloseReason::Kicked, "");
    // Each once: not the one that was cancelled before, nor the answered one.
    match &pair.events(Role::Server)[..] {
        [Event::Cancelled { id }, Event::Closed { .. }] => assert_eq!(*id, asked[2]),
        other => panic!("{other:?}"),
    }
    // Their handlers may come to an end afterwards.
    pair.server.wrote(pair.server.output_len(), pair.now);
    for id in asked {
        pair.respond(Role::Server, id);
    }
    assert_eq!(pair.server.output_len(), 0);
    assert!(!pair.server.has_events());
}

fn a_probe_is_settled_by_a_close(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.server.probe(pair.now + SECOND, pair.now);
    pair.server.close(CloseReason::Reset, "");
    assert!(matches!(
        pair.events(Role::Server)[..],
        [Event::Probed { alive: false }, Event::Closed { .. }]
    ));
}

fn the_first_reason_is_the_only_one(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.request(Role::Server, 9, Some(SECOND)).unwrap();
    pair.shuttle();
    pair.client.leave(CloseReason::Local, "", pair.now);
    let goodbye = pair.client.output().to_vec();
    pair.client.leave(CloseReason::Kicked, "", pair.now);
    pair.client.close(CloseReason::Reset, "");
    pair.client.eof();
    pair.client.tick(pair.now + 3600 * SECOND);
    pair.client
        .input(&wire(&Frame::Ping(Id::Number(1)), profile), pair.now);
    assert_eq!(pair.client.output(), goodbye);
    assert_eq!(closed(&pair.events(Role::Client)), CloseReason::Local);
}

fn nothing_can_be_sent_after_a_close(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.client.close(CloseReason::ServerStopping, "");
    pair.events(Role::Client);
    let now = pair.now;
    let error = pair.message(Role::Client, 1).unwrap_err();
    assert_eq!(
        (error.code, error.may_have_run),
        (ErrorCode::ServerStopping, false)
    );
    assert!(pair.request(Role::Client, 1, None).is_err());
    assert!(pair.client.publish(name("t"), Body::none(), now).is_err());
    assert!(pair
        .client
        .subscribe(2, name("t"), true, None, now)
        .is_err());
    pair.client.pong(now);
    pair.client.probe(now + SECOND, now);
    pair.client.finished(1, now);
    pair.client.taken(1, now);
    assert_eq!((pair.client.output_len(), pair.client.pending()), (0, 0));
    assert!(!pair.client.has_events());
    assert_eq!(pair.client.deadline(), None);
}

fn nothing_can_be_sent_before_the_registration(profile: Profile) {
    let mut pair = Pair::connected(config(profile), config(profile));
    for role in BOTH {
        assert_eq!(
            pair.message(role, 1).unwrap_err().code,
            ErrorCode::NotConnected
        );
        assert_eq!(
            pair.request(role, 1, None).unwrap_err().code,
            ErrorCode::NotConnected
        );
        assert_eq!(pair.end(role).pending(), 0);
    }
    assert_eq!(pair.server.output_len(), 0);
}

fn f7_an_end_between_frames_is_not_one_inside_a_frame(profile: Profile) {
    let frame = wire(
        &Frame::Message {
            name: name("t"),
            body: Body::json("1"),
        },
        profile,
    );
    for cut in 0..=frame.len() {
        let mut pair = Pair::open(profile);
        pair.server.input(&frame[..cut], pair.now);
        pair.server.eof();
        let events = pair.events(Role::Server);
        let whole = cut == 0 || cut == frame.len();
        let expected = if whole {
            CloseReason::PeerClosed
        } else {
            CloseReason::TruncatedFrame
        };
        assert_eq!(closed(&events), expected, "after {cut} bytes");
        assert_eq!(events.len(), if cut == frame.len() { 2 } else { 1 });
    }
}

fn f9_a_peer_that_has_finished_sending_gets_its_answers(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.request(Role::Client, 1, None).unwrap();
    pair.shuttle();
    let id = pair.asked(Role::Server)[0];
    pair.server.half_close(pair.now);
    assert!(pair.server.is_open() && !pair.server.wants_read());
    pair.respond(Role::Server, id);
    assert!(pair.server.is_open());
    pair.shuttle();
    assert!(matches!(
        pair.events(Role::Client)[..],
        [Event::Response { id: 1, .. }]
    ));
    assert_eq!(closed(&pair.events(Role::Server)), CloseReason::PeerClosed);
}

fn f9_a_peer_that_has_finished_sending_waits_one_second_at_most(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.request(Role::Client, 1, None).unwrap();
    pair.shuttle();
    pair.asked(Role::Server);
    pair.server.half_close(pair.now);
    assert_eq!(pair.server.deadline(), Some(pair.now + SECOND));
    pair.server.tick(pair.now + SECOND);
    let events = pair.events(Role::Server);
    assert!(matches!(events[0], Event::Cancelled { .. }));
    assert_eq!(closed(&events), CloseReason::PeerClosed);
}

fn a_peer_that_has_finished_sending_and_asks_nothing_is_gone_at_once(profile: Profile) {
    let frame = wire(
        &Frame::Message {
            name: name("t"),
            body: Body::none(),
        },
        profile,
    );
    for (length, reason) in [
        (0, CloseReason::PeerClosed),
        (5, CloseReason::TruncatedFrame),
    ] {
        let mut pair = Pair::open(profile);
        pair.server.input(&frame[..length], pair.now);
        pair.server.half_close(pair.now);
        assert_eq!(closed(&pair.events(Role::Server)), reason);
    }
}

fn bytes_that_are_no_frame_close_with_their_reason(profile: Profile) {
    for (bytes, reason) in [
        (&b"\0\0\0\0"[..], CloseReason::ProtocolError),
        (b"\0\0\0\x01x", CloseReason::ProtocolError),
        (b"\0\0\0\x01{", CloseReason::BadJson),
        (b"\0\0\0\x02{}", CloseReason::BadEnvelope),
        (b"GET / HTTP/1.1\r\n", CloseReason::MessageTooLarge),
    ] {
        let mut pair = Pair::open(profile);
        pair.server.input(bytes, pair.now);
        assert_eq!(closed(&pair.events(Role::Server)), reason);
        assert_eq!(pair.server.counters().errors, 1);
        pair.shuttle();
        assert_eq!(
            closed(&pair.events(Role::Client)),
            reason,
            "the peer is told"
        );
        // Before the registration nothing is echoed.
        let mut pair = Pair::connected(config(profile), config(profile));
        pair.server.input(bytes, pair.now);
        assert_eq!(closed(&pair.events(Role::Server)), reason);
        assert_eq!(pair.server.output_len(), 0);
    }
}

both_profiles!(
    every_reason_reaches_the_peer,
    an_unknown_reason_is_the_peers,
    the_last_messages_leave_before_the_farewell,
    requests_that_have_left_may_have_run_and_others_have_not,
    nothing_is_reported_after_the_close,
    incoming_requests_are_cancelled_by_a_close,
    a_probe_is_settled_by_a_close,
    the_first_reason_is_the_only_one,
    nothing_can_be_sent_after_a_close,
    nothing_can_be_sent_before_the_registration,
    f7_an_end_between_frames_is_not_one_inside_a_frame,
    f9_a_peer_that_has_finished_sending_gets_its_answers,
    f9_a_peer_that_has_finished_sending_waits_one_second_at_most,
    a_peer_that_has_finished_sending_and_asks_nothing_is_gone_at_once,
    bytes_that_are_no_frame_close_with_their_reason,
);
