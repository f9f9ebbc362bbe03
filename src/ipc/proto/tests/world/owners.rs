//! The streams of the random world.

use super::*;

impl World {
    /// The streams of one direction.
    pub(super) fn streams(&mut self, sender: Role) -> &mut Streams {
        &mut self.streams[usize::from(sender == Role::Server)]
    }

    /// No stream is left, at either end.
    pub(super) fn streams_over(&self) -> bool {
        self.streams.iter().all(Streams::is_over)
    }

    /// Streams that one end has under way, in both directions.
    pub(super) fn streams_of(&mut self, role: Role) -> usize {
        self.streams(role).counts().0 + self.streams(other(role)).counts().1
    }

    pub(super) fn stream(&mut self, op: &StreamOp) {
        let now = self.pair.now;
        let (sender, actor) = op.roles();
        let streams = &mut self.streams[usize::from(sender == Role::Server)];
        streams.run(op, self.pair.end(actor), now);
    }

    /// An owner is told something that may be about streams.
    pub(super) fn learn_of_streams(&mut self, role: Role, event: &Event) {
        match event {
            Event::StreamOpen { .. }
            | Event::StreamReadable { .. }
            | Event::StreamFailed { .. } => self.streams(other(role)).received(event),
            Event::StreamRoom { .. } | Event::StreamDone { .. } | Event::StreamCancelled { .. } => {
                self.streams(role).told(event);
            }
            Event::Closed { .. } => {
                self.streams(role).forget(true);
                self.streams(other(role)).forget(false);
            }
            _ => {}
        }
    }

    /// An owner ends what it sends, reads what it receives, and lets go of it.
    pub(super) fn settle_streams(&mut self, role: Role) {
        for which in 0..LIMIT * 2 {
            self.stream(&StreamOp::End { from: role, which });
            self.stream(&StreamOp::Read { at: role, which });
            self.stream(&StreamOp::LetGo { at: role, which });
        }
    }
}
