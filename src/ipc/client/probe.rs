//! Looking whether a server is there, with a connection that appears nowhere.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout_at};

use super::connect::{random, READY_FIRST, READY_LONGEST};
use crate::ipc::close::CloseReason;
use crate::ipc::driver;
use crate::ipc::endpoint::Address;
use crate::ipc::error::{Error, ErrorCode};
use crate::ipc::frame::Registration;
use crate::ipc::hub;
use crate::ipc::link::{now, Link};
use crate::ipc::options::SessionConfig;
use crate::ipc::proto::{Backoff, Event, Session};
use crate::ipc::tls::ClientTls;
use crate::ipc::transport;

/// Looks whether a server answers, without appearing anywhere.
///
/// # Errors
/// Why it does not.
pub async fn probe(
    address: &Address,
    tls: Option<&ClientTls>,
    until: Instant,
) -> Result<(), Error> {
    let mut backoff = Backoff::new(READY_FIRST, READY_LONGEST, 2.0);
    let mut last = None;
    while now() < until {
        let attempt = probe_once(address, tls);
        match timeout_at(until.into(), attempt).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => last = Some(error),
            Err(_) => break,
        }
        let delay = backoff
            .next_delay(random())
            .min(until.saturating_duration_since(now()));
        sleep(delay).await;
    }
    let because = last.map_or_else(String::new, |error| format!(": {error}"));
    Err(Error::io(
        ErrorCode::ServerNotReady,
        format!("Server not ready at {address}{because}"),
    ))
}

/// A hub is not the server that somebody waits for; it goes when that comes.
async fn probe_once(address: &Address, tls: Option<&ClientTls>) -> Result<(), Error> {
    let role = inquire(address, tls, None, false).await?;
    if role == hub::ROLE {
        return Err(Error::peer(
            ErrorCode::Registration,
            "a client hosts a hub there, and no server has started",
        ));
    }
    Ok(())
}

/// Asks who listens, with a connection that appears nowhere, and gets the role.
/// With `give_way` a hub is asked to go.
pub(in crate::ipc) async fn inquire(
    address: &Address,
    tls: Option<&ClientTls>,
    token: Option<String>,
    give_way: bool,
) -> Result<String, Error> {
    let stream = transport::connect(address, true, tls)
        .await
        .map_err(|error| Error::os(&error, "connecting"))?;
    let registration = Registration {
        client_id: None,
        metadata: None,
        token,
        resume: None,
        topics: Vec::new(),
        probe: true,
        give_way,
        protocol: None,
    };
    let config = Arc::new(SessionConfig::default());
    let wall = crate::ipc::server::wall_clock();
    let link = Link::new(Session::client(config, registration, wall, now()), stream);
    link.flush();
    let (answered_tx, answered) = oneshot::channel();
    let mut answered_tx = Some(answered_tx);
    let driver = driver::run(link.clone(), move |link, events| {
        for event in events.drain(..) {
            let answer = match event {
                Event::Open(welcome) => Ok(welcome.role),
                // A server that refuses us is a server all the same.
                Event::Closed {
                    reason: CloseReason::Unauthorized | CloseReason::TlsMismatch,
                    ..
                } if !give_way => Ok(String::new()),
                Event::Closed { message, .. } => Err(Error::peer(ErrorCode::Registration, message)),
                _ => continue,
            };
            if let Some(answered) = answered_tx.take() {
                let _ = answered.send(answer);
            }
            link.with(|session, now| session.leave(CloseReason::Local, "probe", now));
        }
    });
    driver.await;
    answered.await.unwrap_or_else(|_| {
        Err(Error::io(
            ErrorCode::Registration,
            "the server closed the connection",
        ))
    })
}
