//! Where events are put: see `Session::lend_events`.

use super::*;

fn ids(events: &[Event]) -> Vec<u32> {
    events
        .iter()
        .map(|event| match event {
            Event::Request { id, .. } => *id,
            other => panic!("no request but {other:?}"),
        })
        .collect()
}

fn ask(pair: &mut Pair, id: u32) {
    let frame = Frame::Request {
        id: Id::Number(id),
        timeout: None,
        name: name("t"),
        body: Body::none(),
    };
    pair.inject(Role::Server, &frame);
}

#[test]
fn what_happens_goes_into_the_list_that_is_lent() {
    let mut pair = Pair::open(Profile::Binary);
    let mut list = Vec::with_capacity(100);
    let place = list.as_ptr();
    pair.server.lend_events(&mut list);
    for id in 1..=20 {
        ask(&mut pair, id);
    }
    assert!(list.is_empty() && pair.server.has_events());
    pair.server.take_back(&mut list);
    assert_eq!(ids(&list), (1..=20).collect::<Vec<_>>());
    assert_eq!(list.as_ptr(), place);
    assert!(!pair.server.has_events());
}

#[test]
fn what_waits_comes_first() {
    let mut pair = Pair::open(Profile::Binary);
    ask(&mut pair, 1);
    let mut list = Vec::with_capacity(100);
    pair.server.lend_events(&mut list);
    ask(&mut pair, 2);
    pair.server.take_back(&mut list);
    assert_eq!(ids(&list), [1, 2]);
    ask(&mut pair, 3);
    pair.server.take_back(&mut list);
    assert_eq!(ids(&list), [1, 2, 3]);
    assert!(!pair.server.has_events());
}
