//! Nothing comes into a mailbox without a visit after it.

use std::collections::VecDeque;

use loom::sync::{Arc, Notify};
use loom::thread;

use crate::sync::Doorbell;

const SENDERS: u32 = 2;

/// Visitors that wait for the bell; `again` says whether one that has taken
/// something comes again, or only one that has left something.
fn nothing_waits_for_ever(again: fn(taken: bool, left: bool) -> bool) {
    loom::model(move || {
        let door = Arc::new(Doorbell::<VecDeque<u32>>::new());
        let bell = Arc::new(Notify::new());
        let senders: Vec<_> = (0..SENDERS)
            .map(|number| {
                let (door, bell) = (door.clone(), bell.clone());
                thread::spawn(move || {
                    if door.add(|queue| queue.push_back(number)) == Some(true) {
                        bell.notify();
                    }
                })
            })
            .collect();
        let mut taken = Vec::new();
        // loom finds it if the bell doesn't ring although something waits.
        while taken.len() < SENDERS as usize {
            bell.wait();
            loop {
                let (item, comes) = door.take(|queue| {
                    let item = queue.pop_front();
                    let comes = again(item.is_some(), !queue.is_empty());
                    ((item, comes), comes)
                });
                taken.extend(item);
                if !comes {
                    break;
                }
            }
        }
        for sender in senders {
            sender.join().unwrap();
        }
        taken.sort_unstable();
        assert!(taken.into_iter().eq(0..SENDERS));
    });
}

/// With a loop driver: until it is empty.
#[test]
fn nothing_waits_for_ever_if_all_is_taken() {
    nothing_waits_for_ever(|_, left| left);
}

/// Without one: once more than that.
#[test]
fn nothing_waits_for_ever_if_it_is_looked_once_more() {
    nothing_waits_for_ever(|taken, _| taken);
}
