//! Cuts a byte stream into frames.

use bytes::{Buf, Bytes, BytesMut};

use super::{binary, json, Frame, Profile};
use crate::ipc::close::CloseReason;

/// Room reserved on the word of a length prefix alone. More is reserved only
/// as bytes really arrive, so a lying prefix costs its sender more than us.
const FIRST_RESERVATION: usize = 64 * 1024;
/// What follows a body longer than this moves to memory of its own: a few bytes
/// of a stream that wait for their reader must not keep those of the body.
const LARGE: usize = 128 * 1024;

/// Bytes that are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The announced body is longer than allowed.
    #[error("frame of {size} bytes exceeds the maximum of {max}")]
    TooLarge {
        /// The announced length.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// The body is not JSON, or not UTF-8.
    #[error("body is not valid JSON")]
    BadJson,
    /// The body is JSON but no envelope.
    #[error("not an envelope: {0}")]
    BadEnvelope(&'static str),
    /// Anything else.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
}

impl DecodeError {
    /// The reason with which the connection is closed.
    pub fn reason(&self) -> CloseReason {
        match self {
            DecodeError::TooLarge { .. } => CloseReason::MessageTooLarge,
            DecodeError::BadJson => CloseReason::BadJson,
            DecodeError::BadEnvelope(_) => CloseReason::BadEnvelope,
            DecodeError::Protocol(_) => CloseReason::ProtocolError,
        }
    }
}

/// A chunk of a stream that has begun to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkAhead {
    /// The stream's id.
    pub id: u32,
    /// Bytes before those of the stream.
    pub head: usize,
    /// Bytes of the stream.
    pub count: usize,
    /// Those of them that are not here.
    pub missing: usize,
}

/// Collects bytes and yields frames.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    max: usize,
    profile: Profile,
}

impl Decoder {
    /// A decoder that refuses bodies longer than `max`.
    pub fn new(max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            max,
            profile: Profile::Json,
        }
    }

    /// Allows bodies of up to `max` bytes from now on.
    pub fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    /// The profile of the last frame.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Takes bytes from the socket.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete frame and the length of its body.
    ///
    /// # Errors
    /// After an error the stream has no known frame boundary any more; the
    /// connection has to be closed.
    pub fn next_frame(&mut self) -> Result<Option<(Frame, usize)>, DecodeError> {
        match self.next_body()? {
            None => Ok(None),
            Some(body) => {
                let size = body.len();
                self.profile = match body.first() {
                    Some(b'{') => Profile::Json,
                    _ => Profile::Binary,
                };
                decode(body).map(|frame| Some((frame, size)))
            }
        }
    }

    fn next_body(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let Some(prefix) = self.buffer.first_chunk::<4>() else {
            self.give_back();
            return Ok(None);
        };
        let size = u32::from_be_bytes(*prefix) as usize;
        if size > self.max {
            return Err(DecodeError::TooLarge {
                size,
                max: self.max,
            });
        }
        if size == 0 {
            return Err(DecodeError::Protocol("empty frame"));
        }
        let missing = (size + 4).saturating_sub(self.buffer.len());
        if missing > 0 {
            self.make_room(missing);
            return Ok(None);
        }
        self.buffer.advance(4);
        let body = self.buffer.split_to(size).freeze();
        if size > LARGE && self.buffer.len() < size {
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        Ok(Some(body))
    }

    /// The head of a chunk of a stream whose bytes are not all here, so that it can
    /// be decided where they go before they come.
    pub fn chunk_ahead(&self) -> Option<ChunkAhead> {
        let (prefix, body) = self.buffer.split_first_chunk::<4>()?;
        let size = u32::from_be_bytes(*prefix) as usize;
        let (id, head) = binary::data_head(body)?;
        let count = size.checked_sub(head).filter(|count| *count > 0)?;
        (size <= self.max && body.len() < size).then(|| ChunkAhead {
            id,
            head: head + 4,
            count,
            missing: size - body.len(),
        })
    }

    /// Passes over bytes that are there.
    pub fn skip(&mut self, count: usize) {
        self.buffer.advance(count.min(self.buffer.len()));
    }

    /// Takes up to `most` bytes that are there, whatever they mean.
    pub fn take(&mut self, most: usize) -> Bytes {
        let count = most.min(self.buffer.len());
        let bytes = self.buffer.split_to(count).freeze();
        self.give_back();
        bytes
    }

    /// Reserves a step ahead, and the next one only when this one is nearly used
    /// up: or each byte that comes would move a reservation that is still whole.
    fn make_room(&mut self, missing: usize) {
        let wanted = missing.min(FIRST_RESERVATION);
        if self.buffer.capacity() - self.buffer.len() < wanted / 4 {
            self.buffer.reserve(wanted);
        }
    }

    /// An idle connection keeps no buffer.
    fn give_back(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    /// Whether a frame has begun and is not complete.
    pub fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// What the frame that has begun lacks, if that is known yet.
    pub fn missing(&self) -> usize {
        let size = self.buffer.first_chunk::<4>();
        size.map_or(0, |size| {
            let size = u32::from_be_bytes(*size) as usize;
            size.saturating_add(4).saturating_sub(self.buffer.len())
        })
    }

    /// Whether what comes next is a handshake or an alert of TLS. As a length it
    /// would be hundreds of megabytes, so it can be asked when that was refused.
    pub fn meets_tls(&self) -> bool {
        matches!(self.buffer.first_chunk(), Some([0x15 | 0x16, 3, _, _]))
    }

    /// Bytes held.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }
}

/// Decodes one body; the first byte tells the profile.
fn decode(body: Bytes) -> Result<Frame, DecodeError> {
    match body.first() {
        Some(b'{') => json::decode(&body),
        Some(0x01..=0x1f) => binary::decode(body),
        _ => Err(DecodeError::Protocol("unknown first byte")),
    }
}
