//! Payloads: bytes that Rust carries and never interprets.

use bytes::{Bytes, BytesMut};

/// How a payload's bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Encoding {
    /// There is no payload.
    None = 0,
    /// JSON text in UTF-8.
    Json = 1,
    /// V8's structured clone format.
    Clone = 2,
    /// Plain bytes: a `Buffer` as the whole payload.
    Bytes = 3,
}

impl Encoding {
    /// The encoding with this number on the wire.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Encoding::None),
            1 => Some(Encoding::Json),
            2 => Some(Encoding::Clone),
            3 => Some(Encoding::Bytes),
            _ => None,
        }
    }

    /// The value of `headers.encoding` in the JSON profile, where it needs one.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Encoding::None | Encoding::Json => None,
            Encoding::Clone => Some("structured-clone"),
            Encoding::Bytes => Some("base64"),
        }
    }
}

/// Something that can append itself to an output buffer.
///
/// A JavaScript string implements it by copying itself out of V8, which spares
/// the copy through an intermediate buffer.
pub trait Payload {
    /// Appends the payload's bytes.
    fn append_to(&self, out: &mut BytesMut);
}

impl Payload for Bytes {
    fn append_to(&self, out: &mut BytesMut) {
        out.extend_from_slice(self);
    }
}

impl Payload for &[u8] {
    fn append_to(&self, out: &mut BytesMut) {
        out.extend_from_slice(self);
    }
}
