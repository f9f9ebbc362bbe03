//! Signs of life.

use super::*;

fn beating(profile: Profile, close: bool) -> SessionConfig {
    let mut config = config(profile);
    config.heartbeat.enabled = true;
    config.heartbeat.interval = 3 * SECOND;
    config.heartbeat.timeout = 8 * SECOND;
    config.heartbeat.close_on_timeout = close;
    config
}

/// Only one end asks, so that the other's questions don't count as life.
fn one_beating(profile: Profile, role: Role, close: bool) -> Pair {
    match role {
        Role::Client => Pair::open_with(beating(profile, close), config(profile)),
        Role::Server => Pair::open_with(config(profile), beating(profile, close)),
    }
}

fn a_ping_is_sent_after_silence_and_its_answer_counts(profile: Profile) {
    for role in BOTH {
        let mut pair = one_beating(profile, role, true);
        for _ in 0..5 {
            assert_eq!(pair.end(role).deadline(), Some(pair.now + 3 * SECOND));
            pair.now += 3 * SECOND;
            let now = pair.now;
            pair.end(role).tick(now);
            pair.shuttle();
            assert!(matches!(pair.events(other(role))[..], [Event::Ping]));
            // Answered even by an end that does not ask itself.
            pair.end(other(role)).pong(now);
            pair.shuttle();
            assert!(!pair.end(role).has_events());
        }
    }
}

fn any_byte_is_a_sign_of_life(profile: Profile) {
    for role in BOTH {
        let mut pair = one_beating(profile, role, true);
        let frame = wire(
            &Frame::Message {
                name: name("t"),
                body: bulk(50),
            },
            profile,
        );
        for byte in &frame[..40] {
            pair.now += 2 * SECOND + 900 * MILLI;
            let now = pair.now;
            pair.end(role).tick(now);
            if pair.end(role).is_closed() {
                // Half a frame has its own timeout.
                assert_eq!(closed(&pair.events(role)), CloseReason::FrameTimeout);
                break;
            }
            pair.end(role).input(&[*byte], now);
            assert_eq!(pair.end(role).output_len(), 0, "no ping");
        }
    }
}

