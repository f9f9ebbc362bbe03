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

/// The pipe name of a socket path, the same for server and client.
///
/// A name that already is a pipe's stays. Anything else becomes
/// `\\.\pipe\<path>` with separators and the drive's colon replaced, which keeps
/// different paths apart: the replaced text is followed by a hash of the path.
pub fn pipe_name(path: &str) -> String {
    let lower = path.to_ascii_lowercase();
    if lower.starts_with(r"\\.\pipe\") || lower.starts_with(r"\\?\pipe\") {
        return path.to_owned();
    }
    let plain: String = path
        .chars()
        .map(|c| match c {
            '\\' | '/' | ':' => '-',
            other => other,
        })
        .collect();
    // Pipe names may have 256 characters in all.
    let tail_start = plain.char_indices().rev().nth(180).map_or(0, |(at, _)| at);
    let tail = plain.get(tail_start..).unwrap_or_default();
    format!(
        r"\\.\pipe\{}-{:016x}",
        tail.trim_matches('-'),
        fnv1a(lower.as_bytes())
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
    fn pipe_names_stay_and_paths_are_mapped() {
        assert_eq!(pipe_name(r"\\.\pipe\app"), r"\\.\pipe\app");
        let mapped = pipe_name("/tmp/app.sock");
        assert!(mapped.starts_with(r"\\.\pipe\tmp-app.sock-"));
        assert_eq!(mapped, pipe_name("/tmp/app.sock"));
        assert_ne!(mapped, pipe_name("/tmp-app.sock"));
        assert!(pipe_name(&"ä".repeat(400)).chars().count() < 256);
    }
}
