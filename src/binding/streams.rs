//! Calls about streams. Bytes go by the plain callbacks of `fast`, the rest by
//! `#[napi]`: a stream has one beginning and one end.

use bytes::Bytes;
use napi::bindgen_prelude::Result;
use napi::sys;
use napi_derive::napi;

use super::control::{failed, find, with_session};
use super::endpoint;
use super::fast::{to_flush, Callback, ACCEPTED, WAIT};
use super::heap;
use super::value::{self, Arguments};
use crate::ipc::frame::{Body, Encoding, Failure};
use crate::ipc::link::Link;
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
            match link {
                None => (None, 0),
                Some((link, _)) => {
                    let (sent, waits) = link.write_stream(stream, data);
                    if waits {
                        endpoint.handle.flush_later(link);
                    }
                    let flush = if waits { to_flush(&endpoint) } else { 0 };
                    (Some(sent), flush)
                }
            }
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

/// `streamRead(endpoint, conn, stream, most)`: a `Buffer`, or a number. `most` bounds what
/// is copied out of memory, where a window may lie in one piece; others are as they came.
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
            Ok(found @ (Read::Shared(_) | Read::Nothing)) => {
                let link = endpoint.handle.link(conn);
                let taken = link.and_then(|(link, _)| {
                    let count = match found {
                        Read::Shared(count) => count.min(args.u32(3) as usize),
                        _ => link.on_socket(stream),
                    };
                    take(args.env, &link, stream, count)
                });
                taken.unwrap_or_else(|| value::number(args.env, NOTHING))
            }
            // Nobody reads a stream that goes to a file.
            Ok(Read::Outside(_)) => value::number(args.env, NOTHING),
            Ok(Read::End) => value::number(args.env, END),
            Ok(Read::Gone) | Err(_) => value::number(args.env, GONE),
        }
    }
}

/// Bytes of a stream that are on the socket or in its memory, copied into the `Buffer`
/// that JavaScript gets.
fn take(env: sys::napi_env, link: &Link, stream: u32, count: usize) -> Option<sys::napi_value> {
    if count == 0 {
        return None;
    }
    let mut read = 0;
    let buffer = value::filled_buffer(env, count, |bytes| {
        read = link.read_off(stream, bytes);
        read
    });
    if read == 0 {
        return None;
    }
    heap::note(read);
    Some(buffer)
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
