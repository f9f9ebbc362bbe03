//! Calls of the operating system that need `unsafe`, each behind a safe function.

#[cfg(target_os = "linux")]
pub(crate) mod memory;
#[cfg(windows)]
pub(crate) mod pipe;
