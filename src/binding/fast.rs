//! The calls made for every message, as plain Node-API callbacks.
//!
//! The wrappers that `#[napi]` generates keep account of borrows and references,
//! which these calls don't need: their arguments are numbers, one payload and
//! rarely a text. Each callback catches panics, as `catch_unwind` does.

use std::ffi::CStr;
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use napi::bindgen_prelude::{JsValue, Object, Result};
use napi::{check_status, sys, Env};

use super::control;
use super::endpoint::{self, Endpoint, Handle, Traffic};
use super::mailbox::{Batch, Extra, PREFIX, RECORD};
use super::pack::describe_error;
use super::streams;
use super::value::{self, Arguments, JsPayload};
use crate::ipc::bug;
use crate::ipc::client::{Call, Taken};
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::faults;
use crate::ipc::frame::{Body, Encoding};
use crate::ipc::proto::{Sent, Session};

/// Status numbers that calls return; errors are returned as JSON text.
pub(super) const ACCEPTED: u32 = 0;
pub(super) const WAIT: u32 = 1;
const QUEUED: u32 = 2;
/// Added where JavaScript has to have the output written: see `endpoint::visit`.
const TO_FLUSH: u32 = 4;

/// Adds the callbacks to the module.
pub(super) fn register(env: &Env, exports: &Object<'_>) -> Result<()> {
    let callbacks: [(&CStr, sys::napi_callback); 10] = [
        (c"drain", Some(enter::<drain::Call>)),
        (c"message", Some(enter::<message::Call>)),
        (c"request", Some(enter::<request::Call>)),
        (c"publish", Some(enter::<publish::Call>)),
        (c"broadcast", Some(enter::<broadcast::Call>)),
        (c"respond", Some(enter::<respond::Call>)),
        (c"finished", Some(enter::<finished::Call>)),
        (c"flush", Some(enter::<flush::Call>)),
        (c"streamWrite", Some(enter::<streams::Write>)),
        (c"streamRead", Some(enter::<streams::Next>)),
    ];
    for (name, callback) in callbacks {
        let mut function = ptr::null_mut();
        // SAFETY: called while the module is initialised, on its thread, with
        // its env; names are NUL-terminated.
        check_status!(unsafe {
            sys::napi_create_function(
                env.raw(),
                name.as_ptr(),
                -1,
                callback,
                ptr::null_mut(),
                &mut function,
            )
        })?;
        // SAFETY: as above.
        check_status!(unsafe {
            sys::napi_set_named_property(env.raw(), exports.raw(), name.as_ptr(), function)
        })?;
    }
    Ok(())
}

/// The body of a callback with at most `N` arguments.
pub(super) trait Callback {
    fn call(args: &Arguments<9>) -> sys::napi_value;

    /// What JavaScript gets if a bug was in the way. The connection counts it.
    fn failed(args: &Arguments<9>, error: &Error) -> sys::napi_value {
        let _ = bug::contain(|| {
            let endpoint = endpoint::get(args.u32(0))?;
            let count = |session: &mut Session, _| session.count_error();
            endpoint.handle.with(args.u32(1), count).ok()
        });
        failure(args.env, error)
    }
}

unsafe extern "C" fn enter<C: Callback>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: Node-API called us with them.
    let args = unsafe { Arguments::of(env, info) };
    bug::contain(|| C::call(&args)).unwrap_or_else(|error| C::failed(&args, &error))
}

fn failure(env: sys::napi_env, error: &Error) -> sys::napi_value {
    value::utf8(env, describe_error(error, None).to_string().as_bytes())
}

fn gone() -> Error {
    Error::local(ErrorCode::Disconnected, "The endpoint was closed")
}

/// Where the payload of a call stands among its arguments.
struct PayloadAt {
    encoding: usize,
    payload: usize,
    units: usize,
}

fn body(args: &Arguments<9>, at: PayloadAt, headers: Option<usize>) -> Body<JsPayload> {
    faults::bug("call");
    let encoding = u8::try_from(args.u32(at.encoding))
        .ok()
        .and_then(Encoding::from_number);
    let encoding = encoding.unwrap_or(Encoding::None);
    Body {
        headers: headers.and_then(|at| args.text(at)),
        encoding,
        payload: args.payload(at.payload, encoding == Encoding::Json, args.u32(at.units)),
    }
}

fn name(endpoint: &Endpoint, number: u32) -> Bytes {
    endpoint.names.lock().text(number)
}

fn sent(
    env: sys::napi_env,
    endpoint: &Rc<Endpoint>,
    result: std::result::Result<Taken, Error>,
) -> sys::napi_value {
    let status = match result {
        Ok(Taken::Accepted) => ACCEPTED,
        Ok(Taken::Wait) => WAIT,
        Ok(Taken::Queued) => return value::number(env, QUEUED),
        Err(error) => return failure(env, &error),
    };
    value::number(env, status | to_flush(endpoint))
}

