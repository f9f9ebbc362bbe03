//! Who gets a socket path: what is in the way, dead or alive.
#![cfg(unix)]
// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "support/actors.rs"]
#[allow(dead_code)]
mod actors;
#[path = "support/paths.rs"]
#[allow(dead_code)]
mod paths;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use smartipc_native::ipc::lock::{lock_path, Attempt, Holder, PathLock};
use smartipc_native::ipc::transport::bind::{bind, BindError, BindOptions};

use actors::Actor;
use paths::{abandon, fill_backlog, greet, id, in_use, options, serves, Dir};

// --- what is in the way ---------------------------------------------------

#[test]
fn files_directories_and_links_are_refused_and_untouched() {
    let dir = Dir::new();
    let (file, folder, stale) = (dir.path("file"), dir.path("folder"), dir.path("stale"));
    fs::write(&file, "precious").unwrap();
    fs::create_dir(&folder).unwrap();
    abandon(&stale);
    for (name, target) in [
        ("to-file", &file),
        ("to-folder", &folder),
        ("to-socket", &stale),
        ("dangling", &dir.path("nothing")),
    ] {
        symlink(target, dir.path(name)).unwrap();
    }
    let before = dir.inodes();
    for name in [
        "file",
        "folder",
        "to-file",
        "to-folder",
        "to-socket",
        "dangling",
    ] {
        for holder in [Holder::Server, Holder::Hub] {
            let options = BindOptions {
                holder,
                ..options()
            };
            let error = bind(dir.path(name).as_ref(), &options).unwrap_err();
            assert!(
                matches!(error, BindError::NotASocket { .. }),
                "{name}: {error}"
            );
        }
    }
    // Not even a lock file was added.
    assert_eq!(dir.inodes(), before);
    assert_eq!(fs::read_to_string(file).unwrap(), "precious");
}

#[test]
fn a_killed_servers_file_is_replaced_only_with_cleanup() {
    let dir = Dir::new();
    let path = dir.path("x");
    Actor::spawn_bound("server:600", &path).kill();
    let before = id(&path);
    let keep = BindOptions {
        cleanup: false,
        ..options()
    };
    for _ in 0..2 {
        in_use(bind(path.as_ref(), &keep));
        assert_eq!(id(&path), before);
    }
    let started = Instant::now();
    let bound = bind(path.as_ref(), &options()).unwrap();
    assert!(started.elapsed() < Duration::from_secs(1));
    serves(&bound, &path);
    assert!(bound.guard().unlocked_because().is_none());
    drop(bound);
    assert_eq!(dir.names(), ["x.lock"]);
    // Nothing stays on record that a later file could be mistaken for.
    let Attempt::Held(lock) = PathLock::try_acquire(path.as_ref(), Holder::Server).unwrap() else {
        panic!("a stopped server's lock is free");
    };
    assert_eq!(lock.previous().unwrap().leaves(), None);
}

#[test]
fn a_strangers_dead_file_is_replaced_on_linux_only() {
    let dir = Dir::new();
    let path = dir.path("x");
    let keep = BindOptions {
        cleanup: false,
        ..options()
    };
    let hub = BindOptions {
        holder: Holder::Hub,
        ..options()
    };
    abandon(&path);
    in_use(bind(path.as_ref(), &keep));
    in_use(bind(path.as_ref(), &hub));
    match bind(path.as_ref(), &options()) {
        Ok(bound) if cfg!(target_os = "linux") => serves(&bound, &path),
        outcome => drop(in_use(outcome)),
    }
}

#[test]
fn a_strangers_fresh_file_is_given_time_to_listen() {
    if !cfg!(target_os = "linux") {
        eprintln!("not run: strangers' files are kept here");
        return;
    }
    let dir = Dir::new();
    let path = dir.path("x");
    let started = Instant::now();
    drop(UnixListener::bind(&path).unwrap());
    drop(bind(path.as_ref(), &options()).unwrap());
    // File times are coarser than the clock.
    assert!(started.elapsed() >= Duration::from_millis(150));
}

