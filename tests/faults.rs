//! What the system may do to reads, writes and accepts, injected.

#![cfg(feature = "faults")]
// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "support/endpoints.rs"]
#[allow(dead_code, unreachable_pub)]
mod support;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use smartipc_native::ipc::client::ConnectOptions;
use smartipc_native::ipc::close::CloseReason;
use smartipc_native::ipc::faults::{set, Plan};
use smartipc_native::ipc::notice::Notice;
use smartipc_native::ipc::options::{ClientOptions, ServerOptions};
use smartipc_native::ipc::stats::Stats;
use smartipc_native::ipc::{Error, ErrorCode};
use support::{client, echo_server, server, tcp, unix};

/// The plan is the process's: one test at a time.
fn alone() -> impl Drop {
    struct Turn(#[allow(dead_code)] MutexGuard<'static, ()>);
    impl Drop for Turn {
        fn drop(&mut self) {
            set(None);
        }
    }
    static TURN: Mutex<()> = Mutex::new(());
    Turn(TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

fn bug_at(place: &str) {
    set(Some(Plan {
        bug_at: Some(place.to_owned()),
        ..Plan::default()
    }));
}

#[test]
fn x11_short_reads_and_writes_change_nothing_but_the_time() {
    let _alone = alone();
    for seed in 1..=3 {
        short_reads_and_writes(seed);
    }
}

/// Everything in pieces of one to seven bytes, and every third write blocked.
fn short_reads_and_writes(seed: u64) {
    for address in [unix(), tcp()] {
        let server = echo_server(ServerOptions::new(address));
        let mut client = client(ClientOptions::new(server.address.clone(), "slow"));
        set(Some(Plan {
            short_reads: 7,
            short_writes: 7,
            block_every: 3,
            seed,
            ..Plan::default()
        }));
        client.connect().unwrap();
        for size in [0, 1, 100, 5000] {
            let payload = format!("\"{}\"", "y".repeat(size));
            assert!(
                client.echo(&payload).unwrap() == payload,
                "seed {seed}, size {size}"
            );
        }
        set(None);
    }
}

/// Whatever accepting fails with, the next client gets in.
#[test]
fn x10_no_failure_ends_accepting() {
    let _alone = alone();
    let server = echo_server(ServerOptions::new(unix()));
    let errnos = [
        Errno::INTR,
        Errno::CONNABORTED,
        Errno::PROTO,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::MFILE,
        Errno::NFILE,
    ];
    // One connection is accepted before the plan is looked at again.
    let mut first = client(ClientOptions::new(server.address.clone(), "first"));
    set(Some(Plan {
        accept_errors: errnos.map(Errno::raw_os_error).to_vec(),
        ..Plan::default()
    }));
    first.connect().unwrap();
    let mut second = client(ClientOptions::new(server.address.clone(), "second"));
    second.connect().unwrap();
    assert_eq!(second.echo("2").unwrap(), "2");
    assert!(server.hears("fault").starts_with("fault E"));
}

/// A write that fails ends that connection, with what was under way.
#[test]
fn x12_a_failing_write_ends_its_connection() {
    for errno in [Errno::CONNRESET, Errno::PIPE] {
        let _alone = alone();
        a_failing_write(errno);
    }
}

fn a_failing_write(errno: Errno) {
    let server = echo_server(ServerOptions::new(unix()));
    let mut client = client(ClientOptions::new(server.address.clone(), "cut"));
    client.connect().unwrap();
    set(Some(Plan {
        write_error: Some(errno.raw_os_error()),
        ..Plan::default()
    }));
    let op = client.ask("1", support::PATIENCE).unwrap();
    let error = client.told.answer(op).unwrap_err();
    assert_eq!(error.code.as_str(), "IPC_ERR_CONNECTION_LOST");
    assert!(error.may_have_run);
    client.told.until("reset", |_, notice| match notice {
        Notice::Disconnected { reason, .. } => {
            assert_eq!(*reason, CloseReason::Reset);
            Some(())
        }
        _ => None,
    });
}

/// A bug on a connection costs that connection: its calls fail as from a bug, the
/// client comes back, others don't notice.
#[test]
fn n15_a_bug_on_a_connection_ends_it_alone() {
    for place in ["driver", "event"] {
        let _alone = alone();
        let server = echo_server(ServerOptions::new(unix()));
        let mut options = ClientOptions::new(server.address.clone(), "unlucky");
        options.reconnect.delay = Duration::from_millis(1);
        let mut unlucky = client(options);
        unlucky.connect().unwrap();
        assert_eq!(unlucky.echo("1").unwrap(), "1");

        bug_at(place);
        // At whichever end it strikes first.
        let op = unlucky.ask("2", support::PATIENCE).unwrap();
        let code = unlucky.told.answer(op).map_err(|error| error.code);
        let expected = [ErrorCode::Internal, ErrorCode::ConnectionLost];
        assert!(code.is_err_and(|code| expected.contains(&code)), "{place}");
        unlucky.told.until("return", |_, notice| match notice {
            Notice::Connected(connected) => connected.again.then_some(()),
            _ => None,
        });
        assert_eq!(unlucky.echo("3").unwrap(), "3");
        let count = |stats: Stats| {
            let closes = stats.closes.get(&CloseReason::InternalError).copied();
            (closes.unwrap_or(0), stats.counters.errors)
        };
        let (closes, errors) = count(server.server.stats());
        let (own_closes, own_errors) = count(unlucky.client.stats());
        assert_eq!(closes + own_closes, 1, "{place}");
        assert_eq!(errors + own_errors, 1, "{place}");
    }
}

/// A server whose accepting meets a bug tells of it, and the next client gets in.
#[test]
fn n15_a_bug_does_not_end_accepting() {
    let _alone = alone();
    let server = echo_server(ServerOptions::new(unix()));
    bug_at("accept");
    let mut lost = client(ClientOptions::new(server.address.clone(), "lost"));
    assert!(lost.connect().is_err());
    assert_eq!(server.hears("fault"), "fault IPC_ERR_INTERNAL");
    lost.connect().unwrap();
    assert_eq!(lost.echo("1").unwrap(), "1");
}

/// Calls that a bug is in the way of reject, and can be made again.
#[test]
fn n15_a_bug_fails_the_call_it_is_in_the_way_of() {
    let _alone = alone();
    let options = ServerOptions::new(unix());
    let mut owner = server(options.clone());
    bug_at("start");
    owner.server.start(1).unwrap();
    assert_eq!(code(owner.told.settled(1)), Some(ErrorCode::Internal));
    owner.server.start(2).unwrap();
    owner.told.settled(2).unwrap();

    let mut options = ClientOptions::new(options.address, "one");
    options.reconnect.delay = Duration::from_millis(1);
    let mut client = client(options);
    bug_at("connect");
    assert_eq!(code(client.connect()), Some(ErrorCode::Internal));
    // Nobody lets it in: stopping has something to wait for.
    let op = client.op();
    client.client.connect(op, ConnectOptions::default());
    owner
        .told
        .until("registration", |conn, notice| match notice {
            Notice::Connected(_) => {
                owner.server.let_in(conn);
                Some(())
            }
            _ => None,
        });
    client.told.settled(op).unwrap();

    bug_at("disconnect");
    let op = client.op();
    client.client.disconnect(op, 0);
    assert_eq!(code(client.told.settled(op)), Some(ErrorCode::Internal));
    assert!(!client.client.is_connected());

    bug_at("stop");
    owner.server.stop(3, 0);
    assert_eq!(code(owner.told.settled(3)), Some(ErrorCode::Internal));
    bug_at("unbind");
    owner.server.start(4).unwrap();
    owner.told.settled(4).unwrap();
    owner.server.stop(5, 0);
    owner.told.until("fault", |_, notice| match notice {
        Notice::Fault(error) => {
            assert_eq!(error.code, ErrorCode::Internal);
            Some(())
        }
        _ => None,
    });
    owner.told.settled(5).unwrap();
}

/// A client whose way back meets a bug gives up, and can be sent again.
#[test]
fn n15_a_bug_ends_reconnecting() {
    let _alone = alone();
    let first = echo_server(ServerOptions::new(unix()));
    let mut options = ClientOptions::new(first.address.clone(), "one");
    options.reconnect.delay = Duration::from_millis(1);
    let mut client = client(options);
    client.connect().unwrap();
    bug_at("reconnect");
    first.server.stop(9, 0);
    client.told.until("end", |_, notice| match notice {
        Notice::GaveUp(error) => {
            assert_eq!(error.code, ErrorCode::Internal);
            Some(())
        }
        _ => None,
    });
    assert_eq!(
        code(client.ask("1", support::PATIENCE)),
        Some(ErrorCode::Internal)
    );
    first.hears("settled 9");
    let second = echo_server(ServerOptions::new(first.address.clone()));
    client.connect().unwrap();
    assert_eq!(client.echo("2").unwrap(), "2");
    drop(second);
}

fn code<T>(result: Result<T, Error>) -> Option<ErrorCode> {
    result.err().map(|error| error.code)
}
