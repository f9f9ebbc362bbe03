//! Hubs: what a client hosts where no server listens, so that clients find
//! each other there.
//!
//! A hub is a [`Server`] without an owner in JavaScript: it registers clients,
//! keeps their topics and passes on what they publish, all on the I/O thread,
//! so it serves even while its host computes. It belongs to one client and ends
//! with it. Who hosts is decided by the path's lock (on Windows the pipe's); a server
//! that wants the path asks, and the hub goes.

mod answers;
mod take_over;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use self::answers::Answers;
use super::close::CloseReason;
use super::notice::Sink;
use super::options::{ClientOptions, ServerOptions};
use super::server::Server;
use super::transport::Refused;

pub(super) use take_over::listen;

/// How long a server that starts waits for hubs to go, and how long their
/// clients leave the path to it.
pub(super) const GIVE_WAY: Duration = Duration::from_secs(5);

/// The role that a hub gives itself when it answers a registration.
pub(super) const ROLE: &str = "hub";

/// A running hub. Dropping it closes its connections without a word.
pub(super) struct Hub {
    server: Server,
}

impl Hub {
    /// Stands for election: starts a hub where `client` would look for a
    /// server. `faults` hears what goes wrong later.
    ///
    /// # Errors
    /// What is in the way; the election may be lost, or impossible.
    ///
    /// # Cancel safety
    /// Safe: a hub that is given up while it starts leaves nothing behind.
    pub(super) async fn open(
        client: &ClientOptions,
        runtime: Handle,
        faults: Arc<dyn Sink>,
    ) -> Result<Self, Refused> {
        let answers = Arc::new(Answers::new(faults));
        let server = Server::new(options(client), runtime, answers.clone());
        answers.serve(&server);
        server.open().await?;
        Ok(Self { server })
    }

    /// Frees the path, then tells the clients to look for another host.
    pub(super) async fn close(self) {
        self.server
            .vacate(CloseReason::ServerStopping, "the host of the hub has left");
        self.server.emptied().await;
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.server.abandon();
    }
}

/// What the hosting client asks for itself, it gives to others.
fn options(client: &ClientOptions) -> ServerOptions {
    let mut options = ServerOptions::new(client.address.clone());
    options.session = client.session.clone();
    options.auth_token.clone_from(&client.auth_token);
    options.socket_mode = client.socket_mode;
    options.hub = true;
    options
}
