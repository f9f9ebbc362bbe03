//! A libuv loop and its handles.

use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::os::fd::RawFd;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{self, NonNull};
use std::rc::Rc;

use napi::sys;

use super::symbols::{RawHandle, RawLoop, Symbols};

/// The socket is to be, or is, readable.
pub(in crate::binding) const READABLE: c_int = 1;
/// The socket is to be, or is, writable.
pub(in crate::binding) const WRITABLE: c_int = 2;

/// More than any libuv structure asks for.
const ALIGNMENT: usize = 16;

/// The loop of one environment, and how many of our handles it has.
pub(in crate::binding) struct Loop {
    raw: NonNull<RawLoop>,
    uv: &'static Symbols,
    open: Cell<usize>,
    /// Called when the last handle is closed.
    emptied: RefCell<Option<Box<dyn FnOnce()>>>,
}

/// What is called when a handle has something, with a status that is below 0 if
/// a poll handle has failed.
type Callback = Rc<dyn Fn(c_int)>;

/// What a handle's data points to, until it is closed.
struct Context {
    owner: Rc<Loop>,
    callback: Callback,
    layout: Layout,
}

/// The kinds of handles, with libuv's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::binding) enum Kind {
    /// Called after another thread has used its [`Waker`].
    Async = 1,
    /// Called after the loop has looked at descriptors.
    Check = 2,
    /// Called before that, which then doesn't wait.
    Idle = 6,
    /// Called when a descriptor is ready.
    Poll = 8,
    /// Called when its time has come.
    Timer = 13,
}

/// A handle. It does not keep the loop alive. To be closed; dropped without, it
/// stays open for ever, which is right only if the process ends anyway.
pub(in crate::binding) struct Handle {
    raw: NonNull<RawHandle>,
    uv: &'static Symbols,
}

/// Rings the callback of an [`Kind::Async`] handle, from any thread.
#[derive(Debug)]
pub(in crate::binding) struct Waker {
    raw: NonNull<RawHandle>,
    uv: &'static Symbols,
}

// SAFETY: `uv_async_send` is the one function that libuv allows from any thread.
// That the handle is still open is asked of the caller of `wake`.
unsafe impl Send for Waker {}

impl Loop {
    /// The loop of this environment; none if it has none.
    pub(in crate::binding) fn of(env: sys::napi_env, uv: &'static Symbols) -> Option<Rc<Self>> {
        let mut raw = ptr::null_mut();
        // SAFETY: the env of the running call.
        let status = unsafe { (uv.napi_get_uv_event_loop)(env, &mut raw) };
        let raw = NonNull::new(raw).filter(|_| status == sys::Status::napi_ok)?;
        Some(Rc::new(Self {
            raw,
            uv,
            open: Cell::new(0),
            emptied: RefCell::default(),
        }))
    }

    /// A new handle; `fd` is for poll handles.
    ///
    /// # Errors
    /// libuv's number. Poll handles fail if the system can't watch the
    /// descriptor, async ones if it gives none; the others don't.
    pub(in crate::binding) fn handle(
        self: &Rc<Self>,
        kind: Kind,
        fd: RawFd,
        callback: impl Fn(c_int) + 'static,
    ) -> Result<Handle, c_int> {
        let uv = self.uv;
        // SAFETY: any kind may be asked for; 0 comes back for an unknown one.
        let size = unsafe { (uv.uv_handle_size)(kind as c_int) };
        let layout = Layout::from_size_align(size.max(1), ALIGNMENT).map_err(|_| 0)?;
        // SAFETY: the layout is not empty.
        let raw = NonNull::new(unsafe { alloc_zeroed(layout) }.cast::<RawHandle>()).ok_or(0)?;
        let at = self.raw.as_ptr();
        // SAFETY: loop and memory are valid and the memory is large enough, as
        // libuv itself told its size; we are on the loop's thread.
        let status = unsafe {
            match kind {
                Kind::Async => (uv.uv_async_init)(at, raw.as_ptr(), plain),
                Kind::Check => (uv.uv_check_init)(at, raw.as_ptr()),
                Kind::Idle => (uv.uv_idle_init)(at, raw.as_ptr()),
                Kind::Poll => (uv.uv_poll_init)(at, raw.as_ptr(), fd),
                Kind::Timer => (uv.uv_timer_init)(at, raw.as_ptr()),
            }
        };
        if status != 0 {
            // SAFETY: allocated above with this layout; libuv did not take it.
            unsafe { dealloc(raw.as_ptr().cast(), layout) };
            return Err(status);
        }
        let context = Box::new(Context {
            owner: self.clone(),
            callback: Rc::new(callback),
            layout,
        });
        self.open.set(self.open.get() + 1);
        // SAFETY: an initialised handle. The context lives until its close callback.
        unsafe {
            (uv.uv_handle_set_data)(raw.as_ptr(), Box::into_raw(context).cast::<c_void>());
            (uv.uv_unref)(raw.as_ptr());
        }
        Ok(Handle { raw, uv })
    }

