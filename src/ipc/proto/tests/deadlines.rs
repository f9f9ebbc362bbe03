//! Requests that get no answer in time.

use super::*;

fn a_request_times_out_with_the_documented_text(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.request(Role::Client, 1, Some(3 * SECOND)).unwrap();
    pair.shuttle();
    assert_eq!(pair.client.deadline(), Some(pair.now + 3 * SECOND));
    pair.client.tick(pair.now + 3 * SECOND - MILLI);
    assert!(!pair.client.has_events());
    pair.now += 3 * SECOND;
    pair.client.tick(pair.now);
    match &pair.events(Role::Client)[..] {
        [Event::Failed {
            id: 1,
            error,
            remote: None,
        }] => {
            assert_eq!(
                (error.code, error.origin),
                (ErrorCode::Timeout, Origin::Local)
            );
            assert_eq!(error.message, "Request timeout for ask");
            assert!(error.may_have_run);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.client.counters().request_timeouts, 1);
    assert_eq!((pair.client.pending(), pair.client.deadline()), (0, None));
}

fn p8_the_peer_is_told_of_a_timeout_and_its_late_answer_goes_nowhere(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.request(Role::Client, 1, Some(SECOND)).unwrap();
    pair.shuttle();
    let id = pair.asked(Role::Server)[0];
    pair.pass(SECOND);
    assert!(matches!(
        pair.events(Role::Client)[..],
        [Event::Failed { .. }]
    ));
    assert!(matches!(pair.events(Role::Server)[..], [Event::Cancelled { id: told }] if told == id));
    pair.respond(Role::Server, id);
    assert_eq!(pair.server.output_len(), 0, "nobody wants it any more");
    // An answer that was on its way already.
    let late = Frame::Response {
        id: Id::Number(1),
        name: name("ask"),
        body: Body::none(),
    };
    pair.inject(Role::Client, &late);
    assert!(!pair.client.has_events());
    assert_eq!(pair.client.counters().errors, 1);
    assert!(pair.client.is_open());
}

fn each_request_has_its_own_deadline(profile: Profile) {
    let mut pair = Pair::open(profile);
    for (id, seconds) in [(1, 9), (2, 3), (3, 6)] {
        pair.request(Role::Client, id, Some(seconds * SECOND))
            .unwrap();
    }
    pair.request(Role::Client, 4, None).unwrap();
    pair.shuttle();
    let start = pair.now;
    let mut ends = Vec::new();
    while let Some(at) = pair.client.deadline() {
        pair.client.tick(at);
        for event in pair.events(Role::Client) {
            match event {
                Event::Failed { id, .. } => ends.push((id, (at - start).as_secs())),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(ends, [(2, 3), (3, 6), (1, 9)]);
    assert_eq!(pair.client.pending(), 1);
}

fn an_answered_request_no_longer_times_out(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.request(Role::Client, 1, Some(SECOND)).unwrap();
    pair.shuttle();
    let id = pair.asked(Role::Server)[0];
    pair.respond(Role::Server, id);
    pair.shuttle();
    pair.events(Role::Client);
    pair.pass(5 * SECOND);
    assert!(!pair.client.has_events());
    assert_eq!(pair.client.deadline(), None);
    assert_eq!(pair.client.counters().request_timeouts, 0);
}

fn requests_that_time_out_together_fail_in_the_order_they_were_made(profile: Profile) {
    let mut pair = Pair::open(profile);
    for id in 0..500 {
        pair.request(Role::Client, id, Some(SECOND)).unwrap();
    }
    pair.client.tick(pair.now + SECOND);
    let ids: Vec<_> = pair
        .events(Role::Client)
        .into_iter()
        .filter_map(|event| match event {
            Event::Failed { id, .. } => Some(id),
            _ => None,
        })
        .collect();
    assert_eq!(ids, (0..500).collect::<Vec<_>>());
}

both_profiles!(
    a_request_times_out_with_the_documented_text,
    p8_the_peer_is_told_of_a_timeout_and_its_late_answer_goes_nowhere,
    each_request_has_its_own_deadline,
    an_answered_request_no_longer_times_out,
    requests_that_time_out_together_fail_in_the_order_they_were_made,
);
