//! From a libuv callback into JavaScript.

use std::ptr;

use napi::sys;

use super::symbols::Symbols;

/// A JavaScript function that is called from the event loop, as Node calls a
/// thread-safe function: microtasks and `process.nextTick` run afterwards, and
/// what it throws is an uncaught exception.
pub(in crate::binding) struct Entrance {
    env: sys::napi_env,
    function: sys::napi_ref,
    context: sys::napi_async_context,
    uv: &'static Symbols,
}

impl Entrance {
    /// None if Node-API refuses.
    ///
    /// # Safety
    /// `function` must be a function of `env`, both of the running call.
    pub(in crate::binding) unsafe fn new(
        env: sys::napi_env,
        function: sys::napi_value,
        uv: &'static Symbols,
    ) -> Option<Self> {
        const NAME: &str = "smartipc";
        let mut name = ptr::null_mut();
        let mut context = ptr::null_mut();
        let mut reference = ptr::null_mut();
        // SAFETY: the caller vouches for env and function; the function stands
        // for the resource as well, which may be any object.
        let ok = unsafe {
            sys::napi_create_string_utf8(env, NAME.as_ptr().cast(), NAME.len() as isize, &mut name)
                == sys::Status::napi_ok
                && sys::napi_create_reference(env, function, 1, &mut reference)
                    == sys::Status::napi_ok
                && (uv.napi_async_init)(env, function, name, &mut context) == sys::Status::napi_ok
        };
        ok.then_some(Self {
            env,
            function: reference,
            context,
            uv,
        })
    }

    /// Calls the function. Nothing happens if the environment is stopping.
    pub(in crate::binding) fn call(&self) {
        let (env, uv) = (self.env, self.uv);
        let mut handles = ptr::null_mut();
        let mut scope = ptr::null_mut();
        let mut function = ptr::null_mut();
        let mut receiver = ptr::null_mut();
        // SAFETY: on the thread of the environment, which has not ended: the
        // cleanup hook closes the handles that lead here before it does. Scopes
        // are closed in the reverse order.
        unsafe {
            if (uv.napi_open_handle_scope)(env, &mut handles) != sys::Status::napi_ok {
                return;
            }
            sys::napi_get_reference_value(env, self.function, &mut function);
            sys::napi_get_undefined(env, &mut receiver);
            let opened = (uv.napi_open_callback_scope)(env, function, self.context, &mut scope);
            if opened == sys::Status::napi_ok {
                let status = sys::napi_call_function(
                    env,
                    receiver,
                    function,
                    0,
                    ptr::null(),
                    ptr::null_mut(),
                );
                if status != sys::Status::napi_ok {
                    throw(env);
                }
                (uv.napi_close_callback_scope)(env, scope);
            }
            (uv.napi_close_handle_scope)(env, handles);
        }
    }

    /// Lets the function go. To be called while the environment still lives.
    pub(in crate::binding) fn close(&self) {
        // SAFETY: called once, by the cleanup hook of the environment.
        unsafe {
            sys::napi_delete_reference(self.env, self.function);
            (self.uv.napi_async_destroy)(self.env, self.context);
        }
    }
}

/// Makes an uncaught exception of one that is pending. A worker that is being
/// terminated has none that we could see.
///
/// # Safety
/// `env` must be of this thread, within a handle scope.
unsafe fn throw(env: sys::napi_env) {
    let mut pending = false;
    let mut exception = ptr::null_mut();
    // SAFETY: the caller vouches for env.
    unsafe {
        sys::napi_is_exception_pending(env, &mut pending);
        if pending
            && sys::napi_get_and_clear_last_exception(env, &mut exception) == sys::Status::napi_ok
        {
            sys::napi_fatal_exception(env, exception);
        }
    }
}
