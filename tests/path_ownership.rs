//! Who gets a socket path: modes, stale files, live servers, races.
//!
//! Servers that are killed, stopped or raced are real processes: this binary
//! runs itself, and [`actor`] obeys commands on its standard input.
#![cfg(unix)]
// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{symlink, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{flock, FlockOperation};
use rustix::io::Errno;
use rustix::net::{socket, AddressFamily, SocketAddrUnix, SocketType};
use rustix::process::{kill_process, waitpid, Pid, Signal, WaitOptions};
use smartipc_native::ipc::lock::{lock_path, Attempt, FileId, Holder, PathLock, Unavailable};
use smartipc_native::ipc::transport::bind::{
    bind, bind_without_lock, insecure_directory, BindError, BindOptions, BoundSocket, MAX_PATH,
};

// --- modes and paths ------------------------------------------------------

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
fn a_hub_replaces_a_dead_hub_and_nothing_else() {
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

    Actor::spawn_bound("hub:600", &path).kill();
    // A server that was refused does not wipe out whose file it is.
    in_use(bind(
        path.as_ref(),
        &BindOptions {
            cleanup: false,
            ..options()
        },
    ));
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

// --- the lock file --------------------------------------------------------

#[test]
fn without_a_lock_of_our_own_nothing_is_removed() {
    let dir = Dir::new();
    let target = dir.path("target");
    fs::write(&target, "").unwrap();
    type Case<'a> = (&'a str, Box<dyn Fn(&str) + 'a>);
    let mut cases: Vec<Case<'_>> = vec![
        ("symlink", Box::new(|lock| symlink(&target, lock).unwrap())),
        (
            "dangling",
            Box::new(|lock| symlink("/nonexistent", lock).unwrap()),
        ),
        ("directory", Box::new(|lock| fs::create_dir(lock).unwrap())),
        (
            "socket",
            Box::new(|lock| drop(UnixListener::bind(lock).unwrap())),
        ),
        (
            "hard-link",
            Box::new(|lock| fs::hard_link(&target, lock).unwrap()),
        ),
        (
            "other-data",
            Box::new(|lock| fs::write(lock, "precious").unwrap()),
        ),
        (
            "long",
            Box::new(|lock| fs::write(lock, [b' '; 200]).unwrap()),
        ),
    ];
    if rustix::process::geteuid().is_root() {
        cases.push((
            "foreign",
            Box::new(|lock| {
                fs::write(lock, "").unwrap();
                std::os::unix::fs::chown(lock, Some(4321), None).unwrap();
            }),
        ));
    } else {
        eprintln!("not run: a lock file of another user needs root");
    }
    for (name, make) in cases {
        let path = dir.path(name);
        let lock = format!("{path}.lock");
        make(&lock);
        let before = fs::symlink_metadata(&lock).unwrap();
        let bound = bind(path.as_ref(), &options()).unwrap();
        assert!(bound.guard().unlocked_because().is_some(), "{name}");
        serves(&bound, &path);
        in_use(bind(path.as_ref(), &options()));
        // Its own file it may remove.
        drop(bound);
        assert!(!Path::new(&path).exists(), "{name}");
        abandon(&path);
        in_use(bind(path.as_ref(), &options()));
        let after = fs::symlink_metadata(&lock).unwrap();
        assert_eq!(FileId::of(&before), FileId::of(&after), "{name}");
        assert_eq!(
            (before.mode(), before.len(), before.mtime_nsec()),
            (after.mode(), after.len(), after.mtime_nsec()),
            "{name}"
        );
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "");
}

#[test]
fn a_lock_held_by_an_unknown_program_does_not_stop_us() {
    let dir = Dir::new();
    let path = dir.path("x");
    let stranger = File::create(lock_path(path.as_ref())).unwrap();
    flock(&stranger, FlockOperation::LockExclusive).unwrap();
    let options = BindOptions {
        lock_wait: Duration::from_millis(20),
        ..options()
    };
    let bound = bind(path.as_ref(), &options).unwrap();
    assert!(matches!(
        bound.guard().unlocked_because(),
        Some(Unavailable::HeldByStranger)
    ));
    drop(bound);
    abandon(&path);
    in_use(bind(path.as_ref(), &options));
}

