//! What a call holds.

/// The most that `call` holds at one time, in bytes.
pub fn peak<R>(call: impl FnOnce() -> R) -> (R, usize) {
    let mut result = None;
    let info = allocation_counter::measure(|| result = Some(call()));
    let held = usize::try_from(info.bytes_max).unwrap_or(usize::MAX);
    (result.expect("it was called"), held)
}
