//! Frames from bytes: any that one of our own sides could send.

use std::collections::BTreeMap;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use smartipc_native::ipc::frame::{Body, Encoding, Failure, Frame, Id};
use smartipc_native::ipc::CloseReason;

/// Any frame but the registration and its answer.
pub fn frame(u: &mut Unstructured<'_>) -> Result<Frame> {
    Ok(match u.int_in_range(0..=18)? {
        0 => Frame::Message {
            name: name(u)?,
            body: body(u)?,
        },
        1 => Frame::Request {
            id: id(u)?,
            timeout: timeout(u)?,
            name: name(u)?,
            body: body(u)?,
        },
        2 => Frame::Response {
            id: id(u)?,
            name: name(u)?,
            body: body(u)?,
        },
        3 => Frame::Failed {
            id: id(u)?,
            name: name(u)?,
            failure: failure(u)?,
        },
        4 => Frame::Cancel { id: id(u)? },
        5 => Frame::Subscribe {
            id: optional_id(u)?,
            topic: name(u)?,
        },
        6 => Frame::Unsubscribe {
            id: optional_id(u)?,
            topic: name(u)?,
        },
        7 => Frame::Publish {
            topic: name(u)?,
            body: body(u)?,
        },
        8 => Frame::Topic {
            topic: name(u)?,
            publisher: if u.arbitrary()? {
                name(u)?
            } else {
                Bytes::new()
            },
            body: body(u)?,
        },
        9 => Frame::Credit {
            messages: u.arbitrary()?,
            bytes: u.arbitrary()?,
        },
        10 => Frame::Ping(id(u)?),
        11 => Frame::Pong(id(u)?),
        12 => Frame::GoAway {
            reason: *u.choose(CloseReason::ALL)? as u8,
            message: u.arbitrary()?,
        },
        18 => optional(u)?,
        _ => stream_frame(u)?,
    })
}

/// A frame that may be skipped.
fn optional(u: &mut Unstructured<'_>) -> Result<Frame> {
    Ok(match u.arbitrary::<u8>()? % 4 {
        1 => Frame::StreamMemory { id: id(u)? },
        2 => Frame::StreamShared {
            id: id(u)?,
            count: u.int_in_range(1..=1 << 20)?,
        },
        3 => Frame::StreamShared {
            id: id(u)?,
            count: u.int_in_range(1..=u64::MAX)?,
        },
        _ => Frame::Ignored,
    })
}

/// Any frame of a stream.
pub fn stream_frame(u: &mut Unstructured<'_>) -> Result<Frame> {
    let id = id(u)?;
    Ok(match u.int_in_range(0..=6)? {
        0 => Frame::StreamOpen {
            id,
            name: name(u)?,
            body: meta(u)?,
        },
        1 => Frame::StreamData {
            id,
            data: some_bytes(u)?,
        },
        2 => Frame::StreamEnd { id },
        3 => Frame::StreamError {
            id,
            failure: failure(u)?,
        },
        4 => Frame::StreamCancel {
            id,
            failure: failure(u)?,
        },
        5 => Frame::StreamCredit {
            id,
            bytes: u.arbitrary()?,
        },
        _ => Frame::StreamDone { id },
    })
}

/// Few enough that ids meet, and now and then any other.
fn id(u: &mut Unstructured<'_>) -> Result<Id> {
    let number = match u.arbitrary()? {
        255u8 => u.arbitrary()?,
        byte => u32::from(byte % 8) + 1,
    };
    Ok(Id::Number(number))
}

fn optional_id(u: &mut Unstructured<'_>) -> Result<Option<Id>> {
    Ok(if u.arbitrary()? { Some(id(u)?) } else { None })
}

fn timeout(u: &mut Unstructured<'_>) -> Result<Option<Duration>> {
    // Beyond 2^53 milliseconds the JSON profile's numbers are not exact.
    let millis: Option<u64> = u.arbitrary()?;
    Ok(millis.map(|millis| Duration::from_millis(millis % (1 << 50) + 1)))
}

/// 1 to 256 bytes, and none of the protocol's own names.
fn name(u: &mut Unstructured<'_>) -> Result<Bytes> {
    let text: &str = u.arbitrary()?;
    let mut end = text.len().min(250);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    Ok(match text {
        "" => Bytes::from_static(b"t"),
        own if own.starts_with("topic:") || own.starts_with("__") => Bytes::from(format!("n{own}")),
        plain => Bytes::copy_from_slice(plain.as_bytes()),
    })
}

fn failure(u: &mut Unstructured<'_>) -> Result<Failure> {
    Ok(Failure {
        message: u.arbitrary()?,
        name: u.arbitrary()?,
        code: u.arbitrary()?,
    })
}

fn some_bytes(u: &mut Unstructured<'_>) -> Result<Bytes> {
    let bytes: &[u8] = u.arbitrary()?;
    Ok(if bytes.is_empty() {
        Bytes::from_static(b"0")
    } else {
        Bytes::copy_from_slice(bytes)
    })
}

pub fn body(u: &mut Unstructured<'_>) -> Result<Body> {
    let (encoding, payload) = match u.int_in_range(0..=3)? {
        0 => (Encoding::None, Bytes::new()),
        1 => (Encoding::Json, json(u)?),
        2 => (Encoding::Clone, some_bytes(u)?),
        _ => (Encoding::Bytes, some_bytes(u)?),
    };
    Ok(Body {
        headers: headers(u)?,
        encoding,
        payload,
    })
}

fn meta(u: &mut Unstructured<'_>) -> Result<Body> {
    let text = if u.arbitrary()? { Some(json(u)?) } else { None };
    let encoding = if text.is_some() {
        Encoding::Json
    } else {
        Encoding::None
    };
    Ok(Body {
        headers: headers(u)?,
        encoding,
        payload: text.unwrap_or_default(),
    })
}

/// JSON text; odd forms that `serde_json` would write differently as well.
fn json(u: &mut Unstructured<'_>) -> Result<Bytes> {
    let text = match u.int_in_range(0..=5)? {
        0 => "1e400".to_owned(),
        1 => r#""\ud800""#.to_owned(),
        2 => r#"{ "__proto__" : 1,"a":1 , "a" : [ ] }"#.to_owned(),
        3 => "[".repeat(usize::from(u8::arbitrary(u)?)),
        4 => serde_json::to_string(&String::arbitrary(u)?).unwrap_or_default(),
        _ => i64::arbitrary(u)?.to_string(),
    };
    let text = if text.starts_with('[') {
        format!("{text}{}", "]".repeat(text.len()))
    } else {
        text
    };
    Ok(Bytes::from(if text.is_empty() {
        "null".to_owned()
    } else {
        text
    }))
}

/// Headers as the JSON profile gives them back: sorted, each key once, and none
/// of the protocol's.
fn headers(u: &mut Unstructured<'_>) -> Result<Option<Bytes>> {
    let fields: BTreeMap<String, i32> = u.arbitrary()?;
    let fields: Vec<String> = fields
        .into_iter()
        .take(8)
        .map(|(key, value)| {
            format!(
                "{}:{value}",
                serde_json::to_string(&format!("!{key}")).unwrap()
            )
        })
        .collect();
    Ok((!fields.is_empty()).then(|| Bytes::from(format!("{{{}}}", fields.join(",")))))
}
