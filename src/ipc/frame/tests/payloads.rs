//! Payloads and headers pass as they are.

use super::super::is_json;
use super::*;
use crate::ipc::close::CloseReason;
use crate::ipc::options::MAX_HEADERS;

/// Texts that a JSON library would change or refuse on the way.
const DELICATE: [&str; 18] = [
    "1e400",
    "-0",
    "1.0",
    "123456789012345678901234567890",
    r#""\ud83d""#,
    r#"["\udc00\ud800"]"#,
    r#"{"__proto__":{"x":1},"a":1}"#,
    r#"{"b":1,"a":2,"b":3}"#,
    r#"{ "spaced" :	[ 1 , 2 ] }"#,
    "null",
    "false",
    "0",
    r#""""#,
    r#""\u0000\u2028""#,
    r#""𝄞""#,
    r#""\/""#,
    r#"{"topic":"x","payload":{"type":"y"}}"#,
    "[]",
];

#[test]
fn payload_text_passes_byte_for_byte() {
    for text in DELICATE {
        assert_eq!(message_body(envelope(text)), Body::json(text));
        for profile in [Profile::Json, Profile::Binary] {
            for frame in [
                Frame::Message {
                    name: "t".into(),
                    body: Body::json(text),
                },
                Frame::Publish {
                    topic: "t".into(),
                    body: Body::json(text),
                },
            ] {
                let back = decoded(&encoded(&frame, profile)).unwrap();
                assert_eq!(shown(&back), shown(&frame));
            }
        }
    }
}

