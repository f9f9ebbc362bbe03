//! What an endpoint tells its owner.

use std::sync::Arc;
use std::time::Duration;

use super::close::CloseReason;
use super::error::Error;
use super::poller::Poller;
use super::proto::Event;
use super::transport::Credentials;

/// Number of a connection within its endpoint. Never used twice.
pub type ConnId = u32;
/// Number that the owner gives to a call that ends later.
pub type Op = u32;

/// Something the owner of an endpoint has to know.
#[derive(Debug)]
pub enum Notice {
    /// Something happened on a registered connection.
    Event(Event),
    /// A client has registered here; or we have, there.
    Connected(Box<Connected>),
    /// A registered connection is over.
    Disconnected {
        /// Why.
        reason: CloseReason,
        /// A sentence for people.
        message: String,
        /// Whether a client now tries to come back by itself.
        again: bool,
    },
    /// The client is about to try again.
    Reconnecting {
        /// From 1.
        attempt: u32,
        /// The wait before it.
        delay: Duration,
    },
    /// The client hosts the hub to which it has just connected.
    Hosting,
    /// The client has stopped trying to come back.
    GaveUp(Error),
    /// A call has ended.
    Settled {
        /// Its number.
        op: Op,
        /// How.
        result: Result<(), Error>,
    },
    /// A failure that belongs to no call.
    Fault(Error),
}

/// A registration that was accepted.
#[derive(Debug)]
pub struct Connected {
    /// The client's name.
    pub client_id: String,
    /// What the client said about itself, as JSON text.
    pub metadata: Option<String>,
    /// Who the client is, as the kernel says.
    pub peer: Credentials,
    /// The structured clone format that the other end reads; 0 for none.
    pub clone_version: u32,
    /// `server` or `hub`; empty at the server.
    pub role: String,
    /// Whether the connection had been there before.
    pub again: bool,
}

/// Takes notices, from any thread, without waiting.
pub trait Sink: Send + Sync {
    /// Takes all notices of one connection; 0 stands for the endpoint itself.
    fn deliver(&self, conn: ConnId, notices: &mut Vec<Notice>);

    /// Who waits for the sockets of registered connections; tokio, if none.
    fn poller(&self) -> Option<Arc<dyn Poller>> {
        None
    }

    /// Takes one notice.
    fn notify(&self, conn: ConnId, notice: Notice) {
        self.deliver(conn, &mut vec![notice]);
    }
}
