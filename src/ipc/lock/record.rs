//! What a lock file says, as values and as text.
//!
//! One line of words, so that whoever looks for the holder of a path can read
//! it, and of a bounded length, so that one write replaces it as a whole.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// What a lock file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// What the holder is.
    pub holder: Holder,
    /// The holder's process id, as seen in its own pid namespace.
    pub pid: u32,
    /// The socket file the holder serves; `None` while it starts or stops.
    pub socket: Option<FileId>,
    /// A predecessor's socket file, not yet removed when this was written.
    pub left: Option<Left>,
}

impl Record {
    /// What a successor may find at the path if this holder is gone.
    pub fn leaves(&self) -> Option<Left> {
        let own = self.socket.map(|socket| Left {
            by: self.holder,
            socket,
        });
        own.or(self.left)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        if words.next()? != MAGIC {
            return None;
        }
        let mut record = Record {
            holder: Holder::parse(words.next()?)?,
            pid: words.next()?.parse().ok()?,
            socket: None,
            left: None,
        };
        match words.next() {
            Some("socket") => record.socket = Some(FileId::parse(words.next()?)?),
            Some("left") => {
                record.left = Some(Left {
                    by: Holder::parse(words.next()?)?,
                    socket: FileId::parse(words.next()?)?,
                });
            }
            _ => {}
        }
        Some(record)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MAGIC} {} {}", self.holder.word(), self.pid)?;
        if let Some(socket) = self.socket {
            write!(f, " socket {socket}")?;
        } else if let Some(left) = self.left {
            write!(f, " left {} {}", left.by.word(), left.socket)?;
        }
        Ok(())
    }
}

/// What kind of endpoint holds a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A server that somebody started on purpose.
    Server,
    /// A hub that a client started because nothing was listening.
    Hub,
}

impl Holder {
    fn word(self) -> &'static str {
        match self {
            Holder::Server => "server",
            Holder::Hub => "hub",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word {
            "server" => Some(Holder::Server),
            "hub" => Some(Holder::Hub),
            _ => None,
        }
    }
}

/// Identity of a file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// The file system's device number.
    pub dev: u64,
    /// The inode number.
    pub ino: u64,
}

impl FileId {
    /// The identity that `meta` describes.
    pub fn of(meta: &fs::Metadata) -> Self {
        FileId {
            dev: meta.dev(),
            ino: meta.ino(),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let (dev, ino) = word.split_once(':')?;
        Some(FileId {
            dev: dev.parse().ok()?,
            ino: ino.parse().ok()?,
        })
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.dev, self.ino)
    }
}

/// A socket file whose maker ended without removing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// What the maker was.
    pub by: Holder,
    /// The file it made.
    pub socket: FileId,
}

pub(super) const MAGIC: &str = "smartipc-native";
/// Longest record: 15 + 7 + 11 + 12 + two 20-digit numbers, rounded up.
pub(super) const RECORD_SIZE: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_the_round_trip() {
        let socket = FileId {
            dev: u64::MAX,
            ino: u64::MAX,
        };
        let mut record = Record {
            holder: Holder::Server,
            pid: u32::MAX,
            socket: None,
            left: None,
        };
        assert_eq!(Record::parse(&record.to_string()), Some(record));
        record.left = Some(Left {
            by: Holder::Server,
            socket,
        });
        assert!(record.to_string().len() < RECORD_SIZE);
        assert_eq!(Record::parse(&record.to_string()), Some(record));
        assert_eq!(record.leaves(), record.left);
        record.socket = Some(socket);
        record.left = None;
        assert_eq!(Record::parse(&record.to_string()), Some(record));
    }

    #[test]
    fn broken_records_are_no_records() {
        for text in [
            "",
            "smartipc",
            "smartipc-native",
            "smartipc-native hub",
            "smartipc-native hub -1",
            "smartipc-native god 1",
            "smartipc-native hub 1 socket 5",
            "smartipc-native hub 1 left 1:2",
        ] {
            assert_eq!(Record::parse(text), None, "{text:?}");
        }
    }
}
