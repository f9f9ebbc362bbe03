//! The asynchronous cleanup hook: keeps an environment that ends until our
//! handles are closed.

use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};

use napi::sys;

use super::symbols::Symbols;

/// Tells Node that the environment need not wait for us any more.
pub(in crate::binding) struct Hook {
    raw: sys::napi_async_cleanup_hook_handle,
    uv: &'static Symbols,
}

type AtEnd = Box<dyn FnOnce(Hook)>;

impl Hook {
    /// Calls `at_end` when the environment ends; it then waits until
    /// [`done`](Self::done) is called. False if Node-API refuses.
    pub(in crate::binding) fn add(
        env: sys::napi_env,
        uv: &'static Symbols,
        at_end: impl FnOnce(Hook) + 'static,
    ) -> bool {
        let at_end: Box<RefCell<Option<AtEnd>>> = Box::new(RefCell::new(Some(Box::new(at_end))));
        let data = Box::into_raw(at_end);
        // SAFETY: the env of the running call. Node calls the hook at most once,
        // on this thread, with `data`; the hook frees it.
        let status = unsafe {
            (uv.napi_add_async_cleanup_hook)(
                env,
                Some(ending),
                data.cast::<c_void>(),
                std::ptr::null_mut(),
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: it was not taken.
            drop(unsafe { Box::from_raw(data) });
        }
        status == sys::Status::napi_ok
    }

    /// Lets the environment go.
    pub(in crate::binding) fn done(self) {
        // SAFETY: the handle that Node gave to our hook, removed once.
        unsafe { (self.uv.napi_remove_async_cleanup_hook)(self.raw) };
    }
}

unsafe extern "C" fn ending(raw: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    // SAFETY: `data` is what `add` has passed, and this is called once.
    let at_end = unsafe { Box::from_raw(data.cast::<RefCell<Option<AtEnd>>>()) };
    let (Some(uv), Some(at_end)) = (Symbols::get(), at_end.take()) else {
        return;
    };
    let _ = catch_unwind(AssertUnwindSafe(|| at_end(Hook { raw, uv })));
}
