//! The calls made for every message, as plain Node-API callbacks.
//!
//! The wrappers that `#[napi]` generates keep account of borrows and references,
//! which these calls don't need: their arguments are numbers, one payload and
//! rarely a text. Each callback catches panics, as `catch_unwind` does.

mod calls;
mod drain;
mod messages;

use std::ffi::CStr;
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::{JsValue, Object, Result};
use napi::{check_status, sys, Env};

use super::endpoint::{self, Endpoint};
use super::pack::describe_error;
use super::streams;
use super::value::{self, Arguments};
use crate::ipc::bug;
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::proto::Session;

/// Status numbers that calls return; errors are returned as JSON text.
pub(super) const ACCEPTED: u32 = 0;
pub(super) const WAIT: u32 = 1;
const QUEUED: u32 = 2;
/// Added where JavaScript has to have the output written: see `endpoint::visit`.
const TO_FLUSH: u32 = 4;
/// Added where small messages to that connection may be collected.
const ROOM_FOR_BATCH: u32 = 8;

/// Adds the callbacks to the module.
pub(super) fn register(env: &Env, exports: &Object<'_>) -> Result<()> {
    let callbacks: [(&CStr, sys::napi_callback); 12] = [
        (c"drain", Some(enter::<drain::Drain>)),
        (c"message", Some(enter::<calls::Message>)),
        (c"messages", Some(enter::<messages::Messages>)),
        (c"request", Some(enter::<calls::Request>)),
        (c"publish", Some(enter::<calls::Publish>)),
        (c"broadcast", Some(enter::<calls::Broadcast>)),
        (c"publishToAll", Some(enter::<calls::PublishToAll>)),
        (c"respond", Some(enter::<calls::Respond>)),
        (c"finished", Some(enter::<calls::Finished>)),
        (c"flush", Some(enter::<calls::Flush>)),
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

/// What to add to the status of a call that has left output.
pub(super) fn to_flush(endpoint: &Rc<Endpoint>) -> u32 {
    if endpoint.writes_after_visit() {
        0
    } else {
        TO_FLUSH
    }
}
