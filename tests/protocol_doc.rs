//! `docs/protocol.md` says what the code does: each of its examples decodes,
//! encodes to the same bytes again, and nothing is left out.
// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "support/document.rs"]
mod document;
#[path = "support/frames.rs"]
mod frames;

use std::collections::{BTreeMap, BTreeSet};

use smartipc_native::ipc::frame::{
    DecodeError, Encoding, Frame, Profile, FEATURE_BINARY, FEATURE_MEMORY, VERSION,
};
use smartipc_native::ipc::options::{Limits, MAX_HEADERS, MAX_NAME};
use smartipc_native::ipc::proto::topics::MAX_SEGMENTS;
use smartipc_native::ipc::CloseReason;

use document::{document, rows, sections};
use frames::{decode, encoded, framed, variant, ALL_VARIANTS};

/// Control types of the JSON profile, with the frame that each stands for.
const CONTROL_TYPES: [(&str, &str); 16] = [
    ("__register__", "Register"),
    ("__register___response", "Registered"),
    ("__cancel__", "Cancel"),
    ("__subscribe__", "Subscribe"),
    ("__unsubscribe__", "Unsubscribe"),
    ("__publish__", "Publish"),
    ("__heartbeat__", "Ping"),
    ("__heartbeat_response__", "Pong"),
    ("__goaway__", "GoAway"),
    ("__stream_init__", "StreamOpen"),
    ("__stream_chunk__", "StreamData"),
    ("__stream_end__", "StreamEnd"),
    ("__stream_error__", "StreamError"),
    ("__stream_cancel__", "StreamCancel"),
    ("__stream_credit__", "StreamCredit"),
    ("__stream_done__", "StreamDone"),
];

#[test]
fn hex_examples_decode_and_encode_to_the_same_bytes() {
    let mut count = 0;
    for section in sections() {
        for bytes in section.hex() {
            let frame = decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", section.title));
            let profile = if bytes[4] == b'{' {
                Profile::Json
            } else {
                Profile::Binary
            };
            assert_eq!(
                encoded(&frame, profile),
                bytes,
                "{}: {frame:?}",
                section.title
            );
            count += 1;
        }
    }
    assert!(count >= 25, "only {count} examples found");
}

#[test]
fn json_examples_decode_and_encode_to_the_same_text() {
    let mut count = 0;
    for section in sections() {
        for text in section.blocks("json") {
            let frame = decode(&framed(text.as_bytes()))
                .unwrap_or_else(|error| panic!("{}: {error}", section.title));
            let again = encoded(&frame, Profile::Json);
            assert_eq!(
                std::str::from_utf8(&again[4..]),
                Ok(text),
                "{}",
                section.title
            );
            count += 1;
        }
    }
    assert!(count >= 27, "only {count} examples found");
}

#[test]
fn every_binary_kind_has_a_row_and_an_example() {
    let rows: BTreeMap<u8, String> = rows()
        .iter()
        .filter_map(|row| {
            let kind = u8::from_str_radix(row.first()?.strip_prefix("`0x")?.strip_suffix('`')?, 16);
            Some((kind.ok()?, row[1].trim_end_matches(" *").to_owned()))
        })
        .collect();
    let mut examples = BTreeSet::new();
    for section in sections() {
        let Some((name, kind)) = section.title.split_once(" (0x") else {
            continue;
        };
        let kind = u8::from_str_radix(kind.trim_end_matches(')'), 16).unwrap();
        for bytes in section.hex() {
            assert_eq!(bytes[4], kind, "kind byte in {}", section.title);
            examples.insert(kind);
        }
        if let Some(row) = rows.get(&kind) {
            assert_eq!(row, name, "the table and the heading of kind {kind:#04x}");
        }
    }
    // What the decoder knows, found by asking it.
    let mut known = BTreeSet::new();
    let mut optional = BTreeSet::new();
    for kind in 0x01..=0x1f {
        match decode(&framed(&[kind])) {
            Err(DecodeError::Protocol("unknown kind of frame")) => {}
            Ok(Frame::Ignored) => {
                optional.insert(kind);
            }
            _ => {
                known.insert(kind);
            }
        }
    }
    assert_eq!(
        rows.keys().copied().collect::<BTreeSet<_>>(),
        known,
        "rows of the table of kinds"
    );
    assert_eq!(optional, (0x1a..=0x1f).collect(), "the optional kinds");
    let mut wanted = known;
    wanted.insert(0x1a);
    assert_eq!(examples, wanted, "kinds with examples");
}

#[test]
fn kinds_that_spend_credit_are_marked() {
    for row in rows() {
        let Some(kind) = row.first().and_then(|cell| cell.strip_prefix("`0x")) else {
            continue;
        };
        let Ok(kind) = u8::from_str_radix(kind.trim_end_matches('`'), 16) else {
            continue;
        };
        let frame = decode(&example_of(kind)).unwrap();
        let spends = matches!(variant(&frame), "Message" | "Request" | "Publish" | "Topic");
        assert_eq!(row[1].ends_with(" *"), spends, "kind {kind:#04x}");
    }
}

