//! Calls of the operating system that need `unsafe`, each behind a safe function.

pub(crate) mod pipe;
