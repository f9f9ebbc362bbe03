//! libuv, as far as the loop driver needs it: a loop, handles, and how to get
//! from a handle's callback into JavaScript.
//!
//! All of it belongs to one JavaScript thread; only a [`Waker`] may travel. The
//! types are neither `Send` nor `Sync`, so the compiler keeps it so.
//!
//! What libuv asks for, and where it is seen to:
//! - A handle lives until its close callback, at a fixed address: its memory is
//!   freed there and nowhere else (`handle`).
//! - No handle may be open when the environment's loop is taken down: an
//!   asynchronous cleanup hook waits for the last close callback (`hook`).
//! - A descriptor outlives its poll handle: the owner closes it after
//!   [`Handle::close`], which takes it out of the poll set at once.

mod enter;
mod handle;
mod hook;
mod symbols;

pub(super) use enter::Entrance;
pub(super) use handle::{Handle, Kind, Loop, Waker, READABLE, WRITABLE};
pub(super) use hook::Hook;
pub(super) use symbols::Symbols;
