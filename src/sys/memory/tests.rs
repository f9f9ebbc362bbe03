use std::fs::File;
use std::os::fd::AsRawFd;

use super::*;

const SIZE: usize = 128 * 1024;

fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at % 251) as u8).collect()
}

fn pair() -> (ReadEnd, WriteEnd) {
    let (read, file) = ReadEnd::create(SIZE).expect("memory");
    let write = WriteEnd::open(&file, SIZE).expect("good memory");
    (read, write)
}

/// How often this process has mapped a file.
fn mapped(file: &OwnedFd) -> usize {
    let inode = format!(" {} ", fstat(file).expect("open").st_ino);
    let maps = std::fs::read_to_string("/proc/self/maps").expect("procfs");
    maps.lines().filter(|line| line.contains(&inode)).count()
}

#[test]
fn bytes_lie_at_their_offset_modulo_the_size() {
    let (read, write) = pair();
    let bytes = pattern(SIZE);
    let many = u64::MAX - u64::MAX % SIZE as u64;
    for at in [0, 1, 4095, SIZE as u64 - 1, SIZE as u64, many - 7] {
        assert!(write.write(at, &bytes));
        let mut copy = vec![0; SIZE];
        assert!(read.read(at, &mut copy));
        assert!(copy == bytes, "from {at} on");
        let mut part = [0; 100];
        assert!(read.read(at + 5, &mut part));
        assert_eq!(part, bytes[5..105], "from {at} + 5 on");
    }
    assert!(write.write(3, &[]) && read.read(3, &mut []));
}

#[test]
fn more_than_there_is_room_for_is_not_copied() {
    let (read, write) = pair();
    assert!(!write.write(0, &pattern(SIZE + 1)));
    let mut copy = vec![7; SIZE + 1];
    assert!(!read.read(0, &mut copy));
    assert!(copy.iter().all(|byte| *byte == 7));
}

#[test]
fn what_is_not_good_memory_is_refused() {
    let good = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = |size: usize, seals: SealFlags| {
        let file = memfd_create("bad", good).expect("a file");
        ftruncate(&file, size as u64).expect("a size");
        fcntl_add_seals(&file, seals).expect("seals");
        file
    };
    let seals = SealFlags::SHRINK | SealFlags::GROW;
    let path = std::env::temp_dir().join(format!("no-memory-{}", std::process::id()));
    let plain = File::create(&path).expect("a file");
    plain.set_len(SIZE as u64).expect("a size");
    let bad: Vec<(&str, OwnedFd)> = vec![
        ("a file", plain.into()),
        (
            "a socket",
            std::net::UdpSocket::bind("127.0.0.1:0")
                .expect("free")
                .into(),
        ),
        ("not sealed", memory(SIZE, SealFlags::empty())),
        ("may shrink", memory(SIZE, SealFlags::GROW)),
        ("may grow", memory(SIZE, SealFlags::SHRINK)),
        ("too large", memory(SIZE + 4096, seals)),
        ("too small", memory(SIZE - 4096, seals)),
        ("not to be written", memory(SIZE, seals | SealFlags::WRITE)),
    ];
    for (what, file) in &bad {
        assert!(WriteEnd::open(file, SIZE).is_err(), "{what}");
    }
    assert!(WriteEnd::open(&memory(SIZE, seals), SIZE).is_ok());
    std::fs::remove_file(path).expect("removed");
}

#[test]
fn what_is_offered_can_neither_change_its_size_nor_be_inherited() {
    let (_read, file) = ReadEnd::create(SIZE).expect("memory");
    assert!(ftruncate(&file, 4096).is_err() && ftruncate(&file, 1 << 20).is_err());
    assert!(fcntl_add_seals(&file, SealFlags::WRITE).is_err());
    let flags = rustix::io::fcntl_getfd(&file).expect("open");
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

#[test]
fn nothing_stays_mapped_and_a_hole_is_read_as_zeros() {
    let (read, file) = ReadEnd::create(SIZE).expect("memory");
    let write = WriteEnd::open(&file, SIZE).expect("good memory");
    assert_eq!(mapped(&file), 2);
    assert!(write.write(0, &pattern(SIZE)));
    let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&file, punch, 0, SIZE as u64).expect("a hole");
    let mut copy = vec![7; SIZE];
    assert!(read.read(0, &mut copy));
    assert!(copy.iter().all(|byte| *byte == 0));
    assert!(write.write(0, &pattern(SIZE)) && read.read(0, &mut copy));
    assert!(copy == pattern(SIZE), "descriptor {}", file.as_raw_fd());
    drop(read);
    assert_eq!(mapped(&file), 1);
    drop(write);
    assert_eq!(mapped(&file), 0);
}
