//! How a batch of the mailbox gets to JavaScript.

use napi::sys;

use super::{to_flush, Callback};
use crate::binding::endpoint::{self, Handle, Traffic};
use crate::binding::environment;
use crate::binding::mailbox::{Batch, Extra, PREFIX, RECORD};
use crate::binding::value::{self, Arguments};
use crate::ipc::bug;
use crate::ipc::error::Error;
use crate::ipc::faults;

/// `drain(mailbox, heads)`: `undefined` if there is nothing; the common text; or
/// an array of the common text and the extras.
pub(super) enum Drain {}

impl Callback for Drain {
    fn call(args: &Arguments<9>) -> sys::napi_value {
        let Some(mailbox) = environment::mailbox(args.u32(0)) else {
            return value::undefined(args.env);
        };
        let (Some(mut batch), more) = mailbox.take() else {
            return value::undefined(args.env);
        };
        batch.run.end(&mut batch.text);
        let count = batch.heads.len() / RECORD;
        let flush = settle_accounts(&batch);
        let prefix: [u32; PREFIX] = [batch.endpoint, count as u32, u32::from(more), flush];
        args.fill(1, [&prefix, &batch.heads]);
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
