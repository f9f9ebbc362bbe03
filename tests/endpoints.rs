//! Server and client of the core on real sockets, on every transport.

// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "support/endpoints.rs"]
#[allow(dead_code, unreachable_pub)]
mod support;

use std::time::{Duration, Instant};

use smartipc_native::ipc::notice::Notice;
use smartipc_native::ipc::options::{ClientOptions, Reconnect, ServerOptions};
use smartipc_native::ipc::Address;
use support::{client, echo_server, tcp, unix, PATIENCE};

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
