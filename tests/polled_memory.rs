//! Streams between processes that have memory together: over real sockets, with a driver
//! of the owner's. Raw peers speak where one of ours would not.

#![cfg(target_os = "linux")]
// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "support/raw_memory.rs"]
mod raw;
#[path = "support/endpoints.rs"]
#[allow(dead_code, unreachable_pub)]
mod support;

use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use smartipc_native::ipc::frame::{Body, Failure};
use smartipc_native::ipc::notice::{ConnId, Notice};
use smartipc_native::ipc::options::{ClientOptions, ServerOptions};
use smartipc_native::ipc::proto::{Event, Read, Sent, Session};
use smartipc_native::ipc::{Address, CloseReason};
use support::{client, server, unix, TestClient, TestServer, PATIENCE};

use raw::{memory, seals, Memory, RawPeer};

const WINDOW: usize = 128 * 1024;
const STREAM: u32 = 7;

/// Descriptors and mappings are counted for the whole process, so one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    until("quiet", || (mapped(), open()) == (0, 0));
    guard
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < end, "never {what}");
        std::thread::yield_now();
    }
}

/// Mappings of memory for streams.
fn mapped() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.matches("memfd:").count()
}

/// Descriptors of such memory.
fn open() -> usize {
    let list = std::fs::read_dir("/proc/self/fd").unwrap();
    list.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.to_string_lossy().contains("memfd:"))
        .count()
}

fn pattern(from: usize, count: usize) -> Vec<u8> {
    (from..from + count)
        .map(|at| (at * 31 + at / 997) as u8)
        .collect()
}

fn started() -> TestServer {
    let mut options = ServerOptions::new(unix());
    options.session.limits.stream_window = u32::try_from(WINDOW).unwrap();
    options.session.heartbeat.enabled = false;
    let mut it = server(options);
    it.server.start(1).unwrap();
    it.told.settled(1).unwrap();
    it
}

fn path(it: &TestServer) -> std::path::PathBuf {
    match it.server.address().unwrap() {
        Address::Path(path) => path,
        Address::Tcp { .. } => panic!("no path"),
    }
}

fn connected(it: &mut TestServer) -> TestClient {
    let mut options = ClientOptions::new(it.server.address().unwrap(), "one");
    options.session.limits.stream_window = u32::try_from(WINDOW).unwrap();
    options.session.heartbeat.enabled = false;
    let mut one = client(options);
    let op = one.op();
    one.client.connect(op, Default::default());
    let_in(it);
    one.told.settled(op).unwrap();
    one
}

/// Lets a client in; the number of its connection.
fn let_in(it: &mut TestServer) -> ConnId {
    let conn = it.told.until("client", |conn, notice| {
        matches!(notice, Notice::Connected(_)).then_some(conn)
    });
    it.server.let_in(conn);
    it.server.flush();
    conn
}

fn opened(it: &mut TestServer) -> (ConnId, u32) {
    it.told.until("stream", |conn, notice| match notice {
        Notice::Event(Event::StreamOpen { id, .. }) => Some((conn, *id)),
        _ => None,
    })
}

/// What a reader has got of a stream.
#[derive(Default)]
struct Got {
    bytes: usize,
    /// Those of them that lay in memory.
    shared: usize,
    ended: bool,
}

/// Reads as the binding does; whether there was anything.
fn read_on(it: &TestServer, conn: ConnId, id: u32, got: &mut Got) -> bool {
    let (link, _) = it.server.link(conn).unwrap();
    let read = it
        .server
        .with(conn, |session, now| session.read_stream(id, now));
    let (count, shared) = match read.unwrap() {
        Read::Data(data) => {
            assert!(data == pattern(got.bytes, data.len()), "from {}", got.bytes);
            got.bytes += data.len();
            it.server.flush();
            return true;
        }
        Read::Shared(count) => (count, true),
        Read::Nothing => (link.on_socket(id), false),
        Read::End => {
            got.ended = true;
            return false;
        }
        other => panic!("{other:?}"),
    };
    let mut buffer = vec![0; count];
    let count = link.read_off(id, &mut buffer);
    assert!(
        buffer[..count] == pattern(got.bytes, count),
        "from {}",
        got.bytes
    );
    got.bytes += count;
    got.shared += if shared { count } else { 0 };
    count > 0
}

