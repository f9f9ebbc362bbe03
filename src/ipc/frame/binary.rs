//! The binary profile. `docs/protocol.md` has the table of kinds.
//!
//! A body is: kind (one byte), then fields. Numbers are varints, texts are a
//! varint length and UTF-8. Where a message is carried, the rest is: flags (one
//! byte: bits 0–2 the payload's encoding, bit 3 headers present, others zero),
//! the headers if present, and the payload up to the end of the frame.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::codec::DecodeError;
use super::payload::{Encoding, Payload};
use super::{json, varint, Body, Failure, Frame, Id};
use crate::ipc::options::{MAX_HEADERS, MAX_NAME};

const MESSAGE: u8 = 0x01;
const REQUEST: u8 = 0x02;
const RESPONSE: u8 = 0x03;
const FAILED: u8 = 0x04;
const CANCEL: u8 = 0x05;
const SUBSCRIBE: u8 = 0x06;
const UNSUBSCRIBE: u8 = 0x07;
const PUBLISH: u8 = 0x08;
// 0x09, 0x0A and 0x0D are white space, which may stand before JSON: never used.
const TOPIC: u8 = 0x0b;
const CREDIT: u8 = 0x0c;
const PING: u8 = 0x0e;
const PONG: u8 = 0x0f;
const GO_AWAY: u8 = 0x10;
/// Kinds from here on may be skipped by those who don't know them.
const FIRST_OPTIONAL: u8 = 0x18;

const HAS_HEADERS: u8 = 0x08;
const ENCODING_BITS: u8 = 0x07;

type Result<T> = std::result::Result<T, DecodeError>;

pub(super) fn encode<P: Payload>(frame: &Frame<P>, wall: u64, out: &mut BytesMut) {
    match frame {
        // The registration is JSON by definition.
        Frame::Register(..) | Frame::Registered(..) => json::encode(frame, wall, out),
        Frame::Message { name, body } => {
            out.put_u8(MESSAGE);
            put_text(out, name);
            put_body(out, body);
        }
        Frame::Request {
            id,
            timeout,
            name,
            body,
        } => {
            out.put_u8(REQUEST);
            put_id(out, id);
            let millis = timeout.map_or(0, |t| {
                u64::try_from(t.as_millis()).unwrap_or(u64::MAX).max(1)
            });
            varint::put(out, millis);
            put_text(out, name);
            put_body(out, body);
        }
        Frame::Response { id, body, .. } => {
            out.put_u8(RESPONSE);
            put_id(out, id);
            put_body(out, body);
        }
        Frame::Failed { id, failure, .. } => {
            out.put_u8(FAILED);
            put_id(out, id);
            for text in [&failure.message, &failure.name, &failure.code] {
                put_clipped(out, text);
            }
        }
        Frame::Cancel { id } => {
            out.put_u8(CANCEL);
            put_id(out, id);
        }
        Frame::Subscribe { id, topic } => put_subscription(out, SUBSCRIBE, id.as_ref(), topic),
        Frame::Unsubscribe { id, topic } => put_subscription(out, UNSUBSCRIBE, id.as_ref(), topic),
        Frame::Publish { topic, body } => {
            out.put_u8(PUBLISH);
            put_text(out, topic);
            put_body(out, body);
        }
        Frame::Topic {
            topic,
            publisher,
            body,
        } => {
            out.put_u8(TOPIC);
            put_text(out, topic);
            put_text(out, publisher);
            put_body(out, body);
        }
        Frame::Credit { messages, bytes } => {
            out.put_u8(CREDIT);
            varint::put(out, *messages);
            varint::put(out, *bytes);
        }
        Frame::Ping(id) => {
            out.put_u8(PING);
            put_id(out, id);
        }
        Frame::Pong(id) => {
            out.put_u8(PONG);
            put_id(out, id);
        }
        Frame::GoAway { reason, message } => {
            out.put_u8(GO_AWAY);
            out.put_u8(*reason);
            put_clipped(out, message);
        }
        Frame::Ignored => out.put_u8(FIRST_OPTIONAL),
    }
}

