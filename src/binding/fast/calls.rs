//! What programs do with messages: send, ask, publish, answer.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use napi::sys;

use super::{failure, gone, messages, to_flush, Callback};
use super::{ACCEPTED, QUEUED, ROOM_FOR_BATCH, WAIT};
use crate::binding::endpoint::{self, Endpoint, Handle};
use crate::binding::value::{self, Arguments, JsPayload};
use crate::ipc::client::{Call, Taken};
use crate::ipc::error::Error;
use crate::ipc::faults;
use crate::ipc::frame::{Body, Encoding};
use crate::ipc::proto::Sent;

/// The payload of a call, of which encoding, value and length in units stand one after
/// the other from argument `at` on.
fn body(args: &Arguments<9>, at: usize, headers: Option<usize>) -> Body<JsPayload> {
    faults::bug("call");
    let encoding = u8::try_from(args.u32(at))
        .ok()
        .and_then(Encoding::from_number);
    let encoding = encoding.unwrap_or(Encoding::None);
    Body {
        headers: headers.and_then(|at| args.text(at)),
        encoding,
        payload: args.payload(at + 1, encoding == Encoding::Json, args.u32(at + 2)),
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

impl From<Sent> for Taken {
    fn from(sent: Sent) -> Self {
        match sent {
            Sent::Accepted => Taken::Accepted,
            Sent::Wait => Taken::Wait,
        }
    }
}

/// `message(endpoint, conn, op, name, encoding, payload, units, headers)`
pub(super) enum Message {}

impl Callback for Message {
    fn call(args: &Arguments<9>) -> sys::napi_value {
        let Some(endpoint) = endpoint::get(args.u32(0)) else {
            return failure(args.env, &gone());
        };
        let (conn, op) = (args.u32(1), args.u32(2));
        let name = name(&endpoint, args.u32(3));
        let body = body(args, 4, Some(7));
        let is_small = messages::is_small(&body);
        let result = match &endpoint.handle {
            Handle::Client(client) => client.call(op, Call::Message { name, body }),
            Handle::Server(server) => server
                .with(conn, |session, now| session.message(name, body, now))
                .and_then(|sent| sent)
                .map(Taken::from),
        };
        let has_room = is_small && matches!(result, Ok(Taken::Accepted));
        if has_room && messages::has_room(&endpoint, conn) {
            let status = ACCEPTED | ROOM_FOR_BATCH | to_flush(&endpoint);
            return value::number(args.env, status);
        }
        sent(args.env, &endpoint, result)
    }
}

/// `request(endpoint, conn, op, name, encoding, payload, units, headers, timeout)`;
/// a timeout of 0 is none.
pub(super) enum Request {}

impl Callback for Request {
    fn call(args: &Arguments<9>) -> sys::napi_value {
        let Some(endpoint) = endpoint::get(args.u32(0)) else {
            return failure(args.env, &gone());
        };
        let (conn, op) = (args.u32(1), args.u32(2));
        let name = name(&endpoint, args.u32(3));
        let body = body(args, 4, Some(7));
        let timeout = match args.u32(8) {
            0 => None,
            millis => Some(Duration::from_millis(millis.into())),
        };
        let result = match &endpoint.handle {
            Handle::Client(client) => client.call(
                op,
                Call::Request {
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

/// `publish(endpoint, op, name, encoding, payload, units)`, for clients.
pub(super) enum Publish {}

impl Callback for Publish {
    fn call(args: &Arguments<9>) -> sys::napi_value {
        let Some(endpoint) = endpoint::get(args.u32(0)) else {
            return failure(args.env, &gone());
        };
        let topic = name(&endpoint, args.u32(2));
        let body = body(args, 3, None);
        let result = match &endpoint.handle {
            Handle::Client(client) => client.call(args.u32(1), Call::Publish { topic, body }),
            Handle::Server(_) => Err(gone()),
        };
        sent(args.env, &endpoint, result)
    }
}

/// `broadcast(endpoint, conns, name, encoding, payload, units)`, for servers; the
/// connections are a `Uint32Array`.
pub(super) enum Broadcast {}

impl Callback for Broadcast {
    fn call(args: &Arguments<9>) -> sys::napi_value {
        let Some(endpoint) = endpoint::get(args.u32(0)) else {
            return failure(args.env, &gone());
        };
        let Handle::Server(server) = &endpoint.handle else {
            return failure(args.env, &gone());
        };
        let name = name(&endpoint, args.u32(2));
        let body = body(args, 3, None);
        match server.broadcast(&args.words(1), name, body.owned()) {
            Ok(()) => value::number(args.env, ACCEPTED | to_flush(&endpoint)),
            Err(error) => failure(args.env, &error),
        }
    }
}

/// `publishToAll(endpoint, name, encoding, payload, units)`, for servers: for how many
/// receivers JavaScript has to have it written.
pub(super) enum PublishToAll {}

impl Callback for PublishToAll {
    fn call(args: &Arguments<9>) -> sys::napi_value {
        let Some(endpoint) = endpoint::get(args.u32(0)) else {
            return failure(args.env, &gone());
        };
        let Handle::Server(server) = &endpoint.handle else {
            return failure(args.env, &gone());
        };
        let topic = name(&endpoint, args.u32(1));
        let body = body(args, 2, None);
        match server.publish(topic, body.owned()) {
            Ok(receivers) if receivers > 0 && to_flush(&endpoint) != 0 => {
                value::number(args.env, u32::try_from(receivers).unwrap_or(u32::MAX))
            }
            Ok(_) => value::number(args.env, 0),
            Err(error) => failure(args.env, &error),
        }
    }

    /// It is of no connection.
    fn failed(args: &Arguments<9>, error: &Error) -> sys::napi_value {
        failure(args.env, error)
    }
}

/// `respond(endpoint, conn, id, encoding, payload, units)`: a status; an answer
/// for a connection that is over is dropped, for nobody waits.
pub(super) enum Respond {}

impl Callback for Respond {
    fn call(args: &Arguments<9>) -> sys::napi_value {
        let Some(endpoint) = endpoint::get(args.u32(0)) else {
            return value::number(args.env, ACCEPTED);
        };
        let (conn, id) = (args.u32(1), args.u32(2));
        let body = body(args, 3, None);
        match endpoint
            .handle
            .with(conn, |session, now| session.respond(id, body, now))
        {
            Ok(Err(error)) => failure(args.env, &error),
            Ok(Ok(())) | Err(_) => value::number(args.env, ACCEPTED | to_flush(&endpoint)),
        }
    }
}

/// `finished(endpoint, conn, messages)`
pub(super) enum Finished {}

impl Callback for Finished {
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

/// `flush(endpoint)`; without one, what waits for the end of the visit.
pub(super) enum Flush {}

impl Callback for Flush {
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
