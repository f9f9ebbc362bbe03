//! Binary frames that no rule allows.

use super::super::Failure;
use super::*;
use crate::ipc::close::CloseReason;
use crate::ipc::options::MAX_HEADERS;

fn reason(body: &[u8]) -> CloseReason {
    match decoded_body(body) {
        Err(error) => error.reason(),
        Ok(frame) => panic!("accepted {body:02x?} as {frame:?}"),
    }
}

#[test]
fn optional_kinds_are_skipped_whatever_they_contain() {
    for kind in 0x1a..=0x1f {
        assert!(matches!(decoded_body([kind]), Ok(Frame::Ignored)));
        assert!(matches!(
            decoded_body([kind, 0xff, 0x00, 0x80]),
            Ok(Frame::Ignored)
        ));
    }
}

#[test]
fn kinds_that_are_white_space_are_refused() {
    for kind in [0x09, 0x0a, 0x0d] {
        assert_eq!(
            reason(&[kind, 0, 0, 0]),
            CloseReason::ProtocolError,
            "{kind:02x}"
        );
    }
}

#[test]
fn reserved_flags_and_encodings_are_refused() {
    for flag in [0x10, 0x20, 0x40, 0x80] {
        assert_eq!(
            reason(&[0x01, 1, b't', flag]),
            CloseReason::ProtocolError,
            "{flag:02x}"
        );
    }
    for encoding in 4..=7 {
        assert_eq!(
            reason(&[0x01, 1, b't', encoding]),
            CloseReason::ProtocolError,
            "{encoding}"
        );
    }
    assert_eq!(
        reason(b"\x01\x01t\x00x"),
        CloseReason::ProtocolError,
        "payload without encoding"
    );
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    assert_eq!(
        reason(b"\x01\x01\xff\x00"),
        CloseReason::ProtocolError,
        "name of a message"
    );
    assert_eq!(
        reason(b"\x02\x01\x00\x01\x80\x00"),
        CloseReason::ProtocolError,
        "name of a request"
    );
    assert_eq!(
        reason(b"\x0b\x01t\x01\xff\x00"),
        CloseReason::ProtocolError,
        "publisher"
    );
    assert_eq!(
        reason(b"\x04\x01\x01\xff\x00\x00"),
        CloseReason::ProtocolError,
        "message of a failure"
    );
    assert_eq!(
        reason(b"\x10\x01\x01\xff"),
        CloseReason::ProtocolError,
        "farewell"
    );
    assert_eq!(
        reason(b"\x01\x01t\x01\"\xff\""),
        CloseReason::BadJson,
        "JSON payload"
    );
    assert_eq!(
        reason(b"\x01\x01t\x08\x01\xff"),
        CloseReason::ProtocolError,
        "headers"
    );
}

#[test]
fn headers_are_an_object_of_at_most_64_kib() {
    for headers in [&b"[]"[..], b"1", b"null", b"\"x\"", b""] {
        let body = [b"\x01\x01t\x08", &[headers.len() as u8][..], headers].concat();
        assert!(decoded_body(&body).is_err(), "{headers:?}");
    }
    let message = |length: usize| Frame::Message {
        name: "t".into(),
        body: Body {
            headers: Some(Bytes::from(format!(
                "{{\"a\":\"{}\"}}",
                "x".repeat(length - 8)
            ))),
            ..Body::none()
        },
    };
    assert!(decoded(&encoded(&message(MAX_HEADERS), Profile::Binary)).is_ok());
    assert!(decoded(&encoded(&message(MAX_HEADERS + 1), Profile::Binary)).is_err());
}

#[test]
fn names_have_1_to_256_bytes() {
    for kind in [0x01, 0x08, 0x0b] {
        let body = |length: usize| {
            let mut body = vec![kind, (length & 0x7f) as u8 | 0x80, (length >> 7) as u8];
            body.extend(std::iter::repeat_n(b'n', length));
            if kind == 0x0b {
                body.push(0);
            }
            body.push(0);
            body
        };
        assert!(decoded_body(body(256)).is_ok(), "{kind:02x}");
        assert_eq!(reason(&body(257)), CloseReason::ProtocolError, "{kind:02x}");
        assert_eq!(reason(&body(0)), CloseReason::ProtocolError, "{kind:02x}");
    }
}

#[test]
fn numbers_are_bounded() {
    assert!(matches!(
        decoded_body(hex("05 ffffffff0f")),
        Ok(Frame::Cancel {
            id: Id::Number(u32::MAX)
        })
    ));
    assert_eq!(
        reason(&hex("05 8080808010")),
        CloseReason::ProtocolError,
        "id of 33 bits"
    );
    assert_eq!(
        reason(&hex("05 ffffffffffffffffffff01")),
        CloseReason::ProtocolError,
        "11 bytes"
    );
    assert_eq!(reason(&hex("05 80")), CloseReason::ProtocolError, "cut off");
    assert_eq!(
        reason(&hex("01 ffffffffffffffffff01 00")),
        CloseReason::ProtocolError,
        "length of 2^64 - 1"
    );
}

#[test]
fn frames_that_are_cut_off_or_too_long_are_refused() {
    let whole = [
        "02 01 00 01 74 00",
        "03 01 00",
        "04 01 01 61 01 62 00",
        "05 01",
        "06 01 01 61",
        "07 01 01 61",
        "08 01 61 00",
        "0b 01 61 00 00",
        "0c 01 01",
        "0e 01",
        "0f 01",
        "10 01 00",
        "11 01 01 61 00",
        "13 01",
        "14 01 01 61 01 62 00",
        "15 01 01 61 01 62 00",
        "16 01 01",
        "17 01",
    ];
    for body in whole {
        let body = hex(body);
        assert!(decoded_body(&body).is_ok(), "{body:02x?}");
        for length in 1..body.len() {
            assert_eq!(
                reason(&body[..length]),
                CloseReason::ProtocolError,
                "{:02x?}",
                &body[..length]
            );
        }
        let longer = [&body[..], &[0]].concat();
        assert_eq!(reason(&longer), CloseReason::ProtocolError, "{longer:02x?}");
    }
}

#[test]
fn a_failure_with_an_endless_text_is_clipped_by_its_sender() {
    // 64 KiB less one byte, then characters of two bytes: the cut must not
    // fall into one.
    let message = format!("{}{}", "x".repeat(MAX_HEADERS - 1), "é".repeat(50_000));
    let failure = Failure {
        message: message.clone(),
        name: message.clone(),
        code: message.clone(),
    };
    let failed = Frame::Failed {
        id: Id::Number(1),
        name: Bytes::new(),
        failure,
    };
    let Ok(Frame::Failed { failure, .. }) = decoded(&encoded(&failed, Profile::Binary)) else {
        panic!("the receiver refuses it")
    };
    for text in [&failure.message, &failure.name, &failure.code] {
        assert_eq!(text.len(), MAX_HEADERS - 1);
        assert!(message.starts_with(text.as_str()));
    }
    let bye = Frame::GoAway {
        reason: 1,
        message: message.clone(),
    };
    assert!(decoded(&encoded(&bye, Profile::Binary)).is_ok());
}