pub(super) fn decode(mut body: Bytes) -> Result<Frame> {
    let kind = take_u8(&mut body)?;
    let frame = match kind {
        MESSAGE => Frame::Message {
            name: take_name(&mut body)?,
            body: take_body(&mut body)?,
        },
        REQUEST => Frame::Request {
            id: take_id(&mut body)?,
            timeout: match take_number(&mut body)? {
                0 => None,
                millis => Some(Duration::from_millis(millis)),
            },
            name: take_name(&mut body)?,
            body: take_body(&mut body)?,
        },
        RESPONSE => Frame::Response {
            id: take_id(&mut body)?,
            name: Bytes::new(),
            body: take_body(&mut body)?,
        },
        FAILED => Frame::Failed {
            id: take_id(&mut body)?,
            name: Bytes::new(),
            failure: Failure {
                message: take_string(&mut body)?,
                name: take_string(&mut body)?,
                code: take_string(&mut body)?,
            },
        },
        CANCEL => Frame::Cancel {
            id: take_id(&mut body)?,
        },
        SUBSCRIBE => Frame::Subscribe {
            id: Some(take_id(&mut body)?),
            topic: take_name(&mut body)?,
        },
        UNSUBSCRIBE => Frame::Unsubscribe {
            id: Some(take_id(&mut body)?),
            topic: take_name(&mut body)?,
        },
        PUBLISH => Frame::Publish {
            topic: take_name(&mut body)?,
            body: take_body(&mut body)?,
        },
        TOPIC => Frame::Topic {
            topic: take_name(&mut body)?,
            publisher: take_text(&mut body, MAX_NAME)?,
            body: take_body(&mut body)?,
        },
        CREDIT => Frame::Credit {
            messages: take_number(&mut body)?,
            bytes: take_number(&mut body)?,
        },
        PING => Frame::Ping(take_id(&mut body)?),
        PONG => Frame::Pong(take_id(&mut body)?),
        GO_AWAY => Frame::GoAway {
            reason: take_u8(&mut body)?,
            message: take_string(&mut body)?,
        },
        FIRST_OPTIONAL.. => return Ok(Frame::Ignored),
        _ => return Err(DecodeError::Protocol("unknown kind of frame")),
    };
    if body.is_empty() {
        Ok(frame)
    } else {
        Err(DecodeError::Protocol("bytes after the end of a frame"))
    }
}

fn put_text(out: &mut BytesMut, text: &[u8]) {
    varint::put(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// A text for people, of at most the length that the receiver takes.
fn put_clipped(out: &mut BytesMut, text: &str) {
    let mut end = text.len().min(MAX_HEADERS);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    put_text(out, text.get(..end).unwrap_or_default().as_bytes());
}

fn put_id(out: &mut BytesMut, id: &Id) {
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

fn put_subscription(out: &mut BytesMut, kind: u8, id: Option<&Id>, topic: &[u8]) {
    out.put_u8(kind);
    put_id(out, id.unwrap_or(&Id::Number(0)));
    put_text(out, topic);
}

fn put_body<P: Payload>(out: &mut BytesMut, body: &Body<P>) {
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

fn take_u8(input: &mut Bytes) -> Result<u8> {
    if input.is_empty() {
        return Err(DecodeError::Protocol("frame is cut off"));
    }
    Ok(input.get_u8())
}

fn take_number(input: &mut Bytes) -> Result<u64> {
    varint::take(input).ok_or(DecodeError::Protocol("bad number"))
}

fn take_id(input: &mut Bytes) -> Result<Id> {
    let number = take_number(input)?;
    u32::try_from(number)
        .map(Id::Number)
        .map_err(|_| DecodeError::Protocol("id exceeds 32 bits"))
}

fn take_text(input: &mut Bytes, max: usize) -> Result<Bytes> {
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
fn take_name(input: &mut Bytes) -> Result<Bytes> {
    let name = take_text(input, MAX_NAME)?;
    if name.is_empty() {
        return Err(DecodeError::Protocol("name is empty"));
    }
    Ok(name)
}

fn take_string(input: &mut Bytes) -> Result<String> {
    let text = take_text(input, MAX_HEADERS)?;
    // Checked by take_text; converting again costs only error paths.
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn take_body(input: &mut Bytes) -> Result<Body> {
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
