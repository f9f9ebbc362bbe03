//! A stream of bytes, cut anywhere, against the same stream in one piece.
//!
//! - The frames, and the error at which they end, don't depend on the cuts.
//! - A body that is too large is refused as soon as its length is known.
//! - What is held is bounded by what has really come.
//!
//! Input: a byte for the longest body, a byte for the number of cuts, the sizes
//! of the pieces, the stream.

use smartipc_native::ipc::frame::{DecodeError, Decoder};

use crate::allocations;

/// Longest bodies: of a test, of a name, across a decoder's steps, the default.
const MAX: [usize; 4] = [16, 1000, 70_000, 8 * 1024 * 1024];

#[derive(Debug, Default, PartialEq)]
struct Outcome {
    frames: Vec<(String, usize)>,
    error: Option<DecodeError>,
    left: usize,
}

pub fn run(data: &[u8]) {
    let [max, cuts, rest @ ..] = data else { return };
    let max = MAX[usize::from(*max) % MAX.len()];
    let (sizes, stream) = rest.split_at((usize::from(*cuts) % 16).min(rest.len()));
    let whole = decode([stream].into_iter(), max);
    assert_eq!(whole.error, bodies(stream, max, &whole), "{whole:?}");
    assert_eq!(decode(pieces(stream, sizes), max), whole);
    holds_little(stream, sizes, max);
}

/// The stream in pieces of these sizes, over and over.
fn pieces<'a>(stream: &'a [u8], sizes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = stream;
    // Small pieces at small sizes, large ones at large: a square.
    let mut sizes = sizes
        .iter()
        .map(|size| usize::from(*size).pow(2) / 16 + 1)
        .cycle();
    std::iter::from_fn(move || {
        let size = sizes.next().unwrap_or(1).min(rest.len());
        let (piece, tail) = rest.split_at(size);
        rest = tail;
        (size > 0).then_some(piece)
    })
}

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>, max: usize) -> Outcome {
    let mut decoder = Decoder::new(max);
    let mut outcome = Outcome::default();
    for piece in pieces {
        // After an error the connection is closed; nothing is read any more.
        if outcome.error.is_some() {
            break;
        }
        decoder.feed(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some((frame, size))) => outcome.frames.push((format!("{frame:?}"), size)),
                Ok(None) => break,
                Err(error) => {
                    outcome.error = Some(error);
                    break;
                }
            }
        }
        assert_eq!(decoder.is_partial(), decoder.buffered() > 0);
    }
    if outcome.error.is_none() {
        outcome.left = decoder.buffered();
        assert!(outcome.left < max + 4, "a complete frame was left");
    }
    outcome
}

/// Cuts the stream by the document alone; checks sizes, and gives the error that
/// has to come. Whether a body is a good one is for other targets.
fn bodies(stream: &[u8], max: usize, found: &Outcome) -> Option<DecodeError> {
    let mut rest = stream;
    let mut sizes = found.frames.iter().map(|(_, size)| *size);
    while let Some((prefix, tail)) = rest.split_first_chunk::<4>() {
        let size = u32::from_be_bytes(*prefix) as usize;
        if size > max {
            return Some(DecodeError::TooLarge { size, max });
        }
        if size == 0 {
            return Some(DecodeError::Protocol("empty frame"));
        }
        if tail.len() < size {
            break;
        }
        let (body, tail) = tail.split_at(size);
        match sizes.next() {
            Some(found) => assert_eq!(found, size),
            None => {
                if !matches!(body[0], b'{' | 0x01..=0x1f) {
                    return Some(DecodeError::Protocol("unknown first byte"));
                }
                // One that is a good body would have been found.
                assert!(found.error.is_some(), "{body:?} was left out");
                return found.error.clone();
            }
        }
        assert!(matches!(body[0], b'{' | 0x01..=0x1f));
        rest = tail;
    }
    assert_eq!(sizes.next(), None, "a frame from nowhere");
    assert_eq!(found.left, rest.len());
    None
}

/// A decoder on its own, as a connection has it: what it yields is let go.
fn holds_little(stream: &[u8], sizes: &[u8], max: usize) {
    let mut came = 0;
    let (_, held) = allocations::peak(|| {
        let mut decoder = Decoder::new(max);
        for piece in pieces(stream, sizes) {
            came += piece.len();
            decoder.feed(piece);
            while let Ok(Some(_)) = decoder.next_frame() {}
        }
    });
    // Four times: a buffer that doubles, and its copy; and headers that are
    // looked up in a table. Beside that the first step of a body to come, and
    // what keeps account of a buffer that is shared.
    let most = 4 * came + 65 * 1024 + 64 * longest_headers(stream);
    assert!(held <= most, "{held} bytes are held after {came} came");
}

/// A header of a few bytes is an entry in a table while its frame is decoded.
fn longest_headers(stream: &[u8]) -> usize {
    stream.iter().filter(|byte| **byte == b':').count()
}
