//! Messages and requests that may not leave yet.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use crate::ipc::options::MESSAGE_OVERHEAD;

/// Room for a few hundred small frames that are held.
const FIRST_RESERVATION: usize = 32 * 1024;
/// A longer frame has memory of its own, which goes when it does, instead of making the
/// common buffer grow by doubling.
pub(super) const LARGE: usize = 64 * 1024;

/// A message that may not leave yet.
#[derive(Debug)]
struct Message {
    frame: Kept,
    /// The request in it, if it is one.
    request: Option<u32>,
}

/// A whole frame, length included.
#[derive(Debug)]
enum Kept {
    /// As many bytes of the common buffer, behind those of the frames before it.
    Common(usize),
    /// Bytes of its own.
    Large(Bytes),
    /// For many receivers, who share the bytes: a slow one may have to do without.
    /// Whoever sends to one was promised that it arrives or fails.
    Shared(Bytes),
    /// Withdrawn: its bytes are passed over, or closed up when they are many.
    Gone(usize),
}

impl Message {
    fn cost(&self) -> usize {
        match &self.frame {
            Kept::Common(len) => len + MESSAGE_OVERHEAD,
            Kept::Large(bytes) | Kept::Shared(bytes) => bytes.len() + MESSAGE_OVERHEAD,
            Kept::Gone(_) => 0,
        }
    }
}

/// A message that may leave now.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ipc::proto) struct Released {
    /// Bytes of the whole frame, length included.
    pub(in crate::ipc::proto) frame: usize,
    /// The request in it, if it is one.
    pub(in crate::ipc::proto) request: Option<u32>,
}

/// The messages, in the order in which they leave.
#[derive(Debug, Default)]
pub(in crate::ipc::proto) struct Held {
    messages: VecDeque<Message>,
    cost: usize,
    /// The bytes of frames that are for this receiver alone, in order.
    common: BytesMut,
    /// Bytes of `common` that belong to a message; more is a frame in the making.
    common_len: usize,
    /// Those of them that belong to one that was withdrawn.
    gone_len: usize,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Bytes of all of them, with their overhead.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// Where a frame is appended that is then [added](Self::add).
    pub(in crate::ipc::proto) fn buffer(&mut self) -> &mut BytesMut {
        if self.common.capacity() == 0 {
            self.common.reserve(FIRST_RESERVATION);
        }
        &mut self.common
    }

    /// Adds the frame that was appended to [`buffer`](Self::buffer).
    pub(in crate::ipc::proto) fn add(&mut self, request: Option<u32>) {
        let len = self.common.len() - self.common_len;
        let frame = if len > LARGE {
            let bytes = self.common.split_off(self.common_len).freeze();
            // Or both would keep the memory.
            self.common = BytesMut::from(&self.common[..]);
            Kept::Large(bytes)
        } else {
            self.common_len = self.common.len();
            Kept::Common(len)
        };
        self.push(Message { frame, request });
    }

    /// Adds a frame for many receivers.
    pub(in crate::ipc::proto) fn add_shared(&mut self, frame: Bytes) {
        self.push(Message {
            frame: Kept::Shared(frame),
            request: None,
        });
    }

    fn push(&mut self, message: Message) {
        self.cost += message.cost();
        self.messages.push_back(message);
    }

    /// Moves the bytes of the next message to `ready`.
    pub(super) fn release(&mut self, ready: &mut BytesMut) -> Option<Released> {
        while let Some(message) = self.messages.pop_front() {
            self.cost -= message.cost();
            let frame = match message.frame {
                Kept::Common(len) => {
                    let bytes = self.common.get(..len).unwrap_or_default();
                    ready.extend_from_slice(bytes);
                    self.pass_over(len);
                    self.close_up();
                    len
                }
                Kept::Large(bytes) | Kept::Shared(bytes) => {
                    ready.extend_from_slice(&bytes);
                    bytes.len()
                }
                Kept::Gone(len) => {
                    self.pass_over(len);
                    self.gone_len -= len;
                    continue;
                }
            };
            let request = message.request;
            return Some(Released { frame, request });
        }
        // An idle connection keeps no buffer.
        self.common = BytesMut::new();
        None
    }

    fn pass_over(&mut self, len: usize) {
        self.common.advance(len.min(self.common.len()));
        self.common_len -= len;
    }

    /// Takes a request back.
    pub(in crate::ipc::proto) fn withdraw(&mut self, request: u32) {
        let is_it = |message: &Message| message.request == Some(request);
        let Some(at) = self.messages.iter().position(is_it) else {
            return;
        };
        let Some(message) = self.messages.get_mut(at) else {
            return;
        };
        self.cost -= message.cost();
        if let Kept::Common(len) = message.frame {
            message.frame = Kept::Gone(len);
            message.request = None;
            self.gone_len += len;
            self.close_up();
        } else {
            self.messages.remove(at);
        }
    }

    /// Lets go of what has been withdrawn: seldom enough to cost little for each,
    /// and often enough to keep no more memory than twice what counts.
    fn close_up(&mut self) {
        if self.gone_len * 2 <= self.common_len {
            return;
        }
        let mut old = std::mem::take(&mut self.common);
        self.common.reserve(self.common_len - self.gone_len);
        let common = &mut self.common;
        self.messages.retain(|message| match message.frame {
            Kept::Common(len) => {
                common.extend_from_slice(old.get(..len).unwrap_or_default());
                old.advance(len.min(old.len()));
                true
            }
            Kept::Large(_) | Kept::Shared(_) => true,
            Kept::Gone(len) => {
                old.advance(len.min(old.len()));
                false
            }
        });
        self.common_len -= self.gone_len;
        self.gone_len = 0;
    }

    /// Drops the oldest that was for many; false if there is none.
    pub(in crate::ipc::proto) fn drop_oldest(&mut self) -> bool {
        let is_shared = |message: &Message| matches!(message.frame, Kept::Shared(_));
        let Some(at) = self.messages.iter().position(is_shared) else {
            return false;
        };
        if let Some(message) = self.messages.remove(at) {
            self.cost -= message.cost();
        }
        true
    }

    /// Bytes that the common buffer holds.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.common.len()
    }
}
