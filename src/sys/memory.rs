//! Memory that two processes have mapped: a file in memory whose size can't change.
//!
//! The other process may write there at any moment, so nothing here ever makes a
//! reference to it: bytes are copied, between it and memory of our own. It can't take
//! the memory away either: the file is sealed against shrinking, has all its pages when it
//! is offered, and if the peer frees some the kernel makes them anew. Where the kernel
//! might refuse that, as it does with `vm.overcommit_memory=2`, no memory is used.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};

use rustix::fs::{
    fallocate, fcntl_add_seals, fcntl_get_seals, fstat, fstatfs, ftruncate, memfd_create,
    FallocateFlags, MemfdFlags, SealFlags,
};
use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};

/// What `fstatfs` says of a file in memory with pages of the usual size.
const TMPFS: u64 = 0x0102_1994;

/// Whether the kernel, as it is set now, has pages for what was promised.
pub(crate) fn is_sound() -> bool {
    let mode = std::fs::read_to_string("/proc/sys/vm/overcommit_memory");
    mode.is_ok_and(|mode| matches!(mode.trim(), "0" | "1"))
}

/// A mapping of a whole file. Offsets are those of a longer sequence of bytes, of which
/// it holds a part: each byte lies at its offset modulo the size.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: it is an address and a length, which no thread has a special right to; copies
// are made by whoever holds the reference that they need.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(file: impl AsFd, size: usize, access: ProtFlags) -> io::Result<Self> {
        // SAFETY: the kernel chooses an address that nothing else has. That the file
        // keeps its size is seen to by our callers.
        let start = unsafe { mmap(ptr::null_mut(), size, access, MapFlags::SHARED, file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, size })
    }

    /// Where the bytes from `at` on lie: up to the end, and the rest from the start.
    /// None if they are more than there is room for.
    fn parts(&self, at: u64, count: usize) -> Option<[(usize, usize); 2]> {
        if count > self.size {
            return None;
        }
        let from = usize::try_from(at % self.size as u64).ok()?;
        let first = count.min(self.size - from);
        Some([(from, first), (0, count - first)])
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it is ours alone, and nothing refers to it.
        let _ = unsafe { munmap(self.start.as_ptr().cast::<c_void>(), self.size) };
    }
}

/// The end that reads, which has made the memory.
#[derive(Debug)]
pub(crate) struct ReadEnd(Mapping);

impl ReadEnd {
    /// New memory, and the descriptor for whoever is to write there.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn create(size: usize) -> io::Result<(Self, OwnedFd)> {
        if !is_sound() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Kernels before 6.3 don't know the flag.
        let file = memfd_create("smartipc-stream", flags | MemfdFlags::NOEXEC_SEAL)
            .or_else(|_| memfd_create("smartipc-stream", flags))?;
        ftruncate(&file, size as u64)?;
        // If there is too little memory, that is an error here and nothing worse later.
        fallocate(&file, FallocateFlags::empty(), 0, size as u64)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let mapping = Mapping::new(&file, size, ProtFlags::READ)?;
        Ok((Self(mapping), file))
    }

    /// Copies the bytes from the offset `at` on; false if they can't all be there.
    pub(crate) fn read(&self, at: u64, mut buffer: &mut [u8]) -> bool {
        let Some(parts) = self.0.parts(at, buffer.len()) else {
            return false;
        };
        for (from, count) in parts {
            let (part, rest) = std::mem::take(&mut buffer).split_at_mut(count);
            // SAFETY: `from + count` is at most the size, and `part` is as long as that
            // and of our own. What the other process writes meanwhile changes which bytes
            // are copied, and all values are good.
            unsafe {
                ptr::copy_nonoverlapping(self.0.start.as_ptr().add(from), part.as_mut_ptr(), count)
            };
            buffer = rest;
        }
        true
    }
}

/// The end that writes, in memory that the other process has made.
#[derive(Debug)]
pub(crate) struct WriteEnd(Mapping);

impl WriteEnd {
    /// Maps what the peer has sent.
    ///
    /// # Errors
    /// If it is not what it should be: memory of this size, which can't become less.
    pub(crate) fn open(file: &OwnedFd, size: usize) -> io::Result<Self> {
        // First what asks no file system, as that might not answer.
        let sealed = fcntl_get_seals(file)?.contains(SealFlags::SHRINK | SealFlags::GROW);
        let in_memory = || fstatfs(file).is_ok_and(|it| u64::try_from(it.f_type) == Ok(TMPFS));
        let fits = || fstat(file).is_ok_and(|it| u64::try_from(it.st_size) == Ok(size as u64));
        if !(sealed && in_memory() && fits() && is_sound()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Mapping::new(file, size, ProtFlags::READ | ProtFlags::WRITE).map(Self)
    }

    /// Copies bytes to where those from the offset `at` on lie; false if there is no room.
    pub(crate) fn write(&self, at: u64, mut bytes: &[u8]) -> bool {
        let Some(parts) = self.0.parts(at, bytes.len()) else {
            return false;
        };
        for (to, count) in parts {
            let (part, rest) = bytes.split_at(count);
            // SAFETY: `to + count` is at most the size, and `part` is as long as that and
            // of our own.
            unsafe {
                ptr::copy_nonoverlapping(part.as_ptr(), self.0.start.as_ptr().add(to), count)
            };
            bytes = rest;
        }
        true
    }
}

#[cfg(test)]
mod tests;