/// Reads until there are so many bytes, or the end.
fn read_until(it: &mut TestServer, conn: ConnId, id: u32, got: &mut Got, bytes: usize) {
    while got.bytes < bytes && !got.ended {
        if !read_on(it, conn, id, got) && !got.ended {
            it.server.flush();
            it.told.until("more", |_, notice| {
                matches!(notice, Notice::Event(Event::StreamReadable { .. })).then_some(())
            });
        }
    }
    it.server.flush();
}

fn open_stream(one: &TestClient, conn: ConnId, number: u32) {
    let opened = one.client.with(conn, |session, now| {
        let name = Bytes::from(format!("s{number}"));
        session.open_stream(number, name, Body::none(), 64 * 1024, now)
    });
    opened.unwrap().unwrap();
    one.client.flush();
}

/// Writes a stream in pieces of these lengths, and ends it, from another thread.
fn write_all(
    mut one: TestClient,
    number: u32,
    total: usize,
    sizes: &'static [usize],
) -> std::thread::JoinHandle<TestClient> {
    std::thread::spawn(move || {
        let conn = 1;
        let (link, _) = one.client.link(conn).unwrap();
        let mut sent = 0;
        for size in sizes.iter().cycle() {
            if sent == total {
                break;
            }
            let size = (*size).min(total - sent);
            let (go_on, waits) = link.write_stream(number, &pattern(sent, size));
            assert!(!waits || go_on == Sent::Accepted);
            sent += size;
            if go_on == Sent::Wait {
                one.told.until("room", |_, notice| {
                    matches!(notice, Notice::Event(Event::StreamRoom { .. })).then_some(())
                });
            }
        }
        let end = |session: &mut Session, now| {
            session.end_stream(number, now);
        };
        one.client.with(conn, end).unwrap();
        one.client.flush();
        one
    })
}

/// A stream of so many bytes in pieces of these lengths, from a client to a server.
fn passes(total: usize, sizes: &'static [usize]) {
    let mut it = started();
    let one = connected(&mut it);
    open_stream(&one, 1, STREAM);
    let (conn, id) = opened(&mut it);
    let writing = write_all(one, STREAM, total, sizes);
    let mut got = Got::default();
    read_until(&mut it, conn, id, &mut got, total / 2);
    assert_eq!(mapped(), 2, "by both");
    read_until(&mut it, conn, id, &mut got, usize::MAX);
    assert_eq!((got.bytes, got.ended), (total, true));
    // What is small goes through the socket, and what came before the memory.
    let most = (total - 3 * WINDOW) * 4 / 5;
    assert!(got.shared > most, "{} of {total}", got.shared);
    let finish = |session: &mut Session, now| session.finish_stream(id, now);
    it.server.with(conn, finish).unwrap();
    it.server.flush();
    let mut one = writing.join().unwrap();
    one.told.until("end", |_, notice| {
        matches!(notice, Notice::Event(Event::StreamDone { .. })).then_some(())
    });
    until("unmapped", || (mapped(), open()) == (0, 0));
}

#[test]
fn a_long_stream_passes_through_memory_in_order() {
    let _alone = alone();
    let total = 60 * WINDOW + 12_345;
    passes(total, &[64 * 1024]);
    passes(total, &[64 * 1024, 36 * 1024]);
    passes(total, &[16 * 1024, 50_001, 300, 65_535]);
}

#[cfg(feature = "faults")]
#[test]
fn reads_and_writes_of_a_few_bytes_do_no_harm() {
    use smartipc_native::ipc::faults;
    let _alone = alone();
    faults::set(Some(faults::Plan {
        short_reads: 900,
        short_writes: 900,
        block_every: 5,
        seed: 7,
        ..faults::Plan::default()
    }));
    passes(12 * WINDOW + 345, &[64 * 1024, 50_001]);
    faults::set(Some(faults::Plan {
        short_reads: 3,
        short_writes: 3,
        seed: 8,
        ..faults::Plan::default()
    }));
    passes(8 * WINDOW + 345, &[64 * 1024, 50_001]);
    faults::set(None);
}

