//! Bytes that the owner moves itself: what the wire sees is the same. Only the
//! binary profile has this.

use super::*;

/// A connected client and server, and what is in the client's output.
fn pair() -> Pair {
    Pair::open(Profile::Binary)
}

impl Pair {
    fn offer(&mut self, count: usize) {
        let now = self.now;
        self.client.offer_outside(7, count, now);
    }

    /// The socket takes all that is in the client's output, and the server reads it.
    fn pass_output(&mut self) -> Vec<u8> {
        let now = self.now;
        let bytes = self.client.output().to_vec();
        self.client.wrote(bytes.len(), now);
        self.server.input(&bytes, now);
        bytes
    }

    /// The owner of the client writes `count` bytes itself.
    fn pass_outside(&mut self, data: &[u8]) {
        let now = self.now;
        self.client.wrote(data.len(), now);
        self.server.input(data, now);
    }

    /// Stream 7 of the client, with an outlet at the server.
    fn with_outlet(&mut self, window: u32) {
        let now = self.now;
        let id = self.opened(Role::Client, 7);
        assert!(self.server.open_outlet(id, window, now));
        self.shuttle();
    }
}

#[test]
fn a_head_is_written_before_bytes_outside_and_nothing_between() {
    let mut pair = pair();
    pair.stream_of(Role::Client, 7, 200).unwrap();
    pair.shuttle();
    pair.announced(Role::Server);

    pair.offer(300);
    assert_eq!(pair.client.queued(), head(200).len() + 300);
    assert_eq!(pair.client.outside(), None, "the head comes first");
    assert_eq!(pair.client.output(), head(200));
    assert!(pair.client.owes_outside(7) && !pair.client.owes_outside(8));
    // Said now, it goes behind the chunk.
    pair.message(Role::Client, 10).unwrap();
    assert_eq!(pair.client.output(), head(200));

    assert_eq!(pair.pass_output(), head(200));
    assert_eq!(pair.client.outside(), Some((7, 200)));
    assert!(pair.client.output().is_empty());
    pair.pass_outside(&[1; 150]);
    assert_eq!(pair.client.outside(), Some((7, 50)));
    assert!(pair.events(Role::Server).is_empty(), "no chunk yet");
    pair.pass_outside(&[2; 50]);

    // The message, then what is left.
    assert_eq!(pair.client.outside(), None);
    assert!(pair.pass_output().ends_with(&head(100)));
    assert_eq!(pair.client.outside(), Some((7, 100)));
    assert_eq!(pair.client.backlog(7), Some(0));
    pair.pass_outside(&[3; 100]);
    assert_eq!(pair.client.output_len(), 0);
    assert!(!pair.client.owes_outside(7));
    let heard = pair.events(Role::Server);
    assert!(matches!(
        heard[..],
        [Event::StreamReadable { id: 7 }, Event::Message { .. }]
    ));
    let all = [vec![1; 150], vec![2; 50], vec![3; 100]].concat();
    assert_eq!(pair.read_all(Role::Server, 7), (all, Read::Nothing));
}

#[test]
fn bytes_outside_keep_to_credit_and_end_after_the_last() {
    let receiver = limited(Profile::Binary, |limits| limits.stream_window = 100);
    let mut pair = Pair::open_with(config(Profile::Binary), receiver);
    pair.opened(Role::Client, 7);
    pair.offer(150);
    pair.finish_writing(Role::Client, 7);
    assert_eq!(pair.pass_output(), head(100));
    pair.pass_outside(&[1; 100]);
    assert_eq!(pair.client.output_len(), 0);
    assert_eq!(pair.client.backlog(7), Some(50));

    assert_eq!(pair.read_all(Role::Server, 7).0.len(), 100);
    pair.carry(Role::Server);
    assert_eq!(pair.pass_output(), head(50));
    pair.pass_outside(&[2; 50]);
    pair.shuttle();
    assert_eq!(pair.read_all(Role::Server, 7), (vec![2; 50], Read::End));
}

#[test]
fn a_chunk_whose_head_has_left_is_finished_even_if_its_stream_is_over() {
    for over in ["given up", "cancelled", "closed"] {
        let mut pair = pair();
        let id = pair.opened(Role::Client, 7);
        pair.offer(3000);
        pair.pass_output();
        let now = pair.now;
        match over {
            "given up" => assert!(pair.abort(Role::Client, 7)),
            "cancelled" => {
                pair.cancel_incoming(Role::Server, id);
                pair.carry(Role::Server);
            }
            _ => pair.client.leave(CloseReason::Local, "", now),
        }
        assert_eq!(pair.client.backlog(7), None);
        assert_eq!(pair.client.outside(), Some((7, 3000)), "{over}");
        pair.pass_outside(&[1; 3000]);
        // What follows is understood.
        pair.pass_output();
        let errors = pair.server.counters().errors;
        assert_eq!(errors, 0, "{over}");
        assert_eq!(pair.server.is_open(), over != "closed");
    }
}

