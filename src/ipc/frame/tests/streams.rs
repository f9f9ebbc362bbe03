//! Frames of streams: their bytes, and what is refused.

use super::super::Failure;
use super::*;
use crate::ipc::close::CloseReason;
use crate::ipc::options::MAX_NAME;

const TIME: &str = r#""timestamp":1700000000000"#;

fn number() -> Id {
    Id::Number(300)
}

/// Checks the frame that `make` makes of an id, in both profiles, both ways.
fn exact(make: impl Fn(Id) -> Frame, binary: &str, kind: &str, payload: &str) {
    let frame = make(number());
    assert_eq!(encoded(&frame, Profile::Binary), hex(binary), "{frame:?}");
    assert_eq!(shown(&decoded(&hex(binary)).unwrap()), shown(&frame));

    let text = format!(r#"{{"id":"0","type":"{kind}",{TIME},"payload":{payload}}}"#);
    let bytes = encoded(&frame, Profile::Json);
    assert_eq!(std::str::from_utf8(&bytes[4..]), Ok(text.as_str()));
    assert_eq!(
        shown(&decoded(&bytes).unwrap()),
        shown(&make(text_id("300")))
    );
}

/// The same of a frame that JSON does not have.
fn binary_only(frame: &Frame, binary: &str) {
    assert_eq!(encoded(frame, Profile::Binary), hex(binary), "{frame:?}");
    assert_eq!(shown(&decoded(&hex(binary)).unwrap()), shown(frame));
    let skipped = decoded(&encoded(frame, Profile::Json)).unwrap();
    assert_eq!(shown(&skipped), "Ignored");
}

fn open(id: Id, body: Body) -> Frame {
    Frame::StreamOpen {
        id,
        name: "up".into(),
        body,
    }
}

fn failure() -> Failure {
    Failure {
        message: "no".to_owned(),
        name: "E".to_owned(),
        code: "C".to_owned(),
    }
}

#[test]
fn an_opening_in_both_profiles() {
    exact(
        |id| open(id, Body::none()),
        "00000007 11 ac02 02 7570 00",
        "__stream_init__",
        r#"{"streamId":"300","name":"up"}"#,
    );
    exact(
        |id| open(id, Body::json("[1]")),
        "0000000a 11 ac02 02 7570 01 5b315d",
        "__stream_init__",
        r#"{"streamId":"300","name":"up","meta":[1]}"#,
    );
}

#[test]
fn an_opening_with_headers_in_both_profiles() {
    let body = || with_headers(r#"{"a":1}"#, Body::json("null"));
    let frame = open(number(), body());
    let bytes = "00000013 11 ac02 02 7570 09 07 7b2261223a317d 6e756c6c";
    assert_eq!(encoded(&frame, Profile::Binary), hex(bytes));
    assert_eq!(shown(&decoded(&hex(bytes)).unwrap()), shown(&frame));

    let text = r#"{"id":"0","type":"__stream_init__",$TIME,"payload":{"streamId":"300","name":"up","meta":null},"headers":{"a":1}}"#;
    let bytes = encoded(&frame, Profile::Json);
    assert_eq!(
        std::str::from_utf8(&bytes[4..]),
        Ok(&*text.replace("$TIME", TIME))
    );
    let back = open(text_id("300"), body());
    assert_eq!(shown(&decoded(&bytes).unwrap()), shown(&back));
}

#[test]
fn a_name_that_is_the_id_is_written_once() {
    let frame = Frame::StreamOpen {
        id: text_id("up"),
        name: "up".into(),
        body: Body::none(),
    };
    let bytes = encoded(&frame, Profile::Json);
    assert!(bytes.ends_with(br#""payload":{"streamId":"up"}}"#));
    assert_eq!(shown(&decoded(&bytes).unwrap()), shown(&frame));
}

#[test]
fn data_in_both_profiles() {
    exact(
        |id| Frame::StreamData {
            id,
            data: Bytes::from_static(&[0, 255, 10]),
        },
        "00000006 12 ac02 00ff0a",
        "__stream_chunk__",
        r#"{"streamId":"300","chunk":"AP8K"}"#,
    );
}

#[test]
fn end_and_done_in_both_profiles() {
    let payload = r#"{"streamId":"300"}"#;
    exact(
        |id| Frame::StreamEnd { id },
        "00000003 13 ac02",
        "__stream_end__",
        payload,
    );
    exact(
        |id| Frame::StreamDone { id },
        "00000003 17 ac02",
        "__stream_done__",
        payload,
    );
}

#[test]
fn memory_in_the_binary_profile() {
    let memory = Frame::StreamMemory { id: number() };
    binary_only(&memory, "00000003 18 ac02");
    let shared = |count| Frame::StreamShared {
        id: number(),
        count,
    };
    binary_only(&shared(65_536), "00000006 19 ac02 808004");
    binary_only(&shared(u64::MAX), "0000000d 19 ac02 ffffffffffffffffff01");
    for broken in [
        "18",
        "18 01 01",
        "19 01",
        "19 01 00",
        "19 01 01 01",
        "19 01 ffffffffffffffffff02",
    ] {
        let error = decoded_body(hex(broken)).unwrap_err();
        assert_eq!(error.reason(), CloseReason::ProtocolError, "{broken}");
    }
}

#[test]
fn error_and_cancel_in_both_profiles() {
    let payload = r#"{"error":"no","errorCode":"C","errorName":"E","streamId":"300"}"#;
    exact(
        |id| Frame::StreamError {
            id,
            failure: failure(),
        },
        "0000000a 14 ac02 02 6e6f 01 45 01 43",
        "__stream_error__",
        payload,
    );
    exact(
        |id| Frame::StreamCancel {
            id,
            failure: failure(),
        },
        "0000000a 15 ac02 02 6e6f 01 45 01 43",
        "__stream_cancel__",
        payload,
    );
}

#[test]
fn credit_in_both_profiles() {
    exact(
        |id| Frame::StreamCredit { id, bytes: 1 << 20 },
        "00000006 16 ac02 808040",
        "__stream_credit__",
        r#"{"bytes":1048576,"streamId":"300"}"#,
    );
    let most = Frame::StreamCredit {
        id: text_id("1"),
        bytes: u64::MAX,
    };
    let back = decoded(&encoded(&most, Profile::Json)).unwrap();
    assert_eq!(shown(&back), shown(&most), "64 bits in JSON too");
}

#[test]
fn data_is_as_long_as_its_frame() {
    let data = Bytes::from(vec![7; 100_000]);
    let frame = Frame::StreamData {
        id: Id::Number(1),
        data,
    };
    let back = decoded(&encoded(&frame, Profile::Binary)).unwrap();
    assert_eq!(shown(&back), shown(&frame));
}

fn binary_reason(body: &str) -> CloseReason {
    match decoded_body(hex(body)) {
        Err(error) => error.reason(),
        Ok(frame) => panic!("accepted {body} as {frame:?}"),
    }
}

#[test]
fn binary_frames_that_no_rule_allows() {
    for (body, why) in [
        ("12 01", "no data"),
        ("12", "no id"),
        ("12 8080808010 61", "an id of 33 bits"),
        ("11 01 00 00", "an empty name"),
        ("11 01 01 ff 00", "a name that is not UTF-8"),
        ("11 01 01 61", "no flags"),
        ("11 01 01 61 00 31", "metadata without encoding"),
        ("11 01 01 61 02 ff0f", "metadata as a structured clone"),
        ("11 01 01 61 03 00", "metadata as plain bytes"),
        ("11 01 01 61 04", "an unknown encoding"),
        ("13 01 00", "more than an end"),
        ("14 01 01 61", "an error without name and code"),
        ("15 01 01 ff 00 00", "a reason that is not UTF-8"),
        ("16 01", "no number"),
        ("16 01 ffffffffffffffffffff01", "a number of 70 bits"),
        ("17 01 01", "more than done"),
    ] {
        assert_eq!(binary_reason(body), CloseReason::ProtocolError, "{why}");
    }
    assert_eq!(binary_reason("11 01 01 61 01 22ff22"), CloseReason::BadJson);
}

#[test]
fn a_name_has_at_most_256_bytes() {
    for profile in [Profile::Json, Profile::Binary] {
        let named = |length: usize| {
            let frame = Frame::StreamOpen {
                id: Id::Number(1),
                name: Bytes::from("n".repeat(length)),
                body: Body::none(),
            };
            decoded(&encoded(&frame, profile))
        };
        assert!(named(MAX_NAME).is_ok(), "{profile:?}");
        assert!(named(MAX_NAME + 1).is_err(), "{profile:?}");
    }
}

/// A stream's envelope with this payload.
fn stream(kind: &str, payload: &str) -> Result<Frame, DecodeError> {
    decoded_body(format!(
        r#"{{"type":"__stream_{kind}__","payload":{payload}}}"#
    ))
}

#[test]
fn envelopes_that_no_rule_allows() {
    let long = format!(r#"{{"streamId":"{}"}}"#, "i".repeat(MAX_NAME + 1));
    for (kind, payload) in [
        ("init", "{}"),
        ("init", r#"{"streamId":""}"#),
        ("init", r#"{"streamId":7}"#),
        ("init", r#"{"streamId":null}"#),
        ("init", r#"["a"]"#),
        ("init", r#""a""#),
        ("init", r#"{"streamId":"a","streamId":"a"}"#),
        ("init", r#"{"streamId":"a","name":""}"#),
        ("init", r#"{"streamId":"a","name":1}"#),
        ("init", long.as_str()),
        ("end", long.as_str()),
        ("end", "{}"),
        ("chunk", r#"{"streamId":"a"}"#),
        ("chunk", r#"{"streamId":"a","chunk":""}"#),
        ("chunk", r#"{"streamId":"a","chunk":"AP8"}"#),
        ("chunk", r#"{"streamId":"a","chunk":"AP8_"}"#),
        ("chunk", r#"{"streamId":"a","chunk":" AP8K"}"#),
        ("chunk", r#"{"streamId":"a","chunk":[1]}"#),
        ("credit", r#"{"streamId":"a","bytes":-1}"#),
        ("credit", r#"{"streamId":"a","bytes":1.5}"#),
        ("credit", r#"{"streamId":"a","bytes":"9"}"#),
        ("credit", r#"{"streamId":"a","bytes":18446744073709551616}"#),
        ("error", r#"{"streamId":"a","error":{}}"#),
        ("cancel", r#"{"error":"no"}"#),
        ("done", r#"{"streamId":[]}"#),
    ] {
        let error = stream(kind, payload).expect_err(payload);
        assert_eq!(error.reason(), CloseReason::BadEnvelope, "{kind} {payload}");
    }
    let none = decoded_body(r#"{"type":"__stream_end__"}"#);
    assert_eq!(none.unwrap_err().reason(), CloseReason::BadEnvelope);
}

#[test]
fn metadata_in_an_envelope_is_plain_json() {
    for encoding in ["base64", "structured-clone"] {
        let text = format!(
            r#"{{"type":"__stream_init__","payload":{{"streamId":"a","meta":"AA=="}},"headers":{{"encoding":"{encoding}"}}}}"#
        );
        let error = decoded_body(text).unwrap_err();
        assert_eq!(error.reason(), CloseReason::BadEnvelope, "{encoding}");
    }
}

#[test]
fn what_an_envelope_may_leave_out_or_add() {
    let Ok(Frame::StreamOpen { name, body, .. }) = stream("init", r#"{"streamId":"a","x":[]}"#)
    else {
        panic!("unknown fields are ignored")
    };
    assert_eq!((&name[..], body), (&b"a"[..], Body::none()));
    let Ok(Frame::StreamCancel { failure, .. }) = stream("cancel", r#"{"streamId":"a"}"#) else {
        panic!("a reason may be missing")
    };
    assert_eq!(failure, Failure::default());
    // Escapes in an id mean what they mean in JSON.
    let Ok(Frame::StreamEnd { id }) = stream("end", r#"{"streamId":"\u0061\n"}"#) else {
        panic!("an id with escapes")
    };
    assert_eq!(id, text_id("a\n"));
    // Streams of a later version.
    assert!(matches!(stream("pause", "[]"), Ok(Frame::Ignored)));
}
