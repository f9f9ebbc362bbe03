//! The rules of one connection, as a state machine without I/O.
//!
//! Bytes, commands and the time go in; bytes, [`Event`]s and the next deadline
//! come out. Nothing in here touches a socket, spawns a task or reads a clock,
//! so every rule can be tested with exact bytes and virtual time.

mod backoff;
mod credit;
mod event;
mod heartbeat;
mod lanes;
mod outbox;
mod receive;
mod requests;
mod send;
mod session;
mod share;
mod streams;
#[cfg(test)]
mod tests;
pub mod topics;

pub use backoff::Backoff;
pub use event::Event;
pub use requests::IdHasher;
pub use send::{Bounds, Sent};
pub use session::{Role, Session, WallClock};
pub use share::Shared;
pub use streams::{Due, Read, LEAST_DIRECT};
