//! Bytes that pass through memory of both: what frames say of them, and when.

use std::time::Duration;

use super::*;
use crate::ipc::proto::LEAST_DIRECT;

const WINDOW: usize = 128 * KIB;

fn sharing(window: usize) -> SessionConfig {
    SessionConfig {
        memory: true,
        ..limited(Profile::Binary, |limits| {
            limits.stream_window = u32::try_from(window).unwrap();
        })
    }
}

/// Two sessions with a memory that stands for that of the owners.
struct Shared {
    pair: Pair,
    memory: Vec<u8>,
    id: u32,
}

impl Shared {
    /// Stream 7 of the client, of which a window has been read, with memory.
    fn new() -> Self {
        let mut this = Self::with(WINDOW);
        this.read_a_window();
        assert_eq!(this.pair.server.next_offer(), Some((this.id, WINDOW)));
        this.offer(true);
        this
    }

    fn with(window: usize) -> Self {
        Self::of(sharing(window), window)
    }

    fn of(config: SessionConfig, window: usize) -> Self {
        let mut pair = Pair::with(config);
        let id = pair.opened(Role::Client, 7);
        Self {
            pair,
            memory: vec![0; window],
            id,
        }
    }

    fn read_a_window(&mut self) {
        let window = self.memory.len();
        self.pair.write(Role::Client, 7, vec![9; window].into());
        let mut left = window;
        while left > 0 {
            self.pair.shuttle();
            left -= self.pair.read_all(Role::Server, self.id).0.len();
        }
        self.pair.shuttle();
        self.pair.events(Role::Client);
        self.pair.events(Role::Server);
    }

    /// The server offers memory, and the client takes it.
    fn offer(&mut self, made: bool) {
        let now = self.pair.now;
        self.pair.server.offer_memory(made, now);
        if !made {
            return;
        }
        assert_eq!(
            self.pair.server.output(),
            [0, 0, 0, 2, 0x18, 7],
            "STREAM_MEMORY"
        );
        self.pair.shuttle();
        assert!(self.pair.client.takes_memory());
        assert_eq!(self.pair.client.memory_size(), Some(self.memory.len()));
        assert_eq!(self.pair.client.take_offers(), [Some(7)]);
        assert!(!self.pair.client.writes_memory(7));
        assert!(self.pair.client.use_memory(7));
        assert!(self.pair.client.writes_memory(7) && self.pair.server.reads_memory(self.id));
    }

    /// The client puts bytes into the memory; how many, and whether more may follow.
    fn put(&mut self, data: &[u8]) -> Option<(usize, bool)> {
        let now = self.pair.now;
        let (at, count) = self.pair.client.share_chunk(7, data.len(), now)?;
        self.write_at(at, &data[..count]);
        Some((count, self.pair.client.may_share_on(7)))
    }

    /// The client's owner puts there what has waited.
    fn put_due(&mut self) -> usize {
        let mut count = 0;
        for due in self.pair.client.take_due() {
            assert_eq!(due.number, 7);
            count += due.data.len();
            self.write_at(due.at, &due.data);
        }
        count
    }

    fn write_at(&mut self, at: u64, data: &[u8]) {
        for (offset, byte) in (at..).zip(data) {
            let size = self.memory.len();
            self.memory[usize::try_from(offset).unwrap() % size] = *byte;
        }
    }

    /// Moves bytes both ways; how many of those that waited were put into memory.
    fn shuttle(&mut self) -> usize {
        self.pair.shuttle();
        self.put_due()
    }

    /// The server copies what comes next, at most `most` bytes of it.
    fn get(&mut self, most: usize) -> Vec<u8> {
        let Some((at, count)) = self.pair.server.next_shared(self.id) else {
            return Vec::new();
        };
        let count = count.min(most);
        let size = self.memory.len() as u64;
        let copied = (at..at + count as u64)
            .map(|offset| self.memory[usize::try_from(offset % size).unwrap()])
            .collect();
        let now = self.pair.now;
        self.pair.server.took_shared(self.id, count, now);
        copied
    }

