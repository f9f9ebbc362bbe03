//! Envelopes of other people's making.

use super::*;
use crate::ipc::close::CloseReason;

fn reason(body: impl AsRef<[u8]>) -> CloseReason {
    match decoded_body(body.as_ref()) {
        Err(error) => error.reason(),
        Ok(frame) => panic!(
            "accepted {} as {frame:?}",
            String::from_utf8_lossy(body.as_ref())
        ),
    }
}

#[test]
fn text_that_is_not_json_is_bad_json() {
    for body in [
        "{",
        "{\"type\":\"t\"}x",
        "{\"type\":\"t\"",
        "{\"type\":'t'}",
        "{type:\"t\"}",
        "{\"type\":\"t\",}",
        "{\"type\":\"\\x\"}",
        "{\"type\":\"t\",\"payload\":NaN}",
        "{\"type\":\"t\",\"payload\":01}",
        "{\"type\":\"t\",\"payload\":\"\n\"}",
        "{\"type\":\"t\",\"payload\":[1,]}",
        "{\"type\":\"t\"}{\"type\":\"t\"}",
        "{\"type\":\"t\",\"payload\":undefined}",
    ] {
        assert_eq!(reason(body), CloseReason::BadJson, "{body}");
    }
}

#[test]
fn f10_json_that_is_not_utf_8_is_bad_json() {
    for bytes in [&b"\xff\xfe"[..], b"\x80", b"\xed\xa0\x80", b"\xc0\xaf"] {
        let inside =
            |before: &str, after: &str| [before.as_bytes(), bytes, after.as_bytes()].concat();
        assert_eq!(
            reason(inside("{\"type\":\"t\",\"payload\":\"", "\"}")),
            CloseReason::BadJson
        );
        assert_eq!(reason(inside("{\"type\":\"", "\"}")), CloseReason::BadJson);
        // Where serde_json only skips.
        assert_eq!(
            reason(inside("{\"type\":\"t\",\"other\":\"", "\"}")),
            CloseReason::BadJson
        );
        assert_eq!(
            reason(inside("{\"type\":\"t\",\"headers\":{\"a\":\"", "\"}}")),
            CloseReason::BadJson
        );
    }
}

#[test]
fn a_body_that_begins_neither_like_json_nor_like_binary_is_a_protocol_error() {
    for body in [
        &b"\xef\xbb\xbf{\"type\":\"t\"}"[..],
        b"\x80",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"\"x\"",
        b"1",
        b" {}",
        b"\0",
        b"\x20",
        b"}",
    ] {
        assert_eq!(reason(body), CloseReason::ProtocolError, "{body:?}");
    }
}

#[test]
fn f12_fields_of_the_wrong_type_are_a_bad_envelope() {
    for body in [
        "{}",
        r#"{"id":"1"}"#,
        r#"{"type":1}"#,
        r#"{"type":null}"#,
        r#"{"type":["t"]}"#,
        r#"{"type":{}}"#,
        r#"{"type":""}"#,
        r#"{"type":true}"#,
        r#"{"type":"t","id":{}}"#,
        r#"{"type":"t","id":1}"#,
        r#"{"type":"t","correlationId":[]}"#,
        r#"{"type":"t","correlationId":7}"#,
        r#"{"type":"t","timestamp":"x"}"#,
        r#"{"type":"t","timestamp":{}}"#,
        r#"{"type":"t","headers":5}"#,
        r#"{"type":"t","headers":[]}"#,
        r#"{"type":"t","headers":"x"}"#,
        r#"{"type":"t","headers":{"requiresResponse":"true"}}"#,
        r#"{"type":"t","id":"1","headers":{"requiresResponse":true,"timeout":"1"}}"#,
        r#"{"type":"t","payload":1,"headers":{"encoding":5}}"#,
        r#"{"type":"t_response","correlationId":"1","headers":{"error":{}}}"#,
        r#"{"type":"t_response","correlationId":"1","headers":{"error":"e","errorCode":1}}"#,
        r#"{"type":"topic:t","headers":{"publisherId":1}}"#,
        r#"{"type":"topic:"}"#,
        r#"{"type":"__register__"}"#,
        r#"{"type":"__register__","payload":null}"#,
        r#"{"type":"__register__","payload":{"clientId":7}}"#,
        r#"{"type":"__register__","payload":{"topics":"a"}}"#,
        r#"{"type":"__register___response","payload":{}}"#,
        r#"{"type":"__register___response","payload":{"success":true}}"#,
        r#"{"type":"__cancel__"}"#,
        r#"{"type":"__cancel__","payload":{"id":4}}"#,
        r#"{"type":"__subscribe__","payload":{}}"#,
        r#"{"type":"__subscribe__","payload":{"topic":7}}"#,
        r#"{"type":"__subscribe__","payload":{"topic":""}}"#,
        r#"{"type":"__unsubscribe__","payload":["a"]}"#,
        r#"{"type":"__publish__","payload":"a"}"#,
        r#"{"type":"__publish__","payload":{"topic":""}}"#,
        r#"{"type":"__goaway__"}"#,
        r#"{"type":"__goaway__","payload":{"reason":1}}"#,
    ] {
        assert_eq!(reason(body), CloseReason::BadEnvelope, "{body}");
    }
}

