//! What the rules of a connection cost: requests and messages between two sessions, without
//! sockets and without JavaScript.

use bytes::Bytes;
use criterion::{criterion_group, criterion_main, BenchmarkId, Criterion};
use smartipc_benches::{body, Pair, SIZES};
use smartipc_native::ipc::proto::{Event, Session};

const PROFILES: [(&str, bool); 2] = [("binary", false), ("json", true)];
const BATCH: u32 = 100;

fn requests(c: &mut Criterion) {
    let mut group = c.benchmark_group("request and answer");
    for size in SIZES {
        for (name, json_only) in PROFILES {
            let (ask, answer) = (body(size), body(size));
            let mut pair = Pair::new(json_only);
            let mut id = 0;
            group.bench_function(BenchmarkId::new(name, size), |b| {
                b.iter(|| {
                    id += 1;
                    pair.client
                        .request(
                            id,
                            Bytes::from_static(b"greet"),
                            ask.clone(),
                            None,
                            pair.now,
                        )
                        .expect("open");
                    pair.to_server(|session, event, now| {
                        if let Event::Request { id, name, body } = event {
                            session.taken(body.cost(&name) as u64, now);
                            session.respond(id, answer.clone(), now).expect("asked");
                            session.finished(1, now);
                        }
                    });
                    let mut answered = false;
                    pair.to_client(|_, event, _| {
                        answered |= matches!(event, Event::Response { .. })
                    });
                    assert!(answered);
                });
            });
        }
    }
}

fn messages(c: &mut Criterion) {
    let mut group = c.benchmark_group("a batch of 100 messages");
    group.throughput(criterion::Throughput::Elements(u64::from(BATCH)));
    for (name, json_only) in PROFILES {
        let note = body(100);
        let mut pair = Pair::new(json_only);
        group.bench_function(name, |b| {
            b.iter(|| {
                for _ in 0..BATCH {
                    pair.client
                        .message(Bytes::from_static(b"note"), note.clone(), pair.now)
                        .expect("open");
                }
                let mut count = 0;
                pair.to_server(|session, event, now| count += u32::from(take(session, event, now)));
                assert_eq!(count, BATCH);
                pair.to_client(|_, _, _| {}); // the credit that the server grants
            });
        });
    }
}

fn take(session: &mut Session, event: Event, now: std::time::Instant) -> bool {
    let Event::Message { name, body } = event else {
        return false;
    };
    session.taken(body.cost(&name) as u64, now);
    session.finished(1, now);
    true
}

criterion_group!(benches, requests, messages);
criterion_main!(benches);
