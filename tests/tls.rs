//! TLS between server and client of the core: what passes, and who is refused.
//!
//! Each refusal is looked at from both sides, and they agree on the reason.

// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "support/certificates.rs"]
#[allow(dead_code, unreachable_pub)]
mod certificates;
#[path = "support/endpoints.rs"]
#[allow(dead_code, unreachable_pub)]
mod support;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use certificates::Authority;
use smartipc_native::ipc::options::{ClientOptions, ServerOptions};
use smartipc_native::ipc::tls::{Certificates, ClientTls, ServerTls};
use smartipc_native::ipc::{Address, CloseReason, Error};
use support::{client, echo_server, tcp, EchoServer, TestClient, PATIENCE};

const SOON: Duration = Duration::from_millis(300);

fn server(tls: Option<ServerTls>) -> EchoServer {
    echo_server(ServerOptions {
        tls,
        ..ServerOptions::new(tcp())
    })
}

fn client_of(address: &Address, tls: Option<ClientTls>) -> TestClient {
    client(ClientOptions {
        tls,
        ..ClientOptions::new(address.clone(), "one")
    })
}

/// Waits until the server has closed a connection, and says why.
fn closed_by(server: &EchoServer) -> CloseReason {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some((reason, _)) = server.server.stats().closes.into_iter().next() {
            return reason;
        }
        assert!(Instant::now() < until, "the server closed nothing");
        std::thread::yield_now();
    }
}

/// Both sides end the connection for the same reason.
#[track_caller]
fn refused(server: Option<ServerTls>, client: Option<ClientTls>, reason: CloseReason) -> Error {
    let server = self::server(server);
    let begun = Instant::now();
    let error = client_of(&server.address, client).connect().unwrap_err();
    assert_eq!(closed_by(&server), reason, "the server's reason");
    let code = format!("IPC_ERR_{}", reason.as_str().to_uppercase());
    assert_eq!(error.code.as_str(), code, "{error}");
    assert!(error.message.starts_with("Failed to register: "), "{error}");
    // Nobody waits for the end of the handshake's time.
    assert!(begun.elapsed() < Duration::from_secs(4));
    error
}

#[test]
fn requests_and_large_messages_pass() {
    let authority = Authority::new();
    for json_only in [false, true] {
        let server = server(Some(authority.server()));
        let mut options = ClientOptions::new(server.address.clone(), "one");
        options.tls = Some(authority.client(None));
        options.session.json_only = json_only;
        let mut client = client(options);
        client.connect().unwrap();
        assert_eq!(client.echo("1").unwrap(), "1");
        let payload = format!("\"{}\"", "x".repeat(6 * 1024 * 1024));
        assert!(client.echo(&payload).unwrap() == payload);
        // Many at once fill the socket, so that records are written in parts.
        let asked: Vec<u32> = (0..2)
            .map(|_| client.ask(&payload, PATIENCE).unwrap())
            .collect();
        for op in asked {
            assert!(client.told.answer(op).unwrap() == payload);
        }
        let leave = client.op();
        client.client.disconnect(leave, 0);
        client.told.settled(leave).unwrap();
        assert_eq!(server.hears("disconnected"), "disconnected peer");
    }
}

#[test]
fn c4_a_client_certificate_of_the_authority_is_let_in() {
    let authority = Authority::new();
    let server = server(Some(authority.strict_server()));
    let tls = authority.client(Some(authority.sign("a-client")));
    let mut client = client_of(&server.address, Some(tls));
    client.connect().unwrap();
    assert_eq!(client.echo("1").unwrap(), "1");
}

#[test]
fn c4_a_plain_text_client_is_refused_with_tls_mismatch() {
    let tls = Authority::new().server();
    let error = refused(Some(tls), None, CloseReason::TlsMismatch);
    assert!(error.message.contains("the option tls is missing here"));
}

#[test]
fn c4_a_plain_text_server_sees_tls_mismatch() {
    let server = server(None);
    let tls = Authority::new().client(None);
    let error = client_of(&server.address, Some(tls)).connect().unwrap_err();
    assert_eq!(closed_by(&server), CloseReason::TlsMismatch);
    // It answers nothing to what it can't read, so the client can but guess.
    assert_eq!(error.code.as_str(), "IPC_ERR_TLS_FAILED");
    assert!(error.message.contains("does the other side speak TLS?"));
}

#[test]
fn c4_a_certificate_of_another_authority_is_refused_with_tls_untrusted() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let client = Some(theirs.client(None));
    let error = refused(Some(ours.server()), client, CloseReason::TlsUntrusted);
    assert!(error.message.contains("refused"), "{error}");
}

