//! Files that go over connections of the core without passing by their owners.

#![cfg(unix)]
// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "support/endpoints.rs"]
#[allow(dead_code, unreachable_pub)]
mod support;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{mpsc, Arc};
use std::time::Instant;

use bytes::Bytes;
use smartipc_native::ipc::files::Trouble;
use smartipc_native::ipc::frame::{Body, Failure};
use smartipc_native::ipc::link::{Direction, FileStatus};
use smartipc_native::ipc::notice::{ConnId, Notice, Sink};
use smartipc_native::ipc::options::{ClientOptions, ServerOptions};
use smartipc_native::ipc::proto::Event;
use smartipc_native::ipc::{Address, Server};
use support::{client, fresh_path, runtime, tcp, unix, TestClient, PATIENCE};

const CHUNK: usize = 256 * 1024;
const STREAM: u32 = 7;

/// A server whose notices are taken one by one.
struct Receiver {
    server: Server,
    notices: mpsc::Receiver<(ConnId, Notice)>,
}

struct Channel(mpsc::Sender<(ConnId, Notice)>);

impl Sink for Channel {
    fn deliver(&self, conn: ConnId, notices: &mut Vec<Notice>) {
        for notice in notices.drain(..) {
            let _ = self.0.send((conn, notice));
        }
    }
}

impl Receiver {
    fn new(options: ServerOptions) -> Self {
        let (sender, notices) = mpsc::channel();
        let handle = runtime().handle().clone();
        let server = Server::new(options, handle, Arc::new(Channel(sender)));
        server.start(1).unwrap();
        let receiver = Self { server, notices };
        receiver.until("start", |_, notice| {
            matches!(notice, Notice::Settled { op: 1, .. }).then_some(())
        });
        receiver
    }

    /// The first notice that `pick` takes. Newcomers are let in.
    fn until<T>(&self, what: &str, mut pick: impl FnMut(ConnId, &Notice) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let (conn, notice) = self.notices.recv_timeout(left).unwrap_or_else(|_| {
                panic!("no {what} came");
            });
            if matches!(notice, Notice::Connected(_)) {
                self.server.let_in(conn);
                self.server.flush();
            }
            if let Some(found) = pick(conn, &notice) {
                return found;
            }
        }
    }

    fn opened(&self) -> (ConnId, u32) {
        self.until("stream", |conn, notice| match notice {
            Notice::Event(Event::StreamOpen { id, .. }) => Some((conn, *id)),
            _ => None,
        })
    }

    fn save(&self, conn: ConnId, stream: u32, file: File) {
        let (link, handle) = self.server.link(conn).unwrap();
        assert!(link.save_file(stream, file, false, &handle));
        link.flush();
    }

    fn status(&self, conn: ConnId, stream: u32) -> Option<FileStatus> {
        let (link, _) = self.server.link(conn)?;
        link.file_status(Direction::Saving, stream, false)
    }

    /// Waits until a file is saved or can't be.
    fn saved(&self, conn: ConnId, stream: u32) -> FileStatus {
        self.until("end of the file", |_, notice| match notice {
            Notice::Event(Event::StreamReadable { .. }) => self
                .status(conn, stream)
                .filter(|status| status.done || status.trouble.is_some()),
            _ => None,
        })
    }

    fn finish(&self, conn: ConnId, stream: u32) {
        let finish = |session: &mut smartipc_native::ipc::proto::Session, now| {
            session.finish_stream(stream, now);
        };
        self.server.with(conn, finish).unwrap();
        self.server.flush();
    }
}

/// Both ends, a file to send and a place for it.
struct Scene {
    receiver: Receiver,
    sender: TestClient,
    source: PathBuf,
    target: PathBuf,
    bytes: Vec<u8>,
}

