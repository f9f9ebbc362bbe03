//! Systems whose files JavaScript reads and writes.

use napi_derive::napi;

/// Never: JavaScript reads the file.
#[napi(catch_unwind)]
pub fn stream_from_file() -> bool {
    false
}

/// Never: JavaScript writes the file.
#[napi(catch_unwind)]
pub fn stream_to_file() -> bool {
    false
}
