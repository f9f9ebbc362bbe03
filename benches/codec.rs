//! Frames to bytes and back, in both profiles.

use bytes::{Bytes, BytesMut};
use criterion::{criterion_group, criterion_main, BenchmarkId, Criterion, Throughput};
use smartipc_benches::{body, SIZES};
use smartipc_native::ipc::frame::{encode, Decoder, Frame, Id, Profile};

const MAX: usize = 8 * 1024 * 1024;
const PROFILES: [(&str, Profile); 2] = [("binary", Profile::Binary), ("json", Profile::Json)];

fn request(size: usize) -> Frame {
    Frame::Request {
        id: Id::Number(7),
        timeout: None,
        name: Bytes::from_static(b"greet"),
        body: body(size),
    }
}

fn encoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode a request");
    for size in SIZES {
        let frame = request(size);
        let mut out = BytesMut::with_capacity(2 * size + 1024);
        group.throughput(Throughput::Bytes(size as u64));
        for (name, profile) in PROFILES {
            group.bench_function(BenchmarkId::new(name, size), |b| {
                b.iter(|| {
                    out.clear();
                    encode(&frame, profile, 1_700_000_000_000, MAX, &mut out)
                });
            });
        }
    }
}

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode a request");
    for size in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        for (name, profile) in PROFILES {
            let mut bytes = BytesMut::new();
            encode(&request(size), profile, 1_700_000_000_000, MAX, &mut bytes).expect("it fits");
            let mut decoder = Decoder::new(MAX);
            group.bench_function(BenchmarkId::new(name, size), |b| {
                b.iter(|| {
                    decoder.feed(&bytes);
                    decoder.next_frame().expect("our own frame")
                });
            });
        }
    }
}

criterion_group!(benches, encoding, decoding);
criterion_main!(benches);