    fn get_all(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            match self.pair.read(Role::Server, self.id) {
                Read::Data(data) => all.extend_from_slice(&data),
                Read::Shared(count) => all.extend(self.get(count)),
                _ => return all,
            }
        }
    }

    fn break_with(&mut self, frame: &[u8]) -> Vec<Event> {
        let now = self.pair.now;
        self.pair.server.input(frame, now);
        self.pair.events(Role::Server)
    }
}

#[test]
fn the_feature_counts_if_both_name_it_and_the_profile_is_binary() {
    let without = || limited(Profile::Binary, |limits| limits.stream_window = 128 * 1024);
    let json = SessionConfig {
        json_only: true,
        ..sharing(WINDOW)
    };
    let cases = [
        (sharing(WINDOW), sharing(WINDOW), true),
        (without(), sharing(WINDOW), false),
        (sharing(WINDOW), without(), false),
        (json.clone(), sharing(WINDOW), false),
        (sharing(WINDOW), json, false),
    ];
    for (client, server, shares) in cases {
        let mut pair = Pair::open_with(client, server);
        let id = pair.opened(Role::Client, 7);
        pair.write(Role::Client, 7, vec![1; WINDOW].into());
        for _ in 0..4 {
            pair.shuttle();
            pair.read_all(Role::Server, id);
        }
        assert_eq!(pair.server.next_offer().is_some(), shares);
        assert_eq!(pair.client.takes_memory(), shares);
    }
}

#[test]
fn frames_tell_how_many_bytes_lie_there() {
    let mut shared = Shared::new();
    let sent = shared.pair.client.counters().bytes_sent;
    let received = shared.pair.server.counters().bytes_received;
    let data = pattern(CHUNK);
    assert_eq!(shared.put(&data), Some((CHUNK, true)));
    let frame = [0, 0, 0, 5, 0x19, 7, 0x80, 0x80, 4];
    assert_eq!(shared.pair.client.output(), frame, "STREAM_SHARED");
    shared.pair.shuttle();
    let told = shared.pair.events(Role::Server);
    assert!(matches!(told[..], [Event::StreamReadable { .. }]));
    assert_eq!(shared.get(100), data[..100]);
    assert_eq!(shared.get_all(), data[100..]);
    // They count as all others, behind the head of whichever frame.
    let counted = (CHUNK + frame.len()) as u64;
    assert_eq!(shared.pair.client.counters().bytes_sent, sent + counted);
    let heard = shared.pair.server.counters().bytes_received;
    assert_eq!(heard, received + counted);
}

#[test]
fn bytes_wrap_and_keep_their_order_with_those_that_come_otherwise() {
    let mut shared = Shared::new();
    let data = pattern(40 * WINDOW);
    let mut left = &data[..];
    let mut got = Vec::new();
    let sizes = [LEAST_DIRECT, 50_001, 300, CHUNK, 17, LEAST_DIRECT + 1];
    let mut wrapped = 0;
    for size in sizes.into_iter().cycle() {
        if left.is_empty() {
            break;
        }
        let (piece, rest) = left.split_at(size.min(left.len()));
        left = rest;
        let mut piece = piece;
        while let Some((count, _)) = shared.put(piece) {
            piece = &piece[count..];
            wrapped += count;
        }
        if !piece.is_empty() {
            let piece = Bytes::copy_from_slice(piece);
            shared.pair.write(Role::Client, 7, piece);
        }
        wrapped += shared.shuttle();
        // Not always all, so that the window is full at any place.
        if got.len() % 3 == 0 || shared.pair.client.queued() > 0 {
            got.extend(shared.get_all());
            wrapped += shared.shuttle();
        }
    }
    got.extend(shared.get_all());
    wrapped += shared.shuttle();
    got.extend(shared.get_all());
    assert!(wrapped > data.len() * 9 / 10, "{wrapped}");
    assert!(got == data);
    shared.pair.finish_writing(Role::Client, 7);
    shared.pair.shuttle();
    assert_eq!(shared.pair.read(Role::Server, shared.id), Read::End);
}

