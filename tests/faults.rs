//! What the system may do to reads, writes and accepts, injected.
//!
//! The plan is one for the process, so this is one test that goes through it.

#![cfg(feature = "faults")]
// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "support/endpoints.rs"]
#[allow(dead_code, unreachable_pub)]
mod support;

use rustix::io::Errno;
use smartipc_native::ipc::faults::{set, Plan};
use smartipc_native::ipc::options::{ClientOptions, ServerOptions};
use support::{client, echo_server, tcp, unix};

#[test]
fn faults_change_nothing_but_the_time() {
    for seed in 1..=3 {
        short_reads_and_writes(seed);
    }
    failing_accepts();
    a_failing_write();
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
fn failing_accepts() {
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
    set(None);
}

/// A write that fails ends that connection, with what was under way.
fn a_failing_write() {
    let server = echo_server(ServerOptions::new(unix()));
    let mut client = client(ClientOptions::new(server.address.clone(), "cut"));
    client.connect().unwrap();
    set(Some(Plan {
        write_error: Some(Errno::CONNRESET.raw_os_error()),
        ..Plan::default()
    }));
    let op = client.ask("1", support::PATIENCE).unwrap();
    let error = client.told.answer(op).unwrap_err();
    assert_eq!(error.code.as_str(), "IPC_ERR_CONNECTION_LOST");
    assert!(error.may_have_run);
    set(None);
}
