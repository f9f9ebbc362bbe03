//! A client and a server on sockets, with a wire between them that delivers what
//! the input says: in pieces, late, not at all, cut off. The clock stands until
//! everybody waits.
//!
//! - What arrives is a prefix of what was sent, in order, and complete if the
//!   wire never broke; then before anybody asks for a sign of life, which would
//!   get going what was forgotten.
//! - Each request settles once; each end is told of its close once.
//! - Nobody spins: a driver is polled a bounded number of times.
//!
//! Input: a byte for the faults of the sockets, then steps, of a byte or two.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use smartipc_native::ipc::driver;
use smartipc_native::ipc::faults::{self, Plan};
use smartipc_native::ipc::frame::{Body, Registration, Welcome};
use smartipc_native::ipc::link::Link;
use smartipc_native::ipc::options::SessionConfig;
use smartipc_native::ipc::proto::{Event, Session, WallClock};
use smartipc_native::ipc::transport::Stream;
use smartipc_native::ipc::CloseReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Times a driver may be polled for one input.
const POLLS: usize = 100_000;
/// Less than the silence after which a sign of life is asked for.
const SOON: Duration = Duration::from_secs(4);
/// Longer than any deadline of a connection.
const LONG: Duration = Duration::from_secs(3600);

/// Steps of one input, and how many of its messages may be large: those leave in
/// pieces of some bytes, a system call each.
const MOST: usize = 60;
const MOST_LARGE: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Step {
    Request(bool, u8),
    Message(bool, usize),
    /// The wire carries this many bytes in one direction.
    Carry(bool, usize),
    Wait(u64),
    /// One direction of the wire ends.
    Finish(bool),
    /// The wire is gone; what is in it is lost.
    Cut,
    Leave(bool),
}

impl Step {
    /// Most steps are such that everything has to arrive in the end.
    fn of(bytes: &mut impl Iterator<Item = u8>) -> Option<Self> {
        let head = bytes.next()?;
        let to_server = head & 0x80 != 0;
        let size = usize::from(head >> 4 & 7);
        Some(match head & 15 {
            0..4 => Step::Request(to_server, bytes.next()?),
            4..8 => Step::Message(to_server, size * 10),
            8 => Step::Message(to_server, size * 100 + usize::from(bytes.next()?) * 32),
            9..13 => Step::Carry(to_server, usize::from(bytes.next()?) * (1 + size * size)),
            13 | 14 => Step::Wait(u64::from(bytes.next()?) << size),
            _ => match bytes.next()? {
                0..32 => Step::Finish(to_server),
                32..64 => Step::Leave(to_server),
                64..80 => Step::Cut,
                _ => Step::Wait(0),
            },
        })
    }
}

/// One end of the connection, and what its owner knows.
struct End {
    link: Arc<Link>,
    told: Arc<Mutex<Told>>,
    next: u32,
    sent: u32,
}

#[derive(Default)]
struct Told {
    /// Numbers of the messages that came.
    messages: Vec<u32>,
    open: Vec<u32>,
    closed: usize,
    registered: bool,
}

pub fn run(data: &[u8]) {
    let [head, rest @ ..] = data else { return };
    let mut bytes = rest.iter().copied();
    let mut large = MOST_LARGE;
    let mut steps = Vec::new();
    while let (true, Some(step)) = (steps.len() < MOST, Step::of(&mut bytes)) {
        if matches!(step, Step::Message(_, 1000..)) {
            if large == 0 {
                continue;
            }
            large -= 1;
        }
        steps.push(step);
    }
    faults::set(Some(Plan {
        short_reads: usize::from(head & 7) * 5,
        short_writes: usize::from(head >> 3 & 7) * 5,
        block_every: usize::from(head >> 6) * 3,
        seed: 7,
        ..Plan::default()
    }));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(live(&steps));
    faults::set(None);
}

