//! The tokio driver: waits for a link's socket, pumps it, hands over events.

use std::sync::Arc;

use tokio::time::{sleep_until, Instant};

use super::link::Link;
use super::proto::Event;

/// Runs a link until it is closed and written out. `deliver` takes the events;
/// the last one is [`Event::Closed`].
pub async fn run(link: Arc<Link>, mut deliver: impl FnMut(&Arc<Link>, &mut Vec<Event>)) {
    let Some(stream) = link.stream() else { return };
    let mut events = Vec::new();
    // Re-armed only when the deadline changes: most wake-ups leave it alone.
    let mut armed = None;
    let sleep = sleep_until(Instant::now());
    tokio::pin!(sleep);
    loop {
        let plan = link.plan();
        if plan.done {
            break;
        }
        if armed != plan.deadline {
            armed = plan.deadline;
            if let Some(deadline) = armed {
                sleep.as_mut().reset(Instant::from_std(deadline));
            }
        }
        tokio::select! {
            biased;
            _ = stream.readable(), if plan.read => {}
            _ = stream.writable(), if plan.write => {}
            () = link.wake().notified() => {}
            () = &mut sleep, if armed.is_some() => armed = None,
        }
        loop {
            let more = link.pump(&mut events);
            if !events.is_empty() {
                deliver(&link, &mut events);
                events.clear();
                // Answers given while delivering leave with one write.
                link.flush();
            }
            if !more {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    link.shut();
}
