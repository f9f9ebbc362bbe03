//! Inter-process communication for Node.js over Unix sockets, Windows named
//! pipes and TCP.
//!
//! Two layers live here. [`ipc`] is the core: an ordinary Rust library without
//! Node-API and without `unsafe`. `binding` is the only place that names
//! Node-API; it converts, delegates and returns. The JavaScript facade
//! (`index.js`, `lib/`) stands on the binding.
//!
//! `sys` has the few calls of the operating system that need `unsafe`.
//!
//! The picture of the layers is in `docs/architecture.md`.

#![deny(rust_2018_idioms)]

#[cfg(feature = "binding")]
mod binding;

pub mod ipc;
#[cfg(feature = "binding")]
mod sync;
#[cfg(any(windows, target_os = "linux"))]
mod sys;
