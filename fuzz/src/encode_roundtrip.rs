//! Any frame there and back, in both profiles.
//!
//! - What is decoded is what was encoded, as far as the profile carries it.
//! - Encoding that again gives the same bytes.
//! - A frame longer than allowed is refused and leaves no trace.
//!
//! Input: a byte for the profile, two for the longest body, frames.

use arbitrary::Unstructured;
use bytes::BytesMut;
use smartipc_native::ipc::frame::{encode, Decoder, Frame, Profile};

use crate::frames;
use crate::received::received;

const WALL: u64 = 1_700_000_000_000;

pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let _ = there_and_back(&mut u);
}

fn there_and_back(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let profile = if u.arbitrary()? {
        Profile::Json
    } else {
        Profile::Binary
    };
    // One in four is longer than usual frames.
    let max = usize::from(u.arbitrary::<u16>()?) * 4;
    let mut sent = Vec::new();
    let mut out = BytesMut::new();
    while !u.is_empty() && sent.len() < 64 {
        let frame = frames::frame(u)?;
        let before = out.len();
        match encode(&frame, profile, WALL, max, &mut out) {
            Ok(size) => {
                assert!(size <= max && out.len() == before + 4 + size);
                sent.push((before, frame));
            }
            Err(size) => assert!(size > max && out.len() == before, "{frame:?}"),
        }
    }
    let mut decoder = Decoder::new(max);
    decoder.feed(&out);
    let mut begin = 0;
    for (at, frame) in sent {
        assert_eq!(at, begin);
        let expected = received(frame, profile);
        let next = decoder.next_frame();
        let Ok(Some((back, size))) = next else {
            panic!("{expected:?} became {next:?}")
        };
        assert_eq!(shown(&back), shown(&expected));
        assert_eq!(again(&back, profile), again(&expected, profile));
        begin += 4 + size;
    }
    assert_eq!((begin, decoder.buffered()), (out.len(), 0));
    Ok(())
}

fn again(frame: &Frame, profile: Profile) -> BytesMut {
    let mut out = BytesMut::new();
    encode(frame, profile, WALL, usize::MAX, &mut out).expect("no limit");
    out
}

fn shown(frame: &Frame) -> String {
    format!("{frame:?}")
}
