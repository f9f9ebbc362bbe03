//! Injected faults with a driver of the owner's.

#![cfg(all(unix, feature = "faults"))]

#[path = "faults.rs"]
mod faults;
