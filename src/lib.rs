//! Temporary.
pub mod ipc;
