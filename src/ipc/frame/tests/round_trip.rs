//! Any frame, there and back.

use std::time::Duration;

use proptest::prelude::*;

use super::super::Failure;
use super::received::received;
use super::*;
use crate::ipc::close::CloseReason;

fn name() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        "[a-z.*-]{1,12}",
        "\\PC{1,20}",
        "[\u{0}-\u{1f}\"\\\\\u{7f}-\u{9f}]{1,20}",
        Just("é".repeat(128)),
    ]
    .prop_filter("names of the protocol", |name| {
        !(name.starts_with("topic:") || name.starts_with("__") && name.ends_with("__"))
    })
    .prop_map(Bytes::from)
}

fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|it| it.to_string()),
        any::<i64>().prop_map(|it| it.to_string()),
        Just("1e400".to_owned()),
        Just(r#""\ud800""#.to_owned()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((any::<String>(), inner), 0..4).prop_map(|fields| {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(key, value)| format!("{}: {value}", serde_json::to_string(key).unwrap()))
                    .collect();
                format!("{{{}}}", fields.join(" ,"))
            }),
        ]
    })
}

/// Headers as the JSON profile gives them back: sorted, each key once, and none
/// of the protocol's.
fn headers() -> impl Strategy<Value = Option<Bytes>> {
    let keys = prop_oneof![
        "x-[a-z]{0,5}",
        "\\PC{0,5}".prop_map(|key| format!("{key}!"))
    ];
    prop::option::of(
        prop::collection::btree_map(keys, json_text(), 1..4).prop_map(|fields| {
            let fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| format!("{}:{value}", serde_json::to_string(key).unwrap()))
                .collect();
            Bytes::from(format!("{{{}}}", fields.join(",")))
        }),
    )
}

fn bodies() -> impl Strategy<Value = Body> {
    let raw = prop::collection::vec(any::<u8>(), 0..100).prop_map(Bytes::from);
    let payload = prop_oneof![
        Just((Encoding::None, Bytes::new())),
        json_text().prop_map(|text| (Encoding::Json, Bytes::from(text))),
        raw.clone().prop_map(|raw| (Encoding::Clone, raw)),
        raw.prop_map(|raw| (Encoding::Bytes, raw)),
    ];
    (headers(), payload).prop_map(|(headers, (encoding, payload))| Body {
        headers,
        encoding,
        payload,
    })
}

fn numbers() -> impl Strategy<Value = Id> {
    any::<u32>().prop_map(Id::Number)
}

fn failures() -> impl Strategy<Value = Failure> {
    any::<(String, String, String)>().prop_map(|(message, name, code)| Failure {
        message,
        name,
        code,
    })
}

fn streams() -> impl Strategy<Value = Frame> {
    let metas = bodies().prop_filter("metadata is JSON", |body| {
        matches!(body.encoding, Encoding::None | Encoding::Json)
    });
    let data = prop::collection::vec(any::<u8>(), 1..100).prop_map(Bytes::from);
    prop_oneof![
        (numbers(), name(), metas).prop_map(|(id, name, body)| Frame::StreamOpen {
            id,
            name,
            body
        }),
        (numbers(), data).prop_map(|(id, data)| Frame::StreamData { id, data }),
        numbers().prop_map(|id| Frame::StreamEnd { id }),
        (numbers(), failures()).prop_map(|(id, failure)| Frame::StreamError { id, failure }),
        (numbers(), failures()).prop_map(|(id, failure)| Frame::StreamCancel { id, failure }),
        (numbers(), any::<u64>()).prop_map(|(id, bytes)| Frame::StreamCredit { id, bytes }),
        numbers().prop_map(|id| Frame::StreamDone { id }),
        numbers().prop_map(|id| Frame::StreamMemory { id }),
        (numbers(), 1..=u64::MAX).prop_map(|(id, count)| Frame::StreamShared { id, count }),
    ]
}

fn frames() -> impl Strategy<Value = Frame> {
    let timeouts = prop::option::of((1u64..1 << 50).prop_map(Duration::from_millis));
    let reasons = prop::sample::select(CloseReason::ALL).prop_map(|reason| reason as u8);
    let publishers = prop_oneof![Just(Bytes::new()), name()];
    prop_oneof![
        (name(), bodies()).prop_map(|(name, body)| Frame::Message { name, body }),
        (numbers(), timeouts, name(), bodies()).prop_map(|(id, timeout, name, body)| {
            Frame::Request {
                id,
                timeout,
                name,
                body,
            }
        }),
        (numbers(), name(), bodies()).prop_map(|(id, name, body)| Frame::Response {
            id,
            name,
            body
        }),
        (numbers(), name(), failures()).prop_map(|(id, name, failure)| Frame::Failed {
            id,
            name,
            failure
        }),
        numbers().prop_map(|id| Frame::Cancel { id }),
        (prop::option::of(numbers()), name())
            .prop_map(|(id, topic)| Frame::Subscribe { id, topic }),
        (prop::option::of(numbers()), name())
            .prop_map(|(id, topic)| Frame::Unsubscribe { id, topic }),
        (name(), bodies()).prop_map(|(topic, body)| Frame::Publish { topic, body }),
        (name(), publishers, bodies()).prop_map(|(topic, publisher, body)| Frame::Topic {
            topic,
            publisher,
            body
        }),
        any::<(u64, u64)>().prop_map(|(messages, bytes)| Frame::Credit { messages, bytes }),
        numbers().prop_map(Frame::Ping),
        numbers().prop_map(Frame::Pong),
        (reasons, any::<String>()).prop_map(|(reason, message)| Frame::GoAway { reason, message }),
        streams(),
        streams(),
        Just(Frame::Ignored),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_frame_comes_back_in_both_profiles(frame in frames()) {
        for profile in [Profile::Json, Profile::Binary] {
            let bytes = encoded(&frame, profile);
            let back = decoded(&bytes).map_err(|error| TestCaseError::fail(format!("{error}: {bytes:?}")))?;
            let expected = received(frame.clone(), profile);
            prop_assert_eq!(shown(&back), shown(&expected));
            prop_assert_eq!(encoded(&expected, profile), encoded(&back, profile));
        }
    }
}