#[test]
fn nothing_is_put_over_what_was_not_read() {
    let mut shared = Shared::new();
    let data = pattern(2 * WINDOW);
    let mut put = 0;
    while let Some((count, go_on)) = shared.put(&data[put..]) {
        put += count;
        shared.pair.carry(Role::Client);
        assert_eq!(go_on, put < WINDOW);
    }
    assert_eq!(put, WINDOW);
    shared.pair.shuttle();
    assert_eq!(shared.put(&data[put..]), None, "no credit");
    // Too little to be worth a frame, then enough.
    shared.get(10_000);
    shared.pair.shuttle();
    assert_eq!(shared.put(&data[put..]), None);
    while shared.pair.events(Role::Client).is_empty() {
        assert!(
            !shared.get(10_000).is_empty(),
            "no credit for what was read"
        );
        shared.pair.shuttle();
    }
    assert!(shared.put(&data[put..]).is_some());
}

#[test]
fn the_usual_window_grows_to_the_memory_once_that_is_in_use() {
    let (window, size) = (256 * KIB, 1024 * KIB);
    let mut shared = Shared::with(window);
    shared.read_a_window();
    assert_eq!(shared.pair.server.next_offer(), Some((shared.id, size)));
    shared.memory = vec![0; size];
    shared.offer(true);
    let data = pattern(3 * size);
    let fill = |shared: &mut Shared, from: usize| {
        let mut put = from;
        while let Some((count, _)) = shared.put(&data[put..]) {
            put += count;
            shared.pair.carry(Role::Client);
        }
        put
    };
    let first = fill(&mut shared, 0);
    assert_eq!(first, window, "nobody knows yet that it is taken");
    shared.pair.shuttle();
    let mut got = shared.get_all();
    assert_eq!(got, data[..first]);
    shared.pair.shuttle();
    // All of it but for less than a grant, and nothing over what was not read.
    let second = fill(&mut shared, first);
    assert!((size - window + 1..=size).contains(&(second - first)));
    shared.pair.shuttle();
    got.extend(shared.get_all());
    assert!(got == data[..second]);
}

#[test]
fn a_client_whose_bytes_wait_in_memory_is_not_idle() {
    let idle = SECOND;
    let mut config = sharing(WINDOW);
    config.heartbeat.enabled = false;
    config.limits.idle_timeout = Some(idle);
    let mut shared = Shared::of(config, WINDOW);
    shared.read_a_window();
    shared.pair.server.next_offer();
    shared.offer(true);
    shared.put(&pattern(CHUNK)).unwrap();
    shared.pair.shuttle();
    let open_after = |shared: &mut Shared, time: Duration| {
        shared.pair.now += time;
        let now = shared.pair.now;
        shared.pair.server.tick(now);
        shared.pair.server.is_open()
    };
    // Nobody reads for long, and then somebody does: the client's time begins anew.
    assert!(open_after(&mut shared, idle * 3));
    shared.get_all();
    assert!(open_after(&mut shared, idle / 2));
    assert!(!open_after(&mut shared, idle), "it says nothing, and could");
}

#[test]
fn what_has_waited_for_credit_is_put_there_too() {
    let mut shared = Shared::new();
    let data = pattern(2 * WINDOW);
    shared
        .pair
        .write(Role::Client, 7, Bytes::copy_from_slice(&data));
    let mut got = Vec::new();
    let mut put = 0;
    while got.len() < data.len() {
        put += shared.shuttle();
        let more = shared.get_all();
        assert!(!more.is_empty(), "after {}", got.len());
        got.extend(more);
    }
    assert!(got == data);
    assert_eq!(put, data.len());
    // Small ends are not worth it; and what the output tells of is put also at the end.
    shared
        .pair
        .write(Role::Client, 7, pattern(LEAST_DIRECT - 1));
    assert!(shared.pair.client.take_due().is_empty());
    shared.shuttle();
    shared.get_all();
    shared.shuttle();
    shared.pair.write(Role::Client, 7, pattern(LEAST_DIRECT));
    let now = shared.pair.now;
    shared.pair.client.close(CloseReason::Local, "");
    shared.pair.client.tick(now);
    let due = shared.pair.client.take_due();
    assert!(due.len() == 1 && due[0].data == pattern(LEAST_DIRECT));
}

