//! Notices become records. `lib/records.js` reads what this writes; the numbers
//! stand in both.

use bytes::Bytes;
use serde_json::json;

use super::endpoint::NameTable;
use super::mailbox::{Batch, Batches, Extra};
use crate::ipc::bug;
use crate::ipc::close::CloseReason;
use crate::ipc::error::Error;
use crate::ipc::faults;
use crate::ipc::frame::{shape, Body, Encoding};
use crate::ipc::notice::{ConnId, Connected, Notice};
use crate::ipc::proto::Event;

const MESSAGE: u32 = 1;
const REQUEST: u32 = 2;
const RESPONSE: u32 = 3;
const FAILED: u32 = 4;
const CANCELLED: u32 = 5;
const TOPIC: u32 = 6;
const DRAINED: u32 = 7;
const HEARTBEAT_TIMEOUT: u32 = 8;
const CONNECTED: u32 = 9;
const DISCONNECTED: u32 = 10;
const RECONNECTING: u32 = 11;
const SETTLED: u32 = 12;
const FAULT: u32 = 13;
const GAVE_UP: u32 = 14;
const HOSTING: u32 = 15;
const STREAM_OPEN: u32 = 16;
const STREAM_READABLE: u32 = 17;
const STREAM_FAILED: u32 = 18;
const STREAM_ROOM: u32 = 19;
const STREAM_DONE: u32 = 20;
const STREAM_CANCELLED: u32 = 21;

/// A payload in `extras`, not in `text`.
const IN_EXTRAS: u32 = 0x100;
/// A name in `extras`, for it has no number.
const NAME_IN_EXTRAS: u32 = 0x8000_0000;
/// ASCII longer than this gets a string of its own, so that a small slice never
/// keeps a large text alive.
const LONG_TEXT: usize = 32 * 1024;

/// Appends one notice, which stays where it is: moving it costs more than its record. A bug
/// on the way leaves the batch as it was, but for what
/// somebody waits for, and tells of itself. False if there is no such thing: then the
/// connection has to end, which counts the bug, so it is told only where there is none.
pub(super) fn pack(
    batches: &mut Batches,
    names: &mut NameTable,
    conn: ConnId,
    notice: &Notice,
) -> bool {
    let batch = batches.next();
    let written = batch.heads.len();
    let Err(error) = bug::contain(|| append(batch, names, conn, notice)) else {
        return true;
    };
    batch.heads.truncate(written);
    let awaited = awaited(notice);
    let good = awaited.is_some();
    match awaited {
        Some(Awaited::Call(kind, id)) => {
            record(batch, kind, conn, id, 0, &error_body(&error, None));
        }
        Some(Awaited::End { again }) => {
            let reason = CloseReason::InternalError;
            let body = disconnected(reason, &error.message, again);
            record(batch, DISCONNECTED, conn, 0, 0, &body);
        }
        None => {}
    }
    if good || conn == 0 {
        record(batch, FAULT, conn, 0, 0, &error_body(&error, None));
    }
    good
}

/// What somebody waits for, who has to hear something even after a bug.
enum Awaited {
    /// The end of a call, by the kind of record that fails it and its number.
    Call(u32, u32),
    /// The end of a connection.
    End { again: bool },
}

fn awaited(notice: &Notice) -> Option<Awaited> {
    match notice {
        Notice::Settled { op, .. } => Some(Awaited::Call(SETTLED, *op)),
        Notice::Event(Event::Response { id, .. } | Event::Failed { id, .. }) => {
            Some(Awaited::Call(FAILED, *id))
        }
        Notice::Disconnected { again, .. } => Some(Awaited::End { again: *again }),
        _ => None,
    }
}

fn disconnected(reason: CloseReason, message: &str, again: bool) -> Body {
    json_body(&json!({ "reason": reason.as_str(), "message": message, "again": again }))
}

fn append(batch: &mut Batch, names: &mut NameTable, conn: ConnId, notice: &Notice) {
    faults::bug("pack");
    match notice {
        Notice::Event(event) => pack_event(batch, names, conn, event),
        Notice::Connected(connected) => {
            record(
                batch,
                CONNECTED,
                conn,
                0,
                0,
                &json_body(&describe(connected)),
            );
            batch.arrivals.push(conn);
        }
        Notice::Disconnected {
            reason,
            message,
            again,
        } => {
            let body = disconnected(*reason, message, *again);
            record(batch, DISCONNECTED, conn, 0, 0, &body);
        }
        Notice::Reconnecting { attempt, delay } => {
            let text = json!({ "attempt": attempt, "delay": delay.as_millis() as u64 });
            record(batch, RECONNECTING, conn, 0, 0, &json_body(&text));
        }
        Notice::Settled { op, result: Ok(()) } => {
            record(batch, SETTLED, conn, *op, 0, &Body::none());
        }
        Notice::Settled {
            op,
            result: Err(error),
        } => {
            record(batch, SETTLED, conn, *op, 0, &error_body(error, None));
        }
        Notice::Hosting => record(batch, HOSTING, conn, 0, 0, &json_body(&json!({}))),
        Notice::GaveUp(error) => record(batch, GAVE_UP, conn, 0, 0, &error_body(error, None)),
        Notice::Fault(error) => record(batch, FAULT, conn, 0, 0, &error_body(error, None)),
    }
}

