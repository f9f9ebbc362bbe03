//! The JSON profile: envelopes `{id, type, correlationId?, timestamp, payload?,
//! headers?}`, with control types wrapped in double underscores.
//!
//! The payload is never interpreted: it is copied as text. What the envelope
//! itself needs to say goes into `headers`, under the keys of [`control`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::codec::DecodeError;
use super::payload::{Encoding, Payload};
use super::{Body, Failure, Frame, Id};
use crate::ipc::close::CloseReason;
use crate::ipc::options::{MAX_HEADERS, MAX_NAME};

const REGISTER: &str = "__register__";
const REGISTERED: &str = "__register___response";
const CANCEL: &str = "__cancel__";
const SUBSCRIBE: &str = "__subscribe__";
const UNSUBSCRIBE: &str = "__unsubscribe__";
const PUBLISH: &str = "__publish__";
const PING: &str = "__heartbeat__";
const PONG: &str = "__heartbeat_response__";
const GO_AWAY: &str = "__goaway__";
const TOPIC_PREFIX: &str = "topic:";
const RESPONSE_SUFFIX: &str = "_response";

/// Keys of `headers` that belong to the protocol.
mod control {
    pub(super) const REQUIRES_RESPONSE: &str = "requiresResponse";
    pub(super) const TIMEOUT: &str = "timeout";
    pub(super) const ERROR: &str = "error";
    pub(super) const ERROR_NAME: &str = "errorName";
    pub(super) const ERROR_CODE: &str = "errorCode";
    pub(super) const ENCODING: &str = "encoding";
    pub(super) const PUBLISHER: &str = "publisherId";
    pub(super) const ALL: [&str; 7] = [
        REQUIRES_RESPONSE,
        TIMEOUT,
        ERROR,
        ERROR_NAME,
        ERROR_CODE,
        ENCODING,
        PUBLISHER,
    ];
}

type Result<T> = std::result::Result<T, DecodeError>;

/// `id` of an envelope that nobody refers to.
const NO_ID: &[u8] = b"0";

pub(super) fn encode<P: Payload>(frame: &Frame<P>, wall: u64, out: &mut BytesMut) {
    let mut envelope = Writer {
        out,
        wall,
        headers: Vec::new(),
    };
    match frame {
        Frame::Register(id, registration) => {
            envelope.header(control::REQUIRES_RESPONSE, "true");
            envelope.head(id, REGISTER, None);
            envelope.value(&**registration);
            envelope.finish(None);
        }
        Frame::Registered(id, answer) => {
            envelope.answer(id, REGISTERED);
            match &**answer {
                Ok(welcome) => envelope.value(&Success {
                    success: true,
                    rest: welcome,
                }),
                Err(refusal) => {
                    envelope.string_header(control::ERROR, &refusal.error);
                    envelope.value(&Success {
                        success: false,
                        rest: refusal,
                    });
                }
            }
            envelope.finish(None);
        }
        Frame::Message { name, body } => envelope.message(None, &text(name), body),
        Frame::Request {
            id,
            timeout,
            name,
            body,
        } => {
            envelope.header(control::REQUIRES_RESPONSE, "true");
            if let Some(timeout) = timeout {
                envelope.header(control::TIMEOUT, &timeout.as_millis().to_string());
            }
            envelope.message(Some(id), &text(name), body);
        }
        Frame::Response { id, name, body } => {
            envelope.answer(id, &format!("{}{RESPONSE_SUFFIX}", text(name)));
            envelope.body(body);
        }
        Frame::Failed { id, name, failure } => {
            envelope.string_header(control::ERROR, &failure.message);
            envelope.string_header(control::ERROR_NAME, &failure.name);
            if !failure.code.is_empty() {
                envelope.string_header(control::ERROR_CODE, &failure.code);
            }
            envelope.answer(id, &format!("{}{RESPONSE_SUFFIX}", text(name)));
            envelope.field("payload", "null");
            envelope.finish(None);
        }
        Frame::Cancel { id } => {
            envelope.head(&Id::Number(0), CANCEL, None);
            envelope.value(&serde_json::json!({ "id": id_text(id) }));
            envelope.finish(None);
        }
        Frame::Subscribe { id, topic } => envelope.subscription(SUBSCRIBE, id.as_ref(), topic),
        Frame::Unsubscribe { id, topic } => envelope.subscription(UNSUBSCRIBE, id.as_ref(), topic),
        Frame::Publish { topic, body } => {
            envelope.encoding(body.encoding);
            envelope.head(&Id::Number(0), PUBLISH, None);
            envelope.out.extend_from_slice(b",\"payload\":{\"topic\":");
            put_string(envelope.out, &text(topic));
            envelope.payload(body);
            envelope.out.put_u8(b'}');
            envelope.finish(body.headers.as_ref());
        }
        Frame::Topic {
            topic,
            publisher,
            body,
        } => {
            if !publisher.is_empty() {
                envelope.string_header(control::PUBLISHER, &text(publisher));
            }
            envelope.message(None, &format!("{TOPIC_PREFIX}{}", text(topic)), body);
        }
        // The JSON profile has no credit: who is full stops reading.
        Frame::Credit { .. } | Frame::Ignored => {
            envelope.head(&Id::Number(0), "__ignored__", None);
            envelope.finish(None);
        }
        Frame::Ping(id) => {
            envelope.head(id, PING, None);
            envelope.finish(None);
        }
        Frame::Pong(id) => {
            envelope.answer(id, PONG);
            envelope.finish(None);
        }
        Frame::GoAway { reason, message } => {
            let reason = CloseReason::from_number(*reason)
                .unwrap_or(CloseReason::Peer)
                .as_str();
            envelope.head(&Id::Number(0), GO_AWAY, None);
            envelope.value(&serde_json::json!({ "reason": reason, "message": message }));
            envelope.finish(None);
        }
    }
}

