//! Calls about streams. Bytes go by the plain callbacks of `fast`, the rest by
//! `#[napi]`: a stream has one beginning and one end.

use bytes::{Bytes, BytesMut};
use napi::bindgen_prelude::Result;
use napi::sys;
use napi_derive::napi;

use super::control::{failed, find, with_session};
use super::endpoint;
use super::fast::{Callback, ACCEPTED, WAIT};
use super::value::{self, Arguments};
use crate::ipc::frame::{Body, Encoding, Failure, Payload};
use crate::ipc::proto::{Read as Found, Sent};

/// What reading finds instead of bytes; `lib/records.js` has the same numbers.
const NOTHING: u32 = 0;
const END: u32 = 1;
const GONE: u32 = 2;

/// `streamWrite(endpoint, conn, stream, bytes)`
pub(super) enum Write {}

impl Callback for Write {
    fn call(args: &Arguments<9>) -> sys::napi_value {
        let Some(endpoint) = endpoint::get(args.u32(0)) else {
            return value::number(args.env, WAIT);
        };
        let mut data = BytesMut::new();
        args.payload(3, false, 0).append_to(&mut data);
        let (conn, stream) = (args.u32(1), args.u32(2));
        let sent = endpoint.handle.with(conn, |session, now| {
            session.write_stream(stream, data.freeze(), now)
        });
        let status = match sent {
            Ok(Sent::Accepted) => ACCEPTED,
            // The end of the connection ends the wait too.
            Ok(Sent::Wait) | Err(_) => WAIT,
        };
        value::number(args.env, status)
    }
}

/// `streamRead(endpoint, conn, stream)`: a `Buffer`, or a number.
pub(super) enum Read {}

impl Callback for Read {
    fn call(args: &Arguments<9>) -> sys::napi_value {
        let (conn, stream) = (args.u32(1), args.u32(2));
        let found = endpoint::get(args.u32(0)).and_then(|endpoint| {
            let read =
                |session: &mut crate::ipc::proto::Session, now| session.read_stream(stream, now);
            endpoint.handle.with(conn, read).ok()
        });
        match found {
            Some(Found::Data(bytes)) => value::buffer(args.env, &bytes),
            // Nobody reads a stream that goes to a file.
            Some(Found::Nothing | Found::Outside(_)) => value::number(args.env, NOTHING),
            Some(Found::End) => value::number(args.env, END),
            Some(Found::Gone) | None => value::number(args.env, GONE),
        }
    }
}

/// Opens a stream towards a peer; returns why it can't be, if it can't.
#[napi(catch_unwind)]
pub fn stream_open(
    endpoint: u32,
    conn: u32,
    stream: u32,
    name: String,
    meta: Option<String>,
    headers: Option<String>,
    chunk: u32,
) -> Result<Option<String>> {
    let body = Body {
        headers: headers.map(Bytes::from),
        encoding: if meta.is_some() {
            Encoding::Json
        } else {
            Encoding::None
        },
        payload: meta.map(Bytes::from).unwrap_or_default(),
    };
    let result = find(endpoint)?.handle.with(conn, |session, now| {
        session.open_stream(stream, Bytes::from(name), body, chunk as usize, now)
    });
    Ok(result
        .and_then(|opened| opened)
        .err()
        .map(|error| failed(&error)))
}

/// All bytes of a stream have been written.
#[napi(catch_unwind)]
pub fn stream_end(endpoint: u32, conn: u32, stream: u32) -> Result<()> {
    with_session(endpoint, conn, |session, now| {
        session.end_stream(stream, now)
    })
}

/// Gives up a stream of ours.
#[napi(catch_unwind)]
pub fn stream_abort(
    endpoint: u32,
    conn: u32,
    stream: u32,
    message: String,
    name: String,
    code: String,
) -> Result<()> {
    let failure = Failure {
        message,
        name,
        code,
    };
    with_session(endpoint, conn, |session, now| {
        session.abort_stream(stream, failure, now)
    })
}

/// Everything of a stream of the peer has been read.
#[napi(catch_unwind)]
pub fn stream_finish(endpoint: u32, conn: u32, stream: u32) -> Result<()> {
    with_session(endpoint, conn, |session, now| {
        session.finish_stream(stream, now)
    })
}

/// Nobody here wants a stream of the peer any more.
#[napi(catch_unwind)]
pub fn stream_cancel(
    endpoint: u32,
    conn: u32,
    stream: u32,
    message: String,
    name: String,
    code: String,
) -> Result<()> {
    let failure = Failure {
        message,
        name,
        code,
    };
    with_session(endpoint, conn, |session, now| {
        session.cancel_stream(stream, failure, now)
    })
}
