//! Bytes that pass the queues by: what the wire sees is the same. Only the binary
//! profile has this.

use super::*;
use crate::ipc::proto::LEAST_DIRECT;

fn pair() -> Pair {
    Pair::open(Profile::Binary)
}

impl Pair {
    fn begin(&mut self, length: usize) -> Option<usize> {
        let now = self.now;
        self.client.begin_chunk(7, length, now)
    }

    /// The socket takes `count` bytes of the output and the chunk behind it, and the
    /// server gets them.
    fn write_both(&mut self, chunk: &[u8], count: usize) -> bool {
        let now = self.now;
        let bytes = [self.client.output(), chunk].concat();
        let go_on = self.client.wrote_chunk(7, chunk, count, now);
        self.server.input(&bytes[..count], now);
        go_on
    }

    fn take_directly(&mut self, id: u32, count: usize) {
        let now = self.now;
        self.server.took_directly(id, count, now);
    }
}

#[test]
fn what_the_socket_does_not_take_follows_before_anything_else() {
    for taken in [0, 3, 6, 7, 30_000, 40_006] {
        let mut pair = pair();
        let id = pair.opened(Role::Client, 7);
        let chunk = pattern(40_000);
        assert_eq!(pair.begin(chunk.len()), Some(40_000));
        assert_eq!(pair.client.output(), head(40_000));
        let go_on = 40_006 - taken < LEAST_DIRECT;
        assert_eq!(pair.write_both(&chunk, taken), go_on, "{taken} bytes");
        assert_eq!(pair.client.output_len(), 40_006 - taken);
        pair.message(Role::Client, 10).unwrap();
        pair.shuttle();
        assert_eq!(pair.read_all(Role::Server, id).0, chunk);
        let counted = pair.client.counters().bytes_sent;
        assert_eq!(counted, pair.server.counters().bytes_received);
        let heard = pair.events(Role::Server);
        assert!(matches!(
            heard[..],
            [Event::StreamReadable { .. }, Event::Message { .. }]
        ));
        // Whoever was to wait may go on.
        let told = pair.events(Role::Client);
        assert_eq!(told.len(), usize::from(!go_on), "{told:?}");
    }
}

#[test]
fn nothing_passes_what_came_before_it() {
    let mut pair = pair();
    for number in 6..=7 {
        pair.stream(Role::Client, number).unwrap();
    }
    pair.shuttle();
    assert_eq!(pair.begin(LEAST_DIRECT - 1), None, "little is collected");
    // Bytes of its own, and those of another stream.
    for number in [7, 6] {
        pair.write(Role::Client, number, pattern(200 * KIB));
        assert_eq!(pair.begin(LEAST_DIRECT), None, "past stream {number}");
        pair.all_spoken(Role::Client);
    }
    pair.finish_writing(Role::Client, 7);
    assert_eq!(pair.begin(LEAST_DIRECT), None, "after the end");
    let mut json = Pair::open(Profile::Json);
    json.opened(Role::Client, 7);
    assert_eq!(json.begin(LEAST_DIRECT), None, "as JSON");
}

#[test]
fn a_chunk_keeps_to_credit_and_its_source_waits_for_more() {
    let receiver = limited(Profile::Binary, |limits| limits.stream_window = 50_000);
    let mut pair = Pair::open_with(config(Profile::Binary), receiver);
    let id = pair.opened(Role::Client, 7);
    assert_eq!(pair.begin(CHUNK), Some(50_000));
    assert!(!pair.write_both(&pattern(50_000), 50_006), "no more credit");
    assert_eq!(pair.begin(CHUNK), None);
    pair.shuttle();
    assert!(pair.events(Role::Client).is_empty(), "too early");

    assert_eq!(pair.read_all(Role::Server, id).0.len(), 50_000);
    pair.shuttle();
    let told = pair.events(Role::Client);
    assert!(
        matches!(told[..], [Event::StreamRoom { id: 7 }]),
        "{told:?}"
    );
    assert_eq!(pair.begin(CHUNK), Some(50_000));
}

#[test]
fn a_reader_that_waits_takes_bytes_off_the_socket() {
    let mut pair = pair();
    let id = pair.opened(Role::Client, 7);
    let now = pair.now;
    assert_eq!(pair.read(Role::Server, id), Read::Nothing);
    pair.server.wait_directly(id);
    assert_eq!(pair.server.next_directly(id), None, "nothing has begun");
    assert!(!pair.server.leave_to_reader());

    for round in 0..4 {
        pair.server.input(&head(40_000), now);
        assert_eq!(pair.server.next_directly(id), Some(40_000));
        assert_eq!(pair.server.next_directly(id + 1), None);
        // It is told once, and is expected to come by itself once it has begun.
        assert!(pair.server.leave_to_reader());
        let told = pair.events(Role::Server);
        let first = usize::from(round == 0);
        assert_eq!(told.len(), first, "{told:?}");
        pair.take_directly(id, 25_000);
        assert_eq!(pair.server.next_directly(id), Some(15_000));
        assert_eq!(pair.server.next_head(), head(40_000).len());
        pair.take_directly(id, 15_000);
        assert_eq!(pair.server.next_directly(id), None);
    }
    // It was granted what it has taken.
    assert!(pair.server.output_len() > 0);
    assert_eq!(pair.server.counters().bytes_received, {
        let heads = 4 * head(40_000).len() as u64;
        let before = pair.client.counters().bytes_sent;
        before + heads + 4 * 40_000
    });
}

#[test]
fn for_a_reader_that_does_not_come_bytes_are_kept() {
    let mut pair = pair();
    let id = pair.opened(Role::Client, 7);
    let now = pair.now;
    assert_eq!(pair.read(Role::Server, id), Read::Nothing);
    pair.server.wait_directly(id);
    pair.server.input(&head(40_000), now);
    assert!(pair.server.leave_to_reader());
    assert!(!pair.server.leave_to_reader(), "others wait behind them");
    let chunk = pattern(40_000);
    pair.server.input(&chunk[..30_000], now);
    // What is kept comes first.
    assert_eq!(pair.server.next_directly(id), None);
    assert!(!pair.server.leave_to_reader());
    assert_eq!(pair.read_all(Role::Server, id).0, chunk[..30_000]);
    assert_eq!(pair.server.next_directly(id), Some(10_000));
    pair.take_directly(id, 10_000);
    assert_eq!(pair.read(Role::Server, id), Read::Nothing);
}

#[test]
fn more_than_was_granted_is_found_before_it_is_taken() {
    let receiver = limited(Profile::Binary, |limits| limits.stream_window = 30_000);
    let mut pair = Pair::open_with(config(Profile::Binary), receiver);
    let id = pair.opened(Role::Client, 7);
    let now = pair.now;
    pair.read(Role::Server, id);
    pair.server.wait_directly(id);
    pair.server.input(&head(40_000), now);
    let events = pair.events(Role::Server);
    assert_eq!(closed(&events), CloseReason::ProtocolError);
}
