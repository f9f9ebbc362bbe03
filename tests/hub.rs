//! Hubs of the core on real sockets: elected, used, given up, left.
#![cfg(unix)]
// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "support/endpoints.rs"]
#[allow(dead_code, unreachable_pub)]
mod support;

use std::time::Duration;

use bytes::Bytes;
use smartipc_native::ipc::client::{Call, ConnectOptions};
use smartipc_native::ipc::frame::Body;
use smartipc_native::ipc::lock::{lock_path, Attempt, Holder, PathLock};
use smartipc_native::ipc::notice::Notice;
use smartipc_native::ipc::options::{ClientOptions, Reconnect, ServerOptions};
use smartipc_native::ipc::proto::Event;
use smartipc_native::ipc::{Address, CloseReason, Error};
use support::{client, echo_server, fresh_path, tcp, text, TestClient, PATIENCE};

fn quick(address: &Address, name: &str) -> ClientOptions {
    let mut options = ClientOptions::new(address.clone(), name);
    options.reconnect = Reconnect {
        delay: Duration::from_millis(20),
        max_delay: Duration::from_millis(20),
        ..Reconnect::default()
    };
    options
}

/// Connects a client that hosts if nobody listens.
fn try_to_join(options: ClientOptions) -> (TestClient, Result<(), Error>) {
    let mut member = client(options);
    let op = member.op();
    let connect = ConnectOptions {
        may_host: true,
        ..ConnectOptions::default()
    };
    member.client.connect(op, connect);
    let outcome = member.told.settled(op);
    (member, outcome)
}

fn join(address: &Address, name: &str) -> TestClient {
    let (member, outcome) = try_to_join(quick(address, name));
    outcome.unwrap();
    member
}

/// Like `join`, for somebody who is known to host then.
fn host(address: &Address, name: &str) -> TestClient {
    let mut member = client(quick(address, name));
    let op = member.op();
    let connect = ConnectOptions {
        may_host: true,
        ..ConnectOptions::default()
    };
    member.client.connect(op, connect);
    hosts(&mut member);
    member.told.settled(op).unwrap();
    member
}

fn hosts(member: &mut TestClient) {
    member.told.until("news of hosting", |_, notice| {
        matches!(notice, Notice::Hosting).then_some(())
    });
}

fn role(member: &mut TestClient) -> String {
    member.told.until("registration", |_, notice| match notice {
        Notice::Connected(connected) => Some(connected.role.clone()),
        _ => None,
    })
}

fn subscribe(member: &mut TestClient, topic: &'static str) {
    let op = member.op();
    let call: Call = Call::Subscribe {
        topic: Bytes::from_static(topic.as_bytes()),
        on: true,
        timeout: Some(PATIENCE),
    };
    member.client.call(op, call).unwrap();
    member.client.flush();
    member.told.answer(op).unwrap();
}

fn publish(member: &mut TestClient, topic: &'static str, payload: &str) {
    let op = member.op();
    let call: Call = Call::Publish {
        topic: Bytes::from_static(topic.as_bytes()),
        body: Body::json(payload.to_owned()),
    };
    member.client.call(op, call).unwrap();
    member.client.flush();
}

fn hears(member: &mut TestClient) -> String {
    member
        .told
        .until("topic message", |_, notice| match notice {
            Notice::Event(Event::Topic { body, .. }) => Some(text(body)),
            _ => None,
        })
}

fn lost(member: &mut TestClient) -> CloseReason {
    member.told.until("loss", |_, notice| match notice {
        Notice::Disconnected { reason, .. } => Some(*reason),
        _ => None,
    })
}

#[test]
fn the_first_hosts_and_others_reach_each_other_through_it() {
    let address = Address::Path(fresh_path());
    let mut first = host(&address, "first");
    let (mut second, outcome) = try_to_join(quick(&address, "second"));
    outcome.unwrap();
    subscribe(&mut second, "news.*");
    publish(&mut first, "news.today", "1");
    assert_eq!(hears(&mut second), "1");

    // It has no handlers, and says so; a message is given back as credit.
    let error = second.echo("2").unwrap_err();
    assert_eq!(
        error.message,
        "No handler registered for message type: echo"
    );
    for _ in 0..3000 {
        let op = second.op();
        let call: Call = Call::Message {
            name: Bytes::from_static(b"note"),
            body: Body::json("3"),
        };
        second.client.call(op, call).unwrap();
    }
    second.client.flush();
    assert_eq!(second.echo("4").unwrap_err().message, error.message);
}

