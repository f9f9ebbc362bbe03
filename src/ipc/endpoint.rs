//! Where a server is found: a socket path, a pipe name, or a host and port.

use std::fmt;
use std::path::PathBuf;

/// An address to listen on or to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket; on Windows the named pipe derived from the path.
    Path(PathBuf),
    /// TCP.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port; 0 lets the system choose one for a server.
        port: u16,
    },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Path(path) => path.display().fmt(f),
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// What every local pipe's name starts with.
pub const PIPE_PREFIX: &str = r"\\.\pipe\";
/// Longest name of a pipe, with the prefix, in UTF-16 units.
pub const LONGEST_PIPE_NAME: usize = 256;
/// How much of a path's end is kept in the name of its pipe, for people to read.
const KEPT: usize = 180;

/// Whether a path is the name of a pipe, with slashes of either kind.
pub fn is_pipe_name(path: &str) -> bool {
    path.get(..PIPE_PREFIX.len()).is_some_and(|start| {
        let start = start.replace('/', "\\").to_ascii_lowercase();
        start == PIPE_PREFIX || start == r"\\?\pipe\"
    })
}

/// The pipe name of a socket path, the same for server and client.
///
/// A name that already is a pipe's stays. Anything else becomes
/// `\\.\pipe\<path>-<hash>`: of the path what every name may have, and a hash that
/// keeps different paths apart. As for files, case and the kind of slash make no
/// difference.
pub fn pipe_name(path: &str) -> String {
    if is_pipe_name(path) {
        return path.replace('/', "\\");
    }
    let plain: String = path
        .chars()
        .map(|c| match c {
            '.' | '_' => c,
            c if c.is_ascii_alphanumeric() => c,
            _ => '-',
        })
        .collect();
    let kept = plain.get(plain.len().saturating_sub(KEPT)..);
    let same = path.replace('/', "\\").to_lowercase();
    format!(
        "{PIPE_PREFIX}{}-{:016x}",
        kept.unwrap_or_default()
            .trim_matches('-')
            .to_ascii_lowercase(),
        fnv1a(same.as_bytes())
    )
}

/// FNV-1a, 64 bit: small, stable across versions, no secret to keep here.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_pipes_stay() {
        for name in [r"\\.\pipe\app", r"\\?\pipe\App\one", r"\\.\PIPE\x y"] {
            assert_eq!(pipe_name(name), name);
        }
        assert_eq!(pipe_name("//./pipe/app"), r"\\.\pipe\app");
    }

    #[test]
    fn paths_become_names_that_differ_as_files_do() {
        // Clients in other languages compute this too: docs/protocol.md.
        assert_eq!(
            pipe_name("/tmp/app.sock"),
            r"\\.\pipe\tmp-app.sock-e83a1e997988209b"
        );
        assert_eq!(pipe_name(r"C:\Tmp\a.sock"), pipe_name("c:/tmp/A.sock"));
        for other in [
            "/tmp-app.sock",
            "/tmp/app.sock/",
            "//tmp/app.sock",
            "pipe/app",
        ] {
            assert_ne!(pipe_name("/tmp/app.sock"), pipe_name(other));
        }
    }

    #[test]
    fn the_longest_path_fits_into_a_name() {
        for piece in ["x", "ä", "😀"] {
            let name = pipe_name(&piece.repeat(400));
            assert!(name.encode_utf16().count() <= LONGEST_PIPE_NAME);
        }
    }
}
