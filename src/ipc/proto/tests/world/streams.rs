//! What both owners know of the streams of one direction: each byte tells
//! whether it is the right one, and each end is one that somebody brought about.

use std::collections::BTreeMap;

use super::*;

pub(super) const WINDOW: u32 = 100;
pub(super) const LIMIT: usize = 3;

/// What is known of one stream, at both ends.
#[derive(Default)]
struct Life {
    written: usize,
    ended: bool,
    aborted: bool,
    /// On the wire; told by it.
    sent: usize,
    /// Its number at the receiver, while that has it.
    id: Option<u32>,
    read: usize,
    /// The receiver has read the end; has let go after it; does not want it.
    read_all: bool,
    finished: bool,
    cancelled: bool,
    failed: bool,
    /// The sender has been told that it is over, or has given it up.
    over: bool,
}

/// The streams of one direction, by their sender's numbers.
#[derive(Default)]
pub(super) struct Streams {
    next: u32,
    lives: BTreeMap<u32, Life>,
    wire: Wire,
    /// What receivers have read, ends included, and let go of.
    pub(super) moved: usize,
}

/// Listens to what the sender says.
struct Wire(Decoder);

impl Default for Wire {
    fn default() -> Self {
        Self(Decoder::new(usize::MAX))
    }
}

fn byte(number: u32, at: usize) -> u8 {
    (number as usize * 7 + at) as u8
}

impl Streams {
    fn sending(&self, which: usize) -> Option<u32> {
        let open = self.lives.iter().filter(|(_, life)| !life.over);
        let open: Vec<u32> = open.map(|(number, _)| *number).collect();
        (!open.is_empty()).then(|| open[which % open.len()])
    }

    fn receiving(&self, which: usize) -> Option<(u32, u32)> {
        let known = self.lives.iter();
        let known: Vec<_> = known
            .filter_map(|(number, life)| Some((*number, life.id?)))
            .collect();
        (!known.is_empty()).then(|| known[which % known.len()])
    }

    fn life(&mut self, number: u32) -> &mut Life {
        self.lives
            .get_mut(&number)
            .expect("a stream that was opened")
    }

    fn of_id(&mut self, told: u32) -> &mut Life {
        let mut known = self.lives.values_mut();
        known.find(|life| life.id == Some(told)).expect("known")
    }

    /// The sender's end, or the receiver's, does this.
    pub(super) fn run(&mut self, op: &StreamOp, session: &mut Session, now: Instant) {
        match *op {
            StreamOp::Open { chunk, .. } => self.open(chunk, session, now),
            StreamOp::Write { which, size, .. } => {
                let Some(number) = self.sending(which) else {
                    return;
                };
                let life = self.life(number);
                if !life.ended {
                    let data = (0..size)
                        .map(|at| byte(number, life.written + at))
                        .collect();
                    life.written += size;
                    session.write_stream(number, data, now);
                }
            }
            StreamOp::End { which, .. } => {
                let Some(number) = self.sending(which) else {
                    return;
                };
                self.life(number).ended = true;
                session.end_stream(number, now);
            }
            StreamOp::Abort { which, .. } => {
                let Some(number) = self.sending(which) else {
                    return;
                };
                let life = self.life(number);
                (life.aborted, life.over) = (true, true);
                assert!(session.abort_stream(number, reason("gone"), now));
            }
            StreamOp::Read { which, .. } => {
                let Some((number, id)) = self.receiving(which) else {
                    return;
                };
                self.read(number, id, session, now);
            }
            StreamOp::LetGo { which, .. } => {
                let Some((number, id)) = self.receiving(which) else {
                    return;
                };
                let life = self.life(number);
                if life.read_all && !life.failed {
                    (life.finished, life.id) = (true, None);
                    self.moved += 1;
                    session.finish_stream(id, now);
                } else if life.failed {
                    life.id = None;
                    self.moved += 1;
                    session.cancel_stream(id, reason("failed"), now);
                }
            }
            StreamOp::Cancel { which, .. } => {
                let Some((number, id)) = self.receiving(which) else {
                    return;
                };
                let life = self.life(number);
                (life.cancelled, life.id) = (true, None);
                session.cancel_stream(id, reason("enough"), now);
            }
        }
    }