#[test]
fn what_is_awaited_can_be_taken_off_the_socket() {
    let mut pair = pair();
    let now = pair.now;
    pair.with_outlet(CHUNK as u32);
    assert_eq!(pair.server.awaited_chunk(), None);
    let data = pattern(40_000);

    pair.server.input(&head(40_000), now);
    assert_eq!(pair.server.awaited_chunk(), Some((7, 40_000)));
    pair.server.input(&data[..1000], now);
    assert_eq!(pair.server.awaited_chunk(), Some((7, 39_000)));
    pair.server.took(20_000, false, now);
    pair.server.took(4_000, true, now);
    assert!(pair.server.ends_outside(7));
    // There was no room for more.
    pair.server.input(&data[25_000..30_000], now);
    assert!(!pair.server.ends_outside(7));
    pair.server.took(10_000, false, now);
    assert_eq!(pair.server.awaited_chunk(), None);
    assert!(
        pair.events(Role::Server).is_empty(),
        "its owner looks itself"
    );
    assert!(pair.server.is_readable(7));

    let pieces: Vec<_> = (0..5).map(|_| pair.server.take_stream(7)).collect();
    let expected = [
        Read::Data(data.slice(..1000)),
        Read::Outside(24_000),
        Read::Data(data.slice(25_000..30_000)),
        Read::Outside(10_000),
        Read::Nothing,
    ];
    // Not shown: it would be long.
    assert!(pieces == expected);
    assert_eq!(pair.server.counters().bytes_received, received(&pair));
}

/// What the server has counted, if the client's registration is added.
fn received(pair: &Pair) -> u64 {
    let opening = pair.client.counters().bytes_sent;
    opening + head(40_000).len() as u64 + 40_000
}

#[test]
fn credit_is_granted_for_what_its_owner_is_done_with() {
    let mut pair = pair();
    let now = pair.now;
    // More than the window that everybody has.
    pair.with_outlet(4 * 1024 * 1024);
    let limit = 4 * 1024 * 1024;
    assert_eq!(pair.server.output_len(), 0, "granted at once");
    pair.offer(limit + 1);
    let mut sent = 0;
    while pair.client.output_len() > 0 {
        pair.pass_output();
        if let Some((_, count)) = pair.client.outside() {
            pair.client.wrote(count, now);
            pair.server.took(count, false, now);
            sent += count;
        }
    }
    assert_eq!((sent, pair.client.backlog(7)), (limit, Some(1)));

    // Taken is not yet written.
    assert_eq!(pair.server.take_stream(7), Read::Outside(CHUNK));
    pair.server.consumed(7, limit / 4 - 1, now);
    assert_eq!(pair.server.output_len(), 0);
    pair.server.consumed(7, 1, now);
    pair.carry(Role::Server);
    assert_eq!(pair.client.backlog(7), Some(0));
}

#[test]
fn the_next_head_is_read_alone_so_that_what_follows_can_be_taken() {
    let mut pair = pair();
    let now = pair.now;
    pair.with_outlet(1024 * 1024);
    assert_eq!(pair.server.next_read(), usize::MAX);
    pair.server.input(&head(20_000), now);
    pair.server.took(20_000, false, now);
    assert_eq!(pair.server.next_read(), head(0).len());
    // A small chunk, or another frame, and things are as before.
    pair.server.input(&head(100), now);
    assert_eq!(pair.server.next_read(), usize::MAX);
    pair.server.input(&[0; 100], now);
    assert_eq!(pair.server.next_read(), usize::MAX);
    assert_eq!(pair.server.awaited_chunk(), None);
}

#[test]
fn a_chunk_beyond_its_credit_is_refused_before_it_comes() {
    let mut pair = pair();
    let now = pair.now;
    pair.with_outlet(1);
    pair.server.input(&head(2 * 1024 * 1024), now);
    let events = pair.events(Role::Server);
    let reason = CloseReason::ProtocolError;
    assert!(matches!(events[..], [Event::Closed { reason: found, .. }] if found == reason));
    assert_eq!(pair.server.awaited_chunk(), None);
}

#[test]
fn the_rest_of_a_chunk_that_nobody_wants_any_more_is_dropped() {
    let mut pair = pair();
    let now = pair.now;
    pair.with_outlet(1);
    pair.server.input(&head(50_000), now);
    pair.server.took(20_000, false, now);
    pair.cancel_incoming(Role::Server, 7);
    assert_eq!(pair.server.awaited_chunk(), None);
    assert!(!pair.server.has_outlet(7));
    pair.server.input(&[0; 30_000], now);
    // Nothing is left of it.
    pair.carry(Role::Server);
    pair.message(Role::Client, 10).unwrap();
    pair.shuttle();
    assert!(matches!(
        pair.events(Role::Server)[..],
        [Event::Message { .. }]
    ));
}

#[test]
fn an_end_within_a_chunk_is_one_within_a_frame() {
    let mut pair = pair();
    let now = pair.now;
    pair.with_outlet(1);
    pair.server.input(&head(50_000), now);
    pair.server.took(20_000, false, now);
    pair.server.half_close(now);
    let reason = CloseReason::TruncatedFrame;
    let events = pair.events(Role::Server);
    assert!(matches!(events[..], [Event::Closed { reason: found, .. }] if found == reason));
}

#[test]
fn a_chunk_that_stays_incomplete_is_given_up_in_time() {
    let mut pair = pair();
    let now = pair.now;
    pair.with_outlet(1);
    pair.server.input(&head(50_000), now);
    pair.server.took(20_000, false, now);
    pair.pass(29 * SECOND);
    assert!(pair.server.is_open());
    pair.pass(SECOND);
    let reason = CloseReason::FrameTimeout;
    let events = pair.events(Role::Server);
    assert!(matches!(events[..], [Event::Closed { reason: found, .. }] if found == reason));
}