#[test]
fn nothing_stays_of_a_stream_that_is_broken_off() {
    let _alone = alone();
    for how in ["given up", "cancelled", "left", "left by the other"] {
        let mut it = started();
        let one = connected(&mut it);
        open_stream(&one, 1, STREAM);
        let (conn, id) = opened(&mut it);
        let (link, _) = one.client.link(1).unwrap();
        let mut got = Got::default();
        let mut sent = 0;
        while got.shared == 0 {
            link.write_stream(STREAM, &pattern(sent, 32 * 1024));
            link.flush();
            sent += 32 * 1024;
            read_until(&mut it, conn, id, &mut got, sent);
        }
        assert_eq!(mapped(), 2);
        link.write_stream(STREAM, &pattern(sent, 32 * 1024));
        let failure = Failure::default();
        match how {
            "given up" => {
                let abort = |session: &mut Session, now| {
                    session.abort_stream(STREAM, failure, now);
                };
                one.client.with(1, abort).unwrap();
                one.client.flush();
            }
            "cancelled" => {
                let cancel = |session: &mut Session, now| {
                    session.cancel_stream(id, failure, now);
                };
                it.server.with(conn, cancel).unwrap();
                it.server.flush();
            }
            "left" => link.leave(CloseReason::Local, ""),
            _ => {
                let (link, _) = it.server.link(conn).unwrap();
                link.leave(CloseReason::Local, "");
            }
        }
        until(how, || (mapped(), open()) == (0, 0));
    }
}

