//! Frames: what travels on a connection.
//!
//! ```text
//! +--------------------+---------------------------------------------+
//! | length  u32, BE    | body, `length` bytes                        |
//! +--------------------+---------------------------------------------+
//!                       first byte of the body:
//!                         '{'          JSON profile: an envelope
//!                         0x01..=0x1F  binary profile: kind of frame
//!                         other        protocol error
//! ```
//!
//! Both profiles decode to the one [`Frame`]. The layout of each kind is in
//! `docs/protocol.md`; `binary` and `json` implement it, [`Decoder`] cuts the
//! byte stream into bodies.

mod binary;
mod codec;
mod fields;
mod json;
pub use json::is_json;
mod payload;
mod registration;
mod shape;
#[cfg(test)]
mod tests;
mod varint;

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::error::ErrorCode;

pub use codec::{ChunkAhead, DecodeError, Decoder};
pub use payload::{Encoding, Payload};
pub use registration::{
    Protocol, Refusal, Registration, Welcome, FEATURE_BINARY, FEATURE_MEMORY, STREAM_WINDOW,
    VERSION,
};
pub use shape::{shape, Shape, MAX_LOOKED_AT};

/// Which of the two ways of writing a frame is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// An envelope in JSON, for any language.
    Json,
    /// Compact, between two native peers.
    Binary,
}

/// Name of a request within its connection and direction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Id {
    /// The binary profile's form, and that of all our own requests.
    Number(u32),
    /// The JSON profile's form: the envelope's `id`.
    Text(Bytes),
}

/// What a message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body<P = Bytes> {
    /// JSON text of an object, or nothing.
    pub headers: Option<Bytes>,
    /// How the payload is written.
    pub encoding: Encoding,
    /// The payload's bytes.
    pub payload: P,
}

impl Body {
    /// What a message of this type and body counts for, or a little more: to be
    /// given back with `Session::taken`.
    pub fn cost(&self, name: &Bytes) -> usize {
        const LENGTHS_AND_FLAGS: usize = 32;
        let headers = self.headers.as_ref().map_or(0, Bytes::len);
        name.len() + headers + self.payload.len() + LENGTHS_AND_FLAGS
    }

    /// No payload at all: JavaScript's `undefined`.
    pub fn none() -> Self {
        Self {
            headers: None,
            encoding: Encoding::None,
            payload: Bytes::new(),
        }
    }

    /// JSON text as payload.
    pub fn json(text: impl Into<Bytes>) -> Self {
        Self {
            headers: None,
            encoding: Encoding::Json,
            payload: text.into(),
        }
    }
}

impl<P: Payload> Body<P> {
    /// The body with its payload in Rust's memory, so that it can wait.
    pub fn owned(self) -> Body {
        let mut payload = BytesMut::new();
        if self.encoding != Encoding::None {
            self.payload.append_to(&mut payload);
        }
        Body {
            headers: self.headers,
            encoding: self.encoding,
            payload: payload.freeze(),
        }
    }
}

/// A failure that one peer reports to the other. No stack, no path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The error's message.
    pub message: String,
    /// The error's name, such as `TypeError`.
    pub name: String,
    /// The error's code; empty if it has none.
    pub code: String,
}

impl Failure {
    /// A failure of this library's own.
    pub fn of(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            name: "Error".to_owned(),
            code: code.as_str().to_owned(),
        }
    }
}

