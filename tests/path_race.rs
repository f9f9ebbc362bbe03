//! The lock beside a socket path, and the races that it decides.
#![cfg(unix)]
// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "support/actors.rs"]
#[allow(dead_code)]
mod actors;
#[path = "support/paths.rs"]
#[allow(dead_code)]
mod paths;

use std::fs::{self, File};
use std::os::unix::fs::{symlink, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{flock, FlockOperation};
use smartipc_native::ipc::lock::{lock_path, Attempt, FileId, Holder, PathLock, Unavailable};
use smartipc_native::ipc::transport::bind::{bind, BindOptions};

use actors::Actor;
use paths::{abandon, greet, in_use, options, serves, Dir};

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
