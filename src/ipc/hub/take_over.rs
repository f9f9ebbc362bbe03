//! A server's start on a path that a hub has: asks the hub to go, and waits.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout_at};

use super::{GIVE_WAY, ROLE};
use crate::ipc::client::inquire;
use crate::ipc::error::Error;
use crate::ipc::link::now;
use crate::ipc::options::ServerOptions;
use crate::ipc::transport::{self, Bound, Obstacle};

/// How long one hub may take to answer. It does so on its I/O thread; one that
/// takes longer is suspended, or no hub.
const ANSWER: Duration = Duration::from_secs(1);
/// Between two looks at a path whose hub has not gone yet, or whose next hub
/// was faster than we: a few times what starting a hub takes.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// The same with a hub that answers and stays.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Starts to listen, for a server that somebody started on purpose. Hubs give
/// way to it; `wanted` says whether it is still to start.
///
/// # Errors
/// As of listening. A hub that has not gone after [`GIVE_WAY`] is one.
pub(in crate::ipc) async fn listen(
    options: &ServerOptions,
    wanted: impl Fn() -> bool,
) -> Result<Bound, Error> {
    let until = now() + GIVE_WAY;
    let mut pause = LOOK_AGAIN;
    loop {
        let refused = match transport::listen(options).await {
            Ok(bound) => return Ok(bound),
            Err(refused) => refused,
        };
        if refused.by != Obstacle::Hub || now() >= until || !wanted() {
            return Err(refused.error);
        }
        match ask(options, until).await {
            // One that stays does not take us for the path's owner, and is asked ever less.
            Some(true) => {
                sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
            // Where nobody writes down who has a name, only the answer tells.
            Some(false) => return Err(refused.error),
            None => sleep(LOOK_AGAIN).await,
        }
    }
}

/// Asks whoever listens to give way: whether it was a hub, for then the path is
/// free; nothing if nobody has answered.
async fn ask(options: &ServerOptions, until: Instant) -> Option<bool> {
    let until = until.min(now() + ANSWER);
    let question = inquire(&options.address, None, options.auth_token.clone(), true);
    match timeout_at(until.into(), question).await {
        Ok(Ok(role)) => Some(role == ROLE),
        // Nobody listens any more, or the hub refuses us, or it is stuck.
        Ok(Err(_)) | Err(_) => None,
    }
}