#[test]
fn what_lies_behind_each_other_is_one_piece_of_which_a_reader_takes_what_it_wants() {
    let mut shared = Shared::new();
    for _ in 0..6 {
        shared.put(&pattern(LEAST_DIRECT)).unwrap();
        shared.pair.shuttle();
    }
    let first = shared.pair.read(Role::Server, shared.id);
    assert_eq!(first, Read::Shared(6 * LEAST_DIRECT));
    // Asked again it is the same: nothing was copied.
    assert_eq!(shared.pair.read(Role::Server, shared.id), first);
    assert_eq!(shared.get(LEAST_DIRECT + 1).len(), LEAST_DIRECT + 1);
    let rest = shared.pair.read(Role::Server, shared.id);
    assert_eq!(rest, Read::Shared(5 * LEAST_DIRECT - 1));
    assert_eq!(shared.get_all().len(), 5 * LEAST_DIRECT - 1);
}

#[test]
fn little_or_what_has_to_wait_is_not_put_there() {
    let mut shared = Shared::new();
    assert_eq!(shared.put(&pattern(LEAST_DIRECT - 1)), None);
    shared.pair.write(Role::Client, 7, pattern(WINDOW + 1));
    shared.pair.all_spoken(Role::Client);
    assert_eq!(shared.put(&pattern(CHUNK)), None, "past its own bytes");
    let mut shared = Shared::new();
    shared.pair.finish_writing(Role::Client, 7);
    assert_eq!(shared.put(&pattern(CHUNK)), None, "after the end");
}

#[test]
fn memory_is_offered_once_and_only_where_it_pays() {
    for (window, pays) in [
        (WINDOW - 1, false),
        (WINDOW, true),
        (8 * 1024 * KIB, true),
        (8 * 1024 * KIB + 1, false),
    ] {
        let mut shared = Shared::with(window);
        assert_eq!(shared.pair.server.next_offer(), None, "too early");
        shared.read_a_window();
        let wanted = pays.then_some((shared.id, window));
        assert_eq!(shared.pair.server.next_offer(), wanted, "{window}");
        if pays {
            assert_eq!(shared.pair.server.next_offer(), wanted, "until it is");
            shared.offer(false);
            shared.read_a_window();
            assert_eq!(shared.pair.server.next_offer(), None, "never again");
        } else {
            assert_eq!(shared.pair.client.memory_size(), None);
        }
    }
}

#[test]
fn a_stream_that_is_over_or_ends_is_offered_nothing() {
    for how in ["ended", "given up", "cancelled"] {
        let mut shared = Shared::with(WINDOW);
        shared.read_a_window();
        match how {
            "ended" => shared.pair.finish_writing(Role::Client, 7),
            "given up" => assert!(shared.pair.abort(Role::Client, 7)),
            _ => shared.pair.cancel_incoming(Role::Server, shared.id),
        }
        shared.pair.shuttle();
        assert_eq!(shared.pair.server.next_offer(), None, "{how}");
    }
}

#[test]
fn an_offer_that_crosses_the_end_of_its_stream_still_has_its_descriptor() {
    let mut shared = Shared::with(WINDOW);
    shared.read_a_window();
    let now = shared.pair.now;
    assert!(shared.pair.server.next_offer().is_some());
    shared.pair.server.offer_memory(true, now);
    shared.pair.stream(Role::Client, 8).unwrap();
    shared.pair.abort(Role::Client, 7);
    shared.pair.shuttle();
    assert_eq!(shared.pair.client.take_offers(), [None]);
    assert!(!shared.pair.client.use_memory(7));
}

