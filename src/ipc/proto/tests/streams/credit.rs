//! How much a sender may send.

use super::*;

/// Bytes of streams in these frames.
fn carried(frames: &[Frame]) -> usize {
    let sizes = frames.iter().map(|frame| match frame {
        Frame::StreamData { data, .. } => data.len(),
        _ => 0,
    });
    sizes.sum()
}

/// Limits in these frames.
fn granted(frames: &[Frame]) -> Vec<u64> {
    let limits = frames.iter().filter_map(|frame| match frame {
        Frame::StreamCredit { bytes, .. } => Some(*bytes),
        _ => None,
    });
    limits.collect()
}

fn no_more_leaves_than_the_receivers_window(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.stream_window = 1000);
    pair.stream_of(Role::Client, 1, 300).unwrap();
    pair.write(Role::Client, 1, pattern(5000));
    let sent = pair.all_spoken(Role::Client);
    assert_eq!(carried(&sent), 1000, "{sent:?}");
    assert_eq!(pair.client.queued(), 4000);
    let longest = sent.iter().map(|it| carried(std::slice::from_ref(it)));
    assert_eq!(longest.max(), Some(300));
}

fn grants_are_absolute_and_come_by_quarters(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.stream_window = 1000);
    let id = pair.opened(Role::Client, 1);
    pair.write(Role::Client, 1, pattern(249));
    pair.shuttle();
    pair.read_all(Role::Server, id);
    assert_eq!(pair.server.output_len(), 0, "less than a quarter");
    pair.write(Role::Client, 1, pattern(1));
    pair.shuttle();
    pair.read_all(Role::Server, id);
    assert_eq!(granted(&pair.spoken(Role::Server)), [1250]);
    // Had that grant not been lost, more would have come than the first window.
    pair.write(Role::Client, 1, pattern(2000));
    pair.shuttle();
    assert_eq!(pair.read_all(Role::Server, id).0.len(), 750);
    assert_eq!(granted(&pair.spoken(Role::Server)), [2000]);
}

fn a_large_stream_passes_a_small_window(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.stream_window = 1000);
    let id = pair.opened(Role::Client, 1);
    let data = pattern(100_000);
    pair.write(Role::Client, 1, data.clone());
    pair.finish_writing(Role::Client, 1);
    let mut all = Vec::new();
    loop {
        pair.shuttle();
        let (some, stop) = pair.read_all(Role::Server, id);
        assert!(some.len() <= 1000, "more than a window");
        all.extend_from_slice(&some);
        match stop {
            Read::End => break,
            Read::Nothing => assert!(!some.is_empty(), "stuck"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(all, data);
}

fn nothing_is_granted_after_the_end(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.stream_window = 1000);
    let id = pair.opened(Role::Client, 1);
    pair.write(Role::Client, 1, pattern(1000));
    pair.finish_writing(Role::Client, 1);
    pair.shuttle();
    assert_eq!(pair.read_all(Role::Server, id).1, Read::End);
    assert_eq!(pair.server.output_len(), 0);
}

fn a_limit_never_falls(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.stream_window = 1000);
    pair.opened(Role::Client, 1);
    for bytes in [0, 999, 1010, 1005] {
        let id = Id::Number(1);
        pair.inject(Role::Client, &Frame::StreamCredit { id, bytes });
    }
    pair.write(Role::Client, 1, pattern(5000));
    assert_eq!(carried(&pair.all_spoken(Role::Client)), 1010);
    let bytes = u64::MAX;
    let id = Id::Number(1);
    pair.inject(Role::Client, &Frame::StreamCredit { id, bytes });
    assert_eq!(carried(&pair.all_spoken(Role::Client)), 3990);
}