#[test]
fn the_lock_is_free_again_after_release_and_outlives_its_deletion() {
    let dir = Dir::new();
    let path = dir.path("x");
    let acquire = || PathLock::try_acquire(path.as_ref(), Holder::Hub).unwrap();
    let Attempt::Held(first) = acquire() else {
        panic!("a fresh lock is free");
    };
    assert!(first.previous().is_none());
    let Attempt::Busy(Some(record)) = acquire() else {
        panic!("a held lock is busy");
    };
    assert_eq!((record.holder, record.socket), (Holder::Hub, None));
    drop(first);
    let Attempt::Held(second) = acquire() else {
        panic!("a dropped lock is free");
    };
    assert_eq!(second.previous(), Some(record));
    fs::remove_file(lock_path(path.as_ref())).unwrap();
    assert!(matches!(acquire(), Attempt::Held(_)));
}

#[test]
fn a_starting_server_waits_for_a_stopping_one() {
    let dir = Dir::new();
    let path = dir.path("x");
    // Holds the lock and says so, but serves nothing: as while stopping.
    let Attempt::Held(stopping) = PathLock::try_acquire(path.as_ref(), Holder::Server).unwrap()
    else {
        panic!("a fresh lock is free");
    };
    let brief = BindOptions {
        lock_wait: Duration::from_millis(20),
        ..options()
    };
    in_use(bind(path.as_ref(), &brief));
    let mut actor = Actor::spawn();
    actor.say(&format!("bind server:600 {path}"));
    drop(stopping);
    assert_eq!(actor.answer(), "ok");
}

// --- races ----------------------------------------------------------------

const RACERS: usize = 6;

/// Lets six processes loose on one stale path at once, and says which got it.
/// On the odd rounds the stale file is a stranger's.
fn race(dir: &Dir, racers: &mut [Actor], command: &str, round: usize) -> Vec<usize> {
    let path = dir.path("x");
    if round % 2 == 1 {
        let _ = fs::remove_file(&path);
        abandon(&path);
    }
    // All block on the gate's lock and wake together when it opens.
    let gate = File::create(dir.path("gate")).unwrap();
    flock(&gate, FlockOperation::LockExclusive).unwrap();
    for racer in racers.iter_mut() {
        assert_eq!(racer.ask(&format!("gate {}", dir.path("gate"))), "waiting");
        racer.say(&format!("{command} {path}"));
    }
    flock(&gate, FlockOperation::Unlock).unwrap();
    let mut winners = Vec::new();
    for (index, racer) in racers.iter_mut().enumerate() {
        match racer.answer().as_str() {
            "ok" => winners.push(index),
            answer => assert_eq!(answer, "in use", "round {round}"),
        }
    }
    winners
}

#[test]
fn one_of_six_gets_a_stale_path() {
    let rounds = std::env::var("PATH_RACE_ROUNDS").map_or(60, |text| text.parse().unwrap());
    let dir = Dir::new();
    let path = dir.path("x");
    let mut racers: Vec<_> = (0..RACERS).map(|_| Actor::spawn()).collect();
    Actor::spawn_bound("server:600", &path).kill();
    let started = Instant::now();
    let mut wins = [0; RACERS];
    for round in 0..rounds {
        let winners = race(&dir, &mut racers, "bind server:600", round);
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        let winner = winners[0];
        wins[winner] += 1;
        assert_eq!(racers[winner].ask("serve"), "serving");
        greet(&path, racers[winner].id());
        // Leaves the stale file for the next round.
        std::mem::replace(&mut racers[winner], Actor::spawn()).kill();
    }
    eprintln!(
        "{rounds} rounds in {:?}, wins by place {wins:?}",
        started.elapsed()
    );
    if rounds >= 60 {
        let places = wins.iter().filter(|count| **count > 0).count();
        assert!(places > 1, "no race: {wins:?}");
    }
}

