//! Being let in.

use super::*;

fn an_accepted_client_is_told_so_and_both_use_the_agreed_profile(profile: Profile) {
    let mut pair = Pair::connected(config(profile), config(profile));
    pair.chunk = 3;
    pair.carry(Role::Client);
    let registration = match pair.events(Role::Server).pop() {
        Some(Event::Register(registration)) => registration,
        other => panic!("{other:?}"),
    };
    assert_eq!(registration.client_id.as_deref(), Some("c"));
    assert!(!pair.server.wants_read(), "the owner decides first");
    assert!(pair.request(Role::Server, 1, None).is_err());
    pair.server
        .accept(welcome(), registration.protocol.as_ref(), pair.now);
    pair.shuttle();
    match pair.events(Role::Client).pop() {
        Some(Event::Open(welcome)) => {
            assert_eq!((&*welcome.client_id, &*welcome.role), ("c", "server"))
        }
        other => panic!("{other:?}"),
    }
    for role in BOTH {
        assert_eq!(pair.end(role).profile(), profile);
        assert!(pair.end(role).is_open());
    }
}

fn a_refused_client_gets_the_reason_and_the_text(profile: Profile) {
    let mut pair = Pair::connected(config(profile), config(profile));
    pair.carry(Role::Client);
    pair.events(Role::Server);
    let refusal = Refusal {
        error: "wrong token".to_owned(),
        reason: "unauthorized".to_owned(),
    };
    pair.server
        .refuse(refusal, CloseReason::Unauthorized, pair.now);
    pair.shuttle();
    for role in BOTH {
        match &pair.events(role)[..] {
            [Event::Closed { reason, message }] => {
                assert_eq!(
                    (*reason, &**message),
                    (CloseReason::Unauthorized, "wrong token")
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

fn messages_behind_the_registration_wait_for_the_decision(profile: Profile) {
    let mut pair = Pair::connected(config(profile), config(profile));
    let mut bytes = pair.client.output().to_vec();
    // A peer that does not wait for the answer; JSON is understood by all.
    bytes.extend(wire(
        &Frame::Message {
            name: name("early"),
            body: Body::none(),
        },
        Profile::Json,
    ));
    pair.server.input(&bytes, pair.now);
    let events = pair.events(Role::Server);
    assert!(matches!(events[..], [Event::Register(_)]), "{events:?}");
    pair.server.accept(welcome(), None, pair.now);
    assert!(
        matches!(&pair.events(Role::Server)[..], [Event::Message { name, .. }] if name == "early")
    );
}

fn p1_anything_before_the_registration_closes_and_gets_no_answer(profile: Profile) {
    let frames = [
        Frame::Message {
            name: name("t"),
            body: Body::none(),
        },
        Frame::Request {
            id: Id::Number(1),
            timeout: None,
            name: name("t"),
            body: Body::none(),
        },
        Frame::Response {
            id: Id::Number(1),
            name: name("t"),
            body: Body::none(),
        },
        Frame::Subscribe {
            id: None,
            topic: name("t"),
        },
        Frame::Publish {
            topic: name("t"),
            body: Body::none(),
        },
        Frame::Ping(Id::Number(1)),
        Frame::Cancel { id: Id::Number(1) },
        Frame::GoAway {
            reason: 1,
            message: String::new(),
        },
    ];
    for frame in frames {
        let mut pair = Pair::connected(config(profile), config(profile));
        pair.server.input(&wire(&frame, profile), pair.now);
        let events = pair.events(Role::Server);
        assert_eq!(events.len(), 1, "{frame:?}: {events:?}");
        assert_eq!(closed(&events), CloseReason::NotRegistered, "{frame:?}");
        assert_eq!(pair.server.output_len(), 0);
    }
}

fn optional_frames_before_the_registration_are_skipped(profile: Profile) {
    let mut pair = Pair::connected(config(profile), config(profile));
    pair.server.input(&wire(&Frame::Ignored, profile), pair.now);
    assert!(!pair.server.has_events());
    pair.register();
}

fn p3_a_second_registration_is_refused_and_the_first_stays(profile: Profile) {
    let mut pair = Pair::open(profile);
    let again = Frame::Register(Id::Number(7), Box::new(registration("other")));
    pair.inject(Role::Server, &again);
    assert!(pair.events(Role::Server).is_empty());
    match &pair.spoken(Role::Server)[..] {
        [Frame::Registered(_, answer)] => assert!(answer.is_err()),
        other => panic!("{other:?}"),
    }
    pair.message(Role::Client, 1).unwrap();
    pair.shuttle();
    assert!(matches!(
        pair.events(Role::Server)[..],
        [Event::Message { .. }]
    ));
}

fn p2_a_client_that_never_registers_is_closed_in_time(profile: Profile) {
    let mut pair = Pair::connected(config(profile), config(profile));
    assert_eq!(pair.server.deadline(), Some(pair.now + 10 * SECOND));
    pair.server.tick(pair.now + 10 * SECOND - MILLI);
    assert!(!pair.server.is_closed());
    pair.server.tick(pair.now + 10 * SECOND);
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::HandshakeTimeout
    );
    assert_eq!(pair.server.deadline(), None);
}

fn a_registered_client_has_no_handshake_timeout(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.pass(60 * SECOND);
    assert!(pair.server.is_open() && pair.client.is_open());
}

fn a_decision_that_comes_too_late_changes_nothing(profile: Profile) {
    for accept in [true, false] {
        let mut pair = Pair::connected(config(profile), config(profile));
        pair.carry(Role::Client);
        pair.server.tick(pair.now + 10 * SECOND);
        let events = pair.events(Role::Server);
        assert_eq!(closed(&events), CloseReason::HandshakeTimeout);
        if accept {
            pair.server.accept(welcome(), None, pair.now);
        } else {
            pair.server
                .refuse(Refusal::default(), CloseReason::Refused, pair.now);
        }
        assert!(pair.server.is_closed());
        assert!(!pair.server.has_events());
        assert_eq!(pair.server.output_len(), 0);
    }
}

fn before_the_registration_a_frame_has_at_most_two_mib(profile: Profile) {
    let prefix = (2 * 1024 * 1024 + 1u32).to_be_bytes();
    let mut pair = Pair::connected(config(profile), config(profile));
    pair.server.input(&prefix, pair.now);
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::MessageTooLarge
    );
    let mut pair = Pair::open(profile);
    for role in BOTH {
        let now = pair.now;
        pair.end(role).input(&prefix, now);
        assert!(pair.end(role).is_open());
    }
}

fn f15_half_a_frame_is_closed_in_time(profile: Profile) {
    for role in BOTH {
        let mut pair = Pair::open(profile);
        let frame = wire(
            &Frame::Message {
                name: name("t"),
                body: Body::json("1"),
            },
            profile,
        );
        let (head, tail) = frame.split_at(frame.len() - 1);
        let mut now = pair.now;
        let end = pair.end(role);
        end.input(head, now);
        // More bytes of the same frame buy no time …
        now += 29 * SECOND;
        end.input(&[], now);
        assert_eq!(end.deadline(), Some(now + SECOND));
        // … but a frame that is complete does, for the one that follows.
        end.input(&[tail, head].concat(), now);
        assert_eq!(end.deadline(), Some(now + 30 * SECOND));
        end.tick(now + 30 * SECOND);
        let events = pair.events(role);
        assert!(matches!(events[0], Event::Message { .. }));
        assert_eq!(closed(&events), CloseReason::FrameTimeout);
    }
}

fn f15_the_time_of_half_a_frame_stands_while_we_do_not_read(profile: Profile) {
    let mut pair = Pair::open(profile);
    let frame = wire(
        &Frame::Message {
            name: name("t"),
            body: Body::json("1"),
        },
        profile,
    );
    pair.server.input(&frame[..6], pair.now);
    pair.server.note_reading(false, pair.now);
    for _ in 0..10 {
        pair.now += 10 * SECOND;
        pair.server.tick(pair.now);
    }
    assert!(pair.server.is_open());
    pair.server.note_reading(true, pair.now);
    pair.server.tick(pair.now + 29 * SECOND);
    assert!(pair.server.is_open());
    pair.server.tick(pair.now + 30 * SECOND);
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::FrameTimeout
    );
}

#[test]
fn two_ends_speak_json_if_one_of_them_speaks_only_that() {
    for (client, server) in [
        (Profile::Json, Profile::Binary),
        (Profile::Binary, Profile::Json),
    ] {
        let mut pair = Pair::open_with(config(client), config(server));
        assert_eq!(
            (pair.client.profile(), pair.server.profile()),
            (Profile::Json, Profile::Json)
        );
        pair.request(Role::Client, 1, None).unwrap();
        pair.shuttle();
        assert_eq!(pair.asked(Role::Server), [1]);
    }
}

#[test]
fn the_version_of_structured_clones_is_exchanged() {
    let client = SessionConfig {
        clone_version: 15,
        ..config(Profile::Binary)
    };
    let pair = Pair::open_with(client, config(Profile::Binary));
    assert_eq!(
        (
            pair.client.peer_clone_version(),
            pair.server.peer_clone_version()
        ),
        (0, 15)
    );
}

#[test]
fn a_peer_that_says_nothing_of_itself_gets_json() {
    let mut pair = Pair::connected(config(Profile::Binary), config(Profile::Binary));
    let bare = br#"{"id":"x","type":"__register__","payload":{"clientId":"c"}}"#;
    pair.server
        .input(&(bare.len() as u32).to_be_bytes(), pair.now);
    pair.server.input(bare, pair.now);
    match pair.events(Role::Server).pop() {
        Some(Event::Register(registration)) => {
            pair.server
                .accept(welcome(), registration.protocol.as_ref(), pair.now);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.server.profile(), Profile::Json);
}

both_profiles!(
    an_accepted_client_is_told_so_and_both_use_the_agreed_profile,
    a_refused_client_gets_the_reason_and_the_text,
    messages_behind_the_registration_wait_for_the_decision,
    p1_anything_before_the_registration_closes_and_gets_no_answer,
    optional_frames_before_the_registration_are_skipped,
    p3_a_second_registration_is_refused_and_the_first_stays,
    p2_a_client_that_never_registers_is_closed_in_time,
    a_registered_client_has_no_handshake_timeout,
    a_decision_that_comes_too_late_changes_nothing,
    before_the_registration_a_frame_has_at_most_two_mib,
    f15_half_a_frame_is_closed_in_time,
    f15_the_time_of_half_a_frame_stands_while_we_do_not_read,
);