/// What to add to the status of a call that has left output.
pub(super) fn to_flush(endpoint: &Rc<Endpoint>) -> u32 {
    if endpoint.writes_after_visit() {
        0
    } else {
        TO_FLUSH
    }
}

impl From<Sent> for Taken {
    fn from(sent: Sent) -> Self {
        match sent {
            Sent::Accepted => Taken::Accepted,
            Sent::Wait => Taken::Wait,
        }
    }
}

/// `message(endpoint, conn, op, name, encoding, payload, units, headers)`
mod message {
    use super::*;

    pub(super) enum Call {}

    impl Callback for Call {
        fn call(args: &Arguments<9>) -> sys::napi_value {
            let Some(endpoint) = endpoint::get(args.u32(0)) else {
                return failure(args.env, &gone());
            };
            let (conn, op) = (args.u32(1), args.u32(2));
            let name = name(&endpoint, args.u32(3));
            let body = body(
                args,
                PayloadAt {
                    encoding: 4,
                    payload: 5,
                    units: 6,
                },
                Some(7),
            );
            let result = match &endpoint.handle {
                Handle::Client(client) => client.call(op, super::Call::Message { name, body }),
                Handle::Server(server) => server
                    .with(conn, |session, now| session.message(name, body, now))
                    .and_then(|sent| sent)
                    .map(Taken::from),
            };
            sent(args.env, &endpoint, result)
        }
    }
}

/// `request(endpoint, conn, op, name, encoding, payload, units, headers, timeout)`;
/// a timeout of 0 is none.
mod request {
    use super::*;

    pub(super) enum Call {}

    impl Callback for Call {
        fn call(args: &Arguments<9>) -> sys::napi_value {
            let Some(endpoint) = endpoint::get(args.u32(0)) else {
                return failure(args.env, &gone());
            };
            let (conn, op) = (args.u32(1), args.u32(2));
            let name = name(&endpoint, args.u32(3));
            let body = body(
                args,
                PayloadAt {
                    encoding: 4,
                    payload: 5,
                    units: 6,
                },
                Some(7),
            );
            let timeout = match args.u32(8) {
                0 => None,
                millis => Some(Duration::from_millis(millis.into())),
            };
            let result = match &endpoint.handle {
                Handle::Client(client) => client.call(
                    op,
                    super::Call::Request {
                        name,
                        body,
                        timeout,
                    },
                ),
                Handle::Server(server) => server
                    .with(conn, |session, now| {
                        session.request(op, name, body, timeout, now)
                    })
                    .and_then(|sent| sent)
                    .map(Taken::from),
            };
            sent(args.env, &endpoint, result)
        }
    }
}

/// `publish(endpoint, op, name, encoding, payload, units)`, for clients.
mod publish {
    use super::*;

    pub(super) enum Call {}

    impl Callback for Call {
        fn call(args: &Arguments<9>) -> sys::napi_value {
            let Some(endpoint) = endpoint::get(args.u32(0)) else {
                return failure(args.env, &gone());
            };
            let topic = name(&endpoint, args.u32(2));
            let body = body(
                args,
                PayloadAt {
                    encoding: 3,
                    payload: 4,
                    units: 5,
                },
                None,
            );
            let result = match &endpoint.handle {
                Handle::Client(client) => {
                    client.call(args.u32(1), super::Call::Publish { topic, body })
                }
                Handle::Server(_) => Err(gone()),
            };
            sent(args.env, &endpoint, result)
        }
    }
}

/// `broadcast(endpoint, conns, name, encoding, payload, units)`, for servers; the
/// connections are a `Uint32Array`.
mod broadcast {
    use super::*;

    pub(super) enum Call {}

    impl Callback for Call {
        fn call(args: &Arguments<9>) -> sys::napi_value {
            let Some(endpoint) = endpoint::get(args.u32(0)) else {
                return failure(args.env, &gone());
            };
            let Handle::Server(server) = &endpoint.handle else {
                return failure(args.env, &gone());
            };
            let name = name(&endpoint, args.u32(2));
            let body = body(
                args,
                PayloadAt {
                    encoding: 3,
                    payload: 4,
                    units: 5,
                },
                None,
            );
            match server.broadcast(&args.words(1), name, body.owned()) {
                Ok(()) => value::number(args.env, ACCEPTED | to_flush(&endpoint)),
                Err(error) => failure(args.env, &error),
            }
        }
    }
}

/// `respond(endpoint, conn, id, encoding, payload, units)`: a status; an answer
/// for a connection that is over is dropped, for nobody waits.
mod respond {
    use super::*;