async fn live(steps: &[Step]) {
    let config = Arc::new(SessionConfig::default());
    let now = tokio::time::Instant::now().into_std();
    let wall = WallClock {
        base: now,
        millis: 0,
    };
    let (client_socket, mut up) = UnixStream::pair().expect("a pair of sockets");
    let (server_socket, mut down) = UnixStream::pair().expect("a pair of sockets");
    let client = End::new(
        Session::client(config.clone(), registration(), wall, now),
        client_socket,
    );
    let server = End::new(Session::server(config, wall, now), server_socket);
    let mut ends = [client, server];
    let drivers = [drive(&ends[0]), drive(&ends[1])];
    let mut whole = true;
    for end in &ends {
        end.link.flush();
    }
    for step in steps {
        match *step {
            Step::Carry(to_server, most) => {
                let (from, to) = if to_server {
                    (&mut up, &mut down)
                } else {
                    (&mut down, &mut up)
                };
                carry(from, to, most).await;
            }
            Step::Wait(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Step::Finish(to_server) => {
                whole = false;
                let to = if to_server { &mut down } else { &mut up };
                let _ = to.shutdown().await;
            }
            Step::Cut => {
                whole = false;
                break;
            }
            Step::Leave(server) => {
                whole = false;
                ends[usize::from(server)].link.leave(CloseReason::Local, "");
            }
            Step::Request(server, size) => ends[usize::from(server)].request(size),
            Step::Message(server, size) => ends[usize::from(server)].message(size),
        }
        // Both ends get to do what they can, without the clock moving.
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }
    if whole {
        let begin = tokio::time::Instant::now();
        both_ways(&mut up, &mut down, &ends).await;
        assert!(begin.elapsed() < SOON, "something was left lying");
    }
    // A wire that is too slow is given up, as a broken one is.
    if whole && ends.iter().all(|end| end.told().closed == 0) {
        for (from, to) in [(0, 1), (1, 0)] {
            let came = &ends[to].told().messages;
            assert_eq!(came.len(), ends[from].sent as usize, "messages were lost");
            assert!(
                ends[from].told().open.is_empty(),
                "a request was not answered"
            );
        }
    }
    drop((up, down));
    for driver in drivers {
        // Nothing but the deadlines of the connection keeps it up now.
        let ended = tokio::time::timeout(LONG, driver).await;
        ended.expect("the driver ends").expect("without a panic");
    }
    for (from, to) in [(0, 1), (1, 0)] {
        let told = ends[to].told();
        assert_eq!(told.closed, 1);
        assert!(told.open.is_empty(), "a request that never settles");
        assert!(
            told.messages
                .iter()
                .copied()
                .eq(0..told.messages.len() as u32),
            "out of order"
        );
        assert!(told.messages.len() <= ends[from].sent as usize);
    }
}

impl End {
    fn new(session: Session, socket: UnixStream) -> Self {
        Self {
            link: Link::new(session, Stream::Unix(socket)),
            told: Arc::default(),
            next: 0,
            sent: 0,
        }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    fn request(&mut self, size: u8) {
        self.next += 1;
        let id = self.next;
        let timeout = (size > 200).then_some(Duration::from_millis(50));
        let body = Body::json("1".repeat(usize::from(size) + 1));
        // Entered first: the answer may come before the call is back.
        self.told().open.push(id);
        let sent = self.link.with(|session, now| {
            session.request(id, Bytes::from_static(b"ask"), body, timeout, now)
        });
        if sent.is_err() {
            self.told().open.retain(|open| *open != id);
        }
        self.link.flush();
    }

    fn message(&mut self, size: usize) {
        let body = Body::json(format!("{}{}", self.sent, " ".repeat(size)));
        let sent = self
            .link
            .with(|session, now| session.message(Bytes::from_static(b"tell"), body, now));
        self.sent += u32::from(sent.is_ok());
        self.link.flush();
    }
}

/// Runs an end's driver; it counts how often it is polled.
fn drive(end: &End) -> tokio::task::JoinHandle<()> {
    let told = end.told.clone();
    let driver = driver::run(end.link.clone(), move |link, events| {
        for event in events.drain(..) {
            learn(link, &mut told.lock().unwrap(), event);
        }
    });
    tokio::spawn(Counted {
        inner: Box::pin(driver),
        polls: 0,
    })
}

fn learn(link: &Arc<Link>, told: &mut Told, event: Event) {
    assert_eq!(told.closed, 0, "{event:?} after the close");
    match event {
        Event::Register(asks) => {
            let welcome = Welcome {
                client_id: "c".to_owned(),
                role: "server".to_owned(),
                resume: None,
                protocol: None,
            };
            link.with(|session, now| session.accept(welcome, asks.protocol.as_ref(), now));
            told.registered = true;
        }
        Event::Open(_) => told.registered = true,
        Event::Message { name, body } => {
            let text = std::str::from_utf8(&body.payload).unwrap();
            told.messages.push(text.trim().parse().expect("its number"));
            link.with(|session, now| {
                session.finished(1, now);
                session.taken(body.cost(&name) as u64, now);
            });
        }
        Event::Request { id, body, .. } => {
            let answered = link.with(|session, now| session.respond(id, body, now));
            assert!(answered.is_ok());
        }
        Event::Response { id, .. } | Event::Failed { id, .. } => {
            let at = told.open.iter().position(|open| *open == id);
            told.open
                .swap_remove(at.expect("settled twice, or never asked"));
        }
        Event::Ping => link.with(|session, now| session.pong(now)),
        Event::Closed { .. } => told.closed += 1,
        _ => {}
    }
}

/// Carries at most this many of the bytes that are there.
async fn carry(from: &mut UnixStream, to: &mut UnixStream, most: usize) {
    let mut buffer = vec![0; most.max(1)];
    let Ok(count) = from.try_read(&mut buffer) else {
        return;
    };
    let _ = to.write_all(&buffer[..count]).await;
}

/// A wire without faults, until everything has been said and answered.
async fn both_ways(up: &mut UnixStream, down: &mut UnixStream, ends: &[End; 2]) {
    let until = tokio::time::Instant::now() + LONG;
    let done = || {
        let told = |to: usize| ends[to].told();
        let all = |from: usize, to: usize| told(to).messages.len() == ends[from].sent as usize;
        let settled = all(0, 1) && all(1, 0) && told(0).open.is_empty() && told(1).open.is_empty();
        settled || told(0).closed + told(1).closed > 0
    };
    let mut there = vec![0; 4096];
    let mut back = vec![0; 4096];
    while !done() && tokio::time::Instant::now() < until {
        tokio::select! {
            read = up.read(&mut there) => match read {
                Ok(count @ 1..) => drop(down.write_all(&there[..count]).await),
                _ => break,
            },
            read = down.read(&mut back) => match read {
                Ok(count @ 1..) => drop(up.write_all(&back[..count]).await),
                _ => break,
            },
            // What has come is heard before it is looked whether all has.
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
}

fn registration() -> Registration {
    Registration {
        client_id: Some("c".to_owned()),
        metadata: None,
        token: None,
        resume: None,
        topics: Vec::new(),
        probe: false,
        give_way: false,
        protocol: None,
    }
}

/// A future that may be polled [`POLLS`] times.
struct Counted<F> {
    inner: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.polls += 1;
        assert!(self.polls <= POLLS, "a busy loop");
        self.inner.as_mut().poll(cx)
    }
}
