//! The head of an envelope against the same text read by `serde_json` alone.
//!
//! - What is no JSON, or whose head breaks the rules of `docs/protocol.md`, is
//!   refused; a user's message that keeps them is taken, with the fields it has.
//! - A payload is the very bytes that stand in the envelope.
//! - What is held while decoding is proportional to the text.
//!
//! Input: the text of an envelope, without the length in front.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::Value;
use smartipc_native::ipc::frame::{Body, DecodeError, Decoder, Encoding, Frame, Id};

use crate::allocations;

pub fn run(data: &[u8]) {
    if data.first() != Some(&b'{') {
        return;
    }
    let (result, held) = allocations::peak(|| decode(data));
    assert!(
        held <= 64 * data.len() + 16 * 1024,
        "{held} bytes for {}",
        data.len()
    );
    if serde_json::from_slice::<&RawValue>(data).is_err() || std::str::from_utf8(data).is_err() {
        let error = result.expect_err("no JSON, but a frame");
        assert!(
            matches!(error, DecodeError::BadJson | DecodeError::BadEnvelope(_)),
            "{error}"
        );
        return;
    }
    let Ok(Fields(fields)) = serde_json::from_slice(data) else {
        return;
    };
    match Head::of(&fields) {
        None => assert!(result.is_err(), "{result:?} of a bad head"),
        Some(head) => compare(&head, result),
    }
}

fn decode(body: &[u8]) -> Result<Frame, DecodeError> {
    let mut decoder = Decoder::new(usize::MAX);
    decoder.feed(&(body.len() as u32).to_be_bytes());
    decoder.feed(body);
    let (frame, size) = decoder.next_frame()?.expect("a whole frame");
    assert_eq!(size, body.len());
    assert_eq!(decoder.buffered(), 0);
    Ok(frame)
}

/// An object's members as they stand there, twice if they stand there twice.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        input.deserialize_map(All)
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// What the rules say of an envelope's head.
#[derive(Default)]
struct Head {
    id: Option<String>,
    kind: String,
    correlation: Option<String>,
    payload: Option<String>,
    /// By key, without doubles.
    headers: serde_json::Map<String, Value>,
    /// Some header is no value for `serde_json::Value`: a number beyond f64, or
    /// half a surrogate pair. Then only the kind of frame is compared.
    odd_headers: bool,
}

