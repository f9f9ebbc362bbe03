//! All groups of a peer, as the kernel has them: those its process was in when it
//! connected. `getsockopt` has no safe wrapper for a list.

use std::io;
use std::mem::{size_of, size_of_val};
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{getsockopt, gid_t, socklen_t, ERANGE, SOL_SOCKET, SO_PEERGROUPS};

/// More than most users are in; the kernel tells if it is not enough.
const USUAL: usize = 64;
/// Of the kernel.
const MOST: usize = 65_536;

/// None if the kernel does not say; it does from Linux 4.13 on.
pub(super) fn of(socket: BorrowedFd<'_>) -> Vec<u32> {
    let mut groups: Vec<gid_t> = vec![0; USUAL];
    for _ in 0..2 {
        let mut length = size_of_val(groups.as_slice()) as socklen_t;
        // SAFETY: the descriptor is open for as long as it is borrowed, and the
        // kernel writes no more than `length` bytes to the vector, which has them.
        let status = unsafe {
            getsockopt(
                socket.as_raw_fd(),
                SOL_SOCKET,
                SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &mut length,
            )
        };
        let count = length as usize / size_of::<gid_t>();
        if status == 0 {
            groups.truncate(count);
            return groups;
        }
        let is_too_short = io::Error::last_os_error().raw_os_error() == Some(ERANGE);
        if !is_too_short || count > MOST {
            break;
        }
        groups.resize(count, 0);
    }
    Vec::new()
}
