//! What leaves: in one piece, or some bytes at a time.

use std::ops::Range;

use smartipc_native::ipc::frame::{Frame, Id};

use super::{part, Table};

impl Table {
    /// The socket takes up to `most` bytes.
    pub(super) fn write(&mut self, mut most: usize) {
        while most > 0 && self.peer.session.output_len() > 0 {
            let bytes = match self.peer.session.outside() {
                Some((id, left)) => self.outside(id, left, most),
                None => {
                    let output = self.peer.session.output();
                    output[..output.len().min(most)].to_vec()
                }
            };
            assert!(!bytes.is_empty(), "output that is none");
            most -= bytes.len();
            self.peer.session.wrote(bytes.len(), self.peer.now);
            self.hear(&bytes);
        }
    }

    /// Bytes of a chunk that this side's owner has, of which `left` are to be written.
    fn outside(&mut self, id: u32, left: usize, most: usize) -> Vec<u8> {
        let count = left.min(most);
        let before = self.cut;
        self.cut = if count < left {
            before + count as u64
        } else {
            0
        };
        // One that has been given up is finished, with whatever.
        let Some(it) = self.outgoing.get(&id).filter(|it| it.announced) else {
            return vec![0; count];
        };
        let at = it.sent + before;
        let has_them = |own: &Range<u64>| own.start <= at && at + left as u64 <= own.end;
        assert!(it.outside.iter().any(has_them), "these are not outside");
        part(id, at, count as u64).to_vec()
    }

    /// The peer hears so much.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        for frame in self.peer.hear(bytes) {
            self.heard(frame);
        }
    }

    fn heard(&mut self, frame: Frame) {
        match frame {
            Frame::StreamOpen { id, name, .. } => {
                let it = self.outgoing.get_mut(&told(&id));
                if let Some(it) = it.filter(|it| it.name == name) {
                    assert!(!std::mem::replace(&mut it.announced, true), "opened twice");
                }
            }
            Frame::StreamCredit { id, bytes } => {
                let id = told(&id);
                let Some(it) = self.incoming.get_mut(&id) else {
                    let mut known = self.leaving.iter().chain(&self.late);
                    assert!(known.any(|it| *it == id), "credit for nobody");
                    return;
                };
                assert!(bytes > it.granted, "a grant of {bytes}");
                it.granted = bytes;
            }
            Frame::StreamData { id, data } => {
                let id = told(&id);
                // One that has been given up may have left before.
                let Some(it) = self.outgoing.get_mut(&id).filter(|it| it.announced) else {
                    return;
                };
                let expected = part(id, it.sent, data.len() as u64);
                assert!(data == expected, "not the bytes from {} on", it.sent);
                it.sent += data.len() as u64;
                assert!(
                    it.sent <= it.limit && it.sent <= it.written,
                    "more than was granted"
                );
            }
            Frame::StreamEnd { id } => {
                let it = self.outgoing.get_mut(&told(&id));
                if let Some(it) = it.filter(|it| it.announced) {
                    assert!(it.ended && it.sent == it.written, "an early end");
                    assert!(!std::mem::replace(&mut it.end_sent, true));
                }
            }
            Frame::StreamCancel { failure, .. } if !failure.code.is_empty() => {
                assert!(self.refused > 0);
                self.refused -= 1;
            }
            Frame::StreamCancel { id, .. } | Frame::StreamDone { id } => {
                let at = self.leaving.iter().position(|it| *it == told(&id));
                self.leaving.swap_remove(at.expect("over for a reason"));
            }
            _ => {}
        }
    }
}

fn told(id: &Id) -> u32 {
    match id {
        Id::Number(number) => *number,
        Id::Text(text) => std::str::from_utf8(text).unwrap().parse().unwrap(),
    }
}
