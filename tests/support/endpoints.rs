//! Servers and clients on real sockets, without Node: a sink that collects what
//! they tell, and plays the part of JavaScript.

#[cfg(unix)]
#[path = "poller.rs"]
mod poller;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{mpsc, Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use smartipc_native::ipc::client::{Call, ConnectOptions};
use smartipc_native::ipc::frame::Body;
use smartipc_native::ipc::notice::{ConnId, Notice, Sink};
use smartipc_native::ipc::options::{ClientOptions, ServerOptions};
#[cfg(unix)]
use smartipc_native::ipc::poller::Poller;
use smartipc_native::ipc::proto::Event;
use smartipc_native::ipc::{Address, Client, Error, Server};
use tokio::runtime::Runtime;

/// How long a test waits for something that must come.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What an endpoint has told.
pub struct Told {
    notices: mpsc::Receiver<(ConnId, Notice)>,
    seen: Vec<String>,
}

struct Channel(mpsc::Sender<(ConnId, Notice)>);

/// Who drives the connections of this test binary, if it is not tokio.
#[cfg(unix)]
pub fn poller() -> Option<Arc<dyn Poller>> {
    poller::shared()
}

impl Sink for Channel {
    #[cfg(unix)]
    fn poller(&self) -> Option<Arc<dyn Poller>> {
        poller()
    }

    fn deliver(&self, conn: ConnId, notices: &mut Vec<Notice>) {
        for notice in notices.drain(..) {
            let _ = self.0.send((conn, notice));
        }
    }
}

impl Told {
    /// The first notice that `pick` takes; others before it are dropped.
    pub fn until<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(ConnId, &Notice) -> Option<T>,
    ) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok((conn, notice)) = self.notices.recv_timeout(left) else {
                panic!("no {what} came; seen before: {:?}", self.seen);
            };
            self.seen
                .push(format!("{notice:?}").chars().take(120).collect());
            if let Some(found) = pick(conn, &notice) {
                return found;
            }
        }
    }

    pub fn settled(&mut self, wanted: u32) -> Result<(), Error> {
        self.until("settled call", |_, notice| match notice {
            Notice::Settled { op, result } if *op == wanted => Some(result.clone()),
            _ => None,
        })
    }

    /// The answer to a request, as text, or its error.
    pub fn answer(&mut self, wanted: u32) -> Result<String, Error> {
        self.until("answer", |_, notice| match notice {
            Notice::Event(Event::Response { id, body }) if *id == wanted => Some(Ok(text(body))),
            Notice::Event(Event::Failed { id, error, .. }) if *id == wanted => {
                Some(Err(error.clone()))
            }
            _ => None,
        })
    }
}

pub fn text(body: &Body) -> String {
    String::from_utf8_lossy(&body.payload).into_owned()
}

pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    })
}

/// A path that no other test uses.
pub fn fresh_path() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("smartipc-test-{}-{number}", std::process::id()));
    // What is left of an earlier run whose process had the same number.
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir.join("s.sock")
}

pub fn unix() -> Address {
    Address::Path(fresh_path())
}

pub fn tcp() -> Address {
    Address::Tcp {
        host: "127.0.0.1".to_owned(),
        port: 0,
    }
}

/// A running server whose handlers echo.
pub struct EchoServer {
    pub server: Server,
    pub address: Address,
    pub told: mpsc::Receiver<String>,
}

/// Starts a server that answers each request with its payload, lets everybody
/// in, and reports registrations, ends and faults as lines.
pub fn echo_server(options: ServerOptions) -> EchoServer {
    let (sender, notices) = mpsc::channel();
    let server = Server::new(
        options,
        runtime().handle().clone(),
        Arc::new(Channel(sender)),
    );
    server.start(1).unwrap();
    let (lines, told) = mpsc::channel();
    let (started, starting) = mpsc::channel();
    let owner = server.clone();
    std::thread::spawn(move || {
        while let Ok((conn, notice)) = notices.recv() {
            match notice {
                Notice::Settled { op: 1, result } => started.send(result).unwrap_or(()),
                Notice::Connected(connected) => {
                    owner.let_in(conn);
                    let _ = lines.send(format!("connected {}", connected.client_id));
                }
                Notice::Disconnected { reason, .. } => {
                    let _ = lines.send(format!("disconnected {}", reason.as_str()));
                }
                Notice::Fault(error) => {
                    let _ = lines.send(format!("fault {}", error.code.as_str()));
                }
                Notice::Settled { op, .. } => {
                    let _ = lines.send(format!("settled {op}"));
                }
                Notice::Event(Event::Request { id, body, .. }) => {
                    let _ = owner.with(conn, |session, now| {
                        session.taken(body.payload.len() as u64 + 64, now);
                        session.respond(id, body, now)
                    });
                }
                Notice::Event(Event::Message { .. }) => {
                    let _ = owner.with(conn, |session, now| session.finished(1, now));
                }
                Notice::Event(Event::Ping) => {
                    let _ = owner.with(conn, |session, now| session.pong(now));
                }
                _ => {}
            }
            owner.flush();
        }
    });
    starting.recv_timeout(PATIENCE).unwrap().unwrap();
    let address = server.address().unwrap();
    EchoServer {
        server,
        address,
        told,
    }
}

impl EchoServer {
    /// Waits for a line that starts with `start`.
    pub fn hears(&self, start: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self
                .told
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("never heard {start}"));
            if line.starts_with(start) {
                return line;
            }
        }
    }
}

/// A server that does what the test does, and what it tells.
pub struct TestServer {
    pub server: Server,
    pub told: Told,
}

pub fn server(options: ServerOptions) -> TestServer {
    let (sender, notices) = mpsc::channel();
    let sink = Arc::new(Channel(sender));
    TestServer {
        server: Server::new(options, runtime().handle().clone(), sink),
        told: Told {
            notices,
            seen: Vec::new(),
        },
    }
}

/// A client and what it tells.
pub struct TestClient {
    pub client: Client,
    pub told: Told,
    next: u32,
}

pub fn client(options: ClientOptions) -> TestClient {
    let (sender, notices) = mpsc::channel();
    let client = Client::new(
        options,
        runtime().handle().clone(),
        Arc::new(Channel(sender)),
    );
    TestClient {
        client,
        told: Told {
            notices,
            seen: Vec::new(),
        },
        next: 0,
    }
}

impl TestClient {
    pub fn op(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    pub fn connect(&mut self) -> Result<(), Error> {
        let op = self.op();
        self.client.connect(op, ConnectOptions::default());
        self.told.settled(op)
    }

    /// Sends a request and returns its number.
    pub fn ask(&mut self, payload: &str, timeout: Duration) -> Result<u32, Error> {
        let op = self.op();
        let call: Call = Call::Request {
            name: Bytes::from_static(b"echo"),
            body: Body::json(payload.to_owned()),
            timeout: Some(timeout),
        };
        self.client.call(op, call)?;
        self.client.flush();
        Ok(op)
    }

    pub fn echo(&mut self, payload: &str) -> Result<String, Error> {
        let op = self.ask(payload, PATIENCE)?;
        self.told.answer(op)
    }
}
