//! Consumers that do not keep up.

use super::*;
use crate::ipc::options::SlowConsumer;
use crate::ipc::proto::Shared;

fn policy(profile: Profile, policy: SlowConsumer) -> SessionConfig {
    limited(profile, |limits| {
        limits.high_water = 10_000;
        limits.hard_cap = 30_000;
        limits.slow_consumer = policy;
    })
}

fn news(number: usize, size: usize) -> Shared {
    let body = Body::json(format!("[{number},\"{}\"]", "x".repeat(size)));
    Shared::new(
        Frame::Topic {
            topic: name("news"),
            publisher: Bytes::new(),
            body,
        },
        0,
    )
}

/// The numbers of the news that arrived.
fn arrived(pair: &mut Pair) -> Vec<usize> {
    pair.shuttle();
    let numbers = pair
        .events(Role::Client)
        .into_iter()
        .map(|event| match event {
            Event::Topic { topic, body, .. } => {
                assert_eq!(topic, "news");
                let text = std::str::from_utf8(&body.payload).unwrap();
                text[1..text.find(',').unwrap()].parse().unwrap()
            }
            other => panic!("{other:?}"),
        });
    numbers.collect()
}

#[test]
fn one_encoded_frame_serves_receivers_in_both_profiles() {
    let mut shared = news(7, 10);
    for profile in [
        Profile::Binary,
        Profile::Json,
        Profile::Binary,
        Profile::Json,
    ] {
        let mut pair = Pair::open(profile);
        pair.server.share(&mut shared, pair.now);
        assert_eq!(pair.server.counters().messages_sent, 1);
        assert_eq!(arrived(&mut pair), [7]);
    }
}

#[test]
fn what_json_can_not_carry_is_left_out_for_json_receivers_only() {
    let body = Body::json("[1}, not json");
    let mut shared = Shared::new(
        Frame::Topic {
            topic: name("t"),
            publisher: Bytes::new(),
            body,
        },
        0,
    );
    for (profile, count) in [(Profile::Json, 0), (Profile::Binary, 1)] {
        let mut pair = Pair::open(profile);
        pair.server.share(&mut shared, pair.now);
        pair.shuttle();
        assert_eq!(pair.events(Role::Client).len(), count);
        assert_eq!(pair.server.counters().errors, 1 - count as u64);
        assert!(pair.client.is_open());
    }
}

fn what_is_too_large_for_a_receiver_is_left_out_for_it(profile: Profile) {
    let mut pair = Pair::open_with(
        limited(profile, |limits| limits.max_message_size = 1000),
        config(profile),
    );
    pair.server.share(&mut news(1, 2000), pair.now);
    pair.server.share(&mut news(2, 100), pair.now);
    assert_eq!(arrived(&mut pair), [2]);
    assert_eq!(pair.server.counters().errors, 1);
}

fn shared_messages_need_credit_too(profile: Profile) {
    let mut pair = Pair::with(limited(profile, |limits| limits.window_messages = 2));
    pair.chunk = 1;
    for number in 0..5 {
        pair.server.share(&mut news(number, 10), pair.now);
    }
    assert_eq!(arrived(&mut pair), [0, 1]);
    pair.client.finished(2, pair.now);
    assert_eq!(arrived(&mut pair), [2, 3]);
}

fn a_receiver_at_the_cap_is_closed_by_default(profile: Profile) {
    let mut pair = Pair::with(policy(profile, SlowConsumer::Disconnect));
    let mut shared = 0;
    while pair.server.is_open() {
        pair.server.share(&mut news(shared, 4000), pair.now);
        assert!(pair.server.queued() <= 35_000);
        shared += 1;
    }
    assert!((7..10).contains(&shared));
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::SlowConsumer
    );
}

fn dropping_the_oldest_keeps_the_newest_and_the_connection(profile: Profile) {
    let mut pair = Pair::with(policy(profile, SlowConsumer::DropOldest));
    for number in 0..1000 {
        pair.server.share(&mut news(number, 1000), pair.now);
        // What is ready up to the mark, and as much that is held.
        assert!(pair.server.queued() <= 22_000, "{}", pair.server.queued());
    }
    pair.pass(60 * SECOND);
    assert!(pair.server.is_open());
    let numbers = arrived(&mut pair);
    assert!(numbers.len() < 20 && numbers.is_sorted(), "{numbers:?}");
    assert_eq!((numbers[0], numbers.last()), (0, Some(&999)));
    assert_eq!(pair.server.counters().errors, 1000 - numbers.len() as u64);
}

