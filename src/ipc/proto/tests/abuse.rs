//! Peers that take liberties.

use super::*;
use crate::ipc::options::SlowConsumer;

/// A server with a small cap, which does not give up slow clients.
fn patient(profile: Profile) -> Pair {
    Pair::open_with(
        config(profile),
        limited(profile, |limits| {
            limits.high_water = 10_000;
            limits.hard_cap = 20_000;
            limits.slow_consumer = SlowConsumer::Wait;
        }),
    )
}

fn a_peer_that_asks_and_never_reads_the_answers_is_no_longer_read(profile: Profile) {
    let mut pair = patient(profile);
    let mut asked = 0;
    while pair.server.wants_read() && asked < 1000 {
        asked += 1;
        let request = Frame::Request {
            id: Id::Number(asked),
            timeout: None,
            name: name("t"),
            body: Body::none(),
        };
        pair.inject(Role::Server, &request);
        for id in pair.asked(Role::Server) {
            pair.server.respond(id, bulk(1000), pair.now).unwrap();
        }
    }
    assert!(asked < 30, "{asked} answers queued");
    assert!(pair.server.is_open());
    // It is read again when it has read.
    pair.server.wrote(pair.server.output_len(), pair.now);
    assert!(pair.server.wants_read());
}

fn a_peer_that_subscribes_and_never_reads_is_no_longer_read(profile: Profile) {
    let mut pair = patient(profile);
    // A handler that runs must not make it different.
    let request = Frame::Request {
        id: Id::Number(1),
        timeout: None,
        name: name("t"),
        body: Body::none(),
    };
    pair.inject(Role::Server, &request);
    pair.events(Role::Server);
    let mut count = 0;
    while pair.server.wants_read() && count < 100_000 {
        count += 1;
        pair.inject(
            Role::Server,
            &Frame::Subscribe {
                id: Some(Id::Number(count)),
                topic: name("t"),
            },
        );
        for event in pair.events(Role::Server) {
            if let Event::Subscribe { id, .. } = event {
                pair.server.acknowledge(id, Ok(()), pair.now);
            }
        }
    }
    assert!(count < 10_000, "{count} acknowledgements queued");
    assert!(pair.server.queued() < 21_000);
}

fn large_answers_close_nobody_who_reads_them(profile: Profile) {
    let mut pair = Pair::open_with(
        config(profile),
        limited(profile, |limits| {
            limits.high_water = 10_000;
            limits.hard_cap = 20_000;
        }),
    );
    for id in 1..=10 {
        pair.request(Role::Client, id, None).unwrap();
    }
    pair.shuttle();
    for id in pair.asked(Role::Server) {
        pair.server.respond(id, bulk(8000), pair.now).unwrap();
    }
    // Far above the cap, and the client has something else to say.
    pair.client.probe(pair.now + SECOND, pair.now);
    let output = pair.client.output().to_vec();
    pair.server.input(&output, pair.now);
    pair.client.wrote(output.len(), pair.now);
    assert!(pair.server.is_open());
    pair.shuttle();
    assert_eq!(pair.events(Role::Client).len(), 10);
}

fn cancelling_does_not_start_more_handlers_than_the_window(profile: Profile) {
    let mut pair = Pair::open_with(
        config(profile),
        limited(profile, |limits| limits.window_messages = 4),
    );
    pair.chunk = 1;
    for id in 1..=100 {
        pair.request(Role::Client, id, None).unwrap();
        pair.shuttle();
        pair.client.cancel(id, pair.now);
        pair.shuttle();
        pair.events(Role::Server);
        assert!(
            pair.server.running() <= 4,
            "{} handlers",
            pair.server.running()
        );
    }
    assert!(pair.server.is_open());
}

#[test]
fn a_request_id_used_twice_is_a_protocol_error() {
    let mut pair = Pair::open(Profile::Binary);
    let request = Frame::Request {
        id: Id::Number(1),
        timeout: None,
        name: name("t"),
        body: Body::none(),
    };
    pair.inject(Role::Server, &request);
    // Also while the handler of a cancelled one still runs.
    pair.inject(Role::Server, &Frame::Cancel { id: Id::Number(1) });
    pair.inject(Role::Server, &request);
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::ProtocolError
    );
}

#[test]
fn a_request_without_an_id_is_a_protocol_error() {
    let mut pair = Pair::open(Profile::Binary);
    let request = Frame::Request {
        id: Id::Number(0),
        timeout: None,
        name: name("t"),
        body: Body::none(),
    };
    pair.inject(Role::Server, &request);
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::ProtocolError
    );
}

