//! Frames to envelopes, written front to back.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::value::RawValue;

use super::decode::parse;
use super::*;
use crate::ipc::close::CloseReason;
use crate::ipc::frame::payload::{Encoding, Payload};
use crate::ipc::frame::{Body, Frame, Id};

pub(in crate::ipc::frame) fn encode<P: Payload>(frame: &Frame<P>, wall: u64, out: &mut BytesMut) {
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
        Frame::StreamOpen { id, name, body } => {
            envelope.head(&Id::Number(0), STREAM_OPEN, None);
            envelope
                .out
                .extend_from_slice(b",\"payload\":{\"streamId\":");
            put_string(envelope.out, &id_text(id));
            if id_text(id) != text(name) {
                envelope.out.extend_from_slice(b",\"name\":");
                put_string(envelope.out, &text(name));
            }
            if body.encoding == Encoding::Json {
                envelope.out.extend_from_slice(b",\"meta\":");
                body.payload.append_to(envelope.out);
            }
            envelope.out.put_u8(b'}');
            envelope.finish(body.headers.as_ref());
        }
        Frame::StreamData { id, data } => {
            envelope.head(&Id::Number(0), STREAM_DATA, None);
            envelope
                .out
                .extend_from_slice(b",\"payload\":{\"streamId\":");
            put_string(envelope.out, &id_text(id));
            envelope.out.extend_from_slice(b",\"chunk\":\"");
            envelope
                .out
                .extend_from_slice(BASE64.encode(data).as_bytes());
            envelope.out.extend_from_slice(b"\"}");
            envelope.finish(None);
        }
        Frame::StreamEnd { id } => {
            envelope.stream(STREAM_END, serde_json::json!({ "streamId": id_text(id) }));
        }
        Frame::StreamDone { id } => {
            envelope.stream(STREAM_DONE, serde_json::json!({ "streamId": id_text(id) }));
        }
        Frame::StreamError { id, failure } => {
            envelope.stream(STREAM_ERROR, stream::failed(&id_text(id), failure));
        }
        Frame::StreamCancel { id, failure } => {
            envelope.stream(STREAM_CANCEL, stream::failed(&id_text(id), failure));
        }
        Frame::StreamCredit { id, bytes } => {
            let payload = serde_json::json!({ "streamId": id_text(id), "bytes": bytes });
            envelope.stream(STREAM_CREDIT, payload);
        }
        // The JSON profile has no message credit: who is full stops reading. Nor does it
        // know of memory.
        Frame::Credit { .. }
        | Frame::StreamMemory { .. }
        | Frame::StreamShared { .. }
        | Frame::Ignored => {
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

    fn stream(&mut self, kind: &str, payload: serde_json::Value) {
        self.head(&Id::Number(0), kind, None);
        self.value(&payload);
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
