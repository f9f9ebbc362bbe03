//! Who gets a message of a topic.

use criterion::{criterion_group, criterion_main, BenchmarkId, Criterion};
use smartipc_native::ipc::proto::topics::{Pattern, Topics};

const LIMIT: usize = 1024;
const SUBSCRIBERS: [u32; 3] = [1, 50, 500];
const TOPIC: &str = "metrics.eu.host-17.cpu.user";

fn patterns(c: &mut Criterion) {
    let mut group = c.benchmark_group("match one pattern");
    for pattern in [
        "metrics.*.host-17.*.user",
        "metrics.**",
        "**.user",
        "**.eu.**.cpu.**.idle",
    ] {
        let compiled = Pattern::new(pattern);
        group.bench_function(pattern, |b| b.iter(|| compiled.matches(TOPIC)));
    }
}

fn receivers(c: &mut Criterion) {
    let mut group = c.benchmark_group("receivers of a topic");
    for count in SUBSCRIBERS {
        let mut exact = Topics::new();
        let mut shared = Topics::new();
        let mut own = Topics::new();
        for subscriber in 0..count {
            exact.subscribe(subscriber, TOPIC, LIMIT);
            shared.subscribe(subscriber, "metrics.**", LIMIT);
            // As many patterns as subscribers, of which one matches.
            own.subscribe(
                subscriber,
                &format!("metrics.*.host-{subscriber}.**"),
                LIMIT,
            );
        }
        group.bench_function(BenchmarkId::new("all the topic itself", count), |b| {
            b.iter(|| exact.receivers(TOPIC))
        });
        group.bench_function(BenchmarkId::new("all one pattern", count), |b| {
            b.iter(|| shared.receivers(TOPIC))
        });
        group.bench_function(BenchmarkId::new("a pattern each", count), |b| {
            b.iter(|| own.receivers(TOPIC))
        });
    }
}

criterion_group!(benches, patterns, receivers);
criterion_main!(benches);
