//! What a session tells its owner.

use bytes::Bytes;

use crate::ipc::close::CloseReason;
use crate::ipc::error::Error;
use crate::ipc::frame::{Body, Id, Registration, Welcome};

/// Something that happened on a connection.
#[derive(Debug)]
pub enum Event {
    /// Server: a client asks to be let in. Nothing is read until the owner has
    /// called `accept` or `refuse`.
    Register(Box<Registration>),
    /// Client: the server has let us in.
    Open(Box<Welcome>),
    /// A message came.
    Message {
        /// Its type.
        name: Bytes,
        /// What it carries.
        body: Body,
    },
    /// A request came. It is to be answered with `respond` or `fail`.
    Request {
        /// Names the request within this session.
        id: u32,
        /// Its type.
        name: Bytes,
        /// What it carries.
        body: Body,
    },
    /// Our request, or subscription, was answered.
    Response {
        /// The request's id.
        id: u32,
        /// The answer.
        body: Body,
    },
    /// Our request failed: here, there, or on the way.
    Failed {
        /// The request's id.
        id: u32,
        /// Why.
        error: Error,
        /// The remote error's name, such as `TypeError`, and its own code.
        remote: Option<(String, String)>,
    },
    /// The peer no longer wants the answer to its request.
    Cancelled {
        /// The id under which the request was reported.
        id: u32,
    },
    /// Server: a client wants a topic; to be acknowledged with `acknowledge`.
    Subscribe {
        /// Topic or pattern.
        topic: Bytes,
        /// For the acknowledgement.
        id: Option<Id>,
    },
    /// Server: a client no longer wants a topic.
    Unsubscribe {
        /// Topic or pattern.
        topic: Bytes,
        /// For the acknowledgement.
        id: Option<Id>,
    },
    /// Server: a client publishes. Counts as unfinished until `finished`.
    Publish {
        /// The topic.
        topic: Bytes,
        /// What it carries.
        body: Body,
        /// Size of the frame, to be given back with `taken`.
        size: usize,
    },
    /// Client: a message of a subscribed topic.
    Topic {
        /// The topic.
        topic: Bytes,
        /// Client id of the publisher; empty for the server.
        publisher: Bytes,
        /// What it carries.
        body: Body,
    },
    /// The peer opens a stream. The owner reads it with `read_stream` and lets go
    /// of it with `finish_stream` or `cancel_stream`.
    StreamOpen {
        /// Names the stream within this session's incoming ones.
        id: u32,
        /// The name under which both owners know it.
        name: Bytes,
        /// Headers, and what the sender says about it.
        body: Body,
    },
    /// There is something to read, or the end. Told again only after a read
    /// that found nothing.
    StreamReadable {
        /// The stream.
        id: u32,
    },
    /// The peer has given up its stream; nothing more can be read. To be let go
    /// of with `cancel_stream`.
    StreamFailed {
        /// The stream.
        id: u32,
        /// Why.
        error: Error,
        /// The remote error's name and code.
        remote: Option<(String, String)>,
    },
    /// A stream of ours takes bytes again after `Wait`.
    StreamRoom {
        /// The stream.
        id: u32,
    },
    /// The peer has read all of our stream.
    StreamDone {
        /// The stream.
        id: u32,
    },
    /// The peer does not want our stream, or no more of it.
    StreamCancelled {
        /// The stream.
        id: u32,
        /// Why.
        error: Error,
        /// The remote error's name and code.
        remote: Option<(String, String)>,
    },
    /// The peer asks for a sign of life; to be answered with `pong` from the
    /// thread whose liveness matters.
    Ping,
    /// The answer to `probe`.
    Probed {
        /// Whether the peer answered in time.
        alive: bool,
    },
    /// The peer gave no sign of life.
    HeartbeatTimeout(Error),
    /// The output queue has fallen below its mark after somebody was told to wait.
    Drained,
    /// The connection has ended. Always the last event, and exactly once.
    Closed {
        /// Why.
        reason: CloseReason,
        /// A sentence of the peer, or of the failure.
        message: String,
    },
}
