//! Streams between files and sockets that pass by JavaScript. It opens the files,
//! and names and removes them; bytes are moved by the core.

use std::fs::File;
use std::os::fd::BorrowedFd;

use napi::bindgen_prelude::Result;
use napi_derive::napi;

use super::control::find;
use crate::ipc::files::Trouble;
use crate::ipc::link::Direction;

/// How far a transfer is.
#[napi(object)]
pub struct FileStatus {
    /// Bytes read from the file, or written to it.
    pub bytes: f64,
    /// All is in the file.
    pub done: bool,
    /// Why it does not go on: an errno's name, `grew` or `shrank`.
    pub trouble: Option<String>,
}

/// Sends `size` bytes of an open file as a stream that has just been opened. False
/// if the stream has to be written by JavaScript. The descriptor stays the caller's.
#[napi(catch_unwind)]
pub fn stream_from_file(
    endpoint: u32,
    conn: u32,
    stream: u32,
    fd: i32,
    size: f64,
    watched: bool,
) -> Result<bool> {
    let (Some((link, runtime)), Some(file)) = (find(endpoint)?.handle.link(conn), duplicate(fd))
    else {
        return Ok(false);
    };
    Ok(link.send_file(stream, file, size as u64, watched, &runtime))
}

/// Saves what comes of a stream to an open file. False if JavaScript has to do it.
/// The descriptor stays the caller's.
#[napi(catch_unwind)]
pub fn stream_to_file(
    endpoint: u32,
    conn: u32,
    stream: u32,
    fd: i32,
    watched: bool,
) -> Result<bool> {
    let (Some((link, runtime)), Some(file)) = (find(endpoint)?.handle.link(conn), duplicate(fd))
    else {
        return Ok(false);
    };
    let taken = link.save_file(stream, file, watched, &runtime);
    link.flush();
    Ok(taken)
}

/// How far a transfer is, and whether to wait after each parcel until this is called
/// again. None if it is over.
#[napi(catch_unwind)]
pub fn stream_file_status(
    endpoint: u32,
    conn: u32,
    stream: u32,
    ours: bool,
    watched: bool,
) -> Result<Option<FileStatus>> {
    let direction = if ours {
        Direction::Sending
    } else {
        Direction::Saving
    };
    let link = find(endpoint)?.handle.link(conn);
    let status = link.and_then(|(link, _)| link.file_status(direction, stream, watched));
    Ok(status.map(|status| FileStatus {
        bytes: status.bytes as f64,
        done: status.done,
        trouble: status.trouble.map(|trouble| {
            match trouble {
                Trouble::Os(name) => name,
                Trouble::Grew => "grew",
                Trouble::Shrank => "shrank",
            }
            .to_owned()
        }),
    }))
}

/// A descriptor of our own for a file of JavaScript's; none if there are too many.
fn duplicate(fd: i32) -> Option<File> {
    if fd < 0 {
        return None;
    }
    // SAFETY: JavaScript passes the descriptor of a file that it keeps open during
    // the call; if it did not, the system says that there is none.
    let file = unsafe { BorrowedFd::borrow_raw(fd) };
    file.try_clone_to_owned().ok().map(File::from)
}