/// One frame, decoded. The type parameter lets a caller encode a payload that
/// is not in Rust's memory yet.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub enum Frame<P = Bytes> {
    /// First frame of a connection: who we are. JSON only.
    Register(Id, Box<Registration>),
    /// The answer to it. JSON only.
    Registered(Id, Box<Result<Welcome, Refusal>>),
    /// A message that nobody answers.
    Message {
        /// Its type.
        name: Bytes,
        /// What it carries.
        body: Body<P>,
    },
    /// A message that is answered.
    Request {
        /// Its id, chosen by the sender.
        id: Id,
        /// How long the sender waits; none: not told.
        timeout: Option<Duration>,
        /// Its type.
        name: Bytes,
        /// What it carries.
        body: Body<P>,
    },
    /// The answer to a request, or the acknowledgement of a subscription.
    Response {
        /// The request's id.
        id: Id,
        /// The request's type; empty in the binary profile.
        name: Bytes,
        /// What it carries.
        body: Body<P>,
    },
    /// The answer to a request that failed.
    Failed {
        /// The request's id.
        id: Id,
        /// The request's type; empty in the binary profile.
        name: Bytes,
        /// What went wrong.
        failure: Failure,
    },
    /// The sender of a request no longer wants its answer.
    Cancel {
        /// The request's id.
        id: Id,
    },
    /// Asks for the messages of a topic or pattern.
    Subscribe {
        /// Acknowledged under this id, if given.
        id: Option<Id>,
        /// Topic or pattern.
        topic: Bytes,
    },
    /// Ends a subscription.
    Unsubscribe {
        /// Acknowledged under this id, if given.
        id: Option<Id>,
        /// Topic or pattern.
        topic: Bytes,
    },
    /// A message for all subscribers of a topic, on its way to the server.
    Publish {
        /// The topic.
        topic: Bytes,
        /// What it carries.
        body: Body<P>,
    },
    /// A message of a topic, on its way to a subscriber.
    Topic {
        /// The topic.
        topic: Bytes,
        /// Client id of the publisher; empty for the server.
        publisher: Bytes,
        /// What it carries.
        body: Body<P>,
    },
    /// How much the sender of this frame is ready to receive, counted from the
    /// start of the connection. Binary only.
    Credit {
        /// Messages and requests in all.
        messages: u64,
        /// Bytes of their bodies in all.
        bytes: u64,
    },
    /// Announces a stream of bytes, which follow in `StreamData`.
    StreamOpen {
        /// Its id, chosen by the sender; counts per direction.
        id: Id,
        /// The name under which both owners know it.
        name: Bytes,
        /// Headers, and what the sender says about the stream as JSON text.
        body: Body<P>,
    },
    /// The next bytes of a stream: never none.
    StreamData {
        /// The stream.
        id: Id,
        /// The bytes.
        data: Bytes,
    },
    /// All bytes of a stream have been sent.
    StreamEnd {
        /// The stream.
        id: Id,
    },
    /// The sender gives a stream up.
    StreamError {
        /// The stream.
        id: Id,
        /// Why.
        failure: Failure,
    },
    /// The receiver does not want a stream, or no more of it.
    StreamCancel {
        /// The stream.
        id: Id,
        /// Why.
        failure: Failure,
    },
    /// How many bytes of a stream its receiver takes, counted from its start.
    StreamCredit {
        /// The stream.
        id: Id,
        /// Bytes in all.
        bytes: u64,
    },
    /// The receiver has read everything: the stream is over.
    StreamDone {
        /// The stream.
        id: Id,
    },
    /// The receiver of a stream offers memory for its bytes: a descriptor that comes with
    /// this frame or before it. Binary only.
    StreamMemory {
        /// The stream.
        id: Id,
    },
    /// The next bytes of a stream lie in its memory. Binary only.
    StreamShared {
        /// The stream.
        id: Id,
        /// How many: never none.
        count: u64,
    },
    /// Asks for a sign of life.
    Ping(Id),
    /// The sign of life.
    Pong(Id),
    /// The sender is about to close the connection.
    GoAway {
        /// Number of the [`CloseReason`](crate::ipc::CloseReason).
        reason: u8,
        /// A sentence for people.
        message: String,
    },
    /// A frame of a kind we don't know that its sender marked as optional.
    Ignored,
}

/// Encodes the head of a chunk of `count` bytes of a stream, in the binary profile.
/// The bytes have to follow it.
pub fn put_data_head(id: u32, count: usize, out: &mut BytesMut) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    binary::put_data_head(id, out);
    let size = out.len() - start - 4 + count;
    // A chunk is no longer than a frame may be, whose length fits 32 bits.
    let length = u32::try_from(size).unwrap_or(u32::MAX);
    if let Some(prefix) = out.get_mut(start..start + 4) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
}

/// Appends one frame, with its length, to `out` and returns the body's length.
///
/// `wall` is the time for envelopes, in milliseconds since the epoch.
///
/// # Errors
/// The body's length, if it exceeds `max`; then `out` is as it was.
pub fn encode<P: Payload>(
    frame: &Frame<P>,
    profile: Profile,
    wall: u64,
    max: usize,
    out: &mut BytesMut,
) -> Result<usize, usize> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    match profile {
        Profile::Json => json::encode(frame, wall, out),
        Profile::Binary => binary::encode(frame, wall, out),
    }
    let size = out.len() - start - 4;
    if size > max {
        out.truncate(start);
        return Err(size);
    }
    // `max` fits 32 bits by the options' bounds; a larger one would have no length.
    let length = u32::try_from(size).map_err(|_| size)?;
    if let Some(head) = out.get_mut(start..start + 4) {
        head.copy_from_slice(&length.to_be_bytes());
    }
    Ok(size)
}
