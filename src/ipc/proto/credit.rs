//! Message credit: how much each side may send before the other's handlers
//! have finished.
//!
//! Limits are absolute counts since the start of the connection, like QUIC's
//! MAX_DATA (RFC 9000, section 4.1): a limit that comes twice or late does no
//! harm. Two things are counted: messages until their handler has finished,
//! and bytes until JavaScript has taken them.
//!
//! A handler that waits for a request to the same peer must not hold back the
//! credit that the peer needs to answer it: with both windows full of such
//! handlers nobody could go on. So as many running handlers as we have calls of
//! our own under way, requests and one-way calls that were told to wait, do not
//! count against the window.

use crate::ipc::options::Limits;

/// Both directions of one connection.
#[derive(Debug)]
pub(super) struct Credit {
    window_messages: u64,
    window_bytes: u64,
    received: Amount,
    /// Messages whose handler has finished; bytes that were taken.
    done: Amount,
    granted: Amount,
    sent: Amount,
    limit: Amount,
}

/// Messages and the bytes of their bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl Credit {
    pub(super) fn new(limits: &Limits) -> Self {
        let window_messages = u64::from(limits.window_messages);
        let window_bytes = u64::from(limits.window_bytes);
        Self {
            window_messages,
            window_bytes,
            received: Amount::default(),
            done: Amount::default(),
            granted: Amount {
                messages: window_messages,
                bytes: window_bytes,
            },
            sent: Amount::default(),
            limit: Amount {
                messages: u64::MAX,
                bytes: u64::MAX,
            },
        }
    }

    /// What the peer announced at registration.
    pub(super) fn set_peer_window(&mut self, messages: u64, bytes: u64) {
        self.limit = Amount { messages, bytes };
    }

    /// A credit frame came; false if it grants nothing new.
    pub(super) fn raise(&mut self, messages: u64, bytes: u64) -> bool {
        let raised = messages > self.limit.messages || bytes > self.limit.bytes;
        self.limit.messages = self.limit.messages.max(messages);
        self.limit.bytes = self.limit.bytes.max(bytes);
        raised
    }

    /// Whether one more message may leave. The last one may exceed the bytes,
    /// or a message larger than what is left could never be sent.
    pub(super) fn may_send(&self) -> bool {
        self.sent.messages < self.limit.messages && self.sent.bytes < self.limit.bytes
    }

    pub(super) fn spend(&mut self, size: usize) {
        self.sent.messages += 1;
        self.sent.bytes += size as u64;
    }

    /// Counts a message of the peer; false if it had no credit for it.
    pub(super) fn receive(&mut self, size: usize) -> bool {
        let allowed = self.received.messages < self.granted.messages
            && self.received.bytes < self.granted.bytes;
        self.received.messages += 1;
        self.received.bytes += size as u64;
        allowed
    }

    pub(super) fn finish(&mut self, messages: u64) {
        self.done.messages = (self.done.messages + messages).min(self.received.messages);
    }

    pub(super) fn take(&mut self, bytes: u64) {
        self.done.bytes = (self.done.bytes + bytes).min(self.received.bytes);
    }

    /// Handlers running or waiting to run.
    pub(super) fn running(&self) -> u64 {
        self.received.messages - self.done.messages
    }

    /// Bytes that JavaScript has not taken yet.
    pub(super) fn untaken(&self) -> u64 {
        self.received.bytes - self.done.bytes
    }

    /// JSON profile: whether to go on reading, if as many handlers as `awaited`
    /// may be waiting for what is read.
    pub(super) fn has_room(&self, awaited: u64) -> bool {
        self.running().saturating_sub(awaited) < self.window_messages
            && self.untaken() < self.window_bytes
    }

    /// A new limit for the peer, if it is worth a frame: a quarter of the
    /// window, or anything at all for a peer that can't go on without it.
    pub(super) fn grant(&mut self, own: u64) -> Option<Amount> {
        let target = Amount {
            messages: self.done.messages + self.window_messages + own.min(self.running()),
            bytes: self.done.bytes + self.window_bytes,
        };
        let messages = target.messages.saturating_sub(self.granted.messages);
        let bytes = target.bytes.saturating_sub(self.granted.bytes);
        let due = messages * 4 >= self.window_messages
            || bytes * 4 >= self.window_bytes
            || (messages > 0 && self.received.messages >= self.granted.messages)
            || (bytes > 0 && self.received.bytes >= self.granted.bytes);
        if !due {
            return None;
        }
        self.granted.messages = self.granted.messages.max(target.messages);
        self.granted.bytes = self.granted.bytes.max(target.bytes);
        Some(self.granted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credit(messages: u32, bytes: u32) -> Credit {
        Credit::new(&Limits {
            window_messages: messages,
            window_bytes: bytes,
            ..Limits::default()
        })
    }

    #[test]
    fn grants_by_quarters_of_the_window() {
        let mut credit = credit(8, 8000);
        for _ in 0..4 {
            assert!(credit.receive(10));
        }
        credit.finish(1);
        assert_eq!(credit.grant(0), None);
        credit.finish(1);
        assert_eq!(credit.grant(0).map(|limit| limit.messages), Some(10));
        assert_eq!(credit.grant(0), None);
    }

    #[test]
    fn grants_at_once_to_a_peer_that_is_stuck() {
        let mut credit = credit(8, 8000);
        for _ in 0..8 {
            assert!(credit.receive(10));
        }
        assert_eq!(credit.grant(0), None);
        credit.finish(1);
        assert_eq!(credit.grant(0).map(|limit| limit.messages), Some(9));
        assert!(credit.receive(10));
        assert!(!credit.receive(10));
    }

    #[test]
    fn handlers_that_wait_for_the_peer_do_not_count() {
        let mut credit = credit(2, 8000);
        assert!(credit.receive(1) && credit.receive(1));
        assert_eq!(credit.grant(0), None);
        assert_eq!(credit.grant(1).map(|limit| limit.messages), Some(3));
        assert_eq!(credit.grant(2).map(|limit| limit.messages), Some(4));
        // No more than there are running handlers.
        assert_eq!(credit.grant(100), None);
    }

    #[test]
    fn one_message_may_exceed_the_bytes() {
        let mut credit = credit(8, 100);
        credit.set_peer_window(8, 100);
        assert!(credit.may_send());
        credit.spend(5000);
        assert!(!credit.may_send());
        credit.raise(8, 5101);
        assert!(credit.may_send());
    }
}
