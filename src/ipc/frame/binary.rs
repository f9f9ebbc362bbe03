//! The binary profile. `docs/protocol.md` has the table of kinds.
//!
//! A body is: kind (one byte), then fields. Numbers are varints, texts are a
//! varint length and UTF-8. Where a message is carried, the rest is: flags (one
//! byte: bits 0–2 the payload's encoding, bit 3 headers present, others zero),
//! the headers if present, and the payload up to the end of the frame.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::codec::DecodeError;
use super::fields::*;
use super::payload::Payload;
use super::{json, varint, Frame, Id};
use crate::ipc::options::MAX_NAME;

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
const STREAM_OPEN: u8 = 0x11;
const STREAM_DATA: u8 = 0x12;
const STREAM_END: u8 = 0x13;
const STREAM_ERROR: u8 = 0x14;
const STREAM_CANCEL: u8 = 0x15;
const STREAM_CREDIT: u8 = 0x16;
const STREAM_DONE: u8 = 0x17;
// From 0x18 on kinds may be skipped by those who don't know them.
const STREAM_MEMORY: u8 = 0x18;
const STREAM_SHARED: u8 = 0x19;
/// Kinds from here on are those that we don't know.
const FIRST_OPTIONAL: u8 = 0x1a;

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
            put_failure(out, failure);
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
        Frame::StreamOpen { id, name, body } => {
            out.put_u8(STREAM_OPEN);
            put_id(out, id);
            put_text(out, name);
            put_body(out, body);
        }
        Frame::StreamData { id, data } => {
            out.put_u8(STREAM_DATA);
            put_id(out, id);
            out.extend_from_slice(data);
        }
        Frame::StreamEnd { id } => {
            out.put_u8(STREAM_END);
            put_id(out, id);
        }
        Frame::StreamError { id, failure } => {
            out.put_u8(STREAM_ERROR);
            put_id(out, id);
            put_failure(out, failure);
        }
        Frame::StreamCancel { id, failure } => {
            out.put_u8(STREAM_CANCEL);
            put_id(out, id);
            put_failure(out, failure);
        }
        Frame::StreamCredit { id, bytes } => {
            out.put_u8(STREAM_CREDIT);
            put_id(out, id);
            varint::put(out, *bytes);
        }
        Frame::StreamDone { id } => {
            out.put_u8(STREAM_DONE);
            put_id(out, id);
        }
        Frame::StreamMemory { id } => {
            out.put_u8(STREAM_MEMORY);
            put_id(out, id);
        }
        Frame::StreamShared { id, count } => {
            out.put_u8(STREAM_SHARED);
            put_id(out, id);
            varint::put(out, *count);
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

/// What stands before the bytes of a chunk.
pub(super) fn put_data_head(id: u32, out: &mut BytesMut) {
    out.put_u8(STREAM_DATA);
    put_id(out, &Id::Number(id));
}

/// The id in the head of a chunk, and the length of the head; none if it is another
/// frame, or not all there, or broken.
pub(super) fn data_head(body: &[u8]) -> Option<(u32, usize)> {
    let (kind, rest) = body.split_first()?;
    if *kind != STREAM_DATA {
        return None;
    }
    let (id, length) = varint::peek(rest)?;
    Some((u32::try_from(id).ok()?, 1 + length))
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
            failure: take_failure(&mut body)?,
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
        STREAM_OPEN => Frame::StreamOpen {
            id: take_id(&mut body)?,
            name: take_name(&mut body)?,
            body: take_meta(&mut body)?,
        },
        STREAM_DATA => Frame::StreamData {
            id: take_id(&mut body)?,
            data: take_data(&mut body)?,
        },
        STREAM_END => Frame::StreamEnd {
            id: take_id(&mut body)?,
        },
        STREAM_ERROR => Frame::StreamError {
            id: take_id(&mut body)?,
            failure: take_failure(&mut body)?,
        },
        STREAM_CANCEL => Frame::StreamCancel {
            id: take_id(&mut body)?,
            failure: take_failure(&mut body)?,
        },
        STREAM_CREDIT => Frame::StreamCredit {
            id: take_id(&mut body)?,
            bytes: take_number(&mut body)?,
        },
        STREAM_DONE => Frame::StreamDone {
            id: take_id(&mut body)?,
        },
        STREAM_MEMORY => Frame::StreamMemory {
            id: take_id(&mut body)?,
        },
        STREAM_SHARED => Frame::StreamShared {
            id: take_id(&mut body)?,
            count: take_count(&mut body)?,
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
