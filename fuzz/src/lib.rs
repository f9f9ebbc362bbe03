//! Fuzz targets for the core, one module each: `run` takes any bytes and panics
//! if one of the rules in the module's head is broken.
//!
//! This file is the root of two crates. As the library of `fuzz/` it is used by
//! the fuzzers in `fuzz_targets/`; as the test `fuzz` of the package it replays
//! `corpus/` and `regressions/`, without a fuzzer, in every `cargo test`.

// All of this is test code, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(missing_docs, unreachable_pub)]

pub mod allocations;
pub mod conn_ops;
#[cfg(all(unix, feature = "faults"))]
pub mod e2e_mockio;
pub mod encode_roundtrip;
pub mod envelope_head;
pub mod frame_decoder;
#[cfg(unix)]
pub mod sock_path;
pub mod stream_reassembly;
pub mod topic_match;

mod frames;
mod hostile;
mod peer;
#[cfg(test)]
mod replay;

// Helpers of the core's own tests, which speak of the core as `crate::ipc`.
use smartipc_native::ipc;

#[path = "../../src/ipc/proto/tests/pair.rs"]
#[allow(dead_code)]
mod pair;
#[path = "../../src/ipc/frame/tests/received.rs"]
mod received;
#[path = "../../src/ipc/proto/tests/world/mod.rs"]
mod world;
