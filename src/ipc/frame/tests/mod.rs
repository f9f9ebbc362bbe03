//! Helpers for tests of the wire format.

mod decoder;
mod envelope;
mod exact;
mod payloads;
mod received;
mod refusals;
mod round_trip;
mod streams;

use bytes::{Bytes, BytesMut};

use super::{encode, Body, DecodeError, Decoder, Encoding, Frame, Id, Profile};

/// Time of the envelopes in these tests.
const WALL: u64 = 1_700_000_000_000;
const MAX: usize = 8 * 1024 * 1024;

/// Bytes from hex digits; spaces are for the reader.
fn hex(digits: &str) -> Vec<u8> {
    let digits: String = digits.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

/// A body with its length in front.
fn framed(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes
}

fn encoded(frame: &Frame, profile: Profile) -> Vec<u8> {
    let mut out = BytesMut::new();
    let size = encode(frame, profile, WALL, MAX, &mut out).unwrap();
    assert_eq!(size + 4, out.len());
    out.to_vec()
}

/// The one frame in these bytes.
fn decoded(bytes: &[u8]) -> Result<Frame, DecodeError> {
    let mut decoder = Decoder::new(MAX);
    decoder.feed(bytes);
    let (frame, size) = decoder.next_frame()?.expect("a whole frame");
    assert_eq!(size + 4, bytes.len());
    assert!(!decoder.is_partial(), "bytes are left over");
    Ok(frame)
}

fn decoded_body(body: impl AsRef<[u8]>) -> Result<Frame, DecodeError> {
    decoded(&framed(body))
}

/// Everything in a stream of bytes, and how it ended.
fn decoded_in_pieces<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<String>, Option<DecodeError>) {
    let mut decoder = Decoder::new(MAX);
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some((frame, size))) => frames.push(format!("{size} {}", shown(&frame))),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// Everything a frame says, comparable.
fn shown(frame: &Frame) -> String {
    match frame {
        // Its `Debug` keeps secrets.
        Frame::Register(id, registration) => {
            format!(
                "Register({id:?}, {})",
                serde_json::to_string(registration).unwrap()
            )
        }
        other => format!("{other:?}"),
    }
}

fn body(encoding: Encoding, payload: &'static [u8]) -> Body {
    Body {
        headers: None,
        encoding,
        payload: Bytes::from_static(payload),
    }
}

fn with_headers(headers: &'static str, body: Body) -> Body {
    Body {
        headers: Some(Bytes::from_static(headers.as_bytes())),
        ..body
    }
}

fn text_id(id: &'static str) -> Id {
    Id::Text(Bytes::from_static(id.as_bytes()))
}

/// An envelope around this payload text.
fn envelope(payload: &str) -> String {
    format!(r#"{{"id":"1","type":"t","timestamp":1,"payload":{payload}}}"#)
}

/// The body of the message in this envelope.
fn message_body(body: impl AsRef<[u8]>) -> Body {
    match decoded_body(body) {
        Ok(Frame::Message { body, .. }) => body,
        other => panic!("no message: {other:?}"),
    }
}
