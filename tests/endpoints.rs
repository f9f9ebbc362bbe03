//! Server and client of the core on real sockets, on every transport.

// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "support/endpoints.rs"]
#[allow(dead_code, unreachable_pub)]
mod support;

use std::sync::{mpsc, Arc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use smartipc_native::ipc::client::Call;
use smartipc_native::ipc::frame::Body;
use smartipc_native::ipc::link::FLUSH_AT;
use smartipc_native::ipc::notice::{ConnId, Notice, Sink};
use smartipc_native::ipc::options::{ClientOptions, Reconnect, ServerOptions};
#[cfg(unix)]
use smartipc_native::ipc::poller::Poller;
use smartipc_native::ipc::proto::{Event, Session};
use smartipc_native::ipc::{Address, ErrorCode, Server};
use support::{client, echo_server, server, tcp, text, unix, TestServer, PATIENCE};

fn everywhere(scenario: impl Fn(Address)) {
    scenario(unix());
    scenario(tcp());
}

#[test]
fn a_request_is_answered() {
    everywhere(|address| {
        let server = echo_server(ServerOptions::new(address));
        let mut client = client(ClientOptions::new(server.address.clone(), "one"));
        client.connect().unwrap();
        assert_eq!(client.echo("\"hello\"").unwrap(), "\"hello\"");
        assert_eq!(server.hears("connected"), "connected one");
    });
}

#[test]
fn large_messages_arrive_whole_both_ways() {
    everywhere(|address| {
        let server = echo_server(ServerOptions::new(address));
        let mut client = client(ClientOptions::new(server.address.clone(), "bulk"));
        client.connect().unwrap();
        let payload = format!("\"{}\"", "x".repeat(6 * 1024 * 1024));
        assert!(client.echo(&payload).unwrap() == payload);
    });
}

#[test]
fn calls_made_before_the_connection_wait_for_it_in_order() {
    everywhere(|address| {
        let server = echo_server(ServerOptions::new(address));
        let mut client = client(ClientOptions::new(server.address.clone(), "early"));
        let connect = client.op();
        client.client.connect(connect, Default::default());
        let first = client.ask("1", PATIENCE).unwrap();
        let second = client.ask("2", PATIENCE).unwrap();
        assert_eq!(client.told.answer(first).unwrap(), "1");
        assert_eq!(client.told.answer(second).unwrap(), "2");
    });
}

#[test]
fn a_client_without_a_server_fails_with_the_errno() {
    let mut client = client(ClientOptions::new(unix(), "alone"));
    let error = client.connect().unwrap_err();
    assert_eq!(error.code.as_str(), "ENOENT");
}

#[test]
fn waiting_calls_run_out_of_time_while_there_is_no_server() {
    let address = unix();
    let server = echo_server(ServerOptions::new(address.clone()));
    let mut options = ClientOptions::new(address, "patient");
    options.reconnect = Reconnect {
        delay: PATIENCE,
        max_delay: PATIENCE,
        ..Reconnect::default()
    };
    let mut client = client(options);
    client.connect().unwrap();
    server.server.stop(2, 0);
    server.hears("settled 2");
    client.told.until("reconnecting", |_, notice| {
        matches!(notice, Notice::Reconnecting { .. }).then_some(())
    });
    let started = Instant::now();
    let op = client.ask("1", Duration::from_millis(80)).unwrap();
    let error = client.told.answer(op).unwrap_err();
    assert_eq!(error.message, "Request timeout for echo");
    assert!(!error.may_have_run);
    assert!(started.elapsed() < PATIENCE);
}

#[test]
fn a_client_comes_back_when_the_server_does() {
    everywhere(|address| {
        let server = echo_server(ServerOptions::new(address));
        let address = server.address.clone();
        let mut options = ClientOptions::new(address.clone(), "faithful");
        options.reconnect.delay = Duration::from_millis(5);
        options.reconnect.max_delay = Duration::from_millis(20);
        let mut client = client(options);
        client.connect().unwrap();
        server.server.stop(2, 0);
        server.hears("settled 2");
        let again = echo_server(ServerOptions::new(address));
        client.told.until("connection", |_, notice| match notice {
            Notice::Connected(connected) => connected.again.then_some(()),
            _ => None,
        });
        assert_eq!(again.hears("connected"), "connected faithful");
        assert_eq!(client.echo("7").unwrap(), "7");
        assert_eq!(client.client.stats().reconnects, 1);
    });
}

/// Messages as JavaScript hands them over after it has said that they are accepted.
fn accepted(numbers: std::ops::Range<u32>) -> impl Iterator<Item = (Bytes, Body)> {
    numbers.map(|number| (Bytes::from_static(b"note"), Body::json(number.to_string())))
}

/// The next payloads that a server is told.
fn notes(server: &mut TestServer, count: usize) -> Vec<String> {
    let mut payloads = Vec::new();
    let owner = server.server.clone();
    server.told.until("message", |conn, notice| {
        match notice {
            Notice::Connected(_) => owner.let_in(conn),
            Notice::Event(Event::Message { body, .. }) => payloads.push(text(body)),
            _ => {}
        }
        owner.flush();
        (payloads.len() == count).then_some(())
    });
    payloads
}

#[test]
fn what_was_accepted_and_finds_the_connection_lost_goes_with_the_next() {
    everywhere(|address| {
        let first = echo_server(ServerOptions::new(address));
        let address = first.address.clone();
        let mut options = ClientOptions::new(address.clone(), "one");
        options.reconnect.delay = Duration::from_millis(5);
        options.reconnect.max_delay = Duration::from_millis(20);
        let mut client = client(options);
        client.connect().unwrap();
        first.server.stop(2, 0);
        first.hears("settled 2");
        client.told.until("reconnecting", |_, notice| {
            matches!(notice, Notice::Reconnecting { .. }).then_some(())
        });
        client.client.send_accepted(&mut accepted(0..3)).unwrap();
        let call: Call = Call::Message {
            name: Bytes::from_static(b"note"),
            body: Body::json("3"),
        };
        client.client.call(7, call).unwrap();

        let mut second = server(ServerOptions::new(address));
        second.server.start(1).unwrap();
        assert_eq!(notes(&mut second, 4), ["0", "1", "2", "3"]);
        let leave = client.op();
        client.client.disconnect(leave, 0);
        client.told.settled(leave).unwrap();
        let lost = client.client.send_accepted(&mut accepted(4..6));
        assert_eq!(lost.unwrap_err().code, ErrorCode::Disconnected);
        assert_eq!(client.client.stats().queued_bytes, 0);
    });
}

#[test]
fn a_long_batch_sets_out_before_its_end() {
    const MESSAGES: usize = 500;
    let note = || (Bytes::from_static(b"note"), Body::json("1".repeat(100)));
    everywhere(|address| {
        let mut server = server(ServerOptions::new(address));
        server.server.start(1).unwrap();
        server.told.settled(1).unwrap();
        let address = server.server.address().unwrap();
        let mut client = client(ClientOptions::new(address, "long"));
        let connect = client.op();
        client.client.connect(connect, Default::default());
        let conn = server.told.until("connected", |conn, notice| {
            matches!(notice, Notice::Connected(_)).then_some(conn)
        });
        server.server.let_in(conn);
        client.told.settled(connect).unwrap();

        let mut batch = std::iter::repeat_with(note).take(MESSAGES);
        client.client.send_accepted(&mut batch).unwrap();
        assert!(client.client.stats().queued_bytes < FLUSH_AT as u64);
        let mut most = 0;
        for _ in 0..MESSAGES {
            let (name, body) = note();
            let send = |session: &mut Session, now| {
                most = most.max(session.output_len());
                session.message(name, body, now)
            };
            server.server.with(conn, send).unwrap().unwrap();
        }
        assert!(most < FLUSH_AT, "{most} bytes");
    });
}

#[test]
fn disconnecting_ends_attempts_at_once() {
    let mut options = ClientOptions::new(unix(), "hasty");
    options.retry.enabled = true;
    let mut client = client(options);
    let connect = client.op();
    client.client.connect(connect, Default::default());
    let leave = client.op();
    client.client.disconnect(leave, 0);
    let error = client.told.settled(connect).unwrap_err();
    assert_eq!(error.code.as_str(), "IPC_ERR_DISCONNECTED");
    client.told.settled(leave).unwrap();
}

#[test]
fn a_full_house_refuses_and_has_room_again() {
    let mut options = ServerOptions::new(unix());
    options.max_clients = 1;
    let server = echo_server(options);
    let mut first = client(ClientOptions::new(server.address.clone(), "first"));
    first.connect().unwrap();
    let mut second = client(ClientOptions::new(server.address.clone(), "second"));
    let error = second.connect().unwrap_err();
    assert_eq!(error.code.as_str(), "IPC_ERR_MAX_CONNECTIONS");
    assert!(error.message.contains("Failed to register"));
    let leave = first.op();
    first.client.disconnect(leave, 0);
    server.hears("disconnected");
    second.connect().unwrap();
}

#[test]
fn the_same_name_replaces_with_the_token_and_is_refused_without() {
    let server = echo_server(ServerOptions::new(unix()));
    let mut holder = client(ClientOptions::new(server.address.clone(), "name"));
    holder.connect().unwrap();
    // The holder's owner answers pings in the real thing; here it does not, so
    // it counts as dead after a second.
    let mut newcomer = client(ClientOptions::new(server.address.clone(), "name"));
    newcomer.connect().unwrap();
    holder.told.until("replaced", |_, notice| match notice {
        Notice::Disconnected { reason, .. } => (reason.as_str() == "replaced").then_some(()),
        _ => None,
    });
    assert_eq!(newcomer.echo("1").unwrap(), "1");
}

/// Needs a millisecond for each message, as a costly one would, and tells how many came
/// at once.
struct Slow(mpsc::Sender<Heard>);

enum Heard {
    Started,
    Connected(ConnId),
    Messages(usize),
}

impl Sink for Slow {
    #[cfg(unix)]
    fn poller(&self) -> Option<Arc<dyn Poller>> {
        support::poller()
    }

    fn deliver(&self, conn: ConnId, notices: &mut Vec<Notice>) {
        let mut messages = 0;
        for notice in notices.drain(..) {
            match notice {
                Notice::Settled { .. } => self.0.send(Heard::Started).unwrap(),
                Notice::Connected(_) => self.0.send(Heard::Connected(conn)).unwrap(),
                Notice::Event(Event::Message { .. }) => messages += 1,
                _ => {}
            }
        }
        let until = Instant::now() + messages * Duration::from_millis(1);
        while Instant::now() < until {}
        let _ = self.0.send(Heard::Messages(messages as usize));
    }
}

#[test]
fn of_costly_messages_few_are_read_before_others_have_their_turn() {
    const MESSAGES: usize = 400;
    const MESSAGE: usize = 200;
    everywhere(|address| {
        let (sender, heard) = mpsc::channel();
        let handle = support::runtime().handle().clone();
        let server = Server::new(ServerOptions::new(address), handle, Arc::new(Slow(sender)));
        server.start(1).unwrap();
        let next = || heard.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(next(), Heard::Started));
        let address = server.address().unwrap();
        let mut client = client(ClientOptions::new(address, "dear"));
        let connect = client.op();
        client.client.connect(connect, Default::default());
        let conn = loop {
            if let Heard::Connected(conn) = next() {
                break conn;
            }
        };
        server.let_in(conn);
        client.told.settled(connect).unwrap();
        let mut burst = || {
            for _ in 0..MESSAGES {
                let op = client.op();
                let body = Body::json("1".repeat(MESSAGE));
                let name = Bytes::from_static(b"dear");
                client
                    .client
                    .call(op, Call::Message { name, body })
                    .unwrap();
            }
            client.client.flush();
            let mut batches = Vec::new();
            while batches.iter().sum::<usize>() < MESSAGES {
                if let Heard::Messages(count @ 1..) = next() {
                    batches.push(count);
                }
            }
            batches
        };
        burst();
        // What takes the time allowed, or a little more.
        let batches = burst();
        assert!(batches.iter().all(|count| *count <= 12), "{batches:?}");
        server.stop(2, 0);
    });
}