#[test]
fn dropping_the_oldest_spares_requests_and_makes_room_among_the_held() {
    let mut pair = Pair::open_with(
        limited(Profile::Binary, |limits| limits.window_messages = 1),
        policy(Profile::Binary, SlowConsumer::DropOldest),
    );
    pair.server.share(&mut news(0, 10), pair.now);
    pair.request(Role::Server, 1, None).unwrap();
    for number in 1..100 {
        pair.server.share(&mut news(number, 1000), pair.now);
    }
    let mut news = Vec::new();
    let mut requests = 0;
    for _ in 0..100 {
        pair.shuttle();
        for event in pair.events(Role::Client) {
            match event {
                Event::Request { id, .. } => {
                    requests += 1;
                    pair.respond(Role::Client, id);
                }
                Event::Topic { body, .. } => {
                    let text = std::str::from_utf8(&body.payload).unwrap();
                    news.push(text[1..text.find(',').unwrap()].parse::<usize>().unwrap());
                    pair.client.finished(1, pair.now);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(requests, 1);
    assert_eq!((news[0], news.last()), (0, Some(&99)));
    assert!(news[1] > 80 && news.len() >= 5, "{news:?}");
}

fn dropping_the_oldest_spares_what_is_sent_to_one(profile: Profile) {
    let mut pair = Pair::open_with(
        limited(profile, |limits| limits.window_messages = 1),
        policy(profile, SlowConsumer::DropOldest),
    );
    for number in 0..100 {
        pair.server.share(&mut news(number, 1000), pair.now);
        if number == 50 {
            let name = Bytes::from_static(b"to-one");
            pair.server.message(name, Body::none(), pair.now).unwrap();
        }
    }
    let (mut alone, mut shared) = (0, 0);
    for _ in 0..200 {
        pair.shuttle();
        for event in pair.events(Role::Client) {
            match event {
                Event::Message { .. } => alone += 1,
                Event::Topic { .. } => shared += 1,
                other => panic!("{other:?}"),
            }
            pair.client.finished(1, pair.now);
        }
    }
    assert_eq!(alone, 1);
    assert!(shared < 50, "{shared} were not dropped");
}

fn many_small_messages_make_no_room_for_many_large_ones(profile: Profile) {
    let mut pair = Pair::open_with(
        limited(profile, |limits| limits.window_messages = 1),
        policy(profile, SlowConsumer::DropOldest),
    );
    for number in 0..200 {
        pair.server.share(&mut news(number, 0), pair.now);
    }
    for number in 0..200 {
        pair.server.share(&mut news(number, 5000), pair.now);
        assert!(
            pair.server.queued() <= 30_000,
            "{} bytes",
            pair.server.queued()
        );
    }
}

fn waiting_for_a_slow_receiver_never_closes_and_stays_below_the_cap(profile: Profile) {
    let mut pair = Pair::with(policy(profile, SlowConsumer::Wait));
    for number in 0..100 {
        pair.server.share(&mut news(number, 1000), pair.now);
        assert!(pair.server.queued() <= 32_000);
    }
    pair.server.tick(pair.now + 3600 * SECOND);
    assert!(pair.server.is_open());
    let numbers = arrived(&mut pair);
    assert!(numbers.len() > 20 && numbers.len() < 40);
    assert_eq!(numbers, (0..numbers.len()).collect::<Vec<_>>());
}

fn a_receiver_that_takes_nothing_is_closed_after_the_write_timeout(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.message(Role::Server, 1000).unwrap();
    assert_eq!(pair.server.deadline(), Some(pair.now + 10 * SECOND));
    // Any progress counts.
    pair.now += 9 * SECOND;
    pair.server.wrote(1, pair.now);
    // More to send does not.
    pair.message(Role::Server, 1000).unwrap();
    assert_eq!(pair.server.deadline(), Some(pair.now + 10 * SECOND));
    pair.server.tick(pair.now + 10 * SECOND);
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::SlowConsumer
    );
}

fn a_receiver_that_takes_everything_is_not_closed(profile: Profile) {
    let mut pair = Pair::open(profile);
    for _ in 0..5 {
        pair.message(Role::Server, 1000).unwrap();
        pair.server.wrote(pair.server.output_len(), pair.now);
        assert_eq!(pair.server.deadline(), None);
        pair.pass(60 * SECOND);
    }
    assert!(pair.server.is_open());
}

fn a_client_does_not_give_up_a_slow_server(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.message(Role::Client, 1000).unwrap();
    assert_eq!(pair.client.deadline(), None);
    pair.client.tick(pair.now + 3600 * SECOND);
    assert!(pair.client.is_open());
}

fn what_was_held_is_watched_when_it_is_let_go(profile: Profile) {
    let mut pair = Pair::with(policy(profile, SlowConsumer::Disconnect));
    for _ in 0..4 {
        pair.message(Role::Server, 4000).unwrap();
    }
    // The kernel takes all that was ready; the last message follows and stays.
    pair.server.wrote(pair.server.output_len(), pair.now);
    assert!(pair.server.output_len() > 0);
    pair.server.tick(pair.now + 10 * SECOND);
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::SlowConsumer
    );
}

#[test]
fn what_credit_lets_go_is_watched() {
    let mut pair = Pair::with(limited(Profile::Binary, |limits| {
        limits.window_messages = 1
    }));
    pair.message(Role::Server, 10).unwrap();
    pair.message(Role::Server, 10).unwrap();
    pair.shuttle();
    pair.inject(
        Role::Server,
        &Frame::Credit {
            messages: 2,
            bytes: 1 << 30,
        },
    );
    assert!(pair.server.output_len() > 0);
    pair.server.tick(pair.now + 10 * SECOND);
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::SlowConsumer
    );
}

#[test]
fn a_receiver_that_grants_no_credit_is_closed_only_if_much_is_held() {
    for (size, slow) in [(10, false), (2000, true)] {
        let mut config = policy(Profile::Binary, SlowConsumer::Disconnect);
        config.limits.window_messages = 1;
        let mut pair = Pair::with(config);
        for _ in 0..8 {
            pair.message(Role::Server, size).unwrap();
        }
        pair.shuttle();
        pair.pass(10 * SECOND);
        assert_eq!(pair.server.is_closed(), slow);
    }
}

#[test]
fn a_receiver_is_not_closed_for_what_was_withdrawn() {
    let mut config = policy(Profile::Binary, SlowConsumer::Disconnect);
    config.limits.window_messages = 1;
    let mut pair = Pair::with(config);
    for id in 1..=8 {
        // The first leaves; nothing is written when the others time out.
        let timeout = (id > 1).then_some(SECOND);
        pair.server
            .request(id, name("ask"), bulk(2000), timeout, pair.now)
            .unwrap();
    }
    pair.shuttle();
    pair.pass(60 * SECOND);
    assert_eq!(pair.server.pending(), 1);
    assert!(pair.server.is_open(), "{:?}", pair.events(Role::Server));
}

/// A client whose answers nobody takes: more than the cap waits for the socket.
fn clogged(profile: Profile) -> Pair {
    let mut pair = Pair::with(policy(profile, SlowConsumer::Disconnect));
    let now = pair.now;
    for id in 1..=8 {
        pair.request(Role::Server, id, None).unwrap();
    }
    pair.carry(Role::Server);
    for id in pair.asked(Role::Client) {
        pair.client.respond(id, bulk(5000), now).unwrap();
    }
    assert!(pair.client.output_len() > 30_000);
    pair
}

fn who_takes_no_answers_is_sent_no_streams(profile: Profile) {
    let mut pair = clogged(profile);
    let now = pair.now;
    let refused = pair
        .client
        .open_stream(1, name("log"), Body::none(), 1000, now);
    assert_eq!(refused.unwrap_err().code, ErrorCode::Backpressure);
    pair.shuttle();
    assert!(pair
        .client
        .open_stream(1, name("log"), Body::none(), 1000, now)
        .is_ok());
}

#[test]
fn who_takes_no_answers_gets_no_credit() {
    let mut config = policy(Profile::Binary, SlowConsumer::Disconnect);
    config.limits.window_messages = 8;
    let mut pair = Pair::with(config);
    let now = pair.now;
    for round in 0..2 {
        for id in 1..=8 {
            pair.request(Role::Server, round * 8 + id, None).unwrap();
        }
    }
    pair.carry(Role::Server);
    let asked = pair.asked(Role::Client);
    assert_eq!(asked.len(), 8, "a window of them");
    for id in asked {
        pair.client.respond(id, bulk(5000), now).unwrap();
    }
    let granted = |frames: Vec<Frame>| {
        let credit = |frame: &Frame| matches!(frame, Frame::Credit { .. });
        frames.iter().filter(|frame| credit(frame)).count()
    };
    // Some while the first answers were few; none for those beyond the cap.
    let early = granted(pair.spoken(Role::Client));
    assert_eq!(early, 3);
    assert_eq!(granted(pair.spoken(Role::Client)), 1, "all was taken");
}

/// A server does not read a client that takes no answers.
fn who_takes_nothing_is_dead_when_asked(profile: Profile) {
    for takes in [true, false] {
        let mut pair = Pair::with(policy(profile, SlowConsumer::Wait));
        for id in 1..=8 {
            pair.request(Role::Client, id, None).unwrap();
        }
        pair.carry(Role::Client);
        for id in pair.asked(Role::Server) {
            pair.server.respond(id, bulk(8000), pair.now).unwrap();
        }
        assert!(!pair.server.wants_read());
        pair.server.note_reading(false, pair.now);
        pair.server.probe(pair.now + SECOND, pair.now);
        pair.now += SECOND;
        if takes {
            pair.server.wrote(10, pair.now);
        }
        pair.server.tick(pair.now);
        match &pair.events(Role::Server)[..] {
            [Event::Probed { alive }] => assert_eq!(*alive, takes),
            other => panic!("{other:?}"),
        }
    }
}

both_profiles!(
    who_takes_nothing_is_dead_when_asked,
    who_takes_no_answers_is_sent_no_streams,
    what_is_too_large_for_a_receiver_is_left_out_for_it,
    shared_messages_need_credit_too,
    a_receiver_at_the_cap_is_closed_by_default,
    dropping_the_oldest_keeps_the_newest_and_the_connection,
    many_small_messages_make_no_room_for_many_large_ones,
    dropping_the_oldest_spares_what_is_sent_to_one,
    waiting_for_a_slow_receiver_never_closes_and_stays_below_the_cap,
    a_receiver_that_takes_nothing_is_closed_after_the_write_timeout,
    a_receiver_that_takes_everything_is_not_closed,
    a_client_does_not_give_up_a_slow_server,
    what_was_held_is_watched_when_it_is_let_go,
);
