//! A driver of the owner's, as an event loop would be: one thread and `poll`.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use smartipc_native::ipc::poller::{LinkKey, Plan, Polled, Poller};

/// The poller of this test binary; none in those whose name says nothing of it.
pub fn shared() -> Option<Arc<dyn Poller>> {
    static SHARED: OnceLock<Arc<ThreadPoller>> = OnceLock::new();
    if !env!("CARGO_CRATE_NAME").starts_with("polled") {
        return None;
    }
    Some(SHARED.get_or_init(ThreadPoller::start).clone())
}

#[derive(Debug)]
struct ThreadPoller {
    state: Mutex<State>,
    waker: UnixStream,
}

#[derive(Debug, Default)]
struct State {
    last: LinkKey,
    waiting: Waiting,
}

#[derive(Debug, Default)]
struct Waiting {
    adopted: Vec<(LinkKey, Polled)>,
    woken: Vec<LinkKey>,
}

impl Poller for ThreadPoller {
    fn reserve(&self) -> Option<LinkKey> {
        let mut state = self.state.lock().unwrap();
        state.last += 1;
        Some(state.last)
    }

    fn adopt(&self, key: LinkKey, polled: Polled) {
        let mut state = self.state.lock().unwrap();
        state.waiting.adopted.push((key, polled));
        drop(state);
        self.ring();
    }

    fn wake(&self, key: LinkKey) {
        self.state.lock().unwrap().waiting.woken.push(key);
        self.ring();
    }
}

impl ThreadPoller {
    fn start() -> Arc<Self> {
        let (waker, woken) = UnixStream::pair().unwrap();
        woken.set_nonblocking(true).unwrap();
        let this = Arc::new(Self {
            state: Mutex::default(),
            waker,
        });
        let own = this.clone();
        std::thread::spawn(move || own.run(woken));
        this
    }

    fn ring(&self) {
        (&self.waker).write_all(b"!").unwrap();
    }

    fn run(&self, mut woken: UnixStream) {
        let mut links: HashMap<LinkKey, (Polled, Plan)> = HashMap::new();
        let mut events = Vec::new();
        loop {
            let ready = wait(&woken, &links);
            while matches!(woken.read(&mut [0; 64]), Ok(1..)) {}
            let waiting = std::mem::take(&mut self.state.lock().unwrap().waiting);
            for (key, mut polled) in waiting.adopted {
                let plan = polled.settle(&mut events);
                links.insert(key, (polled, plan));
            }
            for key in waiting.woken {
                if let Some((polled, plan)) = links.get_mut(&key) {
                    *plan = polled.settle(&mut events);
                }
            }
            for key in ready {
                if let Some((polled, plan)) = links.get_mut(&key) {
                    *plan = polled.pump(&mut events);
                }
            }
            links.retain(|_, (polled, plan)| {
                if plan.done {
                    polled.shut();
                }
                !plan.done
            });
        }
    }
}

/// Waits for a socket, a deadline or the waker.
fn wait(woken: &UnixStream, links: &HashMap<LinkKey, (Polled, Plan)>) -> Vec<LinkKey> {
    let flags = |plan: &Plan| {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, plan.read);
        flags.set(PollFlags::OUT, plan.write);
        flags
    };
    let sockets: Vec<_> = links
        .iter()
        .filter(|(_, (_, plan))| plan.read || plan.write)
        .filter_map(|(key, (polled, plan))| Some((*key, polled.socket()?, flags(plan))))
        .collect();
    let mut fds = vec![PollFd::new(woken, PollFlags::IN)];
    fds.extend(
        sockets
            .iter()
            .map(|(_, socket, flags)| PollFd::new(socket, *flags)),
    );
    let now = Instant::now();
    let deadlines = || {
        links
            .iter()
            .filter_map(|(key, (_, plan))| Some((*key, plan.deadline?)))
    };
    let wait = deadlines()
        .map(|(_, at)| at.saturating_duration_since(now))
        .min();
    let wait = wait.map(|wait| Timespec::try_from(wait).unwrap());
    poll(&mut fds, wait.as_ref()).unwrap();
    let now = Instant::now();
    let due = deadlines().filter(|(_, at)| *at <= now).map(|(key, _)| key);
    let ready = sockets.iter().zip(fds.iter().skip(1));
    let ready = ready.filter(|(_, fd)| !fd.revents().is_empty());
    let ready = ready.map(|((key, ..), _)| *key);
    ready.chain(due).collect()
}
