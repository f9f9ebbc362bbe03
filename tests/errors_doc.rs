//! `docs/errors.md` says what the code does: its tables list the codes and the
//! close reasons of the core, all of them and no others, and the codes that
//! the facade makes by itself.
// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use smartipc_native::ipc::{CloseReason, ErrorCode, Origin};

const PREFIX: &str = "IPC_ERR_";

#[test]
fn codes_are_those_of_the_code() {
    let rows = code_rows();
    let listed: BTreeSet<String> = rows.iter().map(|row| row[0].clone()).collect();
    let code: BTreeSet<String> = ErrorCode::ALL
        .iter()
        .map(|code| code.as_str().to_owned())
        .collect();
    assert_eq!(listed, code);
    assert_eq!(rows.len(), listed.len(), "a code has two rows");
}

#[test]
fn every_code_has_an_origin_and_says_whether_it_may_have_run() {
    let origins = [Origin::Local, Origin::Peer, Origin::Io].map(Origin::as_str);
    for row in code_rows() {
        // The errors of loading the package have none.
        let known = row[1] == "–" || row[1].split(", ").all(|it| origins.contains(&it));
        assert!(known, "{}: origin {:?}", row[0], row[1]);
        assert!(!row[2].is_empty(), "{}: when?", row[0]);
        let may_have_run = ["never", "if it had left"].contains(&row[4].as_str());
        assert!(may_have_run, "{}: mayHaveRun {:?}", row[0], row[4]);
    }
}

#[test]
fn codes_of_the_facade_are_listed() {
    let listed: BTreeSet<String> = code_rows().into_iter().map(|row| row[0].clone()).collect();
    let mut found = 0;
    for file in facade() {
        for code in codes_in(&read(&file)) {
            assert!(listed.contains(&code), "{code} of {}", file.display());
            found += 1;
        }
    }
    assert!(found >= 10, "only {found} codes found in the facade");
}

#[test]
fn codes_named_in_other_documents_exist() {
    let code: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let documents = ["README", "docs/protocol", "docs/api", "docs/migration"];
    let declarations = [
        "client", "errors", "options", "server", "smartipc", "streams",
    ];
    let files = documents.map(|name| format!("{name}.md")).into_iter();
    for file in files.chain(declarations.map(|name| format!("types/{name}.d.ts"))) {
        for name in codes_in(&read(&root().join(&file))) {
            assert!(code.contains(name.as_str()), "{name} in {file}");
        }
    }
}

#[test]
fn close_reasons_are_those_of_the_code() {
    let rows: Vec<(String, bool)> = rows()
        .iter()
        .filter(|row| row.len() == 4 && ["yes", "no"].contains(&row[3].as_str()))
        .filter_map(|row| Some((quoted(&row[0])?, row[3] == "yes")))
        .collect();
    let code: Vec<(String, bool)> = CloseReason::ALL
        .iter()
        .map(|reason| (reason.as_str().to_owned(), reason.may_reconnect()))
        .collect();
    assert_eq!(rows, code);
}

/// The table of codes: rows whose first cell is a code, without its quotes.
fn code_rows() -> Vec<Vec<String>> {
    let rows = rows().into_iter().filter(|row| row.len() == 5);
    rows.filter_map(|mut row| {
        row[0] = quoted(&row[0]).filter(|name| name.starts_with(PREFIX))?;
        Some(row)
    })
    .collect()
}

/// The cells of every table row of the document.
fn rows() -> Vec<Vec<String>> {
    let text = read(&root().join("docs/errors.md"));
    let lines = text.lines().filter_map(|line| line.strip_prefix('|'));
    lines
        .map(|line| {
            let cells = line.trim().trim_end_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

fn quoted(cell: &str) -> Option<String> {
    let name = cell.strip_prefix('`')?.strip_suffix('`')?;
    Some(name.to_owned())
}

/// Whatever looks like a code of ours.
fn codes_in(text: &str) -> BTreeSet<String> {
    let ends = |c: char| !c.is_ascii_uppercase() && c != '_';
    let starts = text.match_indices(PREFIX).map(|(at, _)| &text[at..]);
    starts
        .map(|rest| rest[..rest.find(ends).unwrap_or(rest.len())].to_owned())
        .filter(|code| code != PREFIX)
        .collect()
}

/// The JavaScript around the addon.
fn facade() -> Vec<PathBuf> {
    let mut files = vec![root().join("native.js")];
    let mut folders = vec![root().join("lib")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = if path.is_dir() {
                &mut folders
            } else {
                &mut files
            };
            kind.push(path);
        }
    }
    files.sort();
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap()
}
