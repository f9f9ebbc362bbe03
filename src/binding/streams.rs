//! Calls about streams. Bytes go by the plain callbacks of `fast`, the rest by
//! `#[napi]`: a stream has one beginning and one end.

use bytes::Bytes;
use napi::bindgen_prelude::Result;
use napi::sys;
use napi_derive::napi;

use super::control::{failed, find, with_session};
use super::endpoint::{self, Endpoint};
use super::fast::{to_flush, Callback, ACCEPTED, WAIT};
use super::heap;
use super::value::{self, Arguments};
use crate::ipc::frame::{Body, Encoding, Failure};
use crate::ipc::proto::{Read, Sent, Session, LEAST_DIRECT};

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
        let (conn, stream) = (args.u32(1), args.u32(2));
        let data = args.payload(3, false, 0);
        // SAFETY: an argument of the running callback, in which no JavaScript runs.
        let data = unsafe { data.bytes() };
        let (sent, flush) = if data.len() >= LEAST_DIRECT {
            let link = endpoint.handle.link(conn);
            (link.map(|(link, _)| link.write_stream(stream, data)), 0)
        } else {
            let data = Bytes::copy_from_slice(data);
            let write = |session: &mut Session, now| session.write_stream(stream, data, now);
            (endpoint.handle.with(conn, write).ok(), to_flush(&endpoint))
        };
        let status = match sent {
            Some(Sent::Accepted) => ACCEPTED,
            // The end of the connection ends the wait too.
            Some(Sent::Wait) | None => WAIT,
        };
        value::number(args.env, status | flush)
    }
}

/// `streamRead(endpoint, conn, stream)`: a `Buffer`, or a number.
pub(super) enum Next {}

impl Callback for Next {
    fn call(args: &Arguments<9>) -> sys::napi_value {
        let (conn, stream) = (args.u32(1), args.u32(2));
        let Some(endpoint) = endpoint::get(args.u32(0)) else {
            return value::number(args.env, GONE);
        };
        let read = |session: &mut Session, now| session.read_stream(stream, now);
        match endpoint.handle.with(conn, read) {
            Ok(Read::Data(bytes)) => {
                heap::note(bytes.len());
                value::buffer(args.env, &bytes)
            }
            // Nobody reads a stream that goes to a file.
            Ok(Read::Nothing | Read::Outside(_)) => off_socket(args.env, &endpoint, conn, stream),
            Ok(Read::End) => value::number(args.env, END),
            Ok(Read::Gone) | Err(_) => value::number(args.env, GONE),
        }
    }
}

/// What is on the socket of a stream, read into the `Buffer` that JavaScript gets.
fn off_socket(env: sys::napi_env, endpoint: &Endpoint, conn: u32, stream: u32) -> sys::napi_value {
    let link = endpoint.handle.link(conn).map(|(link, _)| link);
    let Some(link) = link else {
        return value::number(env, NOTHING);
    };
    let count = link.on_socket(stream);
    if count == 0 {
        return value::number(env, NOTHING);
    }
    let mut read = 0;
    let buffer = value::filled_buffer(env, count, |bytes| {
        read = link.read_off(stream, bytes);
        read
    });
    if read == 0 {
        return value::number(env, NOTHING);
    }
    heap::note(read);
    buffer
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