#[test]
fn a_hub_names_its_role_and_a_server_names_its_own() {
    let address = Address::Path(fresh_path());
    let _host = host(&address, "host");
    let mut guest = client(quick(&address, "guest"));
    let op = guest.op();
    guest.client.connect(op, ConnectOptions::default());
    assert_eq!(role(&mut guest), "hub");
    let _server = echo_server(ServerOptions::new(address));
    assert_eq!(lost(&mut guest), CloseReason::Yielded);
    assert_eq!(role(&mut guest), "server");
}

#[test]
fn a_server_takes_over_with_all_subscriptions() {
    let address = Address::Path(fresh_path());
    let mut first = host(&address, "first");
    let mut second = join(&address, "second");
    subscribe(&mut first, "news");
    subscribe(&mut second, "news");

    let server = echo_server(ServerOptions::new(address));
    server.hears("connected");
    server.hears("connected");
    server
        .server
        .publish("news".into(), Body::json("1"))
        .unwrap();
    server.server.flush();
    assert_eq!(hears(&mut first), "1");
    assert_eq!(hears(&mut second), "1");
    assert_eq!(second.echo("2").unwrap(), "2");
}

#[test]
fn the_next_one_hosts_when_the_host_has_gone() {
    let address = Address::Path(fresh_path());
    let first = host(&address, "first");
    let mut second = join(&address, "second");
    let mut third = join(&address, "third");
    subscribe(&mut third, "news");
    // As when its environment ends: without a word.
    first.client.abandon();
    assert_ne!(lost(&mut second), CloseReason::Local);
    assert_eq!(role(&mut second), "hub");
    assert_eq!(role(&mut third), "hub");
    publish(&mut second, "news", "1");
    assert_eq!(hears(&mut third), "1");
}

#[test]
fn the_last_one_to_leave_frees_path_and_lock() {
    let path = fresh_path();
    let address = Address::Path(path.clone());
    let mut only = host(&address, "only");
    assert!(path.exists());
    assert!(matches!(
        PathLock::try_acquire(&path, Holder::Server).unwrap(),
        Attempt::Busy(Some(record)) if record.holder == Holder::Hub
    ));
    let op = only.op();
    only.client.disconnect(op, 0);
    only.told.settled(op).unwrap();
    assert!(!path.exists());
    assert!(matches!(
        PathLock::try_acquire(&path, Holder::Server).unwrap(),
        Attempt::Held(_)
    ));
}

#[test]
fn who_loses_a_server_waits_for_it() {
    let path = fresh_path();
    let address = Address::Path(path.clone());
    let server = echo_server(ServerOptions::new(address.clone()));
    let mut member = join(&address, "member");
    assert_eq!(member.echo("1").unwrap(), "1");
    server.server.abandon();
    for _ in 0..5 {
        member.told.until("attempt", |_, notice| {
            matches!(notice, Notice::Reconnecting { .. }).then_some(())
        });
    }
    assert!(!path.exists());
    let _server = echo_server(ServerOptions::new(address));
    assert_eq!(role(&mut member), "server");
}

#[test]
fn nobody_hosts_over_tcp_or_when_forbidden() {
    let Address::Tcp { host, .. } = tcp() else {
        panic!("not TCP");
    };
    // Nobody listens on the port of tcpmux.
    let nobody = Address::Tcp { host, port: 1 };
    let (_, outcome) = try_to_join(quick(&nobody, "tcp"));
    assert_eq!(outcome.unwrap_err().code.as_str(), "ECONNREFUSED");

    let path = fresh_path();
    let mut options = quick(&Address::Path(path.clone()), "modest");
    options.client_only = true;
    let (_, outcome) = try_to_join(options);
    assert_eq!(
        outcome.unwrap_err().message,
        "Server not available (ENOENT); clientOnly prevents auto-start"
    );
    assert!(!path.exists() && !lock_path(&path).exists());
}

#[test]
fn without_a_lock_there_is_no_hub() {
    let path = fresh_path();
    std::os::unix::fs::symlink("elsewhere", lock_path(&path)).unwrap();
    let (_, outcome) = try_to_join(quick(&Address::Path(path.clone()), "unlocked"));
    let error = outcome.unwrap_err();
    assert_eq!(error.code.as_str(), "ENOENT");
    assert!(
        error.message.contains("the lock file is a symbolic link"),
        "{error}"
    );
    assert!(!path.exists());
}
