//! What a peer's words alone make us allocate.
// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Instant;

use allocation_counter::measure;
use smartipc_native::ipc::frame::Decoder;
use smartipc_native::ipc::options::{Limits, SessionConfig};
use smartipc_native::ipc::proto::topics::Topics;
use smartipc_native::ipc::proto::{Session, WallClock};

const KIB: u64 = 1024;

/// "GET " and the beginning of a TLS ClientHello are lengths too.
const HOSTILE: [u32; 6] = [
    u32::MAX,
    0x8000_0000,
    0x7fff_ffff,
    8 * 1024 * 1024 + 1,
    0x4745_5420,
    0x1603_0102,
];

fn stranger(now: Instant) -> Session {
    let wall = WallClock {
        base: now,
        millis: 0,
    };
    Session::server(Arc::new(SessionConfig::default()), wall, now)
}

#[test]
fn f2_f3_a_hostile_prefix_allocates_next_to_nothing() {
    for prefix in HOSTILE {
        let now = Instant::now();
        let mut session = stranger(now);
        let cost = measure(|| session.input(&prefix.to_be_bytes(), now));
        assert!(session.is_closed(), "{prefix:08x}");
        assert!(
            cost.bytes_total <= 64 * KIB,
            "{prefix:08x}: {} bytes",
            cost.bytes_total
        );
    }
}

#[test]
fn f3_a_prefix_that_lies_costs_at_most_64_kib() {
    let max = Limits::default().max_message_size;
    let cost = measure(|| {
        let mut decoder = Decoder::new(max);
        decoder.feed(&(max as u32).to_be_bytes());
        decoder.feed(b"{");
        assert!(decoder.next_frame().unwrap().is_none());
    });
    assert!(cost.bytes_max <= 65 * KIB, "{} bytes", cost.bytes_max);
}

#[test]
fn f3_a_body_costs_little_more_than_what_has_come() {
    let max = Limits::default().max_message_size;
    let come = vec![b'1'; 1024 * 1024];
    let cost = measure(|| {
        let mut decoder = Decoder::new(max);
        decoder.feed(&(max as u32).to_be_bytes());
        for piece in come.chunks(4096) {
            decoder.feed(piece);
            assert!(decoder.next_frame().unwrap().is_none());
        }
    });
    // Growing a buffer needs the old one and the new one at the same time.
    let bound = 3 * come.len() as u64 + 64 * KIB;
    assert!(cost.bytes_max <= bound, "{} bytes", cost.bytes_max);
}

#[test]
fn p11_refused_subscriptions_cost_nothing() {
    let limit = Limits::default().subscriptions;
    let names: Vec<String> = (0..100_000)
        .map(|at| format!("topic.number.{at}"))
        .collect();
    let mut topics = Topics::new();
    let cost = measure(|| {
        let held = names.iter().filter(|name| topics.subscribe(1, name, limit));
        assert_eq!(held.count(), limit);
    });
    assert!(cost.bytes_max <= 2048 * KIB, "{} bytes", cost.bytes_max);
    let more = measure(|| assert!(!topics.subscribe(1, "one.more", limit)));
    assert_eq!(more.bytes_total, 0);
}
