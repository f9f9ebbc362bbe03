//! How streams end other than by their last byte.

use super::*;

fn an_abort_tells_the_receiver_why(profile: Profile) {
    let mut pair = Pair::open(profile);
    let id = pair.opened(Role::Client, 1);
    pair.write(Role::Client, 1, pattern(1000));
    pair.shuttle();
    pair.events(Role::Server);
    assert!(pair.abort(Role::Client, 1));
    assert!(!pair.abort(Role::Client, 1), "only once");
    pair.shuttle();
    match &pair.events(Role::Server)[..] {
        [Event::StreamFailed {
            id: told,
            error,
            remote: Some((name, code)),
        }] => {
            assert_eq!((*told, &*error.message), (id, "gone"));
            assert_eq!(
                (error.code, error.origin),
                (ErrorCode::Remote, Origin::Peer)
            );
            assert_eq!((&**name, &**code), ("RangeError", "E_NO"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        pair.read(Role::Server, id),
        Read::Gone,
        "what had come is dropped"
    );
    // Letting go of it is nothing that the peer has to hear.
    pair.cancel_incoming(Role::Server, id);
    assert_eq!(pair.server.output_len(), 0);
    assert!(pair.events(Role::Client).is_empty());
    assert_eq!(pair.counts(), [0, 0]);
}

fn what_was_queued_does_not_leave_after_an_abort(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.stream_window = 10);
    pair.opened(Role::Client, 1);
    pair.write(Role::Client, 1, pattern(1000));
    pair.shuttle();
    assert_eq!(pair.client.queued(), 990);
    pair.abort(Role::Client, 1);
    let sent = pair.all_spoken(Role::Client);
    assert!(matches!(sent[..], [Frame::StreamError { .. }]), "{sent:?}");
    assert_eq!(pair.client.queued(), 0);
}

fn a_cancel_tells_the_sender_why(profile: Profile) {
    let mut pair = receiving(profile, |limits| limits.stream_window = 10);
    let id = pair.opened(Role::Client, 1);
    pair.write(Role::Client, 1, pattern(1000));
    pair.shuttle();
    pair.cancel_incoming(Role::Server, id);
    assert_eq!(pair.read(Role::Server, id), Read::Gone);
    pair.shuttle();
    match &pair.events(Role::Client)[..] {
        [Event::StreamCancelled {
            id: 1,
            error,
            remote: Some((name, code)),
        }] => {
            assert_eq!((error.code, &*error.message), (ErrorCode::Remote, "enough"));
            assert_eq!((&**name, &**code), ("RangeError", "E_NO"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((pair.counts(), pair.client.queued()), ([0, 0], 0));
    // The source may not have heard of it yet.
    assert_eq!(pair.write(Role::Client, 1, pattern(10)), Sent::Wait);
    pair.finish_writing(Role::Client, 1);
    assert!(!pair.abort(Role::Client, 1));
    assert_eq!((pair.client.queued(), pair.client.output_len()), (0, 0));
}

fn what_was_under_way_at_a_cancel_is_dropped(profile: Profile) {
    let mut pair = Pair::open(profile);
    let id = pair.opened(Role::Client, 1);
    pair.write(Role::Client, 1, pattern(1000));
    pair.finish_writing(Role::Client, 1);
    pair.cancel_incoming(Role::Server, id);
    pair.shuttle();
    assert!(pair.events(Role::Server).is_empty());
    assert!(pair.server.is_open() && pair.client.is_open());
}

fn words_about_unknown_streams_are_ignored(profile: Profile) {
    let mut pair = Pair::open(profile);
    let id = || Id::Number(77);
    for role in BOTH {
        for frame in [
            Frame::StreamData {
                id: id(),
                data: pattern(10),
            },
            Frame::StreamEnd { id: id() },
            Frame::StreamError {
                id: id(),
                failure: reason("x"),
            },
            Frame::StreamCancel {
                id: id(),
                failure: reason("x"),
            },
            Frame::StreamCredit {
                id: id(),
                bytes: 10,
            },
            Frame::StreamDone { id: id() },
        ] {
            pair.inject(role, &frame);
            assert!(pair.end(role).is_open(), "{frame:?}");
            assert_eq!(pair.end(role).output_len(), 0, "{frame:?}");
            assert!(pair.events(role).is_empty(), "{frame:?}");
        }
    }
}

fn bytes_after_the_end_close(profile: Profile) {
    let frames = [
        Frame::StreamData {
            id: Id::Number(1),
            data: pattern(1),
        },
        Frame::StreamEnd { id: Id::Number(1) },
    ];
    for frame in frames {
        let mut pair = Pair::open(profile);
        pair.opened(Role::Client, 1);
        pair.inject(Role::Server, &Frame::StreamEnd { id: Id::Number(1) });
        pair.inject(Role::Server, &frame);
        let events = pair.events(Role::Server);
        assert_eq!(closed(&events), CloseReason::ProtocolError, "{frame:?}");
    }
}

fn a_name_serves_again_at_once_after_an_abort(profile: Profile) {
    let mut pair = Pair::open(profile);
    let now = pair.now;
    let mut open = |number| {
        pair.client
            .open_stream(number, name("log"), Body::none(), CHUNK, now)
            .unwrap();
        pair.client.write_stream(number, pattern(10), now);
        if number == 1 {
            pair.client.abort_stream(number, reason("gone"), now);
        }
    };
    open(1);
    open(2);
    pair.shuttle();
    assert!(pair.server.is_open());
    let mut ids = Vec::new();
    for event in pair.events(Role::Server) {
        if let Event::StreamOpen { id, name, .. } = event {
            assert_eq!(name, "log");
            ids.push(id);
        }
    }
    assert_eq!(ids.len(), 2);
    assert_eq!(pair.read(Role::Server, ids[0]), Read::Gone);
    // A late word about the first is none about the second.
    let id = Id::Number(1);
    pair.inject(Role::Client, &Frame::StreamDone { id });
    assert!(pair.events(Role::Client).is_empty());
    assert_eq!(pair.read(Role::Server, ids[1]), Read::Data(pattern(10)));
}

fn a_reason_that_is_too_long_for_the_peer_is_cut(profile: Profile) {
    // The worst that JSON can make of a text.
    let endless = || Failure {
        message: "\u{1}é".repeat(40_000),
        name: "\u{1}".repeat(70_000),
        code: "\u{1}".repeat(70_000),
    };
    for from in BOTH {
        let small = limited(profile, |limits| limits.max_message_size = 1024);
        let mut pair = match from {
            Role::Client => Pair::open_with(config(profile), small),
            Role::Server => Pair::open_with(small, config(profile)),
        };
        let now = pair.now;
        pair.opened(from, 1);
        assert!(pair.end(from).abort_stream(1, endless(), now));
        let id = pair.opened(other(from), 1);
        pair.end(from).cancel_stream(id, endless(), now);
        pair.shuttle();
        let told = pair.events(other(from));
        assert!(
            matches!(
                told[..],
                [Event::StreamFailed { .. }, Event::StreamCancelled { .. }]
            ),
            "{told:?}"
        );
    }
}

fn a_closed_connection_says_nothing_more_about_streams(profile: Profile) {
    let mut pair = Pair::open(profile);
    let incoming = pair.opened(Role::Server, 1);
    pair.opened(Role::Client, 5);
    pair.write(Role::Client, 5, pattern(4096 * KIB));
    pair.write(Role::Server, 1, pattern(100));
    pair.shuttle();
    let now = pair.now;
    pair.client.eof();
    let events = pair.events(Role::Client);
    assert_eq!(closed(&events), CloseReason::PeerClosed);
    assert_eq!(pair.client.open_streams(), 0);
    assert_eq!(pair.client.queued(), pair.client.output_len());
    let queued = pair.client.queued();
    assert_eq!(pair.read(Role::Client, incoming), Read::Gone);
    assert_eq!(pair.write(Role::Client, 5, pattern(10)), Sent::Wait);
    pair.finish_writing(Role::Client, 5);
    pair.finish(Role::Client, incoming);
    pair.cancel_incoming(Role::Client, incoming);
    assert!(!pair.abort(Role::Client, 5));
    let refused = pair.stream(Role::Client, 6).unwrap_err();
    assert_eq!(refused.code, CloseReason::PeerClosed.to_error(false).code);
    pair.client.wrote(pair.client.output_len().min(1), now);
    assert!(pair.client.queued() <= queued, "something was added");
    assert!(pair.events(Role::Client).is_empty());
}

fn who_has_sent_all_and_finished_sending_hears_that_it_was_read(profile: Profile) {
    let mut pair = Pair::open(profile);
    let id = pair.opened(Role::Client, 1);
    pair.write(Role::Client, 1, pattern(1000));
    pair.finish_writing(Role::Client, 1);
    pair.shuttle();
    pair.events(Role::Server);
    pair.server.half_close(pair.now);
    assert!(pair.server.is_open(), "the reader has not read");
    assert_eq!(pair.read_all(Role::Server, id).0, pattern(1000));
    pair.finish(Role::Server, id);
    pair.carry(Role::Server);
    assert!(matches!(
        pair.events(Role::Client)[..],
        [Event::StreamDone { id: 1 }]
    ));
    let events = pair.events(Role::Server);
    assert_eq!(closed(&events), CloseReason::PeerClosed);
}

fn who_finishes_sending_inside_a_stream_has_closed(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.opened(Role::Client, 1);
    pair.server.half_close(pair.now);
    let events = pair.events(Role::Server);
    assert_eq!(closed(&events), CloseReason::PeerClosed);
}

both_profiles!(
    an_abort_tells_the_receiver_why,
    what_was_queued_does_not_leave_after_an_abort,
    a_cancel_tells_the_sender_why,
    what_was_under_way_at_a_cancel_is_dropped,
    words_about_unknown_streams_are_ignored,
    bytes_after_the_end_close,
    a_name_serves_again_at_once_after_an_abort,
    a_reason_that_is_too_long_for_the_peer_is_cut,
    a_closed_connection_says_nothing_more_about_streams,
    who_has_sent_all_and_finished_sending_hears_that_it_was_read,
    who_finishes_sending_inside_a_stream_has_closed,
);
