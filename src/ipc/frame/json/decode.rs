//! Envelopes to frames. What a peer wrote is checked before it is believed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::*;
use crate::ipc::close::CloseReason;
use crate::ipc::frame::codec::DecodeError;
use crate::ipc::frame::payload::Encoding;
use crate::ipc::frame::{Body, Failure, Frame, Id};
use crate::ipc::options::{MAX_HEADERS, MAX_NAME};

type Result<T> = std::result::Result<T, DecodeError>;

/// `id` of an envelope that nobody refers to.
const NO_ID: &[u8] = b"0";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    correlation_id: Option<Cow<'a, str>>,
    #[serde(default, rename = "timestamp")]
    _timestamp: Option<f64>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) payload: Option<&'a RawValue>,
    #[serde(borrow, default)]
    headers: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
}

/// Keeps `null` apart from "not there".
pub(super) fn present<'de, D: Deserializer<'de>>(
    input: D,
) -> std::result::Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(input).map(Some)
}

#[derive(Deserialize)]
struct TopicPayload<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct IdPayload<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

#[derive(Deserialize)]
struct GoAwayPayload<'a> {
    #[serde(borrow, default)]
    reason: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

#[derive(Deserialize)]
struct SuccessPayload {
    success: bool,
}

pub(in crate::ipc::frame) fn decode(body: &Bytes) -> Result<Frame> {
    // Checked as a whole, for serde_json leaves strings alone that it skips.
    if std::str::from_utf8(body).is_err() {
        return Err(DecodeError::BadJson);
    }
    let mut envelope: Envelope<'_> = parse(body)?;
    for name in [&envelope.id, &envelope.correlation_id]
        .into_iter()
        .flatten()
    {
        check_name(name)?;
    }
    let longest = MAX_NAME + TOPIC_PREFIX.len().max(RESPONSE_SUFFIX.len());
    if envelope.kind.is_empty() || envelope.kind.len() > longest {
        return Err(DecodeError::BadEnvelope("type must have 1 to 256 bytes"));
    }
    let id = Id::Text(match &envelope.id {
        Some(id) => owned(body, id),
        None => Bytes::from_static(NO_ID),
    });
    let wants_answer = envelope.flag(control::REQUIRES_RESPONSE)?;
    let kind = std::mem::take(&mut envelope.kind);
    match &*kind {
        REGISTER => {
            let registration = envelope.payload_as()?;
            return Ok(Frame::Register(id, Box::new(registration)));
        }
        REGISTERED => {
            let SuccessPayload { success } = envelope.payload_as()?;
            let answer = if success {
                Ok(envelope.payload_as()?)
            } else {
                Err(envelope.payload_as()?)
            };
            let id = envelope
                .correlation_id
                .as_deref()
                .map_or(id, |id| number_or_text(body, id));
            return Ok(Frame::Registered(id, Box::new(answer)));
        }
        CANCEL => {
            let payload: IdPayload<'_> = envelope.payload_as()?;
            check_name(&payload.id)?;
            return Ok(Frame::Cancel {
                id: Id::Text(owned(body, &payload.id)),
            });
        }
        SUBSCRIBE | UNSUBSCRIBE => {
            let payload: TopicPayload<'_> = envelope.payload_as()?;
            check_topic(&payload.topic)?;
            let topic = owned(body, &payload.topic);
            let id = wants_answer.then_some(id);
            return Ok(if kind == SUBSCRIBE {
                Frame::Subscribe { id, topic }
            } else {
                Frame::Unsubscribe { id, topic }
            });
        }
        PUBLISH => {
            let payload: TopicPayload<'_> = envelope.payload_as()?;
            check_topic(&payload.topic)?;
            let topic = owned(body, &payload.topic);
            envelope.payload = payload.payload;
            return Ok(Frame::Publish {
                topic,
                body: envelope.body(body)?,
            });
        }
        PING => return Ok(Frame::Ping(id)),
        PONG => {
            let id = envelope
                .correlation_id
                .as_deref()
                .map_or(id, |id| number_or_text(body, id));
            return Ok(Frame::Pong(id));
        }
        GO_AWAY => {
            let payload: GoAwayPayload<'_> = envelope.payload_as()?;
            let reason = CloseReason::from_text(&payload.reason).unwrap_or(CloseReason::Peer);
            return Ok(Frame::GoAway {
                reason: reason as u8,
                message: payload.message.into_owned(),
            });
        }
        _ => {}
    }
    if let Some(frame) = stream::decode(body, &kind, &mut envelope)? {
        return Ok(frame);
    }
    if let Some(correlation) = envelope.correlation_id.take() {
        let id = number_or_text(body, &correlation);
        let name = owned(body, kind.strip_suffix(RESPONSE_SUFFIX).unwrap_or(&kind));
        return match envelope.text(control::ERROR)? {
            Some(message) => {
                let failure = Failure {
                    message,
                    name: envelope.text(control::ERROR_NAME)?.unwrap_or_default(),
                    code: envelope.text(control::ERROR_CODE)?.unwrap_or_default(),
                };
                Ok(Frame::Failed { id, name, failure })
            }
            None => Ok(Frame::Response {
                id,
                name,
                body: envelope.body(body)?,
            }),
        };
    }
    if let Some(topic) = kind.strip_prefix(TOPIC_PREFIX) {
        check_topic(topic)?;
        let topic = owned(body, topic);
        let publisher = envelope
            .text(control::PUBLISHER)?
            .map_or_else(Bytes::new, Bytes::from);
        return Ok(Frame::Topic {
            topic,
            publisher,
            body: envelope.body(body)?,
        });
    }
    check_name(&kind)?;
    // Reserved for later versions of this protocol: skipped, unless its sender
    // waits for an answer, which is then that nobody handles it.
    if !wants_answer && kind.len() > 4 && kind.starts_with("__") && kind.ends_with("__") {
        return Ok(Frame::Ignored);
    }
    let name = owned(body, &kind);
    if wants_answer {
        if envelope.id.is_none() {
            return Err(DecodeError::BadEnvelope("a request needs an id"));
        }
        let timeout = envelope
            .number(control::TIMEOUT)?
            .filter(|millis| *millis > 0);
        let timeout = timeout.map(Duration::from_millis);
        Ok(Frame::Request {
            id,
            timeout,
            name,
            body: envelope.body(body)?,
        })
    } else {
        Ok(Frame::Message {
            name,
            body: envelope.body(body)?,
        })
    }
}

