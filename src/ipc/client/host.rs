//! Auto-start: a client that finds nobody listening stands for election as the
//! host of a hub. Whoever loses connects to the winner.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, Instant};

use super::attempt::{Cause, Failed, Running};
use super::connect::random;
use super::{ConnectOptions, Inner, Phase, ServedBy, State};
use crate::ipc::endpoint::Address;
use crate::ipc::error::Error;
use crate::ipc::hub::{Hub, GIVE_WAY};
use crate::ipc::link::now;
use crate::ipc::proto::Backoff;
use crate::ipc::transport::Obstacle;

/// First and longest pause of a loser: starting a hub takes a millisecond or two.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// How long elections go on: as long as a server that starts is waited for.
const ELECTION: Duration = GIVE_WAY;
/// How often a holder that nobody knows of is looked at again: one that has just
/// got the lock says within a millisecond who it is.
const DOUBTS: u32 = 4;

/// How an election went.
enum Vote {
    /// We host.
    Won,
    /// Somebody else will listen soon.
    Lost,
    /// As far as we know nobody will; that may be a matter of a moment.
    Doubtful(Error),
    /// Nobody can host here.
    Impossible(Error),
}

impl Inner {
    /// One attempt; where nobody listens and this client may host, elections
    /// until there is somebody to connect to.
    pub(super) async fn attempt_or_host(self: &Arc<Self>, again: bool) -> Result<Running, Failed> {
        let until = Instant::now() + ELECTION;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, 2.0);
        let mut doubts = 0;
        loop {
            let failed = match self.attempt(again).await {
                Ok(running) => return Ok(running),
                Err(failed) => failed,
            };
            if !self.may_host() || Instant::now() >= until {
                return Err(failed);
            }
            match failed.cause {
                Cause::Refused => return Err(failed),
                // Somebody else comes in the place of who went, or we do.
                Cause::Gone => {}
                Cause::Nobody => match self.stand().await {
                    Vote::Won => continue,
                    Vote::Lost => {}
                    Vote::Doubtful(_) if doubts < DOUBTS => doubts += 1,
                    Vote::Doubtful(error) | Vote::Impossible(error) => {
                        return Err(failed.because(&error));
                    }
                },
            }
            sleep(backoff.next_delay(random())).await;
        }
    }

    async fn stand(&self) -> Vote {
        // One that we can't connect to is of no use, but holds the path.
        let useless = self.state().hub.take();
        drop(useless);
        let opened = Hub::open(&self.options, self.runtime.clone(), self.sink.clone()).await;
        match opened {
            Ok(hub) => {
                let mut state = self.state();
                // Unless disconnect() came first.
                let wanted = matches!(state.phase, Phase::Connecting | Phase::Reconnecting);
                let unwanted = if wanted {
                    state.hosts = false;
                    state.hub.replace(hub)
                } else {
                    Some(hub)
                };
                drop(state);
                drop(unwanted);
                Vote::Won
            }
            Err(refused) => match refused.by {
                Obstacle::Hub | Obstacle::Holder => Vote::Lost,
                Obstacle::File => Vote::Doubtful(refused.error),
                Obstacle::Other => Vote::Impossible(refused.error),
            },
        }
    }

    /// Whether this client may host now.
    fn may_host(&self) -> bool {
        let state = self.state();
        state.may_host && state.served_by != ServedBy::Server && !state.path_is_promised()
    }
}

impl State {
    /// A hub has promised the path to a server.
    pub(super) fn promise_path(&mut self) {
        self.path_promised = Some(now() + GIVE_WAY);
    }

    /// Whether a server is about to listen, so that looking often is worth it.
    pub(super) fn path_is_promised(&self) -> bool {
        self.path_promised.is_some_and(|until| until > now())
    }
}

/// A hub runs as the user that we are.
fn is_own_user(uid: u32) -> bool {
    #[cfg(unix)]
    {
        uid == rustix::process::geteuid().as_raw()
    }
    #[cfg(not(unix))]
    {
        let _ = uid;
        false
    }
}

impl super::Client {
    /// Whether a connection that is being made with these options may lead to
    /// an election.
    pub(super) fn may_elect(&self, connect: ConnectOptions) -> bool {
        let options = &self.inner.options;
        connect.may_host
            && connect.wait_for_ready.is_none()
            && !options.client_only
            && !options.retry.enabled
            && options.expect_server_uid.is_none_or(is_own_user)
            && matches!(options.address, Address::Path(_))
    }
}
