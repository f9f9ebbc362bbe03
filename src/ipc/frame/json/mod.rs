//! The JSON profile: envelopes `{id, type, correlationId?, timestamp, payload?,
//! headers?}`, with control types wrapped in double underscores.
//!
//! The payload is never interpreted: it is copied as text. What the envelope
//! itself needs to say goes into `headers`, under the keys of [`control`].

mod decode;
mod encode;
mod stream;

pub use decode::is_json;
pub(super) use decode::{check_object, decode};
pub(super) use encode::encode;

const REGISTER: &str = "__register__";
const REGISTERED: &str = "__register___response";
const CANCEL: &str = "__cancel__";
const SUBSCRIBE: &str = "__subscribe__";
const UNSUBSCRIBE: &str = "__unsubscribe__";
const PUBLISH: &str = "__publish__";
const PING: &str = "__heartbeat__";
const PONG: &str = "__heartbeat_response__";
const GO_AWAY: &str = "__goaway__";
const STREAM_OPEN: &str = "__stream_init__";
const STREAM_DATA: &str = "__stream_chunk__";
const STREAM_END: &str = "__stream_end__";
const STREAM_ERROR: &str = "__stream_error__";
const STREAM_CANCEL: &str = "__stream_cancel__";
const STREAM_CREDIT: &str = "__stream_credit__";
const STREAM_DONE: &str = "__stream_done__";
const TOPIC_PREFIX: &str = "topic:";
const RESPONSE_SUFFIX: &str = "_response";

/// Keys of `headers` that belong to the protocol.
mod control {
    pub(super) const REQUIRES_RESPONSE: &str = "requiresResponse";
    pub(super) const TIMEOUT: &str = "timeout";
    pub(super) const ERROR: &str = "error";
    pub(super) const ERROR_NAME: &str = "errorName";
    pub(super) const ERROR_CODE: &str = "errorCode";
    pub(super) const ENCODING: &str = "encoding";
    pub(super) const PUBLISHER: &str = "publisherId";
    pub(super) const ALL: [&str; 7] = [
        REQUIRES_RESPONSE,
        TIMEOUT,
        ERROR,
        ERROR_NAME,
        ERROR_CODE,
        ENCODING,
        PUBLISHER,
    ];
}
