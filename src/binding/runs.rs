//! Runs: payloads of consecutive records that stand in the batch's text as the elements of
//! one array, `[a,b,c]`, so that JavaScript parses them in one call. That is cheaper for each,
//! and objects like the one before it are made faster.
//!
//! A run is of one connection, and each of its texts is such that it can't reach into its
//! neighbours: see [`shape`](crate::ipc::frame::shape). Where one of them is no JSON at all,
//! JavaScript parses each alone. A record keeps the place of its own text either way.

use super::mailbox::RECORD;
use crate::ipc::notice::ConnId;

/// Texts of a run, and bytes of them: what is parsed before the first is delivered.
const MAX_TEXTS: u32 = 16;
const MAX_BYTES: usize = 4 * 1024;

/// In the word of the encoding: a record's place in its run, from 1, and with the first
/// record how many there are.
const PLACE: u32 = 16;
const COUNT: u32 = 24;
/// Where that word stands in a record.
const ENCODING: usize = 4;

/// The run at the end of a batch; perhaps of a single text, which is none yet.
#[derive(Debug, Default)]
pub(super) struct Run {
    conn: ConnId,
    /// Where the first record stands, and where the next one has to.
    first: usize,
    next: usize,
    /// Where its bracket stands in the text.
    start: usize,
    texts: u32,
}

impl Run {
    /// Appends the text of the record that will stand at `at`; it is a payload that can't reach
    /// into others if it `joins`. Returns its place in the run, to be passed to
    /// [`added`](Self::added) once the record is there: 0 outside of a run.
    pub(super) fn append(
        &mut self,
        text: &mut Vec<u8>,
        conn: ConnId,
        at: usize,
        payload: &[u8],
        joins: bool,
    ) -> u32 {
        let continued = joins
            && (1..MAX_TEXTS).contains(&self.texts)
            && self.conn == conn
            && self.next == at
            && text.len() - self.start + payload.len() < MAX_BYTES;
        if continued {
            text.push(b',');
        } else {
            self.end(text);
            if joins {
                *self = Self {
                    conn,
                    first: at,
                    next: at,
                    start: text.len(),
                    texts: 0,
                };
                text.push(b'[');
            }
        }
        text.extend_from_slice(payload);
        if joins {
            self.texts + 1
        } else {
            0
        }
    }

    /// The record of the last text is there.
    pub(super) fn added(&mut self, heads: &mut [u32], place: u32) {
        if place == 0 {
            return;
        }
        self.texts = place;
        self.next += RECORD;
        if place == 1 {
            return;
        }
        // What is alone is no run: the first record learns of it with the second.
        let words = [
            (self.first, (place << COUNT) | (1 << PLACE)),
            (self.next - RECORD, place << PLACE),
        ];
        for (record, bits) in words {
            if let Some(word) = heads.get_mut(record + ENCODING) {
                *word = (*word & 0xffff) | bits;
            }
        }
    }

    /// No more texts are added to it.
    pub(super) fn end(&mut self, text: &mut Vec<u8>) {
        if self.texts > 1 {
            text.push(b']');
        }
        self.texts = 0;
    }
}