#[test]
fn a_request_needs_an_id() {
    assert_eq!(
        reason(r#"{"type":"t","headers":{"requiresResponse":true}}"#),
        CloseReason::BadEnvelope
    );
    let null = r#"{"type":"t","id":null,"headers":{"requiresResponse":true}}"#;
    assert_eq!(reason(null), CloseReason::BadEnvelope);
}

#[test]
fn fields_that_are_null_count_as_missing() {
    let body = r#"{"type":"t","id":null,"correlationId":null,"timestamp":null,"headers":null}"#;
    assert!(matches!(decoded_body(body), Ok(Frame::Message { body, .. }) if body == Body::none()));
}

#[test]
fn f13_unknown_fields_are_ignored() {
    let body = r#"{"later":[{"a":1}],"type":"t","version":2,"payload":7,"":null}"#;
    assert_eq!(message_body(body), Body::json("7"));
    let register = r#"{"id":"1","type":"__register__","payload":{"clientId":"c","later":[]}}"#;
    assert!(matches!(decoded_body(register), Ok(Frame::Register(..))));
}

#[test]
fn f14_names_have_at_most_256_bytes() {
    let envelope = |field: &str, length: usize| {
        let name = "x".repeat(length);
        let prefixed = format!("topic:{name}");
        let suffixed = format!("{name}_response");
        match field {
            "type" => format!(r#"{{"type":"{name}"}}"#),
            "id" => format!(r#"{{"type":"t","id":"{name}"}}"#),
            "correlation" => format!(r#"{{"type":"t","correlationId":"{name}"}}"#),
            "answered" => format!(r#"{{"type":"{suffixed}","correlationId":"1"}}"#),
            "topic" => format!(r#"{{"type":"{prefixed}"}}"#),
            "subscribe" => format!(r#"{{"type":"__subscribe__","payload":{{"topic":"{name}"}}}}"#),
            "publish" => format!(r#"{{"type":"__publish__","payload":{{"topic":"{name}"}}}}"#),
            _ => format!(r#"{{"type":"__cancel__","payload":{{"id":"{name}"}}}}"#),
        }
    };
    for field in [
        "type",
        "id",
        "correlation",
        "answered",
        "topic",
        "subscribe",
        "publish",
        "cancel",
    ] {
        assert!(decoded_body(envelope(field, 256)).is_ok(), "{field}");
        assert_eq!(
            reason(envelope(field, 257)),
            CloseReason::BadEnvelope,
            "{field}"
        );
    }
    // Bytes, not characters.
    assert_eq!(
        reason(format!(r#"{{"type":"{}"}}"#, "é".repeat(129))),
        CloseReason::BadEnvelope
    );
}

#[test]
fn reserved_types_of_later_versions_are_skipped() {
    for kind in ["__later__", "__stream_later__", "__x__"] {
        assert!(
            matches!(
                decoded_body(format!(r#"{{"type":"{kind}"}}"#)),
                Ok(Frame::Ignored)
            ),
            "{kind}"
        );
    }
    for kind in ["____", "__x", "x__", "_x_"] {
        assert!(
            matches!(
                decoded_body(format!(r#"{{"type":"{kind}"}}"#)),
                Ok(Frame::Message { .. })
            ),
            "{kind}"
        );
    }
}

#[test]
fn a_request_of_a_reserved_type_is_not_skipped_for_its_sender_waits() {
    let body = r#"{"type":"__later__","id":"1","headers":{"requiresResponse":true}}"#;
    assert!(matches!(decoded_body(body), Ok(Frame::Request { name, .. }) if name == "__later__"));
}

#[test]
fn names_may_be_written_with_escapes() {
    let frame =
        decoded_body(r#"{"type":"\u00e9\n","id":"\u0031","headers":{"requiresResponse":true}}"#);
    match frame {
        Ok(Frame::Request { id, name, .. }) => {
            assert_eq!(id, text_id("1"));
            assert_eq!(&name[..], "é\n".as_bytes());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_leads_back_to_the_number_of_our_request() {
    let answer =
        |id: &str| match decoded_body(format!(r#"{{"type":"t_response","correlationId":"{id}"}}"#))
        {
            Ok(Frame::Response { id, .. }) => id,
            other => panic!("{other:?}"),
        };
    assert_eq!(answer("4294967295"), Id::Number(u32::MAX));
    assert_eq!(answer("4294967296"), text_id("4294967296"));
    assert_eq!(answer("-1"), text_id("-1"));
    assert_eq!(answer("a"), text_id("a"));
}

#[test]
fn the_timeout_of_a_request_may_be_any_number() {
    let timeout = |text: &str| {
        let body = format!(
            r#"{{"type":"t","id":"1","headers":{{"requiresResponse":true,"timeout":{text}}}}}"#
        );
        match decoded_body(body) {
            Ok(Frame::Request { timeout, .. }) => timeout.map(|it| it.as_millis()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(timeout("250"), Some(250));
    assert_eq!(timeout("2.5"), Some(2));
    assert_eq!(timeout("0.5"), None);
    assert_eq!(timeout("-3"), None);
    assert_eq!(timeout("1e300"), Some(u128::from(u64::MAX)));
}
