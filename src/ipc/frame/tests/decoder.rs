//! Cutting a stream into frames.

use proptest::prelude::*;

use super::*;
use crate::ipc::close::CloseReason;

fn sample() -> Vec<u8> {
    let mut stream = Vec::new();
    for profile in [Profile::Json, Profile::Binary] {
        for frame in [
            Frame::Message {
                name: "t".into(),
                body: Body::json("[1,2,3]"),
            },
            Frame::Ping(Id::Number(7)),
            Frame::Message {
                name: "large".into(),
                body: body(Encoding::Bytes, &[9; 700]),
            },
            Frame::Ignored,
        ] {
            stream.extend(encoded(&frame, profile));
        }
    }
    stream
}

#[test]
fn f5_a_frame_delivered_byte_by_byte_arrives_once() {
    let stream = sample();
    let whole = decoded_in_pieces([&stream[..]]);
    assert_eq!(whole.0.len(), 8);
    assert_eq!(decoded_in_pieces(stream.chunks(1)), whole);
}

#[test]
fn f7_no_frame_comes_from_a_cut_body() {
    for profile in [Profile::Json, Profile::Binary] {
        let frame = Frame::Message {
            name: "cut".into(),
            body: Body::json(r#"{"a":[1,2]}"#),
        };
        let bytes = encoded(&frame, profile);
        for length in 0..bytes.len() {
            let mut decoder = Decoder::new(MAX);
            decoder.feed(&bytes[..length]);
            assert!(
                decoder.next_frame().unwrap().is_none(),
                "from {length} bytes"
            );
            assert_eq!(decoder.is_partial(), length > 0);
            assert_eq!(decoder.buffered(), length);
        }
    }
}

#[test]
fn f1_an_empty_body_is_a_protocol_error() {
    let error = decoded(&hex("00000000")).unwrap_err();
    assert_eq!(error.reason(), CloseReason::ProtocolError);
}

#[test]
fn f2_the_largest_body_passes_and_one_byte_more_does_not() {
    let mut decoder = Decoder::new(100);
    decoder.feed(&framed([b"\x01\x01t\x03".as_slice(), &[0; 96]].concat()));
    assert!(matches!(
        decoder.next_frame(),
        Ok(Some((Frame::Message { .. }, 100)))
    ));
    // Refused on the word of the prefix, before any of the body has come.
    decoder.feed(&101u32.to_be_bytes());
    assert_eq!(
        decoder.next_frame().unwrap_err(),
        DecodeError::TooLarge {
            size: 101,
            max: 100
        }
    );
}

#[test]
fn hostile_prefixes_are_refused_and_reserve_nothing() {
    // The last two are "GET " and a TLS ClientHello.
    for prefix in [
        "ffffffff", "80000000", "7fffffff", "00800001", "47455420", "16030102",
    ] {
        let mut decoder = Decoder::new(MAX);
        decoder.feed(&hex(prefix));
        let before = decoder.capacity();
        let error = decoder.next_frame().unwrap_err();
        assert_eq!(error.reason(), CloseReason::MessageTooLarge, "{prefix}");
        assert_eq!(decoder.capacity(), before);
    }
}

#[test]
fn a_lying_prefix_reserves_at_most_64_kib() {
    let mut decoder = Decoder::new(MAX);
    decoder.feed(&hex("00800000 7b"));
    assert!(decoder.next_frame().unwrap().is_none());
    // Nor do the bytes after it, one by one, as long as they fit.
    for _ in 0..100 {
        decoder.feed(b" ");
        assert!(decoder.next_frame().unwrap().is_none());
    }
    assert!(
        decoder.capacity() <= 64 * 1024 + 64,
        "{} bytes reserved",
        decoder.capacity()
    );
}

#[test]
fn an_idle_decoder_keeps_no_buffer() {
    let mut decoder = Decoder::new(MAX);
    decoder.feed(&encoded(&Frame::Ping(Id::Number(1)), Profile::Binary));
    assert!(decoder.next_frame().unwrap().is_some());
    assert!(decoder.next_frame().unwrap().is_none());
    assert_eq!(decoder.capacity(), 0);
}

#[test]
fn a_body_over_the_maximum_is_not_encoded_and_leaves_the_output_alone() {
    for profile in [Profile::Json, Profile::Binary] {
        let frame = Frame::Message {
            name: "t".into(),
            body: body(Encoding::Bytes, &[0; 300]),
        };
        let size = encoded(&frame, profile).len() - 4;
        let mut out = BytesMut::from(&b"before"[..]);
        assert_eq!(encode(&frame, profile, WALL, size - 1, &mut out), Err(size));
        assert_eq!(&out[..], b"before");
        assert_eq!(encode(&frame, profile, WALL, size, &mut out), Ok(size));
        assert_eq!(out.len(), 6 + 4 + size);
    }
}

#[test]
fn a_binary_frame_adds_at_most_32_bytes_to_what_it_carries() {
    // Owners count what they give back by the content.
    let headers = Bytes::from(format!("{{\"a\":\"{}\"}}", "x".repeat(60_000)));
    let name = Bytes::from("n".repeat(256));
    let body = Body {
        headers: Some(headers),
        encoding: Encoding::Bytes,
        payload: Bytes::from(vec![0; 300_000]),
    };
    let content = 256 + body.headers.as_ref().unwrap().len() + body.payload.len();
    let timeout = Some(std::time::Duration::from_millis(u64::MAX));
    for (frame, content) in [
        (
            Frame::Request {
                id: Id::Number(u32::MAX),
                timeout,
                name: name.clone(),
                body: body.clone(),
            },
            content,
        ),
        (
            Frame::Topic {
                topic: name.clone(),
                publisher: name,
                body,
            },
            content + 256,
        ),
    ] {
        let size = encoded(&frame, Profile::Binary).len() - 4;
        assert!(
            size > content && size <= content + 32,
            "{} more",
            size - content
        );
    }
}

#[test]
fn what_follows_a_large_frame_does_not_keep_its_memory() {
    let large = Frame::StreamData {
        id: Id::Number(1),
        data: Bytes::from(vec![7; 4 << 20]),
    };
    let small = Frame::StreamData {
        id: Id::Number(1),
        data: Bytes::from(vec![7; 16 * 1024]),
    };
    let mut decoder = Decoder::new(MAX);
    let frames = [large, small].map(|frame| encoded(&frame, Profile::Binary));
    decoder.feed(&frames.concat());
    let mut data = || match decoder.next_frame() {
        Ok(Some((Frame::StreamData { data, .. }, _))) => data,
        other => panic!("{other:?}"),
    };
    let (large, small) = (data(), data());
    // In one piece of memory there are 6 bytes between them: length, kind, id.
    let end = large.as_ptr_range().end as usize;
    assert_ne!(small.as_ptr() as usize, end + 6);
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40)) {
        let stream = sample();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&stream[from..cut]);
            from = cut;
        }
        pieces.push(&stream[from..]);
        prop_assert_eq!(decoded_in_pieces(pieces), decoded_in_pieces([&stream[..]]));
    }

    #[test]
    fn garbage_never_panics_and_any_split_judges_it_alike(
        stream in prop::collection::vec(any::<u8>(), 0..200),
        first in prop::sample::select(vec![None, Some(b'{'), Some(1), Some(2), Some(4), Some(8), Some(0x0b), Some(0x10), Some(0x11), Some(0x12), Some(0x14), Some(0x16)]),
        size in 1usize..9,
    ) {
        // With a true prefix and a first byte that selects a codec, so that
        // more than the prefix is tried.
        let stream = match first {
            None => stream,
            Some(first) => framed([&[first][..], &stream].concat()),
        };
        prop_assert_eq!(decoded_in_pieces(stream.chunks(size)), decoded_in_pieces([&stream[..]]));
    }

    #[test]
    fn a_damaged_frame_never_panics(
        profile in prop::sample::select(vec![Profile::Json, Profile::Binary]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let frame = Frame::Topic {
            topic: "a.b".into(),
            publisher: "me".into(),
            body: with_headers(r#"{"x":"y"}"#, Body::json(r#"{"k":["\u00e9",null]}"#)),
        };
        let mut bytes = encoded(&frame, profile);
        for (at, byte) in damage {
            let at = 4 + at.index(bytes.len() - 4);
            bytes[at] = byte;
        }
        let _ = decoded(&bytes);
    }
}
