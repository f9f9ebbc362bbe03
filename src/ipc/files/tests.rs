use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use super::*;

/// A file with random-looking bytes, gone with the value.
struct Sample {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Sample {
    fn new(name: &str, size: usize) -> Self {
        let path = std::env::temp_dir().join(format!("ipc-{}-{name}", std::process::id()));
        let bytes: Vec<u8> = (0..size).map(|at| (at * 7 + at / 251) as u8).collect();
        std::fs::write(&path, &bytes).expect("a temporary file");
        Self { path, bytes }
    }

    fn reader(&self, splices: bool) -> Reader {
        let file = File::open(&self.path).expect("just written");
        Reader::new(file, self.bytes.len() as u64, splices)
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[test]
fn what_is_read_can_be_written_again_in_either_way() {
    for (splices, size) in [
        (true, 3 * PARCEL + 4321),
        (true, 70_001),
        (true, 5),
        (true, 0),
        (false, 2 * PARCEL + 1),
    ] {
        let source = Sample::new(&format!("from-{splices}-{size}"), size);
        let target = Sample::new(&format!("to-{splices}-{size}"), 0);
        let file = File::options().write(true).open(&target.path);
        let mut writer = Writer::new(file.expect("just written"));
        let mut reader = source.reader(splices);
        let mut spare = None;
        let mut piped = 0;
        while let Some(parcel) = reader.next(spare.take()).expect("a file") {
            piped += usize::from(matches!(parcel, Parcel::Pipe(_)));
            spare = writer.write(parcel).expect("a file");
        }
        let spliced = splices && size >= 65_536 && cfg!(target_os = "linux");
        assert_eq!(piped > 0, spliced, "{size}");
        let saved = std::fs::read(&target.path).expect("just written");
        assert!(saved == source.bytes, "{size}, {splices}");
    }
}

#[test]
fn a_file_that_changes_is_found() {
    for splices in [true, false] {
        let source = Sample::new(&format!("grows-{splices}"), 2 * PARCEL);
        let mut reader = source.reader(splices);
        let file = File::options().append(true).open(&source.path);
        file.and_then(|mut file| file.write_all(b"x"))
            .expect("just written");
        assert!(reader.next(None).expect("the first").is_some());
        assert!(reader.next(None).expect("the second").is_some());
        assert_eq!(reader.next(None).err(), Some(Trouble::Grew));

        let mut reader = source.reader(splices);
        assert!(reader.next(None).expect("the first").is_some());
        let file = File::options().write(true).open(&source.path);
        file.and_then(|file| file.set_len(PARCEL as u64 + 9))
            .expect("just written");
        assert!(reader.next(None).expect("what is left").is_some());
        assert_eq!(reader.next(None).err(), Some(Trouble::Shrank));
    }
}

#[test]
fn a_file_that_can_not_be_written_says_why() {
    let source = Sample::new("refused", 2 * PARCEL);
    for splices in [true, false] {
        let parcel = source.reader(splices).next(None).expect("a file");
        let file = File::open(&source.path).expect("just written");
        let failed = Writer::new(file).write(parcel.expect("not its end"));
        assert_eq!(
            failed.map_err(Trouble::from).err(),
            Some(Trouble::Os("EBADF"))
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_takes_no_splice_is_copied_to() {
    // Appending is one thing that splicing to a file does not do.
    let source = Sample::new("no-splice", PARCEL + 70_000);
    let target = Sample::new("appended", 0);
    let file = File::options().append(true).open(&target.path);
    let mut writer = Writer::new(file.expect("just written"));
    let mut reader = source.reader(true);
    while let Some(parcel) = reader.next(None).expect("a file") {
        assert!(matches!(parcel, Parcel::Pipe(_)));
        writer.write(parcel).expect("copied");
    }
    assert!(std::fs::read(&target.path).expect("just written") == source.bytes);
}
