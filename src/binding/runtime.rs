//! The one runtime of the process, on the one I/O thread.
//!
//! It starts with the first endpoint and ends, joined, with the last
//! environment that used it, so that no thread of ours runs while the process
//! or the addon is taken down.

use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::ipc::transport::BLOCKING_THREADS;

/// How long running blocking calls may hold up the end.
const SHUTDOWN: Duration = Duration::from_secs(2);

struct Running {
    handle: Handle,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    users: usize,
    running: Option<Running>,
}

static SHARED: Mutex<Shared> = Mutex::new(Shared {
    users: 0,
    running: None,
});

/// One environment's share of the runtime.
pub(super) struct Lease(());

impl Lease {
    /// Takes a share; no thread starts yet.
    pub(super) fn new() -> Self {
        lock().users += 1;
        Self(())
    }

    /// The runtime, started if it is not running.
    ///
    /// # Errors
    /// If the system gives us no thread or no poller.
    pub(super) fn handle(&self) -> std::io::Result<Handle> {
        let mut shared = lock();
        if let Some(running) = &shared.running {
            return Ok(running.handle.clone());
        }
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("smartipc-work")
            .build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("smartipc-io".to_owned())
            .spawn(move || {
                let _ = runtime.block_on(stopped);
                runtime.shutdown_timeout(SHUTDOWN);
            })?;
        shared.running = Some(Running {
            handle: handle.clone(),
            stop,
            thread,
        });
        Ok(handle)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let ended = {
            let mut shared = lock();
            shared.users -= 1;
            if shared.users == 0 {
                shared.running.take()
            } else {
                None
            }
        };
        if let Some(running) = ended {
            let _ = running.stop.send(());
            let _ = running.thread.join();
        }
    }
}

/// What a thread holds until the cleanup hook of its environment takes it away.
///
/// `process.exit()` runs no hooks. Elsewhere the end of the main thread drops what
/// is left, which still joins the I/O thread. Windows destroys thread-locals only
/// after it has killed all other threads, whatever locks they had: nothing can be
/// waited for then, and the system itself closes what is left.
#[cfg(windows)]
pub(super) type Held<T> = std::mem::ManuallyDrop<T>;
#[cfg(not(windows))]
pub(super) type Held<T> = T;

fn lock() -> std::sync::MutexGuard<'static, Shared> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}
