//! Registration of clients, and what happens when a name is taken.

use std::sync::Arc;
use std::time::Duration;

use super::policy::{self, Denied};
use super::{Inner, Peer, Phase, Registered, Server};
use crate::ipc::close::CloseReason;
use crate::ipc::frame::{Refusal, Registration, Welcome};
use crate::ipc::hub;
use crate::ipc::link::{now, Link};
use crate::ipc::notice::{ConnId, Connected, Notice};
use crate::ipc::options::MAX_HEADERS;
use crate::ipc::proto::topics;
use crate::ipc::trace;

/// How long the holder of a name has to prove that it lives.
const PROOF_TIME: Duration = Duration::from_secs(1);

/// Whether a name is free for a newcomer.
enum Name {
    Free,
    /// The newcomer is the same client, over a new connection.
    Resumed(ConnId),
    Taken(ConnId),
}

impl Server {
    /// The owner knows of a client, from [`Notice::Connected`]; the client is
    /// told so and may begin.
    pub fn let_in(&self, conn: ConnId) {
        let waiting = {
            let mut state = self.inner.state();
            let Some(peer) = state.peers.get_mut(&conn) else {
                return;
            };
            peer.welcome
                .take()
                .map(|welcome| (peer.link.clone(), welcome))
        };
        self.inner.room.notify_one();
        if let Some((link, (welcome, protocol))) = waiting {
            link.with(|session, now| session.accept(welcome, protocol.as_ref(), now));
            link.flush();
        }
    }
}

impl Inner {
    pub(super) fn on_register(&self, conn: ConnId, link: &Arc<Link>, registration: Registration) {
        if registration.probe && self.options.hub {
            return self.on_probe_of_hub(conn, link, &registration);
        }
        match self.consider(conn, &registration) {
            Err(denied) => refuse(link, &denied),
            Ok(()) if registration.probe => self.answer_probe(conn, link, &registration),
            Ok(()) => {
                let _naming = self.naming();
                match self.look_up(&registration) {
                    Name::Free => self.admit(conn, link, registration),
                    Name::Resumed(old) => {
                        self.replace(old);
                        self.admit(conn, link, registration);
                    }
                    Name::Taken(old) => self.contend(old, conn, link, registration),
                }
            }
        }
    }

    /// Somebody looks for a server, or is one and wants our path.
    fn on_probe_of_hub(&self, conn: ConnId, link: &Arc<Link>, registration: &Registration) {
        let credentials = self.state().peers.get(&conn).map(|peer| peer.credentials);
        // Whoever may remove the socket file may have the path, token or not: a
        // host with a wrong one must not keep the server from starting.
        let owner = credentials.is_some_and(policy::owns_the_path);
        if !owner {
            if let Err(denied) = self.consider(conn, registration) {
                return refuse(link, &denied);
            }
        }
        self.answer_probe(conn, link, registration);
        if owner && registration.give_way {
            self.vacate(CloseReason::Yielded, "a server takes the hub's place");
        }
    }

    fn role(&self) -> String {
        if self.options.hub {
            hub::ROLE
        } else {
            "server"
        }
        .to_owned()
    }

    fn consider(&self, conn: ConnId, registration: &Registration) -> Result<(), Denied> {
        let state = self.state();
        let Some(peer) = state.peers.get(&conn) else {
            return Err(Denied::new(CloseReason::Refused, "the connection is gone"));
        };
        if state.phase == Phase::Stopping {
            return Err(Denied::new(
                CloseReason::ServerStopping,
                "the server is stopping",
            ));
        }
        policy::check(
            &self.options,
            registration,
            peer.credentials,
            peer.in_allowed_group,
        )?;
        let metadata = registration
            .metadata
            .as_ref()
            .map_or(0, |raw| raw.get().len());
        if metadata > MAX_HEADERS {
            let text = format!("metadata of {metadata} bytes exceeds the maximum of {MAX_HEADERS}");
            return Err(Denied::new(CloseReason::Refused, text));
        }
        let limit = self.config.limits.subscriptions;
        let topics = &registration.topics;
        if topics.len() > limit
            || topics
                .iter()
                .any(|topic| topics::check_pattern(topic).is_err())
        {
            return Err(Denied::new(
                CloseReason::Refused,
                "too many topics, or a topic that is none",
            ));
        }
        Ok(())
    }

    fn look_up(&self, registration: &Registration) -> Name {
        let state = self.state();
        let Some(id) = registration.client_id.as_deref() else {
            return Name::Free;
        };
        let Some(&old) = state.clients.get(id) else {
            return Name::Free;
        };
        let holder = state.peers.get(&old).and_then(|peer| peer.client.as_ref());
        match (holder, &registration.resume) {
            (None, _) => Name::Free,
            (Some(holder), Some(_)) if holder.resume == registration.resume => Name::Resumed(old),
            _ => Name::Taken(old),
        }
    }

    fn replace(&self, old: ConnId) {
        if let Some(link) = self.link(old) {
            link.leave(
                CloseReason::Replaced,
                "the same client came back over a new connection",
            );
        }
        // At once: its driver would take the newcomer's name away later.
        let mut state = self.state();
        let id = state
            .peers
            .get(&old)
            .and_then(|peer| peer.client.as_ref())
            .map(|it| it.id.clone());
        if let Some(id) = id {
            if state.clients.get(&id) == Some(&old) {
                state.clients.remove(&id);
            }
        }
    }