fn bytes_that_were_not_granted_close(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.stream_window = 1000);
    let id = pair.opened(Role::Client, 1);
    let data = |size| Frame::StreamData {
        id: Id::Number(1),
        data: pattern(size),
    };
    pair.inject(Role::Server, &data(1000));
    assert!(pair.server.is_open());
    // What the reader has not taken is not granted anew.
    pair.inject(Role::Server, &data(1));
    let events = pair.events(Role::Server);
    assert_eq!(closed(&events), CloseReason::ProtocolError);
    assert!(matches!(pair.read(Role::Server, id), Read::Gone));
    let last = pair.spoken(Role::Server).pop();
    assert!(
        matches!(last, Some(Frame::GoAway { reason, .. }) if reason == CloseReason::ProtocolError as u8)
    );
}

fn a_source_waits_when_much_is_queued(profile: Profile) {
    let mut pair = Pair::open(profile);
    let id = pair.opened(Role::Client, 1);
    // The window is full, so that nothing leaves.
    pair.write(Role::Client, 1, pattern(256 * KIB));
    pair.shuttle();
    assert_eq!(pair.client.queued(), 0);
    pair.events(Role::Client);
    assert_eq!(
        pair.write(Role::Client, 1, pattern(128 * KIB - 1)),
        Sent::Accepted
    );
    assert_eq!(pair.write(Role::Client, 1, pattern(1)), Sent::Wait);
    assert!(pair.events(Role::Client).is_empty());
    pair.read_all(Role::Server, id);
    pair.shuttle();
    assert!(matches!(
        pair.events(Role::Client)[..],
        [Event::StreamRoom { id: 1 }]
    ));
}

fn a_reader_that_does_not_read_holds_up_nobody_else(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.stream_window = 1000);
    let slow = pair.opened(Role::Client, 1);
    let fast = pair.opened(Role::Client, 2);
    pair.write(Role::Client, 1, pattern(50_000));
    pair.write(Role::Client, 2, pattern(50_000));
    pair.message(Role::Client, 10).unwrap();
    let mut got = 0;
    while got < 50_000 {
        pair.shuttle();
        let (some, _) = pair.read_all(Role::Server, fast);
        assert!(!some.is_empty(), "stuck at {got}");
        got += some.len();
    }
    let events = pair.events(Role::Server);
    let told = |event: &Event| matches!(event, Event::Message { .. });
    assert!(events.iter().any(told));
    assert_eq!(pair.read_all(Role::Server, slow).0.len(), 1000);
}

fn single_bytes_are_kept_together(profile: Profile) {
    let mut pair = Pair::open(profile);
    let id = pair.opened(Role::Client, 1);
    let data = pattern(10_000);
    for at in 0..data.len() {
        let data = data.slice(at..=at);
        let id = Id::Number(1);
        pair.inject(Role::Server, &Frame::StreamData { id, data });
    }
    let told = pair.events(Role::Server);
    assert!(
        matches!(told[..], [Event::StreamReadable { .. }]),
        "{}",
        told.len()
    );
    assert_eq!(pair.read(Role::Server, id), Read::Data(data));
}

/// The window of a peer that says nothing about it.
#[test]
fn a_client_without_protocol_takes_a_mebibyte() {
    let mut pair = Pair::connected(config(Profile::Json), config(Profile::Json));
    pair.carry(Role::Client);
    pair.events(Role::Server);
    pair.server.accept(welcome(), None, pair.now);
    pair.spoken(Role::Server);
    pair.stream(Role::Server, 1).unwrap();
    pair.write(Role::Server, 1, pattern(2048 * KIB));
    assert_eq!(carried(&pair.all_spoken(Role::Server)), 1024 * KIB);
}

both_profiles!(
    no_more_leaves_than_the_receivers_window,
    grants_are_absolute_and_come_by_quarters,
    a_large_stream_passes_a_small_window,
    nothing_is_granted_after_the_end,
    a_limit_never_falls,
    bytes_that_were_not_granted_close,
    a_source_waits_when_much_is_queued,
    a_reader_that_does_not_read_holds_up_nobody_else,
    single_bytes_are_kept_together,
);