/// The same race without the lock must go wrong, or the race proves nothing.
#[test]
fn without_the_lock_two_of_six_get_it() {
    let dir = Dir::new();
    let mut racers: Vec<_> = (0..RACERS).map(|_| Actor::spawn()).collect();
    for round in 0..100 {
        let winners = race(&dir, &mut racers, "racy", 2 * round + 1);
        if winners.len() > 1 {
            eprintln!("round {round}: {} winners", winners.len());
            return;
        }
        for winner in winners {
            racers[winner].ask("release");
        }
    }
    panic!("no split brain in 100 rounds");
}

// --- helpers --------------------------------------------------------------

fn options() -> BindOptions {
    BindOptions {
        mode: 0o600,
        cleanup: true,
        holder: Holder::Server,
        lock_wait: Duration::from_secs(10),
        backlog: 1,
    }
}

fn in_use(outcome: Result<BoundSocket, BindError>) -> BindError {
    let error = outcome.unwrap_err();
    assert!(matches!(error, BindError::AddressInUse { .. }), "{error}");
    assert_eq!(error.errno(), Some(Errno::ADDRINUSE.raw_os_error()));
    error
}

/// Leaves a stale socket file as a program without our lock does, long ago.
fn abandon(path: &str) {
    drop(UnixListener::bind(path).unwrap());
    let long_ago = rustix::fs::Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    let times = rustix::fs::Timestamps {
        last_access: long_ago,
        last_modification: long_ago,
    };
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::empty()).unwrap();
}

fn id(path: &str) -> FileId {
    FileId::of(&fs::symlink_metadata(path).unwrap())
}

/// Connects until the kernel says that the backlog is full.
fn fill_backlog(path: &str) -> Vec<rustix::fd::OwnedFd> {
    let address = SocketAddrUnix::new(path).unwrap();
    let mut waiting = Vec::new();
    loop {
        let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::fs::fcntl_setfl(&socket, rustix::fs::OFlags::NONBLOCK).unwrap();
        match rustix::net::connect(&socket, &address) {
            Ok(()) => waiting.push(socket),
            // What a full backlog is called on Linux, and elsewhere.
            Err(Errno::AGAIN | Errno::CONNREFUSED) => return waiting,
            Err(errno) => panic!("{errno}"),
        }
    }
}

/// The socket at `path` is `bound`'s, and accepts.
fn serves(bound: &BoundSocket, path: &str) {
    assert!(fs::symlink_metadata(path).unwrap().file_type().is_socket());
    assert!(bound.guard().still_ours());
    let _client = UnixStream::connect(path).unwrap();
    bound.listener().accept().unwrap();
    let again = bound.listener().accept().unwrap_err();
    assert_eq!(again.kind(), io::ErrorKind::WouldBlock);
}

/// Connects, and checks that process `pid` answers.
fn greet(path: &str, pid: u32) {
    let mut answer = String::new();
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(b"?").unwrap();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, pid.to_string());
}

/// A directory of the test's own, removed at the end.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("po-{}-{count}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        Dir(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn names(&self) -> Vec<String> {
        self.inodes().into_iter().map(|(name, _)| name).collect()
    }

    fn inodes(&self) -> Vec<(String, u64)> {
        let entries = fs::read_dir(&self.0).unwrap().map(Result::unwrap);
        let mut all: Vec<_> = entries
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    entry.metadata().unwrap().ino(),
                )
            })
            .collect();
        all.sort();
        all
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Another process, running [`actor`]; killed when dropped.
struct Actor {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Actor {
    fn spawn() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "actor", "--nocapture", "--test-threads=1"])
            .env("PATH_OWNERSHIP_ACTOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Actor {
            child,
            input,
            output,
        }
    }

    fn spawn_bound(what: &str, path: &str) -> Self {
        let mut actor = Actor::spawn();
        assert_eq!(actor.ask(&format!("bind {what} {path}")), "ok");
        actor
    }

    fn id(&self) -> u32 {
        self.child.id()
    }

    fn say(&mut self, command: &str) {
        writeln!(self.input, "{command}").unwrap();
    }

    fn answer(&mut self) -> String {
        loop {
            // The test harness writes to the same pipe.
            let mut line = String::new();
            assert_ne!(
                self.output.read_line(&mut line).unwrap(),
                0,
                "the actor died"
            );
            if let Some(answer) = line.strip_prefix("> ") {
                return answer.trim_end().to_owned();
            }
        }
    }

    fn ask(&mut self, command: &str) -> String {
        self.say(command);
        self.answer()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.id().try_into().unwrap()).unwrap()
    }

    fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
        let (_, status) = waitpid(Some(self.pid()), WaitOptions::UNTRACED)
            .unwrap()
            .unwrap();
        assert!(status.stopped());
    }

    fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    /// `kill -9`, without a chance to clean up.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test: what the other processes do.