#[test]
fn a_dead_hub_is_replaced_and_a_hub_replaces_nothing_else() {
    let dir = Dir::new();
    let path = dir.path("x");
    let hub = BindOptions {
        holder: Holder::Hub,
        cleanup: false,
        ..options()
    };
    Actor::spawn_bound("server:600", &path).kill();
    in_use(bind(
        path.as_ref(),
        &BindOptions {
            cleanup: true,
            ..hub.clone()
        },
    ));
    fs::remove_file(&path).unwrap();

    // Nobody asked for a hub, so a server needs no leave to clean up after one.
    Actor::spawn_bound("hub:600", &path).kill();
    let server = BindOptions {
        cleanup: false,
        ..options()
    };
    serves(&bind(path.as_ref(), &server).unwrap(), &path);
    Actor::spawn_bound("hub:600", &path).kill();
    let bound = bind(path.as_ref(), &hub).unwrap();
    serves(&bound, &path);
    let BindError::AddressInUse {
        holder: Some(record),
    } = in_use(bind(path.as_ref(), &hub))
    else {
        panic!("the holder is on record");
    };
    assert_eq!(
        (record.holder, record.pid),
        (Holder::Hub, std::process::id())
    );
    drop(bound);

    // A stranger's file is not the hub's, though a hub was here last.
    abandon(&path);
    in_use(bind(path.as_ref(), &hub));
}

#[test]
fn leftover_folders_of_dead_processes_are_removed() {
    let dir = Dir::new();
    let mut gone = Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    let dead = format!(".x.{}.0123abcd", gone.id());
    let other_path = format!(".y.{}.0123abcd", gone.id());
    let full = format!(".x.{}.0123abce", gone.id());
    let link = format!(".x.{}.0123abcf", gone.id());
    let parent = std::os::unix::process::parent_id();
    let living = format!(".x.{parent}.0123abcd");
    for name in [&dead, &other_path, &full, &living] {
        fs::create_dir(dir.path(name)).unwrap();
        drop(UnixListener::bind(dir.path(&format!("{name}/s"))).unwrap());
    }
    fs::write(dir.path(&format!("{full}/data")), "precious").unwrap();
    symlink(dir.path(&living), dir.path(&link)).unwrap();
    drop(bind(dir.path("x").as_ref(), &options()).unwrap());
    let mut kept = vec![
        full.clone(),
        link,
        living.clone(),
        other_path,
        "x.lock".into(),
    ];
    kept.sort();
    assert_eq!(dir.names(), kept);
    assert!(Path::new(&dir.path(&format!("{living}/s"))).exists());
    assert!(Path::new(&dir.path(&format!("{full}/data"))).exists());
}

// --- live servers ---------------------------------------------------------

#[test]
fn a_live_server_keeps_its_path() {
    let dir = Dir::new();
    // What the second server has to find out: by the lock, by asking a
    // stranger, and by asking one of ours whose lock file was deleted.
    for (kind, command) in [
        ("locked", "bind server:600"),
        ("hub", "bind hub:600"),
        ("stranger", "foreign 1"),
        ("unlocked", "bind server:600"),
    ] {
        for frozen in [false, true] {
            for full in [false, true] {
                let case = format!("{kind}-{frozen}-{full}");
                let path = dir.path(&case);
                let mut server = Actor::spawn();
                assert_eq!(server.ask(&format!("{command} {path}")), "ok");
                if kind == "unlocked" {
                    fs::remove_file(lock_path(path.as_ref())).unwrap();
                }
                if frozen {
                    server.freeze();
                }
                let waiting = if full {
                    fill_backlog(&path)
                } else {
                    Vec::new()
                };
                let before = id(&path);
                let started = Instant::now();
                for holder in [Holder::Server, Holder::Hub] {
                    in_use(bind(
                        path.as_ref(),
                        &BindOptions {
                            holder,
                            ..options()
                        },
                    ));
                }
                assert!(started.elapsed() < Duration::from_secs(1), "{case}");
                assert_eq!(id(&path), before, "{case}");
                drop(waiting);
                server.thaw();
                assert_eq!(server.ask("serve"), "serving");
                greet(&path, server.id());
            }
        }
    }
}

#[test]
fn stopping_keeps_a_file_that_somebody_else_put_there() {
    let dir = Dir::new();
    let path = dir.path("x");
    for keep_listener in [true, false] {
        let (listener, guard) = bind(path.as_ref(), &options()).unwrap().into_parts();
        assert!(guard.still_ours());
        let listener = keep_listener.then_some(listener);
        fs::remove_file(&path).unwrap();
        assert!(!guard.still_ours());
        let other = UnixListener::bind(&path).unwrap();
        assert!(!guard.still_ours());
        assert!(!guard.release().unwrap());
        drop(listener);
        UnixStream::connect(&path).unwrap();
        drop(other);
        fs::remove_file(&path).unwrap();
    }
    // The file gone altogether is no failure either.
    let (_listener, guard) = bind(path.as_ref(), &options()).unwrap().into_parts();
    fs::remove_file(&path).unwrap();
    assert!(!guard.release().unwrap());
}
