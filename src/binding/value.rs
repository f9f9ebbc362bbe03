//! Reading and making JavaScript values without the generated conversions.
//!
//! Every function here runs on the JavaScript thread, inside a callback, with
//! values of that callback. That is what makes the calls sound; each `unsafe`
//! block relies on it.

use std::ptr;

use bytes::{Bytes, BytesMut};
use napi::sys;

use crate::ipc::frame::Payload;

/// Strings up to this many units get room for the worst case at once; longer
/// ones are measured first, which costs a pass but no memory. If they turn out to
/// be ASCII they are merely copied.
const GUESS_UNITS: usize = 16 * 1024;

/// The arguments of a callback.
pub(super) struct Arguments<const N: usize> {
    pub(super) env: sys::napi_env,
    values: [sys::napi_value; N],
}

impl<const N: usize> Arguments<N> {
    /// # Safety
    /// `env` and `info` must be those of the running callback.
    pub(super) unsafe fn of(env: sys::napi_env, info: sys::napi_callback_info) -> Self {
        let mut values = [ptr::null_mut(); N];
        let mut count = N;
        // SAFETY: the caller vouches for env and info; `values` has `count` places.
        // Missing arguments become `undefined`.
        unsafe {
            sys::napi_get_cb_info(
                env,
                info,
                &mut count,
                values.as_mut_ptr(),
                ptr::null_mut(),
                ptr::null_mut(),
            );
        }
        Self { env, values }
    }

    pub(super) fn raw(&self, at: usize) -> sys::napi_value {
        self.values.get(at).copied().unwrap_or(ptr::null_mut())
    }

    /// A 32-bit number; 0 if it is none. The facade passes nothing else.
    pub(super) fn u32(&self, at: usize) -> u32 {
        let mut value = 0;
        // SAFETY: see the module; on a wrong type `value` stays 0.
        unsafe { sys::napi_get_value_uint32(self.env, self.raw(at), &mut value) };
        value
    }

    /// A text, or nothing for anything that is no string.
    pub(super) fn text(&self, at: usize) -> Option<Bytes> {
        let mut length = 0;
        // SAFETY: see the module; asks for the length only.
        let status = unsafe {
            sys::napi_get_value_string_utf8(self.env, self.raw(at), ptr::null_mut(), 0, &mut length)
        };
        if status != sys::Status::napi_ok {
            return None;
        }
        let mut out = BytesMut::new();
        Text {
            env: self.env,
            value: self.raw(at),
            units: length,
        }
        .append_to(&mut out);
        Some(out.freeze())
    }

    /// A payload: text with its length in UTF-16 units, or bytes.
    pub(super) fn payload(&self, at: usize, is_text: bool, units: u32) -> JsPayload {
        let value = self.raw(at);
        if is_text {
            return JsPayload::Text(Text {
                env: self.env,
                value,
                units: units as usize,
            });
        }
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: see the module; on a wrong type the length stays 0.
        unsafe {
            sys::napi_get_typedarray_info(
                self.env,
                value,
                ptr::null_mut(),
                &mut length,
                &mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            );
        }
        JsPayload::Raw {
            data: data.cast(),
            length,
        }
    }

    /// Writes words to the start of a `Uint32Array`, those of one list after those of the
    /// other, as many as it takes.
    pub(super) fn fill(&self, at: usize, words: [&[u32]; 2]) {
        let Some((data, length)) = self.word_array(at) else {
            return;
        };
        // SAFETY: V8 gave us `length` elements of four bytes at `data`, aligned by
        // the rules of typed arrays, and no JavaScript runs in this function.
        let mut target: &mut [u32] = unsafe { std::slice::from_raw_parts_mut(data, length) };
        for list in words {
            let count = list.len().min(target.len());
            let (to, rest) = target.split_at_mut(count);
            to.copy_from_slice(list.get(..count).unwrap_or_default());
            target = rest;
        }
    }

    /// The words of a `Uint32Array`; none for anything else.
    pub(super) fn words(&self, at: usize) -> Vec<u32> {
        let Some((data, length)) = self.word_array(at) else {
            return Vec::new();
        };
        // SAFETY: as in `fill`.
        unsafe { std::slice::from_raw_parts(data, length) }.to_vec()
    }

    /// Place and length of a `Uint32Array` that has a place.
    fn word_array(&self, at: usize) -> Option<(*mut u32, usize)> {
        let (mut data, mut length, mut kind) = (ptr::null_mut(), 0, 0);
        // SAFETY: see the module.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.env,
                self.raw(at),
                &mut kind,
                &mut length,
                &mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        let is_words = status == sys::Status::napi_ok && kind == sys::TypedarrayType::uint32_array;
        (is_words && !data.is_null()).then_some((data.cast(), length))
    }
}

/// A JavaScript string.
pub(super) struct Text {
    env: sys::napi_env,
    value: sys::napi_value,
    units: usize,
}