/// A raw peer that receives a stream of ours, of which it has read a window.
fn raw_receiver() -> (TestServer, ConnId, RawPeer) {
    let mut it = started();
    let mut peer = RawPeer::connect(&path(&it));
    peer.register(&["binary", "memory"], WINDOW);
    let conn = let_in(&mut it);
    assert!(peer.answer().contains(r#""memory""#));
    let opened = it.server.with(conn, |session, now| {
        session.open_stream(
            STREAM,
            Bytes::from_static(b"s"),
            Body::none(),
            64 * 1024,
            now,
        )
    });
    opened.unwrap().unwrap();
    it.server.flush();
    assert_eq!(peer.frame()[0], 0x11);
    (it, conn, peer)
}

/// The next piece of the stream, written and received: its frame.
fn next_piece(it: &TestServer, conn: ConnId, peer: &mut RawPeer, from: usize) -> Vec<u8> {
    let (link, _) = it.server.link(conn).unwrap();
    link.write_stream(STREAM, &pattern(from, 32 * 1024));
    link.flush();
    peer.frame()
}

#[test]
fn what_a_receiver_offers_is_used() {
    let _alone = alone();
    let (mut it, conn, mut peer) = raw_receiver();
    assert_eq!(next_piece(&it, conn, &mut peer, 0)[0], 0x12, "inline");
    let file = memory(WINDOW, seals());
    let map = Memory::of(&file);
    peer.send_with(&[0x18, 7], &[file]);
    // 96 KiB more fit into the window; then some wraps.
    peer.send(&[0x16, 7, 0x80, 0x80, 0x10]);
    peer.roundtrip(&mut it, conn);
    assert_eq!(mapped(), 1);
    for at in 1..8 {
        let from = at * 32 * 1024;
        let frame = next_piece(&it, conn, &mut peer, from);
        assert_eq!(frame, [0x19, 7, 0x80, 0x80, 2], "piece {at}");
        let place = from % WINDOW;
        assert!(map.get(place, 32 * 1024) == pattern(from, 32 * 1024));
    }
    assert_eq!(open(), 1, "that of the test alone");
    // A second one changes nothing.
    peer.send_with(&[0x18, 7], &[memory(WINDOW, seals())]);
    peer.roundtrip(&mut it, conn);
    assert_eq!((mapped(), open()), (1, 1));
}

#[test]
fn bad_descriptors_are_closed_and_the_stream_goes_on_without() {
    let _alone = alone();
    let plain = || {
        let path = std::env::temp_dir().join(format!("memory-{}", std::process::id()));
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(WINDOW as u64).unwrap();
        std::fs::remove_file(path).unwrap();
        OwnedFd::from(file)
    };
    let unsealed = rustix::fs::SealFlags::empty();
    type Make<'a> = Box<dyn Fn() -> Vec<OwnedFd> + 'a>;
    let cases: [(&str, Make<'_>); 6] = [
        ("none", Box::new(Vec::new)),
        ("no memory", Box::new(|| vec![plain()])),
        ("not sealed", Box::new(|| vec![memory(WINDOW, unsealed)])),
        ("small", Box::new(|| vec![memory(WINDOW - 4096, seals())])),
        ("large", Box::new(|| vec![memory(WINDOW + 4096, seals())])),
        (
            "a bad one first",
            Box::new(|| vec![memory(WINDOW, unsealed), memory(WINDOW, seals())]),
        ),
    ];
    for (what, make) in cases {
        let (mut it, conn, mut peer) = raw_receiver();
        assert_eq!(next_piece(&it, conn, &mut peer, 0)[0], 0x12);
        peer.send_with(&[0x18, 7], &make());
        peer.roundtrip(&mut it, conn);
        assert_eq!(mapped(), 0, "{what}");
        assert_eq!(
            next_piece(&it, conn, &mut peer, 32 * 1024)[0],
            0x12,
            "{what}"
        );
        // What nobody has claimed goes with the stream.
        peer.send(&[0x17, 7]);
        peer.roundtrip(&mut it, conn);
        assert_eq!(open(), 0, "{what}");
    }
}

#[test]
fn after_a_frame_without_its_descriptor_none_is_taken_for_another_stream() {
    let _alone = alone();
    let (mut it, conn, mut peer) = raw_receiver();
    peer.send(&[0x18, 7]);
    peer.roundtrip(&mut it, conn);
    // It could belong to the frame before.
    peer.send_with(&[0x18, 7], &[memory(WINDOW, seals())]);
    peer.roundtrip(&mut it, conn);
    assert_eq!((mapped(), open()), (0, 0));
    assert_eq!(next_piece(&it, conn, &mut peer, 0)[0], 0x12, "inline");
}

#[test]
fn too_many_descriptors_are_closed_at_once() {
    let _alone = alone();
    let (mut it, conn, mut peer) = raw_receiver();
    next_piece(&it, conn, &mut peer, 0);
    for _ in 0..10 {
        let files: Vec<_> = (0..3).map(|_| memory(WINDOW, seals())).collect();
        // A frame that has nothing to do with them.
        peer.send_with(&[0x16, 7, 1], &files);
        drop(files);
        peer.roundtrip(&mut it, conn);
        assert!(open() <= 4, "{}", open());
    }
    peer.send(&[0x18, 7]);
    peer.roundtrip(&mut it, conn);
    assert_eq!((mapped(), open()), (1, 3), "the first is used");
    assert_eq!(next_piece(&it, conn, &mut peer, 32 * 1024)[0], 0x19);
    drop(peer);
    until("closed", || (mapped(), open()) == (0, 0));
}

#[test]
fn without_a_stream_descriptors_are_not_taken() {
    let _alone = alone();
    let mut it = started();
    let mut peer = RawPeer::connect(&path(&it));
    peer.register(&["binary", "memory"], WINDOW);
    let conn = let_in(&mut it);
    peer.answer();
    peer.send_with(&[0x18, 7], &[memory(WINDOW, seals())]);
    peer.roundtrip(&mut it, conn);
    assert_eq!((mapped(), open()), (0, 0));
}

/// A raw peer that sends a stream to us, has memory for it, and the memory.
fn raw_sender() -> (TestServer, ConnId, u32, RawPeer, Memory, Got) {
    let mut it = started();
    let mut peer = RawPeer::connect(&path(&it));
    peer.register(&["binary", "memory"], WINDOW);
    let_in(&mut it);
    peer.answer();
    peer.send(&[0x11, 7, 1, b's', 0]);
    let (conn, id) = opened(&mut it);
    let mut got = Got::default();
    for at in 0..4 {
        let piece = pattern(at * WINDOW / 4, WINDOW / 4);
        peer.send(&[&[0x12, 7][..], &piece].concat());
        read_until(&mut it, conn, id, &mut got, (at + 1) * WINDOW / 4);
    }
    let (files, offer) = loop {
        let frame = peer.frame();
        if frame[0] != 0x16 {
            break (peer.files(), frame);
        }
    };
    assert_eq!(offer, [0x18, 7], "after one window");
    assert_eq!(files.len(), 1);
    let map = Memory::of(&files[0]);
    (it, conn, id, peer, map, got)
}

#[test]
fn what_a_sender_puts_there_is_read_and_nothing_but_its_bytes() {
    let _alone = alone();
    let (mut it, conn, id, mut peer, map, mut got) = raw_sender();
    assert_eq!(
        (mapped(), open()),
        (1, 1),
        "the descriptor is that of the test"
    );
    let more = pattern(WINDOW, 50_000);
    map.put(0, &more);
    peer.send(&[0x19, 7, 0xd0, 0x86, 3]);
    read_until(&mut it, conn, id, &mut got, WINDOW + 50_000);
    assert_eq!(got.shared, 50_000);

    // Written over before it is read: the bytes are what they are by then.
    map.put(50_000, &[1; 70_000]);
    peer.send(&[0x19, 7, 0xd0, 0x86, 3]);
    peer.send(&[0x13, 7]);
    peer.roundtrip(&mut it, conn);
    map.put(0, &[2; WINDOW]);
    let (link, _) = it.server.link(conn).unwrap();
    let mut buffer = vec![0; 60_000];
    assert_eq!(link.read_off(id, &mut buffer), 50_000);
    assert!(buffer[..50_000] == [2; 50_000] && buffer[50_000..] == [0; 10_000]);
    let read = it
        .server
        .with(conn, |session, now| session.read_stream(id, now));
    assert_eq!(read.unwrap(), Read::End);
}

#[test]
fn a_sender_that_is_gone_leaves_nothing_mapped() {
    let _alone = alone();
    for unread in [false, true] {
        let (mut it, conn, _, mut peer, map, _) = raw_sender();
        if unread {
            peer.send(&[0x19, 7, 0xd0, 0x86, 3]);
            peer.roundtrip(&mut it, conn);
        }
        drop((peer, map));
        it.told.until("end", |_, notice| {
            matches!(notice, Notice::Disconnected { .. }).then_some(())
        });
        until("unmapped", || (mapped(), open()) == (0, 0));
    }
}

#[test]
fn a_peer_that_does_not_name_the_feature_is_offered_nothing() {
    let _alone = alone();
    let mut it = started();
    let mut peer = RawPeer::connect(&path(&it));
    peer.register(&["binary"], WINDOW);
    let_in(&mut it);
    peer.answer();
    peer.send(&[0x11, 7, 1, b's', 0]);
    let (conn, id) = opened(&mut it);
    let mut got = Got::default();
    for at in 0..12 {
        let piece = pattern(at * WINDOW / 4, WINDOW / 4);
        peer.send(&[&[0x12, 7][..], &piece].concat());
        read_until(&mut it, conn, id, &mut got, (at + 1) * WINDOW / 4);
    }
    assert_eq!((mapped(), open()), (0, 0));
    peer.send(&[0x19, 7, 1]);
    it.told.until("end", |_, notice| match notice {
        Notice::Disconnected { reason, .. } => {
            assert_eq!(reason.as_str(), "protocol_error");
            Some(())
        }
        _ => None,
    });
}
