//! Frames in and out of bytes.

use bytes::BytesMut;
use smartipc_native::ipc::frame::{encode, DecodeError, Decoder, Frame, Profile};
use smartipc_native::ipc::options::Limits;

/// The time in all envelopes of the document.
const WALL: u64 = 1_700_000_000_000;

/// A body with its length in front.
pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    [&length.to_be_bytes(), body].concat()
}

/// Decodes exactly one frame.
pub(crate) fn decode(bytes: &[u8]) -> Result<Frame, DecodeError> {
    let mut decoder = Decoder::new(Limits::default().max_message_size);
    decoder.feed(bytes);
    let (frame, size) = decoder.next_frame()?.expect("a complete frame");
    assert_eq!(size + 4, bytes.len(), "one frame and nothing else");
    Ok(frame)
}

/// The bytes of a frame, length included.
pub(crate) fn encoded(frame: &Frame, profile: Profile) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode(
        frame,
        profile,
        WALL,
        Limits::default().max_message_size,
        &mut out,
    )
    .unwrap();
    out.to_vec()
}

/// All that [`variant`] gives.
pub(crate) const ALL_VARIANTS: [&str; 25] = [
    "Register",
    "Registered",
    "Message",
    "Request",
    "Response",
    "Failed",
    "Cancel",
    "Subscribe",
    "Unsubscribe",
    "Publish",
    "Topic",
    "Credit",
    "StreamOpen",
    "StreamData",
    "StreamEnd",
    "StreamError",
    "StreamCancel",
    "StreamCredit",
    "StreamDone",
    "StreamMemory",
    "StreamShared",
    "Ping",
    "Pong",
    "GoAway",
    "Ignored",
];

/// No wildcard: a new kind of frame has to be added here, and to the document.
pub(crate) fn variant(frame: &Frame) -> &'static str {
    match frame {
        Frame::Register(..) => "Register",
        Frame::Registered(..) => "Registered",
        Frame::Message { .. } => "Message",
        Frame::Request { .. } => "Request",
        Frame::Response { .. } => "Response",
        Frame::Failed { .. } => "Failed",
        Frame::Cancel { .. } => "Cancel",
        Frame::Subscribe { .. } => "Subscribe",
        Frame::Unsubscribe { .. } => "Unsubscribe",
        Frame::Publish { .. } => "Publish",
        Frame::Topic { .. } => "Topic",
        Frame::Credit { .. } => "Credit",
        Frame::StreamOpen { .. } => "StreamOpen",
        Frame::StreamData { .. } => "StreamData",
        Frame::StreamEnd { .. } => "StreamEnd",
        Frame::StreamError { .. } => "StreamError",
        Frame::StreamCancel { .. } => "StreamCancel",
        Frame::StreamCredit { .. } => "StreamCredit",
        Frame::StreamDone { .. } => "StreamDone",
        Frame::StreamMemory { .. } => "StreamMemory",
        Frame::StreamShared { .. } => "StreamShared",
        Frame::Ping(_) => "Ping",
        Frame::Pong(_) => "Pong",
        Frame::GoAway { .. } => "GoAway",
        Frame::Ignored => "Ignored",
    }
}
