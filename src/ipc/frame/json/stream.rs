//! Streams in envelopes: what names the stream, and its bytes, is the payload.

use std::borrow::Cow;

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::decode::{check_name, owned, present, Envelope};
use super::*;
use crate::ipc::frame::codec::DecodeError;
use crate::ipc::frame::payload::Encoding;
use crate::ipc::frame::{Failure, Frame, Id};

/// The payloads of all stream messages in one; each has the fields it needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow)]
    stream_id: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    meta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    chunk: Cow<'a, str>,
    #[serde(default)]
    bytes: u64,
    #[serde(borrow, default)]
    error: Cow<'a, str>,
    #[serde(borrow, default)]
    error_name: Cow<'a, str>,
    #[serde(borrow, default)]
    error_code: Cow<'a, str>,
}

/// The payload of a stream that failed or was cancelled.
pub(super) fn failed(id: &str, failure: &Failure) -> serde_json::Value {
    serde_json::json!({
        "streamId": id,
        "error": failure.message,
        "errorName": failure.name,
        "errorCode": failure.code,
    })
}

/// The frame, if `kind` is one of a stream.
pub(super) fn decode(
    body: &Bytes,
    kind: &str,
    envelope: &mut Envelope<'_>,
) -> Result<Option<Frame>, DecodeError> {
    if !kind.starts_with("__stream_") {
        return Ok(None);
    }
    let known = [
        STREAM_OPEN,
        STREAM_DATA,
        STREAM_END,
        STREAM_ERROR,
        STREAM_CANCEL,
        STREAM_CREDIT,
        STREAM_DONE,
    ];
    if !known.contains(&kind) {
        return Ok(None);
    }
    let payload: Payload<'_> = envelope.payload_as()?;
    check_name(&payload.stream_id)?;
    if payload.stream_id.is_empty() {
        return Err(DecodeError::BadEnvelope("a stream needs an id"));
    }
    let id = Id::Text(owned(body, &payload.stream_id));
    let failure = || Failure {
        message: payload.error.to_string(),
        name: payload.error_name.to_string(),
        code: payload.error_code.to_string(),
    };
    Ok(Some(match kind {
        STREAM_OPEN => {
            // One who never uses an id again needs no other name.
            let name = payload.name.as_ref().unwrap_or(&payload.stream_id);
            check_name(name)?;
            if name.is_empty() {
                return Err(DecodeError::BadEnvelope("a stream's name is empty"));
            }
            let name = owned(body, name);
            envelope.payload = payload.meta;
            let body = std::mem::take(envelope).body(body)?;
            if !matches!(body.encoding, Encoding::None | Encoding::Json) {
                return Err(DecodeError::BadEnvelope("metadata that is not JSON"));
            }
            Frame::StreamOpen { id, name, body }
        }
        STREAM_DATA => Frame::StreamData {
            id,
            data: chunk(&payload.chunk)?,
        },
        STREAM_END => Frame::StreamEnd { id },
        STREAM_ERROR => Frame::StreamError {
            id,
            failure: failure(),
        },
        STREAM_CANCEL => Frame::StreamCancel {
            id,
            failure: failure(),
        },
        STREAM_CREDIT => Frame::StreamCredit {
            id,
            bytes: payload.bytes,
        },
        _ => Frame::StreamDone { id },
    }))
}

fn chunk(text: &str) -> Result<Bytes, DecodeError> {
    let data = BASE64
        .decode(text)
        .map_err(|_| DecodeError::BadEnvelope("a chunk is not base64"))?;
    if data.is_empty() {
        return Err(DecodeError::BadEnvelope("no bytes in a chunk"));
    }
    Ok(Bytes::from(data))
}
