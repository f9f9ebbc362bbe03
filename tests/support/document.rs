//! Reads `docs/protocol.md`: headings, fenced blocks, tables.

use std::fs;
use std::path::Path;

/// A part of the document under its nearest heading.
pub(crate) struct Section {
    /// The heading.
    pub(crate) title: String,
    /// Language and text of each fenced block.
    fences: Vec<(String, String)>,
}

impl Section {
    /// The blocks of a language.
    pub(crate) fn blocks(&self, language: &str) -> Vec<&str> {
        let of = self.fences.iter().filter(|(tag, _)| tag == language);
        of.map(|(_, text)| text.trim_end()).collect()
    }

    /// The frames given in hex.
    pub(crate) fn hex(&self) -> Vec<Vec<u8>> {
        self.blocks("hex").into_iter().map(bytes_of).collect()
    }
}

/// The text of the document.
pub(crate) fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/protocol.md");
    fs::read_to_string(path).unwrap()
}

/// Its parts, in order.
pub(crate) fn sections() -> Vec<Section> {
    let mut sections = vec![Section {
        title: String::new(),
        fences: Vec::new(),
    }];
    let mut inside: Option<(String, String)> = None;
    for line in document().lines() {
        if let Some(tag) = line.strip_prefix("```") {
            match inside.take() {
                Some(block) => sections.last_mut().unwrap().fences.push(block),
                None => inside = Some((tag.to_owned(), String::new())),
            }
        } else if let Some((_, text)) = &mut inside {
            text.push_str(line);
            text.push('\n');
        } else if line.starts_with('#') {
            let title = line.trim_start_matches('#').trim().to_owned();
            sections.push(Section {
                title,
                fences: Vec::new(),
            });
        }
    }
    assert!(inside.is_none(), "a fenced block is not closed");
    sections
}

/// Rows of all tables, as cells.
pub(crate) fn rows() -> Vec<Vec<String>> {
    let text = document();
    let lines = text.lines().filter(|line| line.starts_with("| "));
    lines
        .map(|line| {
            line.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .collect()
}

/// The bytes of a hex dump, whose comments begin with `#`.
fn bytes_of(dump: &str) -> Vec<u8> {
    let code = dump
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    code.flat_map(str::split_whitespace)
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}
