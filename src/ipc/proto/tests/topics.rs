//! Subscribing and publishing.

use super::*;

fn a_subscription_is_acknowledged(profile: Profile) {
    let mut pair = Pair::open(profile);
    for subscribe in [true, false] {
        pair.client
            .subscribe(7, name("a.*"), subscribe, Some(SECOND), pair.now)
            .unwrap();
        assert_eq!(pair.client.pending(), 1);
        pair.shuttle();
        let (topic, id) = match (pair.events(Role::Server).pop(), subscribe) {
            (Some(Event::Subscribe { topic, id }), true) => (topic, id),
            (Some(Event::Unsubscribe { topic, id }), false) => (topic, id),
            other => panic!("{other:?}"),
        };
        assert_eq!(topic, "a.*");
        assert!(id.is_some());
        assert_eq!(pair.server.running(), 0, "subscriptions cost no window");
        if subscribe {
            pair.server.acknowledge(id, Ok(()), pair.now);
        } else {
            pair.server.acknowledge_end(id, pair.now);
        }
        pair.shuttle();
        assert!(matches!(
            pair.events(Role::Client)[..],
            [Event::Response { id: 7, .. }]
        ));
        assert_eq!(pair.client.pending(), 0);
    }
}

fn a_subscription_may_be_refused(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.client
        .subscribe(7, name("t"), true, None, pair.now)
        .unwrap();
    pair.shuttle();
    let Some(Event::Subscribe { id, .. }) = pair.events(Role::Server).pop() else {
        panic!()
    };
    let error = Error::local(ErrorCode::TooManySubscriptions, "enough");
    pair.server.acknowledge(id, Err(error), pair.now);
    pair.shuttle();
    match &pair.events(Role::Client)[..] {
        [Event::Failed {
            id: 7,
            error,
            remote: Some((_, code)),
        }] => {
            assert_eq!((error.origin, &*error.message), (Origin::Peer, "enough"));
            assert_eq!(code, ErrorCode::TooManySubscriptions.as_str());
        }
        other => panic!("{other:?}"),
    }
}

fn a_subscription_that_is_not_acknowledged_times_out(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.client
        .subscribe(7, name("t"), true, Some(SECOND), pair.now)
        .unwrap();
    pair.shuttle();
    pair.pass(SECOND);
    match &pair.events(Role::Client)[..] {
        [Event::Failed { id: 7, error, .. }] => {
            assert_eq!(error.message, "Request timeout for subscribe")
        }
        other => panic!("{other:?}"),
    }
}

fn a_subscription_that_wants_no_acknowledgement_gets_none(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.inject(
        Role::Server,
        &Frame::Subscribe {
            id: None,
            topic: name("t"),
        },
    );
    match pair.events(Role::Server).pop() {
        Some(Event::Subscribe { id, .. }) => {
            assert_eq!(id, None);
            pair.server.acknowledge(id, Ok(()), pair.now);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.server.output_len(), 0);
}

fn a_published_message_reaches_a_subscriber(profile: Profile) {
    let mut pair = Pair::open(profile);
    let body = Body {
        headers: Some(name(r#"{"h":1}"#)),
        ..Body::json("[1]")
    };
    pair.client
        .publish(name("a.b"), body.clone(), pair.now)
        .unwrap();
    let length = match profile {
        Profile::Binary => pair.client.output_len() - 4,
        // What can be seen of it: topic, headers, payload.
        Profile::Json => 3 + 7 + 3,
    };
    pair.shuttle();
    match pair.events(Role::Server).pop() {
        Some(Event::Publish {
            topic,
            body: published,
            size,
        }) => {
            assert_eq!((topic, size), (name("a.b"), length));
            assert_eq!(published, body);
        }
        other => panic!("{other:?}"),
    }
    // It costs credit until the server has passed it on.
    assert_eq!(pair.server.running(), 1);
    pair.server.finished(1, pair.now);
    assert_eq!(pair.server.running(), 0);
    let frame = Frame::Topic {
        topic: name("a.b"),
        publisher: name("c"),
        body: body.clone(),
    };
    pair.server
        .share(&mut super::super::Shared::new(frame, 0), pair.now);
    pair.shuttle();
    match pair.events(Role::Client).pop() {
        Some(Event::Topic {
            topic,
            publisher,
            body: arrived,
        }) => {
            assert_eq!((topic, publisher), (name("a.b"), name("c")));
            assert_eq!(arrived, body);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.client.running(), 1);
}

fn publishing_is_held_by_the_window(profile: Profile) {
    let mut pair = Pair::with(limited(profile, |limits| limits.window_messages = 2));
    pair.chunk = 1;
    for _ in 0..5 {
        pair.client
            .publish(name("t"), Body::none(), pair.now)
            .unwrap();
    }
    pair.shuttle();
    assert_eq!(pair.events(Role::Server).len(), 2);
    pair.server.finished(2, pair.now);
    pair.shuttle();
    assert_eq!(pair.events(Role::Server).len(), 2);
}

fn frames_for_the_other_role_are_a_protocol_error(profile: Profile) {
    let to_client = [
        Frame::Subscribe {
            id: None,
            topic: name("t"),
        },
        Frame::Unsubscribe {
            id: None,
            topic: name("t"),
        },
        Frame::Publish {
            topic: name("t"),
            body: Body::none(),
        },
        Frame::Registered(Id::Number(0), Box::new(Ok(welcome()))),
        Frame::Register(Id::Number(0), Box::new(registration("c"))),
    ];
    let to_server = [
        Frame::Topic {
            topic: name("t"),
            publisher: Bytes::new(),
            body: Body::none(),
        },
        Frame::Registered(Id::Number(0), Box::new(Ok(welcome()))),
    ];
    for (role, frames) in [
        (Role::Client, &to_client[..]),
        (Role::Server, &to_server[..]),
    ] {
        for frame in frames {
            let mut pair = Pair::open(profile);
            pair.inject(role, frame);
            let events = pair.events(role);
            assert_eq!(events.len(), 1, "{frame:?}: {events:?}");
            assert_eq!(closed(&events), CloseReason::ProtocolError);
        }
    }
}

both_profiles!(
    a_subscription_is_acknowledged,
    a_subscription_may_be_refused,
    a_subscription_that_is_not_acknowledged_times_out,
    a_subscription_that_wants_no_acknowledgement_gets_none,
    a_published_message_reaches_a_subscriber,
    publishing_is_held_by_the_window,
    frames_for_the_other_role_are_a_protocol_error,
);