fn frames_of_the_other_profile_are_a_protocol_error(profile: Profile) {
    let foreign = if profile == Profile::Json {
        Profile::Binary
    } else {
        Profile::Json
    };
    for role in BOTH {
        for frame in [
            Frame::Request {
                id: Id::Number(1),
                timeout: None,
                name: name("t"),
                body: Body::none(),
            },
            Frame::Message {
                name: name("t"),
                body: Body::none(),
            },
            Frame::Ping(Id::Number(1)),
            Frame::Ignored,
        ] {
            let mut pair = Pair::open(profile);
            let now = pair.now;
            pair.end(role).input(&wire(&frame, foreign), now);
            let events = pair.events(role);
            assert_eq!(events.len(), 1, "{events:?}");
            assert_eq!(closed(&events), CloseReason::ProtocolError);
        }
    }
}

#[test]
fn in_json_ids_are_the_peers_business() {
    let mut pair = Pair::open(Profile::Json);
    let request = Frame::Request {
        id: Id::Number(1),
        timeout: None,
        name: name("t"),
        body: Body::none(),
    };
    pair.inject(Role::Server, &request);
    pair.inject(Role::Server, &request);
    let asked = pair.asked(Role::Server);
    assert_eq!(asked.len(), 2);
    assert_ne!(asked[0], asked[1]);
}

#[test]
fn credit_that_goes_back_or_beyond_all_bounds_does_no_harm() {
    let mut pair = Pair::with(limited(Profile::Binary, |limits| {
        limits.window_messages = 2
    }));
    pair.inject(
        Role::Client,
        &Frame::Credit {
            messages: 0,
            bytes: 0,
        },
    );
    for _ in 0..3 {
        pair.message(Role::Client, 10).unwrap();
    }
    assert_eq!(pair.spoken(Role::Client).len(), 2);
    pair.inject(
        Role::Client,
        &Frame::Credit {
            messages: u64::MAX,
            bytes: u64::MAX,
        },
    );
    pair.message(Role::Client, 10).unwrap();
    assert_eq!(pair.spoken(Role::Client).len(), 2);
}

#[test]
fn credit_from_a_peer_that_reads_nothing_is_no_progress() {
    let mut pair = Pair::open(Profile::Binary);
    pair.message(Role::Server, 1000).unwrap();
    for count in 1..=5 {
        pair.now += 3 * SECOND;
        pair.inject(
            Role::Server,
            &Frame::Credit {
                messages: 10_000 + count,
                bytes: 1 << 40,
            },
        );
        pair.server.tick(pair.now);
    }
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::SlowConsumer
    );
}

/// A server that holds a lot back for a client without credit, which has read
/// everything else.
fn holding() -> Pair {
    let mut pair = Pair::with(limited(Profile::Binary, |limits| {
        limits.window_messages = 1;
        limits.high_water = 1000;
    }));
    for _ in 0..8 {
        pair.message(Role::Server, 2000).unwrap();
    }
    pair.shuttle();
    assert_eq!(pair.server.output_len(), 0);
    pair
}

#[test]
fn credit_that_grants_nothing_new_is_no_progress() {
    let mut pair = holding();
    for _ in 0..5 {
        pair.now += 3 * SECOND;
        pair.inject(
            Role::Server,
            &Frame::Credit {
                messages: 1,
                bytes: 1,
            },
        );
        pair.server.tick(pair.now);
    }
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::SlowConsumer
    );
}

#[test]
fn credit_that_grants_something_is_progress() {
    let mut pair = holding();
    pair.now += 9 * SECOND;
    pair.inject(
        Role::Server,
        &Frame::Credit {
            messages: 2,
            bytes: 1 << 30,
        },
    );
    assert!(pair.server.output_len() > 0);
    pair.server.tick(pair.now + 10 * SECOND - MILLI);
    assert!(pair.server.is_open());
    pair.server.tick(pair.now + 10 * SECOND);
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::SlowConsumer
    );
}

#[test]
fn an_owner_that_finishes_more_than_it_got_does_no_harm() {
    let mut pair = Pair::with(limited(Profile::Binary, |limits| {
        limits.window_messages = 4
    }));
    pair.server.finished(1000, pair.now);
    pair.server.taken(u64::MAX, pair.now);
    assert_eq!(pair.server.running(), 0);
    for _ in 0..10 {
        pair.message(Role::Client, 10).unwrap();
    }
    pair.shuttle();
    assert_eq!(pair.server.running(), 4);
}

both_profiles!(
    a_peer_that_asks_and_never_reads_the_answers_is_no_longer_read,
    a_peer_that_subscribes_and_never_reads_is_no_longer_read,
    large_answers_close_nobody_who_reads_them,
    cancelling_does_not_start_more_handlers_than_the_window,
    frames_of_the_other_profile_are_a_protocol_error,
);