impl<'a> Envelope<'a> {
    pub(super) fn payload_as<T: Deserialize<'a>>(&self) -> Result<T> {
        let payload = self
            .payload
            .ok_or(DecodeError::BadEnvelope("payload is missing"))?;
        // Serde would take an array for a struct too, field by field.
        if !payload.get().starts_with('{') {
            return Err(DecodeError::BadEnvelope("payload of a control message"));
        }
        serde_json::from_str(payload.get())
            .map_err(|_| DecodeError::BadEnvelope("payload of a control message"))
    }

    fn take<T: Deserialize<'a>>(&mut self, key: &str) -> Result<Option<T>> {
        match self
            .headers
            .as_mut()
            .and_then(|headers| headers.remove(key))
        {
            None => Ok(None),
            Some(value) => serde_json::from_str(value.get())
                .map(Some)
                .map_err(|_| DecodeError::BadEnvelope("header of the wrong type")),
        }
    }

    fn flag(&mut self, key: &str) -> Result<bool> {
        Ok(self.take::<bool>(key)?.unwrap_or(false))
    }

    fn number(&mut self, key: &str) -> Result<Option<u64>> {
        Ok(self.take::<f64>(key)?.map(|millis| millis as u64))
    }

    fn text(&mut self, key: &str) -> Result<Option<String>> {
        self.take(key)
    }

    /// What is left: payload, and the headers without the protocol's own.
    pub(super) fn body(mut self, whole: &Bytes) -> Result<Body> {
        let encoding = self.text(control::ENCODING)?;
        let (encoding, payload) = match (self.payload, encoding.as_deref()) {
            (None, _) => (Encoding::None, Bytes::new()),
            (Some(raw), Some("base64")) => (Encoding::Bytes, from_base64(raw)?),
            (Some(raw), Some("structured-clone")) => (Encoding::Clone, from_base64(raw)?),
            (Some(raw), _) => (Encoding::Json, whole.slice_ref(raw.get().as_bytes())),
        };
        let headers = match self.headers {
            Some(headers) if !headers.is_empty() => {
                let text = serde_json::to_string(&headers).map_err(|_| DecodeError::BadJson)?;
                if text.len() > MAX_HEADERS {
                    return Err(DecodeError::BadEnvelope("headers are too long"));
                }
                Some(Bytes::from(text))
            }
            _ => None,
        };
        Ok(Body {
            headers,
            encoding,
            payload,
        })
    }
}

fn from_base64(raw: &RawValue) -> Result<Bytes> {
    const WRONG: DecodeError = DecodeError::BadEnvelope("payload is not base64");
    let text: Cow<'_, str> = serde_json::from_str(raw.get()).map_err(|_| WRONG)?;
    BASE64.decode(&*text).map(Bytes::from).map_err(|_| WRONG)
}

pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T> {
    serde_json::from_slice(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => DecodeError::BadEnvelope("missing or wrong field"),
        _ => DecodeError::BadJson,
    })
}

/// Headers from the binary profile may go on to a JSON peer as they are.
pub(in crate::ipc::frame) fn check_object(text: &[u8]) -> Result<()> {
    parse::<BTreeMap<Cow<'_, str>, &RawValue>>(text).map(|_| ())
}

/// Whether `text` is one JSON value, so that it can stand in an envelope.
pub fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(text).is_ok()
}

pub(super) fn check_name(name: &str) -> Result<()> {
    if name.len() > MAX_NAME {
        return Err(DecodeError::BadEnvelope(
            "id and type must have at most 256 bytes",
        ));
    }
    Ok(())
}

fn check_topic(topic: &str) -> Result<()> {
    if topic.is_empty() || topic.len() > MAX_NAME {
        return Err(DecodeError::BadEnvelope("a topic must have 1 to 256 bytes"));
    }
    Ok(())
}

/// Shares the body's memory where the text stands in it unescaped.
pub(super) fn owned(body: &Bytes, text: &str) -> Bytes {
    let (start, end) = (body.as_ptr() as usize, body.as_ptr() as usize + body.len());
    let at = text.as_ptr() as usize;
    if !text.is_empty() && at >= start && at + text.len() <= end {
        body.slice_ref(text.as_bytes())
    } else {
        Bytes::copy_from_slice(text.as_bytes())
    }
}

/// Our own requests have decimal ids; an answer leads back to the number.
fn number_or_text(body: &Bytes, id: &str) -> Id {
    match id.parse() {
        Ok(number) => Id::Number(number),
        Err(_) => Id::Text(owned(body, id)),
    }
}
