//! Unsigned LEB128: seven bits a byte, least significant first.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Appends `value`.
pub(super) fn put(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// Takes a value off the front; none if it is cut off or longer than 64 bits.
pub(super) fn take(input: &mut Bytes) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        if !input.has_remaining() {
            return None;
        }
        let byte = input.get_u8();
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit only.
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The value at the front and its length; none if it is cut off or too long.
pub(super) fn peek(input: &[u8]) -> Option<(u64, usize)> {
    let mut front = Bytes::copy_from_slice(input.get(..input.len().min(10))?);
    let before = front.len();
    let value = take(&mut front)?;
    Some((value, before - front.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_at_every_width() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = BytesMut::new();
            put(&mut out, value);
            let mut input = out.freeze();
            assert_eq!(take(&mut input), Some(value));
            assert!(input.is_empty());
        }
    }

    #[test]
    fn refuses_what_is_cut_off_or_too_long() {
        assert_eq!(take(&mut Bytes::from_static(&[0x80])), None);
        assert_eq!(take(&mut Bytes::from_static(&[0xff; 11])), None);
        let two_bits_in_the_tenth = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2];
        assert_eq!(
            take(&mut Bytes::copy_from_slice(&two_bits_in_the_tenth)),
            None
        );
    }
}