#[test]
fn every_control_type_has_a_row_and_an_example() {
    let rows: BTreeSet<String> = rows()
        .iter()
        .filter(|row| row.len() == 4)
        .filter_map(|row| {
            row[0]
                .strip_prefix("`__")
                .map(|name| format!("__{}", name.trim_end_matches('`')))
        })
        .collect();
    let types: BTreeSet<String> = CONTROL_TYPES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(rows, types, "rows of the table of control types");

    for (name, expected) in CONTROL_TYPES {
        let title = format!("`{name}`");
        let section = sections()
            .into_iter()
            .find(|section| section.title == title)
            .unwrap_or_else(|| panic!("no section {title}"));
        let text = section.blocks("json")[0];
        assert!(
            text.contains(&format!("\"type\":\"{name}\"")),
            "example of {name}: {text}"
        );
        assert_eq!(
            variant(&decode(&framed(text.as_bytes())).unwrap()),
            expected,
            "{name}"
        );
    }
    // A name that is none of them is skipped: the list is complete as far as
    // the decoder can be asked.
    let unknown = decode(&framed(br#"{"type":"__stream_pause__","payload":{}}"#)).unwrap();
    assert_eq!(variant(&unknown), "Ignored");
}

#[test]
fn every_frame_has_an_example_in_its_profile() {
    let (mut json, mut binary) = (BTreeSet::new(), BTreeSet::new());
    for section in sections() {
        for text in section.blocks("json") {
            json.insert(variant(&decode(&framed(text.as_bytes())).unwrap()));
        }
        for bytes in section.hex() {
            if bytes[4] != b'{' {
                binary.insert(variant(&decode(&bytes).unwrap()));
            }
        }
    }
    let all: BTreeSet<&str> = ALL_VARIANTS.into_iter().collect();
    let only = |list: &[&'static str]| list.iter().copied().collect::<BTreeSet<&str>>();
    let binary_only = ["Credit", "StreamMemory", "StreamShared", "Ignored"];
    assert_eq!(json, &all - &only(&binary_only), "JSON profile");
    assert_eq!(
        binary,
        &all - &only(&["Register", "Registered"]),
        "binary profile"
    );
}

#[test]
fn close_reasons_are_those_of_the_code() {
    let rows: Vec<(u8, String, bool)> = rows()
        .iter()
        .filter(|row| row.len() == 4)
        .filter_map(|row| {
            let number = row[0].parse().ok()?;
            let text = row[1].strip_prefix('`')?.strip_suffix('`')?;
            Some((number, text.to_owned(), row[3] == "yes"))
        })
        .collect();
    let code: Vec<(u8, String, bool)> = CloseReason::ALL
        .iter()
        .map(|reason| {
            (
                *reason as u8,
                reason.as_str().to_owned(),
                reason.may_reconnect(),
            )
        })
        .collect();
    assert_eq!(rows, code);
}

#[test]
fn limits_are_those_of_the_code() {
    let rows: BTreeMap<String, String> = rows()
        .into_iter()
        .filter(|row| row.len() == 2)
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let limits = Limits::default();
    let expected = [
        (
            "body of a frame (`maxMessageSize`)",
            format!("{} bytes", limits.max_message_size),
        ),
        (
            "type, topic, client id, request id, stream id, stream name",
            format!("{MAX_NAME} bytes"),
        ),
        (
            "headers of one message; each text of FAILED, GOAWAY, STREAM_ERROR and STREAM_CANCEL",
            format!("{MAX_HEADERS} bytes"),
        ),
        ("segments of a topic", MAX_SEGMENTS.to_string()),
        ("`windowMessages`", limits.window_messages.to_string()),
        ("`windowBytes`", limits.window_bytes.to_string()),
        (
            "unanswered requests, each direction",
            limits.pending_requests.to_string(),
        ),
        (
            "subscriptions of a connection",
            limits.subscriptions.to_string(),
        ),
        (
            "streams of a connection, each direction (`maxConcurrentStreams`)",
            limits.streams.to_string(),
        ),
        (
            "`streamWindow`; over TCP 1048576",
            limits.stream_window.to_string(),
        ),
        (
            "time for the registration (`handshakeTimeout`)",
            format!("{} s", limits.handshake_timeout.as_secs()),
        ),
        (
            "time for one frame (`frameTimeout` of a server)",
            format!("{} s", limits.frame_timeout.as_secs()),
        ),
    ];
    for (name, value) in expected {
        assert_eq!(rows.get(name), Some(&value), "limit: {name}");
    }
}

#[test]
fn numbers_of_encodings_version_and_feature() {
    let rows = rows();
    let text = document();
    for encoding in [
        Encoding::None,
        Encoding::Json,
        Encoding::Clone,
        Encoding::Bytes,
    ] {
        let number = (encoding as u8).to_string();
        assert!(
            rows.iter().any(|row| row.len() == 2 && row[0] == number),
            "encoding {number}"
        );
        if let Some(name) = encoding.header() {
            assert!(text.contains(&format!("`{name}`")), "encoding {name}");
        }
    }
    assert_eq!(
        Encoding::from_number(4),
        None,
        "the document says 4 is unknown"
    );
    assert!(text.contains(&format!("Version {VERSION}.")));
    for feature in [FEATURE_BINARY, FEATURE_MEMORY] {
        assert!(text.contains(&format!("`\"{feature}\"`")), "{feature}");
    }
}

#[test]
fn an_example_cut_short_is_an_error() {
    // The examples are long enough to notice a decoder that takes anything.
    for section in sections() {
        for bytes in section
            .hex()
            .into_iter()
            .filter(|bytes| bytes.len() > 6 && bytes[4] < 0x1a)
        {
            let body = &bytes[4..];
            let fields = matches!(body[0], 0x01..=0x03 | 0x08 | 0x0b | 0x11 | 0x12 | b'{');
            // A body's payload may be any length; a single field may not.
            let cut = if fields {
                &body[..2]
            } else {
                &body[..body.len() - 1]
            };
            assert!(
                decode(&framed(cut)).is_err(),
                "{}: {cut:02x?}",
                section.title
            );
        }
    }
}

fn example_of(kind: u8) -> Vec<u8> {
    let all = sections().into_iter().flat_map(|section| section.hex());
    all.into_iter()
        .find(|bytes| bytes[4] == kind)
        .unwrap_or_else(|| panic!("no example of kind {kind:#04x}"))
}