impl Payload for Text {
    fn append_to(&self, out: &mut BytesMut) {
        let mut room = self.units.saturating_mul(3);
        if self.units > GUESS_UNITS {
            // SAFETY: see the module; asks for the length only.
            let status = unsafe {
                sys::napi_get_value_string_utf8(self.env, self.value, ptr::null_mut(), 0, &mut room)
            };
            if status != sys::Status::napi_ok {
                return;
            }
        }
        let is_ascii = self.units > GUESS_UNITS && room == self.units;
        let write = if is_ascii {
            sys::napi_get_value_string_latin1
        } else {
            sys::napi_get_value_string_utf8
        };
        // One more for the NUL that Node-API adds.
        out.reserve(room + 1);
        let spare = out.spare_capacity_mut();
        let mut written = 0;
        // SAFETY: `spare` has at least `room + 1` bytes and its length is passed.
        unsafe {
            write(
                self.env,
                self.value,
                spare.as_mut_ptr().cast(),
                spare.len(),
                &mut written,
            );
            // SAFETY: Node-API has initialised `written` bytes of the spare room.
            out.set_len(out.len() + written);
        }
    }
}

/// A payload in V8's memory.
pub(super) enum JsPayload {
    Text(Text),
    Raw { data: *const u8, length: usize },
}

impl JsPayload {
    /// The length of a text, in units of UTF-16.
    pub(super) fn units(&self) -> usize {
        match self {
            JsPayload::Text(text) => text.units,
            JsPayload::Raw { .. } => 0,
        }
    }

    /// Bytes where V8 has them; none of a text.
    ///
    /// # Safety
    /// For as long as they are used the callback has to be running, and no JavaScript in
    /// it.
    pub(super) unsafe fn bytes(&self) -> &[u8] {
        match self {
            JsPayload::Raw { data, length } if !data.is_null() => {
                // SAFETY: the caller's promise; V8 has `length` bytes there.
                unsafe { std::slice::from_raw_parts(*data, *length) }
            }
            _ => &[],
        }
    }
}

impl Payload for JsPayload {
    fn append_to(&self, out: &mut BytesMut) {
        match self {
            JsPayload::Text(text) => text.append_to(out),
            JsPayload::Raw { data, length } if !data.is_null() => {
                // SAFETY: the typed array is an argument of the running callback
                // and no JavaScript runs before the bytes are copied.
                out.extend_from_slice(unsafe { std::slice::from_raw_parts(*data, *length) });
            }
            JsPayload::Raw { .. } => {}
        }
    }
}

pub(super) fn undefined(env: sys::napi_env) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: see the module.
    unsafe { sys::napi_get_undefined(env, &mut value) };
    value
}

pub(super) fn number(env: sys::napi_env, number: u32) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: see the module.
    unsafe { sys::napi_create_uint32(env, number, &mut value) };
    value
}

pub(super) fn ascii(env: sys::napi_env, text: &[u8]) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: see the module; the length is that of the slice. A byte below 0x80
    // means the same in Latin-1, which makes a one-byte string in one copy.
    unsafe {
        sys::napi_create_string_latin1(env, text.as_ptr().cast(), text.len() as isize, &mut value);
    }
    value
}

pub(super) fn utf8(env: sys::napi_env, text: &[u8]) -> sys::napi_value {
    if text.is_ascii() {
        return ascii(env, text);
    }
    let mut value = ptr::null_mut();
    // SAFETY: see the module; the length is that of the slice.
    unsafe {
        sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, &mut value);
    }
    value
}

/// A `Buffer` with a copy of the bytes. Always a copy: external memory is
/// forbidden in some runtimes and invisible to V8's garbage collector.
pub(super) fn buffer(env: sys::napi_env, bytes: &[u8]) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: see the module; the length is that of the slice.
    unsafe {
        sys::napi_create_buffer_copy(
            env,
            bytes.len(),
            bytes.as_ptr().cast(),
            ptr::null_mut(),
            &mut value,
        );
    }
    value
}

/// A `Buffer` of at most `length` bytes: as many as `fill` says that it has written.
pub(super) fn filled_buffer(
    env: sys::napi_env,
    length: usize,
    fill: impl FnOnce(&mut [u8]) -> usize,
) -> sys::napi_value {
    let (mut value, mut data) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: see the module.
    let status = unsafe { sys::napi_create_buffer(env, length, &mut data, &mut value) };
    if status != sys::Status::napi_ok || data.is_null() {
        return undefined(env);
    }
    // SAFETY: Node-API has just made `length` bytes there for us, which nobody else knows.
    let bytes = unsafe { std::slice::from_raw_parts_mut(data.cast::<u8>(), length) };
    let count = fill(bytes);
    match bytes.get(..count) {
        Some(part) if count < length => buffer(env, part),
        _ => value,
    }
}

pub(super) fn array(env: sys::napi_env, length: usize) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: see the module.
    unsafe { sys::napi_create_array_with_length(env, length, &mut value) };
    value
}

pub(super) fn set_element(
    env: sys::napi_env,
    array: sys::napi_value,
    at: usize,
    item: sys::napi_value,
) {
    // SAFETY: see the module.
    unsafe { sys::napi_set_element(env, array, at as u32, item) };
}
