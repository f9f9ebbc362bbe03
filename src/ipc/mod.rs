//! core
#![forbid(unsafe_code)]
pub mod close;
pub mod endpoint;
pub mod error;
pub mod frame;
pub mod options;
pub mod proto;
pub mod stats;
pub mod trace;
pub use close::CloseReason;
pub use endpoint::Address;
pub use error::{Error, ErrorCode, Origin};