#[derive(serde::Serialize)]
struct Success<'a, T> {
    success: bool,
    #[serde(flatten)]
    rest: &'a T,
}

/// Writes one envelope, front to back.
struct Writer<'a> {
    out: &'a mut BytesMut,
    wall: u64,
    /// Control headers, as `"key":value`.
    headers: Vec<String>,
}

impl Writer<'_> {
    fn head(&mut self, id: &Id, kind: &str, correlation: Option<&Id>) {
        self.out.extend_from_slice(b"{\"id\":");
        put_string(self.out, &id_text(id));
        self.out.extend_from_slice(b",\"type\":");
        put_string(self.out, kind);
        if let Some(id) = correlation {
            self.out.extend_from_slice(b",\"correlationId\":");
            put_string(self.out, &id_text(id));
        }
        let wall = self.wall.to_string();
        self.field("timestamp", &wall);
    }

    fn answer(&mut self, id: &Id, kind: &str) {
        self.head(&Id::Number(0), kind, Some(id));
    }

    fn message<P: Payload>(&mut self, id: Option<&Id>, kind: &str, body: &Body<P>) {
        self.head(id.unwrap_or(&Id::Number(0)), kind, None);
        self.body(body);
    }

    fn subscription(&mut self, kind: &str, id: Option<&Id>, topic: &Bytes) {
        if id.is_some() {
            self.header(control::REQUIRES_RESPONSE, "true");
        }
        self.head(id.unwrap_or(&Id::Number(0)), kind, None);
        self.value(&serde_json::json!({ "topic": text(topic) }));
        self.finish(None);
    }

    fn body<P: Payload>(&mut self, body: &Body<P>) {
        self.encoding(body.encoding);
        self.payload(body);
        self.finish(body.headers.as_ref());
    }

    fn encoding(&mut self, encoding: Encoding) {
        if let Some(name) = encoding.header() {
            self.string_header(control::ENCODING, name);
        }
    }

    fn payload<P: Payload>(&mut self, body: &Body<P>) {
        match body.encoding {
            Encoding::None => {}
            Encoding::Json => {
                self.out.extend_from_slice(b",\"payload\":");
                body.payload.append_to(self.out);
            }
            Encoding::Clone | Encoding::Bytes => {
                let mut raw = BytesMut::new();
                body.payload.append_to(&mut raw);
                self.out.extend_from_slice(b",\"payload\":\"");
                self.out.extend_from_slice(BASE64.encode(&raw).as_bytes());
                self.out.put_u8(b'"');
            }
        }
    }

    /// A payload of the protocol's own.
    fn value<T: serde::Serialize>(&mut self, value: &T) {
        self.out.extend_from_slice(b",\"payload\":");
        put_json(self.out, value);
    }

    fn field(&mut self, name: &str, json: &str) {
        self.out.put_u8(b',');
        put_string(self.out, name);
        self.out.put_u8(b':');
        self.out.extend_from_slice(json.as_bytes());
    }

    fn header(&mut self, name: &str, json: &str) {
        self.headers.push(format!("\"{name}\":{json}"));
    }

    fn string_header(&mut self, name: &str, value: &str) {
        let json = serde_json::to_string(value).unwrap_or_else(|_| "\"\"".to_owned());
        self.header(name, &json);
    }

    /// Writes the headers, the sender's own first, and closes the envelope.
    fn finish(&mut self, own: Option<&Bytes>) {
        let own = own.map(|headers| without_control(headers));
        let own = own
            .as_deref()
            .map(|headers| headers.trim_ascii())
            .and_then(|headers| headers.strip_prefix(b"{")?.strip_suffix(b"}"))
            .map(<[u8]>::trim_ascii)
            .filter(|inner| !inner.is_empty());
        let control = self.headers.join(",");
        if own.is_some() || !control.is_empty() {
            self.out.extend_from_slice(b",\"headers\":{");
            self.out.extend_from_slice(own.unwrap_or_default());
            if own.is_some() && !control.is_empty() {
                self.out.put_u8(b',');
            }
            self.out.extend_from_slice(control.as_bytes());
            self.out.put_u8(b'}');
        }
        self.out.put_u8(b'}');
    }
}