fn scene(address: Address, size: usize, json: bool) -> Scene {
    let mut options = ServerOptions::new(address);
    options.session.limits.streams = 40;
    options.session.json_only = json;
    let receiver = Receiver::new(options);
    let mut options = ClientOptions::new(receiver.server.address().unwrap(), "sender");
    options.session.limits.streams = 40;
    let mut sender = client(options);
    let op = sender.op();
    sender.client.connect(op, Default::default());
    receiver.until("client", |_, notice| {
        matches!(notice, Notice::Connected(_)).then_some(())
    });
    sender.told.settled(op).unwrap();
    let dir = fresh_path().parent().unwrap().to_path_buf();
    let bytes: Vec<u8> = (0..size).map(|at| (at * 31 + at / 997) as u8).collect();
    let source = dir.join("source");
    std::fs::write(&source, &bytes).unwrap();
    Scene {
        receiver,
        sender,
        source,
        target: dir.join("target"),
        bytes,
    }
}

impl Scene {
    fn conn(&mut self) -> ConnId {
        1
    }

    fn open(&mut self, stream: u32, chunk: usize) {
        let name = Bytes::from(format!("s{stream}"));
        let conn = self.conn();
        self.sender
            .client
            .with(conn, |session, now| {
                session.open_stream(stream, name, Body::none(), chunk, now)
            })
            .unwrap()
            .unwrap();
        self.sender.client.flush();
    }

    fn send(&mut self, stream: u32) {
        let conn = self.conn();
        let (link, handle) = self.sender.client.link(conn).unwrap();
        let file = File::open(&self.source).unwrap();
        let size = self.bytes.len() as u64;
        assert!(link.send_file(stream, file, size, false, &handle));
    }

    fn done(&mut self, stream: u32) {
        self.sender.told.until("done", |_, notice| {
            matches!(notice, Notice::Event(Event::StreamDone { id }) if *id == stream).then_some(())
        });
    }

    fn create(&self) -> File {
        File::create(&self.target).unwrap()
    }

    fn arrived(&self) -> bool {
        std::fs::read(&self.target).unwrap() == self.bytes
    }
}

/// Descriptors of this process that are open on a file.
fn open_on(path: &Path) -> usize {
    let Ok(list) = std::fs::read_dir("/proc/self/fd") else {
        return 0;
    };
    list.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.starts_with(path))
        .count()
}

/// Closing takes a turn of the thread that does it.
fn closed(path: &Path) {
    let until = Instant::now() + PATIENCE;
    while open_on(path) > 0 {
        assert!(Instant::now() < until, "{} stays open", path.display());
        std::thread::yield_now();
    }
}

#[test]
fn files_of_all_sizes_arrive_over_every_transport_and_profile() {
    for (address, json) in [(unix(), false), (tcp(), false), (unix(), true)] {
        for (size, chunk) in [
            (0, CHUNK),
            (1, CHUNK),
            (70_000, 777),
            (1024 * 1024, CHUNK),
            (9 * 1024 * 1024 + 4321, CHUNK),
            (3 * 1024 * 1024 + 1, 50_001),
        ] {
            let address = match &address {
                Address::Tcp { .. } => tcp(),
                _ => unix(),
            };
            let mut scene = scene(address, size, json);
            scene.open(STREAM, chunk);
            scene.send(STREAM);
            let (conn, id) = scene.receiver.opened();
            scene.receiver.save(conn, id, scene.create());
            let status = scene.receiver.saved(conn, id);
            assert_eq!((status.bytes, status.trouble), (size as u64, None));
            assert!(scene.arrived(), "{size} in chunks of {chunk}, json: {json}");
            scene.receiver.finish(conn, id);
            scene.done(STREAM);
            closed(&scene.source);
            closed(&scene.target);
        }
    }
}