#[test]
fn null_is_not_the_same_as_nothing() {
    assert_eq!(message_body(envelope("null")), Body::json("null"));
    assert_eq!(message_body(r#"{"type":"t"}"#), Body::none());
    let published = |payload: &str| match decoded_body(format!(
        r#"{{"type":"__publish__","payload":{payload}}}"#
    )) {
        Ok(Frame::Publish { body, .. }) => body,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        published(r#"{"topic":"t","payload":null}"#),
        Body::json("null")
    );
    assert_eq!(published(r#"{"topic":"t"}"#), Body::none());
}

#[test]
fn deep_nesting_overflows_no_stack() {
    const DEPTH: usize = 100_000;
    // A small stack makes sure that depth costs none.
    let check = || {
        let arrays = format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
        let objects = format!("{}1{}", r#"{"a":"#.repeat(DEPTH), "}".repeat(DEPTH));
        for text in [&arrays, &objects] {
            assert!(is_json(text.as_bytes()));
            assert_eq!(message_body(envelope(text)).payload, text.as_bytes());
            assert_eq!(
                message_body(format!(r#"{{"later":{text},"type":"t"}}"#)),
                Body::none()
            );
        }
        let headers = format!(r#"{{"deep":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
        let body = message_body(format!(r#"{{"type":"t","headers":{headers}}}"#));
        assert_eq!(body.headers.unwrap(), headers);
        let open = envelope(&"[".repeat(DEPTH));
        assert_eq!(
            decoded_body(open).unwrap_err().reason(),
            CloseReason::BadJson
        );
    };
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(check)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn is_json_wants_exactly_one_value() {
    for text in DELICATE {
        assert!(is_json(text.as_bytes()), "{text}");
    }
    for text in [
        "",
        " ",
        "1 2",
        "[1",
        "{a:1}",
        "undefined",
        "NaN",
        "1,\"x\":2",
        "1}",
        "\"a\nb\"",
    ] {
        assert!(!is_json(text.as_bytes()), "{text}");
    }
    assert!(!is_json(b"\"\xff\""), "not UTF-8");
}

#[test]
fn bytes_travel_as_base64_in_json() {
    let all: Vec<u8> = (0..=255).collect();
    for encoding in [Encoding::Bytes, Encoding::Clone] {
        let body = Body {
            headers: None,
            encoding,
            payload: Bytes::from(all.clone()),
        };
        for profile in [Profile::Json, Profile::Binary] {
            let frame = Frame::Message {
                name: "t".into(),
                body: body.clone(),
            };
            assert_eq!(
                shown(&decoded(&encoded(&frame, profile)).unwrap()),
                shown(&frame)
            );
        }
    }
}

#[test]
fn base64_that_is_none_is_a_bad_envelope() {
    for payload in ["\"!\"", "\"AP8\"", "\"AP8=\\n\"", "7", "null", "{}"] {
        let body =
            format!(r#"{{"type":"t","payload":{payload},"headers":{{"encoding":"base64"}}}}"#);
        assert_eq!(
            decoded_body(&body).unwrap_err().reason(),
            CloseReason::BadEnvelope,
            "{body}"
        );
    }
}

#[test]
fn an_unknown_encoding_leaves_the_payload_as_it_is() {
    let body = message_body(r#"{"type":"t","payload":"x","headers":{"encoding":"later"}}"#);
    assert_eq!(body, Body::json("\"x\""));
}

#[test]
fn headers_of_the_user_and_of_the_protocol_are_told_apart() {
    let frame = Frame::Request {
        id: Id::Number(4),
        timeout: None,
        name: "t".into(),
        body: with_headers(
            " { \"trace\" : \"a\\ud800\" , \"__proto__\":1e400 } ",
            body(Encoding::Bytes, b"x"),
        ),
    };
    let bytes = encoded(&frame, Profile::Json);
    let text = std::str::from_utf8(&bytes[4..]).unwrap();
    assert!(
        text.ends_with(concat!(
            r#","headers":{"trace" : "a\ud800" , "__proto__":1e400,"#,
            r#""requiresResponse":true,"encoding":"base64"}}"#
        )),
        "{text}"
    );
    let Ok(Frame::Request { body, .. }) = decoded(&bytes) else {
        panic!("no request")
    };
    let headers = body.headers.unwrap();
    assert_eq!(&headers[..], br#"{"__proto__":1e400,"trace":"a\ud800"}"#);
}

#[test]
fn headers_that_are_empty_are_none() {
    assert_eq!(message_body(r#"{"type":"t","headers":{}}"#).headers, None);
    assert_eq!(
        message_body(r#"{"type":"t","headers":{"requiresResponse":false}}"#).headers,
        None
    );
    let frame = Frame::Message {
        name: "t".into(),
        body: with_headers("{ }", Body::none()),
    };
    assert!(!encoded(&frame, Profile::Json)
        .windows(7)
        .any(|part| part == b"headers"));
}

#[test]
fn headers_have_at_most_64_kib() {
    let envelope = |length: usize| {
        format!(
            r#"{{"type":"t","headers":{{"a":"{}"}}}}"#,
            "x".repeat(length - 8)
        )
    };
    assert_eq!(
        message_body(envelope(MAX_HEADERS)).headers.unwrap().len(),
        MAX_HEADERS
    );
    let error = decoded_body(envelope(MAX_HEADERS + 1)).unwrap_err();
    assert_eq!(error.reason(), CloseReason::BadEnvelope);
}

#[test]
fn a_header_of_the_user_can_not_pose_as_one_of_the_protocol() {
    // In the binary profile they are plain headers, and a server may pass them
    // on to a peer in the JSON profile.
    let headers = r#"{"requiresResponse":true,"timeout":"soon","error":{},"encoding":"base64","publisherId":5,"own":1}"#;
    for frame in [
        Frame::Message {
            name: "t".into(),
            body: with_headers(headers, Body::json("1")),
        },
        Frame::Topic {
            topic: "t".into(),
            publisher: Bytes::new(),
            body: with_headers(headers, Body::json("1")),
        },
        Frame::Response {
            id: Id::Number(1),
            name: "t".into(),
            body: with_headers(headers, Body::json("1")),
        },
        Frame::Publish {
            topic: "t".into(),
            body: with_headers(headers, Body::json("1")),
        },
    ] {
        let kind = std::mem::discriminant(&frame);
        let back = decoded(&encoded(&frame, Profile::Json)).unwrap();
        assert_eq!(std::mem::discriminant(&back), kind);
        let (Frame::Message { body, .. }
        | Frame::Topic { body, .. }
        | Frame::Response { body, .. }
        | Frame::Publish { body, .. }) = back
        else {
            panic!("no body")
        };
        assert_eq!(body, with_headers(r#"{"own":1}"#, Body::json("1")));
    }
}