#[test]
fn c4_a_certificate_for_another_name_is_refused_with_tls_untrusted() {
    let authority = Authority::new();
    let server = ServerTls::new(&authority.sign("elsewhere.example"), false).unwrap();
    let client = Some(authority.client(None));
    let error = refused(Some(server), client, CloseReason::TlsUntrusted);
    assert!(error.message.contains("elsewhere.example"), "{error}");
}

#[test]
fn c4_an_expired_certificate_is_refused_with_tls_expired() {
    let authority = Authority::new();
    let server = ServerTls::new(&authority.sign_until("127.0.0.1", 2020), false).unwrap();
    let client = Some(authority.client(None));
    refused(Some(server), client, CloseReason::TlsExpired);
}

#[test]
fn c4_a_client_without_a_certificate_is_refused_with_tls_certificate_required() {
    let authority = Authority::new();
    let server = Some(authority.strict_server());
    let reason = CloseReason::TlsCertificateRequired;
    refused(server, Some(authority.client(None)), reason);
}

#[test]
fn c4_client_certificates_are_checked_like_the_servers() {
    let (authority, other) = (Authority::new(), Authority::new());
    let cases = [
        (other.sign("a-client"), CloseReason::TlsUntrusted),
        (
            authority.sign_until("a-client", 2020),
            CloseReason::TlsExpired,
        ),
    ];
    for (own, reason) in cases {
        let client = Some(authority.client(Some(own)));
        refused(Some(authority.strict_server()), client, reason);
    }
}

#[test]
fn c4_a_handshake_that_stalls_ends_with_tls_timeout() {
    let authority = Authority::new();
    let server = server(Some(authority.server().with_timeout(SOON)));
    let Address::Tcp { host, port } = &server.address else {
        panic!("no TCP");
    };
    let begun = Instant::now();
    let mut silent = TcpStream::connect((host.as_str(), *port)).unwrap();
    silent.read_to_end(&mut Vec::new()).unwrap();
    assert!(begun.elapsed() >= SOON);
    assert_eq!(closed_by(&server), CloseReason::TlsTimeout);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::Tcp {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
    };
    let tls = authority.client(None);
    let mut client = client_of(&address, Some(tls.clone().with_timeout(SOON)));
    let error = client.connect().unwrap_err();
    assert_eq!(error.code.as_str(), "IPC_ERR_TLS_TIMEOUT");
    // The time for registering may be up before.
    let mut options = ClientOptions::new(address, "hasty");
    options.tls = Some(tls);
    options.register_timeout = SOON;
    let error = support::client(options).connect().unwrap_err();
    assert_eq!(error.code.as_str(), "IPC_ERR_TLS_TIMEOUT");
}

#[test]
fn wrong_certificates_are_named() {
    let authority = Authority::new();
    let (one, two) = (authority.sign("one"), authority.sign("two"));
    let with = |cert: Option<&str>, key: Option<&str>| Certificates {
        cert: cert.map(str::to_owned),
        key: key.map(str::to_owned),
        ca: Vec::new(),
    };
    let (cert, key) = (one.cert.as_deref(), one.key.as_deref());
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let cases = [
        (with(None, None), "tls.cert and tls.key are needed"),
        (with(cert, None), "tls.cert needs tls.key"),
        (with(None, key), "tls.key needs tls.cert"),
        (with(Some("x"), key), "tls.cert holds no certificate"),
        (with(cert, Some("x")), "tls.key holds no private key"),
        (with(cert, Some(encrypted)), "tls.key is encrypted"),
        (
            with(cert, two.key.as_deref()),
            "tls.key is not the key of tls.cert",
        ),
    ];
    for (certificates, text) in cases {
        let error = ServerTls::new(&certificates, false).unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
    }
    let error = ServerTls::new(&one, true).unwrap_err();
    assert!(error
        .to_string()
        .starts_with("tls.requestCert needs tls.ca"));
    let error = ClientTls::new(&Certificates::default(), "one").unwrap_err();
    assert!(error.to_string().starts_with("tls.ca is needed"));
    let trusting = Certificates {
        ca: vec![authority.pem()],
        ..Certificates::default()
    };
    let error = ClientTls::new(&trusting, "no name").unwrap_err();
    assert!(error.to_string().starts_with("tls.servername"));
    // What ends up in a log holds no key.
    let shown = format!("{one:?} {:?}", authority.strict_server());
    assert!(!shown.contains("BEGIN"), "{shown}");
}
