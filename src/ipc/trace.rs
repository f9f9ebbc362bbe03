//! `SMARTIPC_DEBUG`: what connections do, on standard error, without payloads.

use std::fmt;
use std::io::Write;
use std::sync::OnceLock;

/// Whether `SMARTIPC_DEBUG` is set to anything but nothing or `0`.
pub fn enabled() -> bool {
    static ENABLED: OnceLock<bool> = OnceLock::new();
    *ENABLED.get_or_init(|| {
        std::env::var_os("SMARTIPC_DEBUG").is_some_and(|value| !value.is_empty() && value != "0")
    })
}

/// Prints one line if tracing is on. The arguments are formatted only then.
pub fn line(what: fmt::Arguments<'_>) {
    if enabled() {
        // Nobody may be reading; tracing must not break what it watches.
        let _ = writeln!(std::io::stderr(), "smartipc {}: {what}", std::process::id());
    }
}
