//! A connection that is handed over while the event loop goes is ended by the
//! one or by the other, and by one only.

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::Arc;
use loom::thread;

use crate::sync::{Doorbell, Gate};

/// What an event loop and its gate share.
struct Loop {
    links: Doorbell<Vec<Link>>,
    waker: Gate<Arc<AtomicUsize>>,
}

/// Counts how often it was ended.
struct Link(Arc<AtomicUsize>);

impl Link {
    fn end(self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Loop {
    fn adopt(&self, link: Link) {
        let mut link = Some(link);
        match self.links.add(|links| links.extend(link.take())) {
            Some(true) => drop(
                self.waker
                    .with(|wakes| wakes.fetch_add(1, Ordering::Relaxed)),
            ),
            Some(false) => {}
            None => link.into_iter().for_each(Link::end),
        }
    }
}

#[test]
fn whoever_has_a_connection_last_ends_it() {
    loom::model(|| {
        let shared = Arc::new(Loop {
            links: Doorbell::new(),
            waker: Gate::new(Some(Arc::new(AtomicUsize::new(0)))),
        });
        let ends: Vec<_> = (0..2).map(|_| Arc::new(AtomicUsize::new(0))).collect();
        let adopters: Vec<_> = ends
            .iter()
            .map(|ended| {
                let (shared, link) = (shared.clone(), Link(ended.clone()));
                thread::spawn(move || shared.adopt(link))
            })
            .collect();
        // In the order of the product: first nobody wakes, then nobody adds.
        let wakes = shared.waker.close().expect("closed once");
        for link in shared.links.close() {
            link.end();
        }
        let before = wakes.load(Ordering::Relaxed);
        for adopter in adopters {
            adopter.join().unwrap();
        }
        assert_eq!(wakes.load(Ordering::Relaxed), before, "woken after the end");
        assert!(ends.iter().all(|ended| ended.load(Ordering::Relaxed) == 1));
        assert!(shared.waker.close().is_none());
    });
}
