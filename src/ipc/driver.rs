//! The tokio driver: waits for a link's socket, pumps it, hands over events.

use std::sync::Arc;

use tokio::time::{sleep_until, Instant};

use super::bug;
use super::faults;
use super::link::Link;
use super::poller::{Deliver, Polled, Poller};
use super::proto::Event;

/// Runs a link until it is closed and written out. `deliver` takes the events;
/// the last one is [`Event::Closed`].
pub async fn run(link: Arc<Link>, mut deliver: impl FnMut(&Arc<Link>, &mut Vec<Event>)) {
    watch(&link, &mut deliver, |_| false).await;
    link.shut();
}

/// Runs a link until it is registered and hands it over to `poller`; to the end
/// if there is none.
pub(super) async fn register(
    link: Arc<Link>,
    poller: Option<Arc<dyn Poller>>,
    mut deliver: Deliver,
) {
    let Some(poller) = poller.filter(|_| !link.keeps_to_tokio()) else {
        return run(link, deliver).await;
    };
    let mut adopted_as = None;
    watch(&link, &mut deliver, |link| {
        let key = link.is_settled().then(|| poller.reserve()).flatten();
        adopted_as = key.filter(|key| link.hand_over(poller.clone(), *key));
        adopted_as.is_some()
    })
    .await;
    match adopted_as {
        Some(key) => poller.adopt(key, Polled::new(link, deliver)),
        None => link.shut(),
    }
}

/// Drives a link; a bug on the way costs this connection alone.
async fn watch(
    link: &Arc<Link>,
    deliver: &mut impl FnMut(&Arc<Link>, &mut Vec<Event>),
    leave: impl FnMut(&Arc<Link>) -> bool,
) {
    if bug::contained(drive(link, deliver, leave)).await.is_err() {
        let _ = bug::contain(|| {
            let mut events = Vec::new();
            link.give_up(&mut events);
            hand(link, &mut events, deliver);
        });
    }
}

/// Runs a link until it is over, or until `leave` says that somebody else does.
async fn drive(
    link: &Arc<Link>,
    deliver: &mut impl FnMut(&Arc<Link>, &mut Vec<Event>),
    mut leave: impl FnMut(&Arc<Link>) -> bool,
) {
    let mut events = Vec::new();
    // Re-armed only when the deadline changes: most wake-ups leave it alone.
    let mut armed = None;
    let sleep = sleep_until(Instant::now());
    tokio::pin!(sleep);
    loop {
        if leave(link) {
            return;
        }
        // Held no longer than needed: whoever takes over wants it for himself.
        let Some(stream) = link.stream() else { return };
        let plan = link.plan(&mut events);
        if !events.is_empty() {
            hand(link, &mut events, deliver);
            continue;
        }
        if plan.done {
            return;
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
        drop(stream);
        loop {
            faults::bug("driver");
            let more = link.pump(&mut events);
            hand(link, &mut events, deliver);
            if !more {
                break;
            }
            link.keep_pace();
            tokio::task::yield_now().await;
        }
    }
}

fn hand(
    link: &Arc<Link>,
    events: &mut Vec<Event>,
    deliver: &mut impl FnMut(&Arc<Link>, &mut Vec<Event>),
) {
    if !events.is_empty() {
        deliver(link, events);
        events.clear();
        // Answers given while delivering leave with one write.
        link.flush();
    }
}
