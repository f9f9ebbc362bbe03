//! A socket path before anything is done with it, and the pipe that it becomes.
//!
//! - What can't be listened on is told apart by the rules alone.
//! - Connecting refuses what would be cut, and abstract names.
//! - A pipe's name fits, is one component, and is the same every time.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use smartipc_native::ipc::endpoint::pipe_name;
use smartipc_native::ipc::transport::bind::{classify, BindError, MAX_PATH};
use smartipc_native::ipc::transport::check;
use smartipc_native::ipc::{Address, ErrorCode};

pub fn run(data: &[u8]) {
    // A path has no use for more.
    let data = data.get(..4 * MAX_PATH).unwrap_or(data);
    let path = Path::new(OsStr::from_bytes(data));
    listens(path, data);
    connects(path, data);
    if let Ok(text) = std::str::from_utf8(data) {
        names_a_pipe(text);
    }
}

fn listens(path: &Path, bytes: &[u8]) {
    let last = bytes
        .rsplit(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    let result = classify(path);
    if matches!(bytes.first(), Some(0 | b'@')) {
        assert!(matches!(result, Err(BindError::Abstract)), "{result:?}");
    } else if bytes.contains(&0) {
        assert!(matches!(result, Err(BindError::Nul)), "{result:?}");
    } else if bytes.len() > MAX_PATH {
        let length = bytes.len();
        assert!(matches!(result, Err(BindError::PathTooLong { length: told }) if told == length));
    } else if matches!(last, b"" | b"." | b"..") {
        assert!(matches!(result, Err(BindError::NoFileName)), "{result:?}");
    } else {
        assert!(result.is_ok(), "{result:?}");
    }
}

fn connects(path: &Path, bytes: &[u8]) {
    let result = check(&Address::Path(path.to_owned())).map_err(|error| error.code);
    let expected = if matches!(bytes.first(), Some(0 | b'@')) {
        Err(ErrorCode::InvalidPath)
    } else if bytes.len() > MAX_PATH {
        Err(ErrorCode::PathTooLong)
    } else if bytes.contains(&0) {
        Err(ErrorCode::InvalidPath)
    } else {
        Ok(())
    };
    assert_eq!(result, expected);
}

fn names_a_pipe(path: &str) {
    const PREFIXES: [&str; 2] = [r"\\.\pipe\", r"\\?\pipe\"];
    let name = pipe_name(path);
    assert_eq!(name, pipe_name(path));
    let path = path.replace('/', "\\");
    let lower = path.to_ascii_lowercase();
    if PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        assert_eq!(name, path, "a pipe's own name stays");
        return;
    }
    let rest = name.strip_prefix(PREFIXES[0]).expect("a pipe");
    assert!(
        !rest.contains(['/', '\\', ':']) && !rest.is_empty(),
        "{name}"
    );
    assert!(name.chars().count() <= 256, "{name} is too long");
    // Windows knows no case.
    let shouted = path.to_ascii_uppercase();
    assert!(pipe_name(&shouted).eq_ignore_ascii_case(&name));
}
