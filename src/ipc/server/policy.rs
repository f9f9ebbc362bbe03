//! Who is let in.

use subtle::ConstantTimeEq;

use crate::ipc::close::CloseReason;
use crate::ipc::endpoint::Address;
use crate::ipc::frame::{Registration, VERSION};
use crate::ipc::options::{ServerOptions, MAX_NAME};
use crate::ipc::transport::{Credentials, Stream};

/// Why somebody is not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Denied {
    pub(super) reason: CloseReason,
    pub(super) text: String,
}

impl Denied {
    pub(super) fn new(reason: CloseReason, text: impl Into<String>) -> Self {
        Self {
            reason,
            text: text.into(),
        }
    }
}

/// Checks what does not depend on who else is there.
pub(super) fn check(
    options: &ServerOptions,
    registration: &Registration,
    peer: Credentials,
    in_allowed_group: bool,
) -> Result<(), Denied> {
    if !in_allowed_group && !user_allowed(options, peer) {
        return Err(Denied::new(
            CloseReason::Unauthorized,
            "unauthorized: this user is not let in",
        ));
    }
    if let Some(expected) = &options.auth_token {
        let shown = registration.token.as_deref().unwrap_or_default();
        // In a time that tells no more than the length.
        if !bool::from(expected.as_bytes().ct_eq(shown.as_bytes())) {
            return Err(Denied::new(
                CloseReason::Unauthorized,
                "unauthorized: wrong or missing token",
            ));
        }
    }
    if registration
        .protocol
        .as_ref()
        .is_some_and(|protocol| protocol.version < VERSION)
    {
        return Err(Denied::new(
            CloseReason::Incompatible,
            "no common protocol version",
        ));
    }
    match &registration.client_id {
        Some(id) if id.is_empty() || id.len() > MAX_NAME => Err(Denied::new(
            CloseReason::Refused,
            "a client id must have 1 to 256 bytes",
        )),
        _ => Ok(()),
    }
}

/// By default the own user and root; whoever `socket_mode` lets write as well.
/// Decided on user and group only: a process id can be reused.
fn user_allowed(options: &ServerOptions, peer: Credentials) -> bool {
    let (Some(uid), Some(gid)) = (peer.uid, peer.gid) else {
        // TCP knows no users, token and TLS are for it; a pipe is its user's. Of a
        // Unix socket's peer the kernel may know no more once it has gone.
        return !cfg!(unix) || !matches!(options.address, Address::Path(_));
    };
    if options.allowed_uids.is_some() || options.allowed_gids.is_some() {
        let listed =
            |list: &Option<Vec<u32>>, id| list.as_ref().is_some_and(|list| list.contains(&id));
        return listed(&options.allowed_uids, uid) || listed(&options.allowed_gids, gid);
    }
    #[cfg(unix)]
    {
        let own = rustix::process::geteuid().as_raw();
        // The kernel has checked the mode; a group's members are not ours to list.
        uid == own || uid == 0 || options.socket_mode & 0o022 != 0
    }
    #[cfg(not(unix))]
    true
}

/// Whether one of a peer's groups, beside its primary one, is among those let in.
pub(super) fn is_in_allowed_group(options: &ServerOptions, stream: &Stream) -> bool {
    #[cfg(unix)]
    if let (Some(allowed), Some(groups_of)) = (&options.allowed_gids, options.groups_of) {
        return stream
            .unix()
            .is_some_and(|socket| groups_of(socket).iter().any(|gid| allowed.contains(gid)));
    }
    let _ = (options, stream);
    false
}

/// The user that a quota counts for: another one than ours and root.
pub(super) fn foreign_user(peer: Credentials) -> Option<u32> {
    peer.uid.filter(|_| !owns_the_path(peer))
}

/// Whether a peer is of our own user, or root, as the kernel says. A hub of
/// Windows has a pipe, which lets in nobody else but administrators.
pub(super) fn owns_the_path(peer: Credentials) -> bool {
    #[cfg(unix)]
    {
        let own = rustix::process::geteuid().as_raw();
        peer.uid.is_some_and(|uid| uid == own || uid == 0)
    }
    #[cfg(not(unix))]
    {
        let _ = peer;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(token: Option<&str>) -> Registration {
        Registration {
            client_id: None,
            metadata: None,
            token: token.map(str::to_owned),
            resume: None,
            topics: Vec::new(),
            probe: false,
            give_way: false,
            protocol: None,
        }
    }

    #[cfg(unix)]
    fn options() -> ServerOptions {
        ServerOptions::new(Address::Path("/x".into()))
    }

    fn tcp() -> ServerOptions {
        ServerOptions::new(Address::Tcp {
            host: "localhost".to_owned(),
            port: 0,
        })
    }

    #[test]
    fn a_token_is_required_once_set() {
        let mut options = tcp();
        let nobody = Credentials::default();
        assert!(check(&options, &registration(None), nobody, false).is_ok());
        options.auth_token = Some("secret".to_owned());
        assert!(check(&options, &registration(Some("secret")), nobody, false).is_ok());
        let shown = ["Secret", "secre", "secrets", "", "secretsecret"];
        for wrong in shown.map(Some).into_iter().chain([None]) {
            let denied = check(&options, &registration(wrong), nobody, false).unwrap_err();
            assert_eq!(denied.reason, CloseReason::Unauthorized);
            assert!(!denied.text.contains("ecret"), "{}", denied.text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn users_are_let_in_by_list_or_by_mode() {
        let own = rustix::process::geteuid().as_raw();
        let peer = |uid, gid| Credentials {
            pid: None,
            uid: Some(uid),
            gid: Some(gid),
        };
        let mut options = options();
        assert!(user_allowed(&options, peer(own, 1)));
        assert!(user_allowed(&options, peer(0, 0)));
        assert!(!user_allowed(&options, peer(own + 12345, 1)));
        options.socket_mode = 0o666;
        assert!(user_allowed(&options, peer(own + 12345, 1)));
        options.allowed_uids = Some(vec![own + 1]);
        assert!(!user_allowed(&options, peer(own, 1)));
        options.allowed_gids = Some(vec![7]);
        assert!(user_allowed(&options, peer(own, 7)));
        // By another group than the primary one.
        let check = |member| check(&options, &registration(None), peer(own, 1), member);
        assert!(check(true).is_ok());
        assert_eq!(check(false).unwrap_err().reason, CloseReason::Unauthorized);
    }

    #[cfg(unix)]
    #[test]
    fn whom_the_kernel_does_not_know_gets_in_over_tcp_alone() {
        let nobody = Credentials::default();
        assert!(user_allowed(&tcp(), nobody));
        let mut options = options();
        options.socket_mode = 0o666;
        assert!(!user_allowed(&options, nobody));
    }
}
