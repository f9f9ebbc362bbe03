//! Every kind of frame in both profiles, to the byte.

use std::time::Duration;

use super::super::{Failure, Protocol, Refusal, Registration, Welcome};
use super::*;

const SIX: &str = r#""timestamp":1700000000000"#;

fn name(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// Checks the binary form both ways; what is decoded may differ from what was
/// encoded, where the profile leaves something out.
fn binary(frame: &Frame, bytes: &str, back: &Frame) {
    assert_eq!(encoded(frame, Profile::Binary), hex(bytes), "{frame:?}");
    assert_eq!(shown(&decoded(&hex(bytes)).unwrap()), shown(back));
}

fn json(frame: &Frame, body: &str, back: &Frame) {
    let bytes = encoded(frame, Profile::Json);
    let text = String::from_utf8(bytes[4..].to_vec()).unwrap();
    assert_eq!(text, body.replace("$TIME", SIX));
    assert_eq!(bytes[..4], u32::try_from(text.len()).unwrap().to_be_bytes());
    assert_eq!(shown(&decoded(&bytes).unwrap()), shown(back));
}

#[test]
fn a_message_in_both_profiles() {
    let frame = Frame::Message {
        name: name("ab"),
        body: body(Encoding::Json, b"[1]"),
    };
    binary(&frame, "00000008 01 02 6162 01 5b315d", &frame);
    json(
        &frame,
        r#"{"id":"0","type":"ab",$TIME,"payload":[1]}"#,
        &frame,
    );
}

#[test]
fn a_message_without_payload_in_both_profiles() {
    let frame = Frame::Message {
        name: name("ab"),
        body: Body::none(),
    };
    binary(&frame, "00000005 01 02 6162 00", &frame);
    json(&frame, r#"{"id":"0","type":"ab",$TIME}"#, &frame);
}

#[test]
fn headers_stand_before_the_payload_in_binary_and_last_in_json() {
    let frame = Frame::Message {
        name: name("t"),
        body: with_headers(r#"{"a":1}"#, body(Encoding::Bytes, &[0, 255])),
    };
    binary(
        &frame,
        "0000000e 01 01 74 0b 07 7b2261223a317d 00ff",
        &frame,
    );
    json(
        &frame,
        r#"{"id":"0","type":"t",$TIME,"payload":"AP8=","headers":{"a":1,"encoding":"base64"}}"#,
        &frame,
    );
}

#[test]
fn a_structured_clone_in_both_profiles() {
    let frame = Frame::Message {
        name: name("t"),
        body: body(Encoding::Clone, &[0xff, 0x0f, 0x5f]),
    };
    binary(&frame, "00000007 01 01 74 02 ff0f5f", &frame);
    json(
        &frame,
        r#"{"id":"0","type":"t",$TIME,"payload":"/w9f","headers":{"encoding":"structured-clone"}}"#,
        &frame,
    );
}

#[test]
fn a_request_with_and_without_timeout_in_both_profiles() {
    let request = |id, timeout| Frame::Request {
        id,
        timeout,
        name: name("t"),
        body: body(Encoding::Json, b"7"),
    };
    let timeout = Some(Duration::from_millis(300));
    let frame = request(Id::Number(200), timeout);
    binary(&frame, "00000009 02 c801 ac02 01 74 01 37", &frame);
    json(
        &frame,
        r#"{"id":"200","type":"t",$TIME,"payload":7,"headers":{"requiresResponse":true,"timeout":300}}"#,
        &request(text_id("200"), timeout),
    );
    let frame = request(Id::Number(1), None);
    binary(&frame, "00000007 02 01 00 01 74 01 37", &frame);
    json(
        &frame,
        r#"{"id":"1","type":"t",$TIME,"payload":7,"headers":{"requiresResponse":true}}"#,
        &request(text_id("1"), None),
    );
    // Zero means "none" in the binary profile; less than a millisecond is not none.
    let short = request(Id::Number(1), Some(Duration::from_micros(10)));
    binary(
        &short,
        "00000007 02 01 01 01 74 01 37",
        &request(Id::Number(1), Some(Duration::from_millis(1))),
    );
}

#[test]
fn a_response_in_both_profiles() {
    let response = |name| Frame::Response {
        id: Id::Number(5),
        name,
        body: body(Encoding::Json, b"null"),
    };
    let frame = response(name("t"));
    binary(
        &frame,
        "00000007 03 05 01 6e756c6c",
        &response(Bytes::new()),
    );
    json(
        &frame,
        r#"{"id":"0","type":"t_response","correlationId":"5",$TIME,"payload":null}"#,
        &frame,
    );
}

#[test]
fn a_failure_in_both_profiles() {
    let failed = |name| Frame::Failed {
        id: Id::Number(5),
        name,
        failure: Failure {
            message: "no \"x\"".into(),
            name: "TypeError".into(),
            code: "E".into(),
        },
    };
    let frame = failed(name("t"));
    binary(
        &frame,
        "00000015 04 05 06 6e6f20227822 09 547970654572726f72 01 45",
        &failed(Bytes::new()),
    );
    json(
        &frame,
        concat!(
            r#"{"id":"0","type":"t_response","correlationId":"5",$TIME,"payload":null,"#,
            r#""headers":{"error":"no \"x\"","errorName":"TypeError","errorCode":"E"}}"#
        ),
        &frame,
    );
}

#[test]
fn a_cancellation_in_both_profiles() {
    let frame = Frame::Cancel {
        id: Id::Number(130),
    };
    binary(&frame, "00000003 05 8201", &frame);
    json(
        &frame,
        r#"{"id":"0","type":"__cancel__",$TIME,"payload":{"id":"130"}}"#,
        &Frame::Cancel { id: text_id("130") },
    );
}

#[test]
fn subscriptions_in_both_profiles() {
    let subscribe = |id| Frame::Subscribe {
        id,
        topic: name("a.*"),
    };
    let unsubscribe = |id| Frame::Unsubscribe {
        id,
        topic: name("a.*"),
    };
    binary(
        &subscribe(Some(Id::Number(3))),
        "00000006 06 03 03 612e2a",
        &subscribe(Some(Id::Number(3))),
    );
    binary(
        &unsubscribe(None),
        "00000006 07 00 03 612e2a",
        &unsubscribe(Some(Id::Number(0))),
    );
    json(
        &subscribe(Some(Id::Number(3))),
        concat!(
            r#"{"id":"3","type":"__subscribe__",$TIME,"payload":{"topic":"a.*"},"#,
            r#""headers":{"requiresResponse":true}}"#
        ),
        &subscribe(Some(text_id("3"))),
    );
    json(
        &unsubscribe(None),
        r#"{"id":"0","type":"__unsubscribe__",$TIME,"payload":{"topic":"a.*"}}"#,
        &unsubscribe(None),
    );
}

#[test]
fn publishing_in_both_profiles() {
    let frame = Frame::Publish {
        topic: name("a"),
        body: with_headers(r#"{"h":2}"#, body(Encoding::Json, b"{}")),
    };
    binary(
        &frame,
        "0000000e 08 01 61 09 07 7b2268223a327d 7b7d",
        &frame,
    );
    json(
        &frame,
        r#"{"id":"0","type":"__publish__",$TIME,"payload":{"topic":"a","payload":{}},"headers":{"h":2}}"#,
        &frame,
    );
    let bytes = Frame::Publish {
        topic: name("a"),
        body: body(Encoding::Bytes, b"hi"),
    };
    binary(&bytes, "00000006 08 01 61 03 6869", &bytes);
    json(
        &bytes,
        concat!(
            r#"{"id":"0","type":"__publish__",$TIME,"payload":{"topic":"a","payload":"aGk="},"#,
            r#""headers":{"encoding":"base64"}}"#
        ),
        &bytes,
    );
}

#[test]
fn a_topic_message_in_both_profiles() {
    let topic = |publisher| Frame::Topic {
        topic: name("a.b"),
        publisher,
        body: body(Encoding::Json, b"1"),
    };
    let frame = topic(name("me"));
    binary(&frame, "0000000a 0b 03 612e62 02 6d65 01 31", &frame);
    json(
        &frame,
        r#"{"id":"0","type":"topic:a.b",$TIME,"payload":1,"headers":{"publisherId":"me"}}"#,
        &frame,
    );
    let from_server = topic(Bytes::new());
    binary(&from_server, "00000008 0b 03 612e62 00 01 31", &from_server);
    json(
        &from_server,
        r#"{"id":"0","type":"topic:a.b",$TIME,"payload":1}"#,
        &from_server,
    );
}

#[test]
fn credit_is_binary_and_ignored_in_json() {
    let frame = Frame::Credit {
        messages: 1024,
        bytes: 8_388_608,
    };
    binary(&frame, "00000007 0c 8008 80808004", &frame);
    let all = Frame::Credit {
        messages: u64::MAX,
        bytes: 0,
    };
    binary(&all, "0000000c 0c ffffffffffffffffff01 00", &all);
    json(
        &frame,
        r#"{"id":"0","type":"__ignored__",$TIME}"#,
        &Frame::Ignored,
    );
}

#[test]
fn signs_of_life_in_both_profiles() {
    binary(
        &Frame::Ping(Id::Number(9)),
        "00000002 0e 09",
        &Frame::Ping(Id::Number(9)),
    );
    binary(
        &Frame::Pong(Id::Number(9)),
        "00000002 0f 09",
        &Frame::Pong(Id::Number(9)),
    );
    let ping = r#"{"id":"9","type":"__heartbeat__",$TIME}"#;
    json(
        &Frame::Ping(Id::Number(9)),
        ping,
        &Frame::Ping(text_id("9")),
    );
    json(
        &Frame::Pong(text_id("9")),
        r#"{"id":"0","type":"__heartbeat_response__","correlationId":"9",$TIME}"#,
        &Frame::Pong(Id::Number(9)),
    );
}

#[test]
fn a_farewell_in_both_profiles() {
    let frame = Frame::GoAway {
        reason: 18,
        message: "bye".into(),
    };
    binary(&frame, "00000006 10 12 03 627965", &frame);
    json(
        &frame,
        r#"{"id":"0","type":"__goaway__",$TIME,"payload":{"message":"bye","reason":"kicked"}}"#,
        &frame,
    );
}

#[test]
fn what_may_be_skipped_in_both_profiles() {
    binary(&Frame::Ignored, "00000001 1a", &Frame::Ignored);
    json(
        &Frame::Ignored,
        r#"{"id":"0","type":"__ignored__",$TIME}"#,
        &Frame::Ignored,
    );
}

fn protocol() -> Protocol {
    Protocol {
        version: 1,
        features: vec!["binary".into()],
        max_message_size: 10,
        window_messages: 11,
        window_bytes: 12,
        stream_window: 13,
        clone_version: 15,
    }
}

const PROTOCOL: &str = concat!(
    r#"{"version":1,"features":["binary"],"maxMessageSize":10,"#,
    r#""windowMessages":11,"windowBytes":12,"streamWindow":13,"cloneVersion":15}"#
);

#[test]
fn the_registration_is_json_whatever_the_profile() {
    let registration = Registration {
        client_id: Some("c".into()),
        metadata: Some(
            serde_json::value::RawValue::from_string(r#"{"b":1,"a":2}"#.into()).unwrap(),
        ),
        token: Some("s".into()),
        resume: Some("r".into()),
        topics: vec!["x.*".into()],
        probe: true,
        give_way: true,
        protocol: Some(protocol()),
    };
    let frame = |id| Frame::Register(id, Box::new(registration.clone()));
    let text = format!(
        concat!(
            r#"{{"id":"1","type":"__register__",$TIME,"payload":{{"clientId":"c","metadata":{{"b":1,"a":2}},"#,
            r#""token":"s","resume":"r","topics":["x.*"],"probe":true,"yield":true,"protocol":{}}},"#,
            r#""headers":{{"requiresResponse":true}}}}"#
        ),
        PROTOCOL
    );
    json(&frame(Id::Number(1)), &text, &frame(text_id("1")));
    assert_eq!(
        encoded(&frame(Id::Number(1)), Profile::Binary),
        encoded(&frame(Id::Number(1)), Profile::Json)
    );
}

#[test]
fn the_answers_to_a_registration_are_json_whatever_the_profile() {
    let welcome = Welcome {
        client_id: "c".into(),
        role: "hub".into(),
        resume: Some("r".into()),
        protocol: Some(protocol()),
    };
    let text = format!(
        concat!(
            r#"{{"id":"0","type":"__register___response","correlationId":"1",$TIME,"#,
            r#""payload":{{"success":true,"clientId":"c","role":"hub","resume":"r","protocol":{}}}}}"#
        ),
        PROTOCOL
    );
    let accepted = |id| Frame::Registered(id, Box::new(Ok(welcome.clone())));
    let frame = accepted(Id::Number(1));
    json(&frame, &text, &frame);
    assert_eq!(
        encoded(&frame, Profile::Binary),
        encoded(&frame, Profile::Json)
    );

    let refusal = Refusal {
        error: "no".into(),
        reason: "unauthorized".into(),
    };
    let refused = Frame::Registered(text_id("r"), Box::new(Err(refusal)));
    json(
        &refused,
        concat!(
            r#"{"id":"0","type":"__register___response","correlationId":"r",$TIME,"#,
            r#""payload":{"success":false,"error":"no","reason":"unauthorized"},"headers":{"error":"no"}}"#
        ),
        &refused,
    );
}
