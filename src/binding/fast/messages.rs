//! Many small messages in one call.

use bytes::{Bytes, BytesMut};
use napi::sys;

use super::{failure, gone, to_flush, Callback, ROOM_FOR_BATCH};
use crate::binding::endpoint::{self, Endpoint, Handle};
use crate::binding::value::{self, Arguments, JsPayload};
use crate::ipc::faults;
use crate::ipc::frame::{Body, Encoding, Payload};
use crate::ipc::notice::ConnId;
use crate::ipc::proto::Bounds;

// What JavaScript keeps to: lib/collected.js.
/// Messages of a batch.
const MOST: usize = 64;
/// Units of UTF-16 of one of them.
const LONGEST: usize = 2 * 1024;
/// Units of all of them.
const ALL: usize = 8 * 1024;

/// Bytes that a unit may become.
const WIDEST: usize = 3;

/// Whether a whole batch could be accepted now, whatever is in it.
pub(super) fn has_room(endpoint: &Endpoint, conn: ConnId) -> bool {
    let bounds = Bounds {
        messages: MOST,
        bytes: ALL * WIDEST,
        longest: LONGEST * WIDEST,
    };
    match &endpoint.handle {
        Handle::Client(client) => client.has_room(conn, &bounds),
        Handle::Server(server) => server.has_room(conn, &bounds),
    }
}

/// Whether a message may be followed by a batch of its like.
pub(super) fn is_small(body: &Body<JsPayload>) -> bool {
    let units = body.payload.units();
    body.headers.is_none() && body.encoding == Encoding::Json && units <= LONGEST
}

/// `messages(endpoint, conn, count, words, text)`: messages whose senders have been told
/// that they are accepted. For each there are two words, the number of its name and the
/// units of its JSON; the text is that of all in a row.
pub(super) enum Messages {}

impl Callback for Messages {
    fn call(args: &Arguments<9>) -> sys::napi_value {
        let Some(endpoint) = endpoint::get(args.u32(0)) else {
            return failure(args.env, &gone());
        };
        faults::bug("call");
        let conn = args.u32(1);
        let count = usize::try_from(args.u32(2)).unwrap_or(0);
        let words = args.words(3);
        let (words, _) = words.as_chunks::<2>();
        let words = words.get(..count).unwrap_or(words);
        let units = words.iter().map(|[_, units]| *units).sum();
        let mut text = BytesMut::new();
        args.payload(4, true, units).append_to(&mut text);
        let mut batch = Batch {
            endpoint: &endpoint,
            last: (0, Bytes::new()),
            words: words.iter(),
            is_ascii: text.len() == usize::try_from(units).unwrap_or(0),
            text: &text,
        };
        match &endpoint.handle {
            Handle::Client(client) => {
                if let Err(error) = client.send_accepted(&mut batch) {
                    return failure(args.env, &error);
                }
            }
            // What was accepted for a client that is gone now is lost with it.
            Handle::Server(server) => drop(server.with(conn, |session, now| {
                session.send_accepted(&mut batch, now);
            })),
        }
        let room = if has_room(&endpoint, conn) {
            ROOM_FOR_BATCH
        } else {
            0
        };
        value::number(args.env, room | to_flush(&endpoint))
    }
}

/// The messages of a call.
struct Batch<'a> {
    endpoint: &'a Endpoint,
    /// The last name: messages of one type come in rows.
    last: (u32, Bytes),
    words: std::slice::Iter<'a, [u32; 2]>,
    text: &'a [u8],
    is_ascii: bool,
}

impl<'a> Iterator for Batch<'a> {
    type Item = (Bytes, Body<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let [number, units] = self.words.next()?;
        if self.last.0 != *number {
            self.last = (*number, self.endpoint.names.lock().text(*number));
        }
        let units = usize::try_from(*units).unwrap_or(0);
        let length = if self.is_ascii {
            units.min(self.text.len())
        } else {
            length_of(units, self.text)
        };
        let (payload, rest) = self.text.split_at_checked(length)?;
        self.text = rest;
        let body = Body {
            headers: None,
            encoding: Encoding::Json,
            payload,
        };
        Some((self.last.1.clone(), body))
    }
}

/// How many bytes of UTF-8 the next `units` units of UTF-16 have.
fn length_of(units: usize, text: &[u8]) -> usize {
    let mut left = units;
    let ends = |byte: &u8| match byte {
        // In a character that has begun.
        0x80..=0xbf => false,
        _ if left == 0 => true,
        // A surrogate pair.
        0xf0.. => {
            left = left.saturating_sub(2);
            false
        }
        _ => {
            left -= 1;
            false
        }
    };
    text.iter().position(ends).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_cut_where_javascript_counts() {
        let pieces = [
            "\"a\"",
            "\"äß€\"",
            "\"😀\"",
            "7",
            "",
            "\"\u{fffd}😀é\"",
            "{}",
        ];
        let whole = pieces.concat();
        let mut rest = whole.as_bytes();
        for piece in pieces {
            let units = piece.encode_utf16().count();
            let (taken, left) = rest.split_at(length_of(units, rest));
            assert_eq!(taken, piece.as_bytes());
            rest = left;
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn units_that_do_not_fit_the_text_stay_within_it() {
        assert_eq!(length_of(9, "ab".as_bytes()), 2);
        // Half of a pair: all of it, rather than broken text.
        assert_eq!(length_of(1, "😀b".as_bytes()), 4);
        assert_eq!(length_of(0, "ab".as_bytes()), 0);
    }
}