#[test]
fn memory_is_over_with_its_stream_and_its_connection() {
    for how in ["done", "given up", "cancelled", "closed"] {
        let mut shared = Shared::new();
        shared.put(&pattern(CHUNK)).unwrap();
        shared.pair.shuttle();
        let now = shared.pair.now;
        match how {
            "done" => {
                shared.pair.finish_writing(Role::Client, 7);
                shared.get_all();
                shared.pair.finish(Role::Server, shared.id);
            }
            "given up" => assert!(shared.pair.abort(Role::Client, 7)),
            "cancelled" => shared.pair.cancel_incoming(Role::Server, shared.id),
            _ => shared.pair.client.leave(CloseReason::Local, "", now),
        }
        shared.pair.shuttle();
        assert!(!shared.pair.client.writes_memory(7), "{how}");
        assert!(!shared.pair.server.reads_memory(shared.id), "{how}");
        assert!(!shared.pair.client.takes_memory(), "{how}");
        assert_eq!(shared.pair.server.next_shared(shared.id), None, "{how}");
        assert_eq!(shared.put(&pattern(CHUNK)), None, "{how}");
        if how != "closed" {
            // A later stream of this number has none.
            if how == "given up" {
                shared.pair.cancel_incoming(Role::Server, shared.id);
            }
            shared.pair.events(Role::Server);
            shared.id = shared.pair.opened(Role::Client, 7);
            assert!(!shared.pair.server.reads_memory(shared.id), "{how}");
            assert_eq!(shared.put(&pattern(CHUNK)), None, "{how}");
        }
    }
}

#[test]
fn a_stream_with_memory_gets_no_outlet() {
    let mut shared = Shared::new();
    let now = shared.pair.now;
    assert!(!shared.pair.server.open_outlet(shared.id, 1 << 20, now));
}

#[test]
fn bytes_in_memory_that_was_not_offered_break_the_rules() {
    for offered in [false, true] {
        let mut shared = if offered {
            Shared::new()
        } else {
            Shared::with(WINDOW)
        };
        let events = shared.break_with(&[0, 0, 0, 3, 0x19, 7, 1]);
        if offered {
            assert!(matches!(events[..], [Event::StreamReadable { .. }]));
        } else {
            assert_eq!(closed(&events), CloseReason::ProtocolError);
        }
    }
    // Of a stream that is not there they were under way.
    let mut shared = Shared::new();
    let frame = [&[0, 0, 0, 12, 0x19, 8][..], &[0xff; 9], &[1]].concat();
    assert!(shared.break_with(&frame).is_empty());
}

#[test]
fn more_bytes_in_memory_than_were_granted_break_the_rules() {
    let over = [
        &[0, 0, 0, 5, 0x19, 7, 0x81, 0x80, 8][..],
        &[
            0, 0, 0, 12, 0x19, 7, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1,
        ],
    ];
    for frame in over {
        let events = Shared::new().break_with(frame);
        assert_eq!(closed(&events), CloseReason::ProtocolError);
    }
    let all = [0, 0, 0, 5, 0x19, 7, 0x80, 0x80, 8];
    assert!(Shared::new().break_with(&all).len() == 1, "a window");
    let mut ended = Shared::new();
    ended.pair.finish_writing(Role::Client, 7);
    ended.pair.shuttle();
    ended.pair.events(Role::Server);
    let events = ended.break_with(&[0, 0, 0, 3, 0x19, 7, 1]);
    assert_eq!(closed(&events), CloseReason::ProtocolError);
}

#[test]
fn a_stream_in_too_many_pieces_breaks_the_rules() {
    let mut shared = Shared::new();
    // A byte in a frame and one in memory, in turns: none is joined to another.
    let pair = [0, 0, 0, 3, 0x12, 7, 1, 0, 0, 0, 3, 0x19, 7, 1];
    let most = 64 + 4 * WINDOW / (16 * KIB);
    let events = shared.break_with(&pair.repeat(most / 2));
    assert!(matches!(events[..], [Event::StreamReadable { .. }]));
    let events = shared.break_with(&pair);
    assert_eq!(closed(&events), CloseReason::ProtocolError);
}

#[test]
fn offers_of_a_peer_without_the_feature_are_skipped() {
    let mut pair = Pair::open(Profile::Binary);
    pair.opened(Role::Client, 7);
    let now = pair.now;
    pair.client.input(&[0, 0, 0, 2, 0x18, 7], now);
    assert!(pair.client.is_open() && pair.client.take_offers().is_empty());
}
