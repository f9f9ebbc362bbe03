//! The core: protocol, transports, client and server. No Node-API, no `unsafe`.
//!
//! From the inside out: `frame` knows bytes, `proto` knows the rules of one
//! connection, `link` joins a connection to a socket, `driver` waits for that
//! socket or hands it to a `poller` of the owner's, `client` and `server` own
//! links, `hub` is a server that a client hosts.

#![forbid(unsafe_code)]

pub mod backlog;
pub(crate) mod bug;
pub mod client;
pub mod close;
pub mod driver;
pub mod endpoint;
pub mod error;
pub mod faults;
#[cfg(unix)]
pub mod files;
pub mod frame;
mod hub;
pub mod link;
#[cfg(unix)]
pub mod lock;
pub mod notice;
pub mod options;
pub mod poller;
pub mod proto;
pub mod server;
pub mod stats;
pub mod tls;
pub mod trace;
pub mod transport;

pub use client::Client;
pub use close::CloseReason;
pub use endpoint::Address;
pub use error::{Error, ErrorCode, Origin};
pub use server::Server;
