//! The Node-API layer: converts, delegates, returns. The only place that names
//! napi.
//!
//! Rare calls are ordinary `#[napi]` functions ([`open`], [`control`], [`look`]). Calls made for
//! every message are plain Node-API callbacks ([`fast`]): the generated wrappers
//! cost more than the call itself. Everything the other way goes through the
//! [`mailbox`]: one call into JavaScript per batch, no value per field. Where
//! Node's event loop can be had, `event_loop` waits for sockets on it.

// What `#[napi]` exports has to be public; nobody in the crate can reach it.
#![allow(unreachable_pub)]
// Nothing registers with Node in a test binary.
#![cfg_attr(test, allow(dead_code))]

mod control;
mod endpoint;
mod environment;
#[cfg(unix)]
mod event_loop;
mod fast;
#[cfg_attr(not(unix), path = "no_files.rs")]
mod files;
mod heap;
mod look;
mod mailbox;
mod open;
mod options;
mod pack;
#[cfg(target_os = "linux")]
mod peer_groups;
mod runs;
mod runtime;
mod streams;
#[cfg(unix)]
mod uv;
mod value;

use napi::bindgen_prelude::{Object, Result};
use napi::Env;
use napi_derive::napi;

/// Adds the plain callbacks to the module.
#[napi(module_exports)]
pub fn init(exports: Object<'_>, env: Env) -> Result<()> {
    fast::register(&env, &exports)
}

/// Has the next visit to a place panic: see [`crate::ipc::faults`]. For tests only.
#[cfg(feature = "faults")]
#[napi(catch_unwind)]
pub fn inject_bug(place: String) {
    use crate::ipc::faults::{set, Plan};

    set(Some(Plan {
        bug_at: Some(place),
        ..Plan::default()
    }));
}

/// The version of this binary, to be compared with that of the JavaScript.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