    /// Calls `then` once no handle is open any more.
    pub(in crate::binding) fn when_empty(&self, then: impl FnOnce() + 'static) {
        if self.open.get() == 0 {
            then();
        } else {
            *self.emptied.borrow_mut() = Some(Box::new(then));
        }
    }

    fn closed_one(&self) {
        self.open.set(self.open.get() - 1);
        if self.open.get() == 0 {
            let then = self.emptied.borrow_mut().take();
            if let Some(then) = then {
                then();
            }
        }
    }
}

impl Handle {
    /// Poll: calls back when the descriptor is ready for any of `events`, until
    /// it is told otherwise; 0 stops it.
    pub(in crate::binding) fn poll(&self, events: c_int) {
        // SAFETY: an open poll handle, on its thread. Its descriptor is open: the
        // owner closes it after the handle.
        unsafe {
            if events == 0 {
                (self.uv.uv_poll_stop)(self.raw.as_ptr());
            } else {
                (self.uv.uv_poll_start)(self.raw.as_ptr(), events, polled);
            }
        }
    }

    /// Timer: calls back once after `millis`; what was set before is forgotten.
    pub(in crate::binding) fn after(&self, millis: u64) {
        // SAFETY: an open timer, on its thread.
        unsafe { (self.uv.uv_timer_start)(self.raw.as_ptr(), plain, millis, 0) };
    }

    /// Idle: calls back in every turn of the loop.
    pub(in crate::binding) fn start_idle(&self) {
        // SAFETY: an open idle handle, on its thread.
        unsafe { (self.uv.uv_idle_start)(self.raw.as_ptr(), plain) };
    }

    /// Idle: no longer.
    pub(in crate::binding) fn stop_idle(&self) {
        // SAFETY: as above.
        unsafe { (self.uv.uv_idle_stop)(self.raw.as_ptr()) };
    }

    /// Check: calls back in every turn of the loop.
    pub(in crate::binding) fn start_check(&self) {
        // SAFETY: an open check handle, on its thread.
        unsafe { (self.uv.uv_check_start)(self.raw.as_ptr(), plain) };
    }

    /// Check: no longer.
    pub(in crate::binding) fn stop_check(&self) {
        // SAFETY: as above.
        unsafe { (self.uv.uv_check_stop)(self.raw.as_ptr()) };
    }

    /// Async: what wakes it from other threads.
    pub(in crate::binding) fn waker(&self) -> Waker {
        Waker {
            raw: self.raw,
            uv: self.uv,
        }
    }

    /// Closes the handle; its callback is not called any more. The descriptor of
    /// a poll handle may be closed from now on.
    pub(in crate::binding) fn close(self) {
        // SAFETY: an open handle, on its thread; `self` is gone after this, so
        // nobody closes it twice.
        unsafe { (self.uv.uv_close)(self.raw.as_ptr(), closed) };
    }
}

impl Waker {
    /// Wakes the loop.
    ///
    /// # Safety
    /// The handle must not have been closed.
    pub(in crate::binding) unsafe fn wake(&self) {
        // SAFETY: the caller vouches for it.
        unsafe { (self.uv.uv_async_send)(self.raw.as_ptr()) };
    }
}

unsafe extern "C" fn plain(raw: *mut RawHandle) {
    // SAFETY: libuv called us with an open handle of ours.
    unsafe { polled(raw, 0, 0) };
}

unsafe extern "C" fn polled(raw: *mut RawHandle, status: c_int, _events: c_int) {
    let Some(uv) = Symbols::get() else { return };
    // SAFETY: libuv called us with an open handle of ours, whose data is its
    // context. The callback is cloned, as it may close the handle.
    let callback = unsafe {
        let context = (uv.uv_handle_get_data)(raw).cast::<Context>();
        (*context).callback.clone()
    };
    // No panic may pass through libuv. The message has been printed by then.
    let _ = catch_unwind(AssertUnwindSafe(|| callback(status)));
}

unsafe extern "C" fn closed(raw: *mut RawHandle) {
    let Some(uv) = Symbols::get() else { return };
    // SAFETY: libuv has let go of a handle of ours, and calls this once. Its data
    // is the context that was made with it, its memory was allocated with that
    // layout.
    let context = unsafe {
        let context = Box::from_raw((uv.uv_handle_get_data)(raw).cast::<Context>());
        dealloc(raw.cast(), context.layout);
        context
    };
    let _ = catch_unwind(AssertUnwindSafe(|| context.owner.closed_one()));
}