impl Head {
    /// None if the head breaks a rule.
    fn of(fields: &[(Cow<'_, str>, &RawValue)]) -> Option<Self> {
        let mut head = Head::default();
        let mut seen = Vec::new();
        for (key, raw) in fields {
            let known = [
                "id",
                "type",
                "correlationId",
                "timestamp",
                "payload",
                "headers",
            ];
            if !known.contains(&&**key) {
                continue;
            }
            if seen.contains(key) {
                return None;
            }
            seen.push(key.clone());
            let value: Option<Value> = serde_json::from_str(raw.get()).ok();
            match (&**key, value) {
                ("id", Some(Value::String(id))) => head.id = Some(id),
                ("correlationId", Some(Value::String(id))) => head.correlation = Some(id),
                ("type", Some(Value::String(kind))) => head.kind = kind,
                ("id" | "correlationId" | "timestamp" | "headers", Some(Value::Null)) => {}
                ("timestamp", Some(Value::Number(_))) => {}
                ("payload", _) => head.payload = Some(raw.get().to_owned()),
                ("headers", Some(Value::Object(headers))) => head.headers = headers,
                ("headers", None) if raw.get().starts_with('{') => head.odd_headers = true,
                _ => return None,
            }
        }
        let longest = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let fits = longest(&head.id) <= 256 && longest(&head.correlation) <= 256;
        let typed = !head.kind.is_empty() && head.kind.len() <= 256 + "_response".len();
        (fits && typed).then_some(head)
    }

    fn header<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, ()> {
        self.headers
            .get(key)
            .map(|value| read(value).ok_or(()))
            .transpose()
    }
}

/// Compares a head that keeps the rules, if it is that of a user's message.
fn compare(head: &Head, result: Result<Frame, DecodeError>) {
    let control = head.kind.starts_with("__") || head.kind.starts_with("topic:");
    if control || head.odd_headers {
        return;
    }
    let asked = head.header("requiresResponse", Value::as_bool);
    let timeout = head.header("timeout", Value::as_f64);
    let texts = ["error", "errorName", "errorCode", "encoding"]
        .map(|key| head.header(key, |value| value.as_str().map(str::to_owned)));
    let Ok(asked) = asked else {
        assert!(result.is_err(), "a flag that is none");
        return;
    };
    if let Some(correlation) = &head.correlation {
        let answered = match result {
            Ok(Frame::Response { id, name, body }) => {
                assert!(matches!(texts[0], Ok(None)));
                same_body(head, &body);
                (id, name)
            }
            Ok(Frame::Failed { id, name, failure }) => {
                assert_eq!(texts[0], Ok(Some(failure.message)));
                (id, name)
            }
            Ok(other) => panic!("{other:?} is no answer"),
            Err(_) => return assert!(may_be_refused(head, &texts), "an answer refused"),
        };
        let kind = head.kind.strip_suffix("_response").unwrap_or(&head.kind);
        assert_eq!(answered.1, kind);
        match answered.0 {
            Id::Number(number) => assert_eq!(correlation.parse(), Ok(number)),
            Id::Text(text) => assert_eq!(text, correlation.as_str()),
        }
        return;
    }
    let named = head.kind.len() <= 256;
    match result {
        Ok(Frame::Message { name, body }) => {
            assert!(named && asked != Some(true));
            assert_eq!(name, head.kind.as_str());
            same_body(head, &body);
        }
        Ok(Frame::Request {
            id,
            timeout: told,
            name,
            body,
        }) => {
            assert!(named && asked == Some(true));
            assert_eq!(id, Id::Text(Bytes::from(head.id.clone().expect("an id"))));
            assert_eq!(name, head.kind.as_str());
            let millis = timeout.expect("a number").map_or(0, |millis| millis as u64);
            assert_eq!(told.map_or(0, |told| told.as_millis()), u128::from(millis));
            same_body(head, &body);
        }
        Ok(other) => panic!("{other:?} of a user's type"),
        Err(_) => {
            let nameless = asked == Some(true) && head.id.is_none();
            let untimed = asked == Some(true) && timeout.is_err();
            assert!(
                !named || nameless || untimed || may_be_refused(head, &texts),
                "a good envelope was refused"
            );
        }
    }
}

/// A message may be refused for what only some kinds of it need.
fn may_be_refused(head: &Head, texts: &[Result<Option<String>, ()>; 4]) -> bool {
    let binary =
        matches!(&texts[3], Ok(Some(name)) if name == "base64" || name == "structured-clone");
    let long = serde_json::to_string(&head.headers).map_or(0, |text| text.len()) > 60 * 1024;
    texts.iter().any(Result::is_err) || binary || long
}

fn same_body(head: &Head, body: &Body) {
    if let Some(headers) = &body.headers {
        let headers: Value = serde_json::from_slice(headers).expect("headers are JSON");
        let headers = headers.as_object().expect("an object");
        assert!(headers
            .iter()
            .all(|(key, value)| head.headers.get(key) == Some(value)));
    }
    match (&head.payload, body.encoding) {
        (None, encoding) => assert_eq!((encoding, body.payload.len()), (Encoding::None, 0)),
        (Some(raw), Encoding::Json) => {
            assert_eq!(body.payload, raw.as_str());
        }
        (Some(raw), Encoding::Bytes | Encoding::Clone) => {
            // Three bytes for four characters between the quotes.
            assert!(raw.starts_with('"') && body.payload.len() <= raw.len() / 4 * 3);
        }
        (Some(_), Encoding::None) => panic!("a payload was lost"),
    }
}
