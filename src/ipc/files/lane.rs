//! Where jobs of the file thread wait: one of the process runs at a time, in the
//! order in which they came. So files take one of the threads for calls that
//! block, however many are under way, and leave the other to look-ups.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Lane {
    waiting: VecDeque<(Handle, Job)>,
    busy: bool,
}

static LANE: Mutex<Lane> = Mutex::new(Lane {
    waiting: VecDeque::new(),
    busy: false,
});

/// Runs a job on a thread of `runtime` that may block; drops it if that has ended.
pub(in crate::ipc) fn run(runtime: &Handle, job: impl FnOnce() + Send + 'static) {
    let mut lane = lock();
    lane.waiting.push_back((runtime.clone(), Box::new(job)));
    if !std::mem::replace(&mut lane.busy, true) {
        drop(lane);
        next();
    }
}

/// The turn of a job. When it goes, whether the job has run or was dropped, it is
/// that of the next one.
struct Turn;

impl Drop for Turn {
    fn drop(&mut self) {
        next();
    }
}

fn next() {
    let mut lane = lock();
    let Some((runtime, job)) = lane.waiting.pop_front() else {
        lane.busy = false;
        return;
    };
    drop(lane);
    let turn = Turn;
    // Not in a loop: other calls that block have their turn, too.
    runtime.spawn_blocking(move || {
        job();
        drop(turn);
    });
}

fn lock() -> MutexGuard<'static, Lane> {
    LANE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::{mpsc, Arc, Barrier};
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn runtime() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.max_blocking_threads(4);
        builder.build().expect("a runtime")
    }

    #[test]
    fn jobs_run_in_order_and_one_at_a_time() {
        let runtime = runtime();
        let (told, heard) = mpsc::channel();
        let running = Arc::new(Mutex::new(()));
        let begun = Arc::new(Barrier::new(2));
        for number in 0..100 {
            let (told, running, begun) = (told.clone(), running.clone(), begun.clone());
            run(runtime.handle(), move || {
                let alone = running.try_lock().is_ok();
                if number == 0 {
                    // The others are waiting by now.
                    begun.wait();
                }
                let _ = told.send((number, alone));
            });
        }
        begun.wait();
        let all: Vec<_> = (0..100)
            .map_while(|_| heard.recv_timeout(PATIENCE).ok())
            .collect();
        assert_eq!(
            all,
            (0..100).map(|number| (number, true)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_runtime_that_has_ended_takes_no_turn_from_others() {
        let (ended, alive) = (runtime(), runtime());
        let gone = ended.handle().clone();
        ended.shutdown_background();
        let (told, heard) = mpsc::channel();
        for handle in [&gone, alive.handle(), &gone, alive.handle()] {
            let told = told.clone();
            run(handle, move || told.send(()).expect("the test waits"));
        }
        drop(told);
        assert_eq!(heard.iter().count(), 2);
    }
}
