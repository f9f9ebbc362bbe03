//! Nobody rings the bell of an environment that has gone.

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::Arc;
use loom::thread;

use crate::sync::Gate;

#[test]
fn nobody_calls_into_what_has_gone() {
    loom::model(|| {
        let alive = Arc::new(AtomicBool::new(true));
        let gate = Arc::new(Gate::new(Some(alive.clone())));
        let ringers: Vec<_> = (0..2)
            .map(|_| {
                let gate = gate.clone();
                // Also between the look and the call nothing may go.
                thread::spawn(move || {
                    gate.with(|alive| {
                        assert!(alive.load(Ordering::Relaxed));
                        thread::yield_now();
                        assert!(alive.load(Ordering::Relaxed));
                    })
                })
            })
            .collect();
        // What the cleanup hook does.
        drop(gate.close());
        alive.store(false, Ordering::Relaxed);
        for ringer in ringers {
            ringer.join().unwrap();
        }
        assert!(gate.with(|_| ()).is_none());
    });
}