#[test]
fn many_files_share_the_one_thread_and_requests_pass() {
    let mut scene = scene(unix(), 2 * 1024 * 1024 + 5, false);
    let dir = scene.target.parent().unwrap().to_path_buf();
    for stream in 1..=32 {
        scene.open(stream, CHUNK);
        scene.send(stream);
    }
    let mut open = Vec::new();
    for _ in 1..=32 {
        let (conn, id) = scene.receiver.opened();
        let target = dir.join(format!("target-{id}"));
        scene
            .receiver
            .save(conn, id, File::create(&target).unwrap());
        open.push((conn, id, target));
    }
    while !open.is_empty() {
        let (conn, id) = scene
            .receiver
            .until("end of a file", |conn, notice| match notice {
                Notice::Event(Event::StreamReadable { id }) => {
                    let status = scene.receiver.status(conn, *id)?;
                    status.done.then_some((conn, *id))
                }
                _ => None,
            });
        let at = open.iter().position(|it| it.1 == id).unwrap();
        let (_, _, target) = open.remove(at);
        assert!(std::fs::read(target).unwrap() == scene.bytes);
        scene.receiver.finish(conn, id);
    }
}

#[test]
fn a_file_that_can_not_be_written_ends_its_stream_alone() {
    let mut scene = scene(unix(), 4 * 1024 * 1024, false);
    scene.open(STREAM, CHUNK);
    scene.send(STREAM);
    let (conn, id) = scene.receiver.opened();
    let read_only = File::open(&scene.source).unwrap();
    scene.receiver.save(conn, id, read_only);
    let status = scene.receiver.saved(conn, id);
    assert_eq!(status.trouble, Some(Trouble::Os("EBADF")));
    let failure = Failure {
        message: "no".to_owned(),
        name: "Error".to_owned(),
        code: "EBADF".to_owned(),
    };
    scene
        .receiver
        .server
        .with(conn, |session, now| session.cancel_stream(id, failure, now))
        .unwrap();
    scene.receiver.server.flush();
    scene.sender.told.until("cancellation", |_, notice| {
        matches!(notice, Notice::Event(Event::StreamCancelled { .. })).then_some(())
    });
    closed(&scene.source);

    // The connection is as good as before.
    scene.open(STREAM + 1, CHUNK);
    scene.send(STREAM + 1);
    let (conn, id) = scene.receiver.opened();
    scene.receiver.save(conn, id, scene.create());
    assert!(scene.receiver.saved(conn, id).done);
    assert!(scene.arrived());
}

#[test]
fn a_connection_that_ends_closes_the_files_of_both_ends() {
    let mut scene = scene(unix(), 32 * 1024 * 1024, false);
    scene.open(STREAM, CHUNK);
    scene.send(STREAM);
    let (conn, id) = scene.receiver.opened();
    // Nobody asks, so nothing more is written than the first.
    let (link, handle) = scene.receiver.server.link(conn).unwrap();
    assert!(link.save_file(id, scene.create(), true, &handle));
    scene.receiver.until("progress", |_, notice| {
        matches!(notice, Notice::Event(Event::StreamReadable { .. })).then_some(())
    });
    drop(link);
    scene.sender.client.disconnect(99, 0);
    closed(&scene.source);
    closed(&scene.target);
    assert_eq!(scene.receiver.status(conn, id), None);
}

#[test]
fn a_watched_file_waits_until_its_owner_has_looked() {
    let mut scene = scene(unix(), 3 * 1024 * 1024, false);
    scene.open(STREAM, CHUNK);
    let (sender, handle) = scene.sender.client.link(1).unwrap();
    let file = File::open(&scene.source).unwrap();
    let size = scene.bytes.len() as u64;
    assert!(sender.send_file(STREAM, file, size, true, &handle));
    let (conn, id) = scene.receiver.opened();
    scene.receiver.save(conn, id, scene.create());
    let mut seen = Vec::new();
    while seen.last() != Some(&size) {
        scene.sender.told.until("progress", |_, notice| {
            matches!(notice, Notice::Event(Event::StreamRoom { .. })).then_some(())
        });
        let status = sender.file_status(Direction::Sending, STREAM, true);
        seen.push(status.unwrap().bytes);
    }
    let expected: Vec<u64> = (1..=12).map(|count| count * CHUNK as u64).collect();
    assert_eq!(seen, expected);
    assert!(scene.receiver.saved(conn, id).done);
}
