//! Models of what threads share, for loom: it runs each of them in every order
//! that their locks allow, with at most `LOOM_MAX_PREEMPTIONS` changes of the
//! thread where none was due. The files under test are the product's own.
//!
//! A crate of its own, for with `--cfg loom` tokio has no sockets.
//!
//! ```sh
//! npm test -- --only=loom
//! ```

#![cfg(all(loom, test))]

#[path = "../../src/ipc/proto/requests.rs"]
#[allow(dead_code)]
mod requests;
#[path = "../../src/sync/mod.rs"]
#[allow(dead_code)]
mod sync;

mod close_against_use;
mod doorbell;
mod environment;
mod settle_once;
