//! Every input that is kept, once through its target.

use std::fs;
use std::path::{Path, PathBuf};

/// Runs a target with the files of its folders; how many there were.
fn replay(target: &str, run: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = if root.ends_with("fuzz") {
        root.to_owned()
    } else {
        root.join("fuzz")
    };
    let seeds = files(&root.join("corpus").join(target));
    assert!(!seeds.is_empty(), "{target} has no seeds");
    for file in seeds
        .into_iter()
        .chain(files(&root.join("regressions").join(target)))
    {
        let input = fs::read(&file).expect("readable");
        // Names the input if it fails.
        eprintln!("{}", file.display());
        run(&input);
    }
    // What is no input at all.
    run(&[]);
}

/// The files of a folder; none if there is no such folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.sort();
    files
}

macro_rules! targets {
    ($($(#[$attr:meta])* $target:ident),+ $(,)?) => {
        $(#[test] $(#[$attr])* fn $target() { replay(stringify!($target), crate::$target::run) })+
    };
}

targets!(
    conn_ops,
    #[cfg(all(unix, feature = "faults"))]
    e2e_mockio,
    encode_roundtrip,
    envelope_head,
    frame_decoder,
    #[cfg(unix)]
    sock_path,
    stream_reassembly,
    topic_match,
);