    /// Lets the holder of the name prove that it lives; the newcomer waits.
    fn contend(&self, old: ConnId, conn: ConnId, newcomer: &Arc<Link>, registration: Registration) {
        let Some(link) = self.link(old) else {
            // It went a moment ago, and took its name off the list.
            return self.admit(conn, newcomer, registration);
        };
        let first = {
            let mut state = self.state();
            let waiting = state.contenders.entry(old).or_default();
            waiting.push((conn, registration));
            waiting.len() == 1
        };
        if first {
            link.with(|session, now| session.probe(now + PROOF_TIME, now));
            link.flush();
        }
    }

    /// The holder of a name has answered, or has not.
    pub(super) fn on_probed(&self, old: ConnId, alive: bool) {
        let _naming = self.naming();
        let waiting = self.state().contenders.remove(&old).unwrap_or_default();
        for (conn, registration) in waiting {
            let Some(link) = self.link(conn) else {
                continue;
            };
            let holder = match self.look_up(&registration) {
                Name::Free => None,
                Name::Resumed(holder) | Name::Taken(holder) => Some(holder),
            };
            match holder {
                // The silent one goes; a second newcomer finds the first there.
                Some(holder) if holder == old && !alive => {
                    self.replace(old);
                    self.admit(conn, &link, registration);
                }
                Some(_) => {
                    let id = registration.client_id.unwrap_or_default();
                    let text =
                        format!("the client id {id:?} belongs to another client that is alive");
                    refuse(&link, &Denied::new(CloseReason::DuplicateClientId, text));
                }
                None => self.admit(conn, &link, registration),
            }
            link.flush();
        }
    }

    fn admit(&self, conn: ConnId, link: &Arc<Link>, mut registration: Registration) {
        if self.state().clients.len() >= self.options.max_clients {
            let text = format!(
                "the server serves {} clients already",
                self.options.max_clients
            );
            return refuse(link, &Denied::new(CloseReason::MaxConnections, text));
        }
        if let Some(denied) = self.over_quota(conn) {
            return refuse(link, &denied);
        }
        let id = registration.client_id.take().or_else(random_name);
        let id: Arc<str> = id.unwrap_or_else(|| format!("client-{conn}")).into();
        // Without a secret nobody can resume; coming back then takes a probe.
        let resume = random_name();
        let connected_at = self.wall.at(now());
        let peer = {
            let mut state = self.state();
            let Some(peer) = state.peers.get_mut(&conn) else {
                return;
            };
            peer.client = Some(Registered {
                id: id.clone(),
                resume: resume.clone(),
                connected_at,
            });
            let credentials = peer.credentials;
            state.clients.insert(id.clone(), conn);
            state.past.total += 1;
            credentials
        };
        trace::line(format_args!("connection {conn} registered"));
        {
            let mut topics = self.topics();
            for topic in &registration.topics {
                topics.subscribe(conn, topic, self.config.limits.subscriptions);
            }
        }
        let clone_version = registration
            .protocol
            .as_ref()
            .map_or(0, |it| it.clone_version);
        // The owner is told first and answers with `let_in`: whoever hears that
        // it is registered can be reached by name.
        let connected = Connected {
            client_id: id.to_string(),
            metadata: registration.metadata.map(|raw| raw.get().to_owned()),
            peer,
            clone_version,
            role: String::new(),
            again: false,
        };
        let welcome = Welcome {
            client_id: id.to_string(),
            role: self.role(),
            resume,
            protocol: None,
        };
        if let Some(peer) = self.state().peers.get_mut(&conn) {
            peer.welcome = Some((welcome, registration.protocol));
        }
        self.sink
            .notify(conn, Notice::Connected(Box::new(connected)));
    }

    /// Keeps one of several users from taking all the room of the others.
    fn over_quota(&self, conn: ConnId) -> Option<Denied> {
        let state = self.state();
        let of_user = |peer: &Peer| policy::foreign_user(peer.credentials);
        let user = state.peers.get(&conn).and_then(of_user)?;
        // One that was replaced a moment ago has no name any more.
        let named = state.clients.values();
        let others = named.filter_map(|conn| state.peers.get(conn));
        let count = others.filter(|peer| of_user(peer) == Some(user)).count();
        let text = format!("user {user} has {count} clients here already");
        (count >= self.options.max_clients_per_uid)
            .then(|| Denied::new(CloseReason::MaxConnections, text))
    }

    /// Somebody looks whether we are there: answered, and never seen again.
    fn answer_probe(&self, conn: ConnId, link: &Arc<Link>, registration: &Registration) {
        if let Some(peer) = self.state().peers.get_mut(&conn) {
            peer.is_probe = true;
        }
        let welcome = Welcome {
            client_id: String::new(),
            role: self.role(),
            resume: None,
            protocol: None,
        };
        link.with(|session, now| {
            session.accept(welcome, registration.protocol.as_ref(), now);
            session.leave(CloseReason::Local, "a server is here", now);
        });
    }
}

fn refuse(link: &Arc<Link>, denied: &Denied) {
    let refusal = Refusal {
        error: denied.text.clone(),
        reason: denied.reason.as_str().to_owned(),
    };
    link.with(|session, now| session.refuse(refusal, denied.reason, now));
}

/// 128 random bits in hexadecimal; none if the system has no randomness.
fn random_name() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