    fn open(&mut self, chunk: usize, session: &mut Session, now: Instant) {
        let open = self.lives.values().filter(|life| !life.over).count();
        let number = self.next + 1;
        // Names come again, also while the first is under way.
        let name = Bytes::from(format!("n{}", number % 4));
        let meta = Body::json(number.to_string());
        match session.open_stream(number, name, meta, chunk, now) {
            Ok(()) => {
                assert!(open < LIMIT);
                self.next = number;
                self.lives.insert(number, Life::default());
            }
            Err(error) => {
                let expected = match error.code {
                    ErrorCode::TooManyStreams => open == LIMIT,
                    ErrorCode::StreamInUse => open > 0,
                    ErrorCode::Backpressure => session.output_len() > HARD_CAP,
                    _ => session.is_closed(),
                };
                assert!(expected, "{error:?} with {open} streams");
                self.next += 1;
            }
        }
    }

    fn read(&mut self, number: u32, id: u32, session: &mut Session, now: Instant) {
        let life = self.life(number);
        match session.read_stream(id, now) {
            Read::Data(data) => {
                assert!(!data.is_empty() && !life.failed && !life.read_all);
                for got in &data {
                    assert_eq!(
                        *got,
                        byte(number, life.read),
                        "byte {} of {number}",
                        life.read
                    );
                    life.read += 1;
                }
                self.moved += data.len();
            }
            Read::Nothing => assert!(!life.failed && !life.read_all),
            Read::End => {
                assert!(life.ended && life.read == life.written, "an early end");
                self.moved += usize::from(!std::mem::replace(&mut life.read_all, true));
            }
            Read::Gone => assert!(life.failed, "gone without a word"),
            Read::Outside(_) | Read::Shared(_) => panic!("nobody took any outside"),
        }
    }

    /// The receiver is told something.
    pub(super) fn received(&mut self, event: &Event) {
        match event {
            Event::StreamOpen { id, body, .. } => {
                let number = std::str::from_utf8(&body.payload).unwrap().parse().unwrap();
                assert!(self.lives.values().all(|life| life.id != Some(*id)));
                let life = self.life(number);
                assert_eq!(life.id.replace(*id), None);
            }
            Event::StreamReadable { id } => assert!(!self.of_id(*id).failed),
            Event::StreamFailed { id, .. } => {
                let life = self.of_id(*id);
                assert!(life.aborted && !life.failed);
                life.failed = true;
            }
            other => panic!("{other:?}"),
        }
    }

    /// The sender is told something.
    pub(super) fn told(&mut self, event: &Event) {
        match event {
            Event::StreamDone { id } => {
                let life = self.life(*id);
                assert!(life.finished && !life.over, "done for no reason");
                assert_eq!((life.ended, life.read), (true, life.written));
                life.over = true;
            }
            Event::StreamCancelled { id, remote, .. } => {
                let refused = ErrorCode::TooManyStreams.as_str();
                let refused = remote.as_ref().is_some_and(|(_, code)| code == refused);
                let life = self.life(*id);
                assert!(!life.over && (life.cancelled || refused && life.id.is_none()));
                life.over = true;
            }
            Event::StreamRoom { id } => assert!(!self.life(*id).over),
            other => panic!("{other:?}"),
        }
    }

    /// Bytes of the sender have been carried over.
    pub(super) fn heard(&mut self, bytes: &[u8]) {
        self.wire.0.feed(bytes);
        while let Some((frame, _)) = self.wire.0.next_frame().unwrap() {
            if let Frame::StreamData { id, data } = frame {
                let number = match id {
                    Id::Number(number) => number,
                    Id::Text(text) => std::str::from_utf8(&text).unwrap().parse().unwrap(),
                };
                let life = self.life(number);
                life.sent += data.len();
                assert!(life.sent <= life.written, "sent what was not written");
                let unread = life.sent - life.read;
                assert!(unread <= WINDOW as usize, "{unread} bytes were not read");
            }
        }
    }

    /// Streams that the sender, and that the receiver, has under way.
    pub(super) fn counts(&self) -> (usize, usize) {
        let sending = self.lives.values().filter(|life| !life.over).count();
        let known = self.lives.values().filter(|life| life.id.is_some());
        (sending, known.filter(|life| !life.failed).count())
    }

    /// The receiver has nothing to let go of any more.
    pub(super) fn is_over(&self) -> bool {
        self.lives
            .values()
            .all(|life| life.over && life.id.is_none())
    }

    /// The connection of one end is over, and its streams with it.
    pub(super) fn forget(&mut self, sender: bool) {
        for life in self.lives.values_mut() {
            if sender {
                life.over = true;
            } else {
                life.id = None;
            }
        }
    }
}