fn pack_event(batch: &mut Batch, names: &mut NameTable, conn: ConnId, event: &Event) {
    match event {
        Event::Message { name, body } => {
            give_back(batch, conn, body.cost(name));
            let name = number(batch, names, name);
            record(batch, MESSAGE, conn, 0, name, body);
        }
        Event::Request { id, name, body } => {
            give_back(batch, conn, body.cost(name));
            let name = number(batch, names, name);
            record(batch, REQUEST, conn, *id, name, body);
        }
        Event::Topic {
            topic,
            publisher,
            body,
        } => {
            give_back(batch, conn, body.cost(topic) + publisher.len());
            let name = number(batch, names, topic);
            let publisher = extra(batch, Extra::Text(publisher.clone()));
            record(batch, TOPIC, conn, publisher, name, body);
        }
        Event::Response { id, body } => record(batch, RESPONSE, conn, *id, 0, body),
        Event::Failed { id, error, remote } => {
            record(
                batch,
                FAILED,
                conn,
                *id,
                0,
                &error_body(error, remote.as_ref()),
            );
        }
        Event::Cancelled { id } => record(batch, CANCELLED, conn, *id, 0, &Body::none()),
        Event::Drained => record(batch, DRAINED, conn, 0, 0, &Body::none()),
        Event::HeartbeatTimeout(error) => {
            record(
                batch,
                HEARTBEAT_TIMEOUT,
                conn,
                0,
                0,
                &error_body(error, None),
            );
        }
        Event::StreamOpen { id, name, body } => {
            // Each name is used once: it gets no number.
            let name = NAME_IN_EXTRAS | extra(batch, Extra::Text(name.clone()));
            record(batch, STREAM_OPEN, conn, *id, name, body);
        }
        Event::StreamReadable { id } => record(batch, STREAM_READABLE, conn, *id, 0, &Body::none()),
        Event::StreamRoom { id } => record(batch, STREAM_ROOM, conn, *id, 0, &Body::none()),
        Event::StreamDone { id } => record(batch, STREAM_DONE, conn, *id, 0, &Body::none()),
        Event::StreamFailed { id, error, remote } => {
            record(
                batch,
                STREAM_FAILED,
                conn,
                *id,
                0,
                &error_body(error, remote.as_ref()),
            );
        }
        Event::StreamCancelled { id, error, remote } => {
            record(
                batch,
                STREAM_CANCELLED,
                conn,
                *id,
                0,
                &error_body(error, remote.as_ref()),
            );
        }
        Event::Ping => batch.pings.push(conn),
        // The core keeps these to itself.
        Event::Register(_)
        | Event::Open(_)
        | Event::Subscribe { .. }
        | Event::Unsubscribe { .. }
        | Event::Publish { .. }
        | Event::Probed { .. }
        | Event::Closed { .. } => {}
    }
}

fn record(batch: &mut Batch, kind: u32, conn: ConnId, id: u32, name: u32, body: &Body) {
    let headers = match &body.headers {
        None => 0,
        Some(headers) => extra(batch, Extra::Text(headers.clone())) + 1,
    };
    let payload = &body.payload;
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut place_in_run = 0;
    let (place, at) = match body.encoding {
        Encoding::None => (0, 0),
        Encoding::Json => match shape(payload) {
            shape if shape.ascii && payload.len() <= LONG_TEXT => {
                let next = batch.heads.len();
                let joins = shape.closed && matches!(kind, MESSAGE | REQUEST | RESPONSE | TOPIC);
                let Batch { run, text, .. } = batch;
                place_in_run = run.append(text, conn, next, payload, joins);
                (0, u32::try_from(text.len()).unwrap_or(u32::MAX) - length)
            }
            _ => (IN_EXTRAS, extra(batch, Extra::Text(payload.clone()))),
        },
        Encoding::Clone | Encoding::Bytes => {
            (IN_EXTRAS, extra(batch, Extra::Bytes(payload.clone())))
        }
    };
    let encoding = body.encoding as u32 | place;
    batch
        .heads
        .extend_from_slice(&[kind, conn, id, name, encoding, at, length, headers]);
    batch.run.added(&mut batch.heads, place_in_run);
}

fn extra(batch: &mut Batch, extra: Extra) -> u32 {
    batch.extras.push(extra);
    u32::try_from(batch.extras.len() - 1).unwrap_or(u32::MAX)
}

fn number(batch: &mut Batch, names: &mut NameTable, name: &Bytes) -> u32 {
    match names.number(name) {
        Some(number) => number,
        None => NAME_IN_EXTRAS | extra(batch, Extra::Text(name.clone())),
    }
}

/// Remembers what to give back to the connection when the batch is taken.
fn give_back(batch: &mut Batch, conn: ConnId, bytes: usize) {
    match batch.taken.last_mut() {
        Some((last, sum)) if *last == conn => *sum += bytes as u64,
        _ => batch.taken.push((conn, bytes as u64)),
    }
}

fn json_body(value: &serde_json::Value) -> Body {
    Body::json(value.to_string())
}

fn error_body(error: &Error, remote: Option<&(String, String)>) -> Body {
    json_body(&describe_error(error, remote))
}

/// An error as JavaScript builds it again.
pub(super) fn describe_error(
    error: &Error,
    remote: Option<&(String, String)>,
) -> serde_json::Value {
    let (name, code) = match remote {
        Some((name, code)) => (name.as_str(), code.as_str()),
        None => ("", ""),
    };
    json!({
        "code": error.code.as_str(),
        "origin": error.origin.as_str(),
        "message": error.message,
        "mayHaveRun": error.may_have_run,
        "remoteName": name,
        "remoteCode": code,
    })
}

fn describe(connected: &Connected) -> serde_json::Value {
    let peer = connected.peer;
    json!({
        "clientId": connected.client_id,
        "metadata": connected.metadata,
        "peer": { "pid": peer.pid, "uid": peer.uid, "gid": peer.gid },
        "cloneVersion": connected.clone_version,
        "role": connected.role,
        "again": connected.again,
    })
}
