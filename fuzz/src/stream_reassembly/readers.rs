//! Streams of the peer: what their readers do here.

use bytes::Buf;
use smartipc_native::ipc::frame::Failure;
use smartipc_native::ipc::proto::Read;

use super::incoming::In;
use super::{part, Table, WINDOW};

impl Table {
    pub(super) fn read(&mut self, id: u32) {
        let Some(it) = self.incoming.get_mut(&id) else {
            return;
        };
        let session = &mut self.peer.session;
        let read = if it.outlet {
            session.take_stream(it.local)
        } else {
            session.read_stream(it.local, self.peer.now)
        };
        match read {
            Read::Data(data) => {
                let count = data.len() as u64;
                assert!(count > 0 && !it.failed);
                let Some((false, there)) = it.pieces.front_mut() else {
                    panic!("these were taken off the socket")
                };
                assert!(*there >= count, "more than there is");
                *there -= count;
                if *there == 0 {
                    it.pieces.pop_front();
                }
                let expected = part(id, it.taken, count);
                assert!(data == expected, "not the bytes from {} on", it.taken);
                it.taken += count;
                if !it.outlet {
                    it.read += count;
                }
            }
            Read::Outside(count) => {
                let piece = it.pieces.pop_front();
                assert_eq!(piece, Some((true, count as u64)));
                it.taken += count as u64;
            }
            Read::Shared(_) => panic!("no memory was offered"),
            Read::Nothing => {
                assert!(it.taken == it.came && !it.ended && !it.failed);
                it.waiting = true;
            }
            Read::End => {
                assert!(it.taken == it.sent && it.ended && !it.failed);
            }
            Read::Gone => assert!(it.failed),
        }
    }

    /// The reader takes what there is and then waits for what comes off the socket.
    pub(super) fn wait(&mut self, id: u32) {
        let unread = |it: &&mut In| !it.failed && !it.pieces.is_empty();
        if self.incoming.get(&id).is_none_or(|it| it.outlet) {
            return;
        }
        while self.incoming.get_mut(&id).filter(unread).is_some() {
            self.read(id);
        }
        self.read(id);
        let Some(it) = self.incoming.get_mut(&id) else {
            return;
        };
        self.peer.session.wait_directly(it.local);
        if !it.failed {
            it.direct = true;
            it.left = false;
        }
        self.check_chunk();
    }

    pub(super) fn open_outlet(&mut self, id: u32) {
        let Some(it) = self.incoming.get_mut(&id) else {
            return;
        };
        let window = 2 * WINDOW * self.unit;
        let (session, now) = (&mut self.peer.session, self.peer.now);
        let open = session.open_outlet(it.local, window as u32, now);
        assert_eq!(open, !it.failed);
        if open {
            it.outlet = true;
            it.window = window;
            // What it has read before it has read itself.
            it.waiting = false;
        }
        self.check_chunk();
    }

    pub(super) fn consume(&mut self, id: u32, count: u64) {
        if let Some(it) = self.incoming.get_mut(&id).filter(|it| it.outlet) {
            let count = count.min(it.taken - it.read);
            it.read += count;
            let (session, now) = (&mut self.peer.session, self.peer.now);
            session.consumed(it.local, count as usize, now);
        }
    }

    /// The owner, or the reader, takes bytes of the chunk off the socket.
    pub(super) fn take(&mut self, count: usize, joins: bool) {
        let Some(mut chunk) = self.chunk.take_if(|it| it.begun) else {
            return;
        };
        let count = count.clamp(1, chunk.frame.len());
        let (session, now) = (&mut self.peer.session, self.peer.now);
        if let Some(it) = self.incoming.get_mut(&chunk.id) {
            if it.outlet && !it.failed {
                let joined = joins && session.ends_outside(it.local);
                session.took(count, joined, now);
                it.arrive(count as u64, true, joined);
                chunk.frame.advance(count);
            } else if it.is_direct() {
                session.took_directly(it.local, count, now);
                chunk.frame.advance(count);
                it.came += count as u64;
                it.taken += count as u64;
                it.read += count as u64;
                (it.waiting, it.left) = (false, false);
            }
        }
        self.chunk = (!chunk.frame.is_empty()).then_some(chunk);
        self.check_chunk();
    }

    /// Bytes that are on the socket may stay there, if their reader comes for them.
    pub(super) fn leave(&mut self) {
        let left = self.peer.session.leave_to_reader();
        let chunk = self.chunk.as_ref().filter(|it| it.begun);
        let id = chunk.map_or(0, |it| it.id);
        let it = self.incoming.get_mut(&id);
        let Some(it) = it.filter(|it| it.is_direct()) else {
            assert!(!left, "left for nobody");
            return;
        };
        // It waits and is told now, or it knows and these are the first.
        assert_eq!(left, it.waiting || !it.left);
        it.left = true;
        self.learn();
        assert!(!self.incoming[&id].waiting, "it does not know");
    }

    /// The reader has read everything and lets go, or does not want any more.
    pub(super) fn let_go(&mut self, id: u32, finish: bool) {
        let all_read = |it: &&mut In| !finish || it.ended && it.read == it.sent && !it.failed;
        let Some(it) = self.incoming.get_mut(&id).filter(all_read) else {
            return;
        };
        let (session, now) = (&mut self.peer.session, self.peer.now);
        if finish {
            session.finish_stream(it.local, now);
        } else {
            session.cancel_stream(it.local, Failure::default(), now);
        }
        if it.failed {
            self.late.push(id);
        } else {
            self.leaving.push(id);
        }
        self.incoming.remove(&id);
        self.check_chunk();
    }
}
