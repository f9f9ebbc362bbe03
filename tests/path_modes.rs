//! What a server makes of a path: modes, names, and nothing left at the end.
#![cfg(unix)]
// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "support/actors.rs"]
#[allow(dead_code)]
mod actors;
#[path = "support/paths.rs"]
#[allow(dead_code)]
mod paths;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::io::Errno;
use smartipc_native::ipc::lock::lock_path;
use smartipc_native::ipc::transport::bind::{bind, insecure_directory, BindError, MAX_PATH};

use actors::Actor;
use paths::{options, serves, Dir};

#[test]
fn the_mode_is_exact_whatever_the_umask() {
    let dir = Dir::new();
    let mut actor = Actor::spawn();
    for umask in ["000", "022", "077", "777"] {
        for mode in [0o600, 0o660, 0o666] {
            let path = dir.path(&format!("{umask}-{mode:o}"));
            actor.ask(&format!("umask {umask}"));
            assert_eq!(actor.ask(&format!("bind server:{mode:o} {path}")), "ok");
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
            assert_eq!(
                fs::metadata(lock_path(path.as_ref())).unwrap().mode() & 0o7777,
                0o600
            );
            assert_eq!(actor.ask("release"), "true");
        }
    }
}

#[test]
fn the_longest_path_works_and_a_longer_one_is_refused() {
    let dir = Dir::new();
    // One name as long as can be, then a deep folder with a short name.
    let fill = MAX_PATH - dir.path("").len();
    let deep = dir.path(&"d".repeat(fill - 2));
    fs::create_dir(&deep).unwrap();
    let mut paths = vec![dir.path(&"x".repeat(if cfg!(target_os = "linux") { fill } else { 8 }))];
    if cfg!(target_os = "linux") {
        paths.push(format!("{deep}/x"));
    }
    for path in paths {
        let bound = bind(path.as_ref(), &options()).unwrap();
        serves(&bound, &path);
        let longer = format!("{path}{}", "x".repeat(MAX_PATH + 1 - path.len()));
        let error = bind(longer.as_ref(), &options()).unwrap_err();
        assert!(matches!(error, BindError::PathTooLong { length } if length == MAX_PATH + 1));
        assert_eq!(error.errno(), Some(Errno::NAMETOOLONG.raw_os_error()));
        drop(bound);
        assert!(!Path::new(&path).exists() && !Path::new(&longer).exists());
    }
    fs::remove_file(format!("{deep}/x.lock")).unwrap_or_default();
    assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);
}

#[test]
fn names_that_are_no_paths_are_refused() {
    let dir = Dir::new();
    let refused = |path: &str| bind(path.as_ref(), &options()).unwrap_err();
    assert!(matches!(refused(&dir.path("a\0b")), BindError::Nul));
    assert!(matches!(refused("\0abstract"), BindError::Abstract));
    assert!(matches!(refused("@abstract"), BindError::Abstract));
    for path in ["", "/", "..", "a/", "a/."] {
        assert!(matches!(refused(path), BindError::NoFileName), "{path:?}");
    }
    let error = refused(&dir.path("missing/x"));
    assert_eq!(error.errno(), Some(Errno::NOENT.raw_os_error()), "{error}");
    let file = dir.path("file");
    fs::write(&file, "").unwrap();
    let error = refused(&format!("{file}/x"));
    assert_eq!(error.errno(), Some(Errno::NOTDIR.raw_os_error()), "{error}");
    assert_eq!(dir.names(), ["file"]);
}

#[test]
fn a_relative_path_survives_a_change_of_directory() {
    let dir = Dir::new();
    let mut actor = Actor::spawn();
    actor.ask(&format!("chdir {}", dir.path("")));
    assert_eq!(actor.ask("bind server:600 x"), "ok");
    assert_eq!(dir.names(), ["x", "x.lock"]);
    actor.ask("chdir /");
    assert_eq!(actor.ask("release"), "true");
    assert_eq!(dir.names(), ["x.lock"]);
}

#[test]
fn a_read_only_directory_gives_the_systems_error() {
    let dir = Dir::new();
    fs::set_permissions(dir.path(""), Permissions::from_mode(0o500)).unwrap();
    if File::create(dir.path("probe")).is_ok() {
        eprintln!("not run: root may write to read-only directories");
        return;
    }
    let error = bind(dir.path("x").as_ref(), &options()).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ACCESS.raw_os_error()), "{error}");
    fs::set_permissions(dir.path(""), Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn directories_open_to_others_are_noticed() {
    let dir = Dir::new();
    let insecure = |mode| {
        fs::set_permissions(dir.path(""), Permissions::from_mode(mode)).unwrap();
        insecure_directory(dir.path("x").as_ref())
    };
    assert!(insecure(0o777) && insecure(0o770) && insecure(0o702));
    assert!(!insecure(0o1777) && !insecure(0o755) && !insecure(0o700));
    assert!(!insecure_directory(dir.path("missing/x").as_ref()));
}

#[test]
fn starting_and_stopping_leaves_nothing() {
    let dir = Dir::new();
    let mut actor = Actor::spawn();
    assert_eq!(actor.ask(&format!("cycle 200 {}", dir.path("x"))), "0");
    assert_eq!(dir.names(), ["x.lock"]);
}

#[test]
fn programs_we_run_inherit_nothing() {
    if !Path::new("/proc/self/fd").exists() {
        eprintln!("not run: there is no /proc");
        return;
    }
    let dir = Dir::new();
    let mut actor = Actor::spawn_bound("server:600", &dir.path("x"));
    let open = actor.ask("child-fds");
    assert!(open.contains("pipe:"), "{open}");
    assert!(
        !open.contains("socket:") && !open.contains(&dir.path("")),
        "{open}"
    );
}