#[test]
fn actor() {
    if std::env::var_os("PATH_OWNERSHIP_ACTOR").is_none() {
        return;
    }
    let mut bound: Option<BoundSocket> = None;
    let mut foreign: Option<UnixListener> = None;
    let mut gate = None;
    for line in io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words[..] {
            ["umask", mask] => {
                let mask = u32::from_str_radix(mask, 8).unwrap();
                rustix::process::umask(rustix::fs::Mode::from_bits_truncate(mask as _));
                String::new()
            }
            ["chdir", dir] => {
                std::env::set_current_dir(dir).unwrap();
                String::new()
            }
            ["gate", path] => {
                gate = Some(File::open(path).unwrap());
                "waiting".into()
            }
            ["bind" | "racy", ..] => {
                if let Some(gate) = gate.take() {
                    flock(&gate, FlockOperation::LockShared).unwrap();
                }
                let outcome = match words[..] {
                    ["bind", what, path] => bind(path.as_ref(), &parse(what)),
                    _ => {
                        let path = words[1].as_ref();
                        bind_without_lock(path, &options(), Duration::from_millis(1))
                    }
                };
                match outcome {
                    Ok(socket) => {
                        bound = Some(socket);
                        "ok".into()
                    }
                    Err(BindError::AddressInUse { .. }) => "in use".into(),
                    Err(error) => error.to_string(),
                }
            }
            ["foreign", backlog, path] => {
                let listener = UnixListener::bind(path).unwrap();
                rustix::net::listen(&listener, backlog.parse().unwrap()).unwrap();
                foreign = Some(listener);
                "ok".into()
            }
            ["serve"] => {
                let ours = bound.as_ref().map(BoundSocket::listener);
                let listener = ours.or(foreign.as_ref()).unwrap().try_clone().unwrap();
                listener.set_nonblocking(false).unwrap();
                std::thread::spawn(move || answer_all(&listener));
                "serving".into()
            }
            ["release"] => {
                let (_listener, guard) = bound.take().unwrap().into_parts();
                guard.release().unwrap().to_string()
            }
            ["cycle", times, path] => {
                let open = || fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
                let before = open();
                for _ in 0..times.parse().unwrap() {
                    drop(bind(path.as_ref(), &options()).unwrap());
                }
                (open() - before).to_string()
            }
            ["child-fds"] => {
                let list = ["-l", "/proc/self/fd"];
                let output = Command::new("ls").args(list).output().unwrap();
                String::from_utf8(output.stdout).unwrap().replace('\n', " ")
            }
            _ => panic!("{line}"),
        };
        print!("\n> {answer}\n");
        io::stdout().flush().unwrap();
    }
    std::process::exit(0);
}

/// Answers everybody who asks with our pid; who only looked in is passed over.
fn answer_all(listener: &UnixListener) {
    while let Ok((mut stream, _)) = listener.accept() {
        if stream.read(&mut [0]).is_ok_and(|count| count == 1) {
            write!(stream, "{}", std::process::id()).unwrap();
        }
    }
}

/// `server:660` or `hub:660`, always with cleanup.
fn parse(what: &str) -> BindOptions {
    let (holder, mode) = what.split_once(':').unwrap();
    BindOptions {
        mode: u32::from_str_radix(mode, 8).unwrap(),
        holder: if holder == "hub" {
            Holder::Hub
        } else {
            Holder::Server
        },
        ..options()
    }
}