    pub(super) enum Call {}

    impl Callback for Call {
        fn call(args: &Arguments<9>) -> sys::napi_value {
            let Some(endpoint) = endpoint::get(args.u32(0)) else {
                return value::number(args.env, ACCEPTED);
            };
            let (conn, id) = (args.u32(1), args.u32(2));
            let body = body(
                args,
                PayloadAt {
                    encoding: 3,
                    payload: 4,
                    units: 5,
                },
                None,
            );
            match endpoint
                .handle
                .with(conn, |session, now| session.respond(id, body, now))
            {
                Ok(Err(error)) => failure(args.env, &error),
                Ok(Ok(())) | Err(_) => value::number(args.env, ACCEPTED | to_flush(&endpoint)),
            }
        }
    }
}

/// `finished(endpoint, conn, messages)`
mod finished {
    use super::*;

    pub(super) enum Call {}

    impl Callback for Call {
        fn call(args: &Arguments<9>) -> sys::napi_value {
            if let Some(endpoint) = endpoint::get(args.u32(0)) {
                let messages = args.u32(2).into();
                let conn = args.u32(1);
                endpoint
                    .handle
                    .safely_with(conn, |session, now| session.finished(messages, now));
            }
            value::undefined(args.env)
        }
    }
}

/// `flush(endpoint)`; without one, what waits for the end of the visit.
mod flush {
    use super::*;

    pub(super) enum Call {}

    impl Callback for Call {
        fn call(args: &Arguments<9>) -> sys::napi_value {
            match args.u32(0) {
                0 => endpoint::write_listed(),
                number => {
                    if let Some(endpoint) = endpoint::get(number) {
                        endpoint.flush();
                    }
                }
            }
            value::undefined(args.env)
        }
    }
}

/// `drain(mailbox, heads)`: `undefined` if there is nothing; the common text; or
/// an array of the common text and the extras.
mod drain {
    use super::*;

    pub(super) enum Call {}

    impl Callback for Call {
        fn call(args: &Arguments<9>) -> sys::napi_value {
            let Some(mailbox) = control::mailbox(args.u32(0)) else {
                return value::undefined(args.env);
            };
            let (Some(batch), more) = mailbox.take() else {
                return value::undefined(args.env);
            };
            let count = batch.heads.len() / RECORD;
            let flush = settle_accounts(&batch);
            let prefix: [u32; PREFIX] = [batch.endpoint, count as u32, u32::from(more), flush];
            args.fill(1, prefix.into_iter().chain(batch.heads.iter().copied()));
            let mail = contents(args.env, &batch);
            mailbox.give_back(batch);
            mail
        }

        // A text would be taken for that of a batch.
        fn failed(args: &Arguments<9>, _: &Error) -> sys::napi_value {
            value::undefined(args.env)
        }
    }

    fn contents(env: sys::napi_env, batch: &Batch) -> sys::napi_value {
        let text = value::ascii(env, &batch.text);
        if batch.extras.is_empty() {
            return text;
        }
        let array = value::array(env, batch.extras.len() + 1);
        value::set_element(env, array, 0, text);
        for (at, extra) in batch.extras.iter().enumerate() {
            let item = match extra {
                Extra::Text(text) => value::utf8(env, text),
                Extra::Bytes(bytes) => value::buffer(env, bytes),
            };
            value::set_element(env, array, at + 1, item);
        }
        array
    }

    /// Gives bytes back, lets clients in that JavaScript is about to hear of,
    /// and gives the signs of life that peers wait for: that this thread has
    /// come here is what they ask. What to add to a status is returned. A bug on
    /// the way costs its connection, never the batch: answers are in it.
    fn settle_accounts(batch: &Batch) -> u32 {
        let Some(endpoint) = endpoint::get(batch.endpoint) else {
            return 0;
        };
        endpoint.note(Traffic::Came);
        for (conn, bytes) in &batch.taken {
            endpoint.handle.safely_with(*conn, |session, now| {
                faults::bug("taken");
                session.taken(*bytes, now);
            });
        }
        if let Handle::Server(server) = &endpoint.handle {
            for conn in &batch.arrivals {
                if bug::contain(|| server.let_in(*conn)).is_err() {
                    endpoint.handle.fall(*conn);
                }
            }
        }
        for conn in &batch.pings {
            endpoint
                .handle
                .safely_with(*conn, |session, now| session.pong(now));
        }
        if !batch.pings.is_empty() {
            let _ = bug::contain(|| endpoint.handle.flush());
        }
        // Bytes given back may be credit, which has to reach the peer.
        if batch.taken.is_empty() {
            0
        } else {
            to_flush(&endpoint)
        }
    }
}
