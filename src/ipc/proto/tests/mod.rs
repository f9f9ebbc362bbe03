//! Two sessions face to face, without sockets and with a clock that stands
//! until a test moves it.

mod abuse;
mod backpressure;
mod closing;
mod credit;
mod deadlines;
mod events;
mod heartbeats;
mod nesting;
mod pair;
mod random;
mod registration;
mod requests;
mod slow;
mod streams;
mod topics;
mod world;

use std::time::Instant;

use bytes::Bytes;

use super::{Event, Role, Sent, Session};
use crate::ipc::close::CloseReason;
use crate::ipc::error::{Error, ErrorCode, Origin};
use crate::ipc::frame::{Body, Decoder, Encoding, Failure, Frame, Id, Profile, Refusal};
use crate::ipc::options::{Limits, SessionConfig};

/// Runs each scenario in both profiles.
macro_rules! both_profiles {
    ($($scenario:ident),+ $(,)?) => {
        mod binary {
            $(#[test] fn $scenario() { super::$scenario(crate::ipc::frame::Profile::Binary) })+
        }
        mod json {
            $(#[test] fn $scenario() { super::$scenario(crate::ipc::frame::Profile::Json) })+
        }
    };
}
use both_profiles;
use pair::*;