/// The sender's own headers. In the binary profile any key is fine; here one of
/// the protocol's would change what the envelope means.
fn without_control(headers: &[u8]) -> Cow<'_, [u8]> {
    let Ok(mut parsed) = parse::<BTreeMap<Cow<'_, str>, &RawValue>>(headers) else {
        return Cow::Borrowed(b"");
    };
    let before = parsed.len();
    parsed.retain(|key, _| !control::ALL.contains(&&**key));
    if parsed.len() == before {
        return Cow::Borrowed(headers);
    }
    Cow::Owned(serde_json::to_vec(&parsed).unwrap_or_default())
}

fn put_string(out: &mut BytesMut, text: &str) {
    put_json(out, &text);
}

fn put_json<T: serde::Serialize + ?Sized>(out: &mut BytesMut, value: &T) {
    // Writing to memory can't fail, and our own types serialize.
    let _ = serde_json::to_writer(out.writer(), value);
}

fn text(bytes: &Bytes) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn id_text(id: &Id) -> Cow<'_, str> {
    match id {
        Id::Number(number) => Cow::Owned(number.to_string()),
        Id::Text(bytes) => text(bytes),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    correlation_id: Option<Cow<'a, str>>,
    #[serde(default, rename = "timestamp")]
    _timestamp: Option<f64>,
    #[serde(borrow, default, deserialize_with = "present")]
    payload: Option<&'a RawValue>,
    #[serde(borrow, default)]
    headers: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
}

/// Keeps `null` apart from "not there".
fn present<'de, D: Deserializer<'de>>(
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

pub(super) fn decode(body: &Bytes) -> Result<Frame> {
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
    fn payload_as<T: Deserialize<'a>>(&self) -> Result<T> {
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
    fn body(mut self, whole: &Bytes) -> Result<Body> {
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

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T> {
    serde_json::from_slice(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => DecodeError::BadEnvelope("missing or wrong field"),
        _ => DecodeError::BadJson,
    })
}

/// Headers from the binary profile may go on to a JSON peer as they are.
pub(super) fn check_object(text: &[u8]) -> Result<()> {
    parse::<BTreeMap<Cow<'_, str>, &RawValue>>(text).map(|_| ())
}

/// Whether `text` is one JSON value, so that it can stand in an envelope.
pub fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(text).is_ok()
}

fn check_name(name: &str) -> Result<()> {
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
fn owned(body: &Bytes, text: &str) -> Bytes {
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