fn silence_closes_after_the_timeout(profile: Profile) {
    for role in BOTH {
        let mut pair = one_beating(profile, role, true);
        let start = pair.now;
        pair.end(role).tick(start + 3 * SECOND);
        assert!(pair.end(role).output_len() > 0, "a ping");
        assert_eq!(pair.end(role).deadline(), Some(start + 11 * SECOND));
        pair.end(role).tick(start + 11 * SECOND - MILLI);
        assert!(!pair.end(role).has_events());
        pair.end(role).tick(start + 11 * SECOND);
        let events = pair.events(role);
        match &events[..] {
            [Event::HeartbeatTimeout(error), Event::Closed { reason, .. }] => {
                assert_eq!(
                    (error.code, error.origin),
                    (ErrorCode::HeartbeatTimeout, Origin::Io)
                );
                assert_eq!(
                    error.message,
                    "Heartbeat timeout: no sign of life for 8000 ms"
                );
                assert_eq!(*reason, CloseReason::HeartbeatTimeout);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(pair.end(role).counters().heartbeat_timeouts, 1);
    }
}

fn silence_may_be_told_without_closing(profile: Profile) {
    let mut pair = one_beating(profile, Role::Server, false);
    let start = pair.now;
    let mut told = Vec::new();
    while pair.now < start + 30 * SECOND {
        let at = pair.server.deadline().unwrap();
        assert!(at > pair.now || told.is_empty());
        pair.now = at;
        pair.server.tick(at);
        for event in pair.events(Role::Server) {
            assert!(matches!(event, Event::HeartbeatTimeout(_)), "{event:?}");
            told.push((at - start).as_secs());
        }
        // Its output is taken, or it would be a slow consumer.
        pair.server.wrote(pair.server.output_len(), at);
    }
    assert_eq!(told, [11, 19, 27, 35]);
    // A peer that comes back is asked again after silence, as at first.
    pair.inject(
        Role::Server,
        &Frame::Message {
            name: name("t"),
            body: Body::none(),
        },
    );
    assert_eq!(pair.server.deadline(), Some(pair.now + 3 * SECOND));
}

fn nobody_is_timed_out_in_the_grace_period(profile: Profile) {
    let mut config = beating(profile, true);
    config.heartbeat.grace = 60 * SECOND;
    let mut pair = Pair::open_with(self::config(profile), config);
    pair.server.tick(pair.now + 3 * SECOND);
    pair.server.wrote(pair.server.output_len(), pair.now);
    pair.server.tick(pair.now + 60 * SECOND - MILLI);
    assert!(pair.server.is_open());
    pair.server.tick(pair.now + 60 * SECOND);
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::HeartbeatTimeout
    );
}

fn the_clock_stands_while_we_do_not_read(profile: Profile) {
    let mut pair = one_beating(profile, Role::Server, true);
    pair.server.note_reading(false, pair.now);
    for _ in 0..100 {
        pair.now += SECOND;
        pair.server.tick(pair.now);
        pair.server.wrote(pair.server.output_len(), pair.now);
    }
    assert!(pair.server.is_open() && !pair.server.has_events());
    // Then it starts anew.
    pair.server.note_reading(true, pair.now);
    let resumed = pair.now;
    for _ in 0..2 {
        pair.server.tick(pair.server.deadline().unwrap());
        pair.server.wrote(pair.server.output_len(), resumed);
    }
    assert_eq!(
        closed(&pair.events(Role::Server)),
        CloseReason::HeartbeatTimeout
    );
    pair.server.tick(resumed);
}

fn a_probe_is_answered_or_not(profile: Profile) {
    for role in BOTH {
        let mut pair = Pair::open(profile);
        for alive in [true, false] {
            let now = pair.now;
            pair.end(role).probe(now + SECOND, now);
            assert_eq!(pair.end(role).deadline(), Some(now + SECOND));
            pair.shuttle();
            assert!(matches!(pair.events(other(role))[..], [Event::Ping]));
            if alive {
                pair.end(other(role)).pong(now);
                pair.shuttle();
            }
            pair.pass(SECOND);
            match &pair.events(role)[..] {
                [Event::Probed { alive: told }] => assert_eq!(*told, alive),
                other => panic!("{other:?}"),
            }
            pair.pass(60 * SECOND);
            assert!(!pair.end(role).has_events(), "told once");
            // The answer that comes too late is none.
            pair.end(other(role)).pong(now);
            pair.shuttle();
            assert!(!pair.end(role).has_events());
        }
    }
}

fn any_byte_answers_a_probe_in_the_end(profile: Profile) {
    let mut pair = Pair::open(profile);
    let asked = pair.now;
    pair.server.probe(asked + SECOND, asked);
    pair.pass(SECOND / 2);
    pair.message(Role::Client, 10).unwrap();
    pair.shuttle();
    pair.pass(SECOND / 2);
    assert!(matches!(
        pair.events(Role::Server)[..],
        [Event::Message { .. }, Event::Probed { alive: true }]
    ));
}

fn who_is_not_read_is_not_taken_for_dead(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.server.probe(pair.now + SECOND, pair.now);
    pair.server.note_reading(false, pair.now);
    pair.pass(SECOND);
    assert!(matches!(
        pair.events(Role::Server)[..],
        [Event::Probed { alive: true }]
    ));
}

fn a_probe_waits_for_the_registration(profile: Profile) {
    let mut pair = Pair::connected(config(profile), config(profile));
    pair.carry(Role::Client);
    let registered = pair.events(Role::Server).pop();
    let Some(Event::Register(registration)) = registered else {
        panic!("no registration but {registered:?}");
    };
    pair.server.probe(pair.now + SECOND, pair.now);
    assert_eq!(pair.server.output_len(), 0, "the answer comes first");
    pair.now += 5 * SECOND;
    pair.server.tick(pair.now);
    assert!(!pair.server.has_events(), "its time has not begun");
    pair.server
        .accept(welcome(), registration.protocol.as_ref(), pair.now);
    pair.shuttle();
    assert!(matches!(
        pair.events(Role::Client)[..],
        [Event::Open(_), Event::Ping]
    ));
    assert_eq!(pair.server.deadline(), Some(pair.now + SECOND));
    pair.client.pong(pair.now);
    pair.shuttle();
    assert!(matches!(
        pair.events(Role::Server)[..],
        [Event::Probed { alive: true }]
    ));
}

fn an_old_answer_does_not_answer_a_probe(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.server.probe(pair.now + SECOND, pair.now);
    // A second question takes the place of the first.
    pair.server.probe(pair.now + SECOND, pair.now);
    pair.inject(Role::Server, &Frame::Pong(Id::Number(1)));
    assert!(!pair.server.has_events());
    // One answer is enough for many questions: that to the latest.
    pair.inject(Role::Server, &Frame::Pong(Id::Number(3)));
    assert!(matches!(
        pair.events(Role::Server)[..],
        [Event::Probed { alive: true }]
    ));
}

fn a_flood_of_pings_is_one_event_and_one_answer(profile: Profile) {
    for role in BOTH {
        let mut pair = Pair::open(profile);
        for id in 1..=10_000 {
            pair.inject(role, &Frame::Ping(Id::Number(id)));
        }
        assert!(matches!(pair.events(role)[..], [Event::Ping]));
        assert_eq!(pair.end(role).output_len(), 0);
        let now = pair.now;
        pair.end(role).pong(now);
        pair.end(role).pong(now);
        // The latest question is the one to answer.
        assert!(matches!(
            pair.spoken(role)[..],
            [Frame::Pong(Id::Number(10_000))]
        ));
        pair.inject(role, &Frame::Ping(Id::Number(1)));
        assert!(matches!(pair.events(role)[..], [Event::Ping]));
    }
}

fn an_idle_client_is_closed_if_asked_for(profile: Profile) {
    let mut config = self::config(profile);
    config.limits.idle_timeout = Some(20 * SECOND);
    let mut pair = Pair::open_with(self::config(profile), config);
    pair.now += 15 * SECOND;
    pair.message(Role::Client, 1).unwrap();
    pair.shuttle();
    pair.events(Role::Server);
    assert_eq!(pair.server.last_received(), pair.now);
    assert_eq!(pair.server.deadline(), Some(pair.now + 20 * SECOND));
    pair.pass(20 * SECOND);
    for role in BOTH {
        assert_eq!(closed(&pair.events(role)), CloseReason::IdleTimeout);
    }
}

fn a_client_that_is_not_read_is_not_idle(profile: Profile) {
    let mut config = self::config(profile);
    config.limits.idle_timeout = Some(20 * SECOND);
    let mut pair = Pair::open_with(self::config(profile), config);
    pair.server.note_reading(false, pair.now);
    pair.now += 60 * SECOND;
    pair.server.tick(pair.now);
    assert!(pair.server.is_open());
    pair.server.note_reading(true, pair.now);
    assert_eq!(pair.server.deadline(), Some(pair.now + 20 * SECOND));
}

both_profiles!(
    a_ping_is_sent_after_silence_and_its_answer_counts,
    any_byte_is_a_sign_of_life,
    silence_closes_after_the_timeout,
    silence_may_be_told_without_closing,
    nobody_is_timed_out_in_the_grace_period,
    the_clock_stands_while_we_do_not_read,
    a_probe_is_answered_or_not,
    any_byte_answers_a_probe_in_the_end,
    who_is_not_read_is_not_taken_for_dead,
    a_probe_waits_for_the_registration,
    an_old_answer_does_not_answer_a_probe,
    a_flood_of_pings_is_one_event_and_one_answer,
    an_idle_client_is_closed_if_asked_for,
    a_client_that_is_not_read_is_not_idle,
);
