//! The parts that binary frames are made of.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::codec::DecodeError;
use super::payload::{Encoding, Payload};
use super::{json, varint, Body, Failure, Id};
use crate::ipc::options::{MAX_HEADERS, MAX_NAME};

const HAS_HEADERS: u8 = 0x08;
const ENCODING_BITS: u8 = 0x07;

type Result<T> = std::result::Result<T, DecodeError>;

pub(super) fn put_text(out: &mut BytesMut, text: &[u8]) {
    varint::put(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// A text for people, of at most the length that the receiver takes.
pub(super) fn put_clipped(out: &mut BytesMut, text: &str) {
    let mut end = text.len().min(MAX_HEADERS);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    put_text(out, text.get(..end).unwrap_or_default().as_bytes());
}

pub(super) fn put_failure(out: &mut BytesMut, failure: &Failure) {
    for text in [&failure.message, &failure.name, &failure.code] {
        put_clipped(out, text);
    }
}

pub(super) fn put_id(out: &mut BytesMut, id: &Id) {
    // A text id belongs to the JSON profile; a connection has one profile, so
    // one can't come here. Zero is never used for a request of ours.
    varint::put(
        out,
        match id {
            Id::Number(number) => u64::from(*number),
            Id::Text(_) => 0,
        },
    );
}

pub(super) fn put_subscription(out: &mut BytesMut, kind: u8, id: Option<&Id>, topic: &[u8]) {
    out.put_u8(kind);
    put_id(out, id.unwrap_or(&Id::Number(0)));
    put_text(out, topic);
}

pub(super) fn put_body<P: Payload>(out: &mut BytesMut, body: &Body<P>) {
    match &body.headers {
        None => out.put_u8(body.encoding as u8),
        Some(headers) => {
            out.put_u8(body.encoding as u8 | HAS_HEADERS);
            put_text(out, headers);
        }
    }
    if body.encoding != Encoding::None {
        body.payload.append_to(out);
    }
}

pub(super) fn take_u8(input: &mut Bytes) -> Result<u8> {
    if input.is_empty() {
        return Err(DecodeError::Protocol("frame is cut off"));
    }
    Ok(input.get_u8())
}

pub(super) fn take_number(input: &mut Bytes) -> Result<u64> {
    varint::take(input).ok_or(DecodeError::Protocol("bad number"))
}

pub(super) fn take_id(input: &mut Bytes) -> Result<Id> {
    let number = take_number(input)?;
    u32::try_from(number)
        .map(Id::Number)
        .map_err(|_| DecodeError::Protocol("id exceeds 32 bits"))
}

pub(super) fn take_text(input: &mut Bytes, max: usize) -> Result<Bytes> {
    let length = take_number(input)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > max {
        return Err(DecodeError::Protocol("text is too long"));
    }
    if length > input.len() {
        return Err(DecodeError::Protocol("text is cut off"));
    }
    let text = input.split_to(length);
    if std::str::from_utf8(&text).is_err() {
        return Err(DecodeError::Protocol("text is not UTF-8"));
    }
    Ok(text)
}

/// A type or topic: never empty.
pub(super) fn take_name(input: &mut Bytes) -> Result<Bytes> {
    let name = take_text(input, MAX_NAME)?;
    if name.is_empty() {
        return Err(DecodeError::Protocol("name is empty"));
    }
    Ok(name)
}

pub(super) fn take_string(input: &mut Bytes) -> Result<String> {
    let text = take_text(input, MAX_HEADERS)?;
    // Checked by take_text; converting again costs only error paths.
    Ok(String::from_utf8_lossy(&text).into_owned())
}

pub(super) fn take_failure(input: &mut Bytes) -> Result<Failure> {
    Ok(Failure {
        message: take_string(input)?,
        name: take_string(input)?,
        code: take_string(input)?,
    })
}

pub(super) fn take_body(input: &mut Bytes) -> Result<Body> {
    let flags = take_u8(input)?;
    if flags & !(ENCODING_BITS | HAS_HEADERS) != 0 {
        return Err(DecodeError::Protocol("unknown flags"));
    }
    let encoding = Encoding::from_number(flags & ENCODING_BITS)
        .ok_or(DecodeError::Protocol("unknown encoding"))?;
    let headers = if flags & HAS_HEADERS == 0 {
        None
    } else {
        let headers = take_text(input, MAX_HEADERS)?;
        json::check_object(&headers)?;
        Some(headers)
    };
    let payload = std::mem::take(input);
    match encoding {
        Encoding::None if !payload.is_empty() => {
            return Err(DecodeError::Protocol("payload without encoding"));
        }
        // JavaScript would get replacement characters instead of an error.
        Encoding::Json if std::str::from_utf8(&payload).is_err() => {
            return Err(DecodeError::BadJson);
        }
        _ => {}
    }
    Ok(Body {
        headers,
        encoding,
        payload,
    })
}

/// What the sender of a stream says about it: JSON or nothing.
pub(super) fn take_meta(input: &mut Bytes) -> Result<Body> {
    let body = take_body(input)?;
    match body.encoding {
        Encoding::None | Encoding::Json => Ok(body),
        Encoding::Clone | Encoding::Bytes => {
            Err(DecodeError::Protocol("metadata that is not JSON"))
        }
    }
}

/// How many bytes of a stream lie in its memory. None would be as bad as below.
pub(super) fn take_count(input: &mut Bytes) -> Result<u64> {
    match take_number(input)? {
        0 => Err(NO_BYTES),
        count => Ok(count),
    }
}

const NO_BYTES: DecodeError = DecodeError::Protocol("no bytes in a stream's data");

/// The bytes of a stream, up to the end of the frame. Empty ones would cost the
/// receiver work and the sender no credit.
pub(super) fn take_data(input: &mut Bytes) -> Result<Bytes> {
    if input.is_empty() {
        return Err(NO_BYTES);
    }
    Ok(std::mem::take(input))
}
