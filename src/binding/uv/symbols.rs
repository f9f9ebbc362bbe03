//! The functions of libuv, and a few of Node-API, found at run time.
//!
//! Linking them would keep the addon from loading where one is missing: Deno,
//! a Node built without the exports, Windows. Looking them up calls nothing.

use std::ffi::{c_char, c_int, c_void, CStr};
use std::mem::size_of;
use std::sync::OnceLock;

use napi::sys;

/// libuv's structures, which are only ever pointed to.
#[repr(C)]
pub(in crate::binding) struct RawLoop {
    _opaque: [u8; 0],
}
/// Any kind of handle; all of them start alike.
#[repr(C)]
pub(in crate::binding) struct RawHandle {
    _opaque: [u8; 0],
}

pub(in crate::binding) type PlainCallback = unsafe extern "C" fn(*mut RawHandle);
pub(in crate::binding) type PollCallback = unsafe extern "C" fn(*mut RawHandle, c_int, c_int);

/// Declares the table and how to fill it.
macro_rules! symbols {
    ($($name:ident: fn($($arg:ty),*) $(-> $ret:ty)?;)*) => {
        /// Every function, or nothing.
        #[derive(Debug)]
        pub(in crate::binding) struct Symbols {
            $(pub(super) $name: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)*
        }

        impl Symbols {
            fn load() -> Option<Self> {
                Some(Self {
                    $($name: {
                        let name = concat!(stringify!($name), "\0");
                        let found = find(CStr::from_bytes_with_nul(name.as_bytes()).ok()?)?;
                        const { assert!(size_of::<*mut c_void>() == size_of::<fn()>()) };
                        // SAFETY: the symbol of that name is a C function with this
                        // signature in every libuv 1.x and Node-API 8.
                        unsafe {
                            std::mem::transmute::<
                                *mut c_void,
                                unsafe extern "C" fn($($arg),*) $(-> $ret)?,
                            >(found)
                        }
                    },)*
                })
            }
        }
    };
}

symbols! {
    uv_handle_size: fn(c_int) -> usize;
    uv_handle_set_data: fn(*mut RawHandle, *mut c_void);
    uv_handle_get_data: fn(*const RawHandle) -> *mut c_void;
    uv_unref: fn(*mut RawHandle);
    uv_close: fn(*mut RawHandle, PlainCallback);
    uv_poll_init: fn(*mut RawLoop, *mut RawHandle, c_int) -> c_int;
    uv_poll_start: fn(*mut RawHandle, c_int, PollCallback) -> c_int;
    uv_poll_stop: fn(*mut RawHandle) -> c_int;
    uv_timer_init: fn(*mut RawLoop, *mut RawHandle) -> c_int;
    uv_timer_start: fn(*mut RawHandle, PlainCallback, u64, u64) -> c_int;
    uv_idle_init: fn(*mut RawLoop, *mut RawHandle) -> c_int;
    uv_idle_start: fn(*mut RawHandle, PlainCallback) -> c_int;
    uv_idle_stop: fn(*mut RawHandle) -> c_int;
    uv_check_init: fn(*mut RawLoop, *mut RawHandle) -> c_int;
    uv_check_start: fn(*mut RawHandle, PlainCallback) -> c_int;
    uv_check_stop: fn(*mut RawHandle) -> c_int;
    uv_async_init: fn(*mut RawLoop, *mut RawHandle, PlainCallback) -> c_int;
    uv_async_send: fn(*mut RawHandle) -> c_int;
    napi_get_uv_event_loop: fn(sys::napi_env, *mut *mut RawLoop) -> sys::napi_status;
    napi_open_handle_scope: fn(sys::napi_env, *mut sys::napi_handle_scope) -> sys::napi_status;
    napi_close_handle_scope: fn(sys::napi_env, sys::napi_handle_scope) -> sys::napi_status;
    napi_async_init: fn(
        sys::napi_env, sys::napi_value, sys::napi_value, *mut sys::napi_async_context
    ) -> sys::napi_status;
    napi_async_destroy: fn(sys::napi_env, sys::napi_async_context) -> sys::napi_status;
    napi_open_callback_scope: fn(
        sys::napi_env, sys::napi_value, sys::napi_async_context, *mut sys::napi_callback_scope
    ) -> sys::napi_status;
    napi_close_callback_scope: fn(sys::napi_env, sys::napi_callback_scope) -> sys::napi_status;
    napi_add_async_cleanup_hook: fn(
        sys::napi_env,
        sys::napi_async_cleanup_hook,
        *mut c_void,
        *mut sys::napi_async_cleanup_hook_handle
    ) -> sys::napi_status;
    napi_remove_async_cleanup_hook: fn(sys::napi_async_cleanup_hook_handle) -> sys::napi_status;
}

impl Symbols {
    /// The table; none if anything is missing here. Calls nothing of libuv, so
    /// that it may be asked where libuv's functions must not be called.
    pub(in crate::binding) fn get() -> Option<&'static Self> {
        static TABLE: OnceLock<Option<Symbols>> = OnceLock::new();
        TABLE.get_or_init(Self::load).as_ref()
    }
}

fn find(name: &CStr) -> Option<*mut c_void> {
    let name: *const c_char = name.as_ptr();
    // SAFETY: a NUL-terminated name. Searched from the program itself on, which
    // is where Node has them.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name) };
    (!found.is_null()).then_some(found)
}
