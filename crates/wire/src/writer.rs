//! Writes bytes for the network.

use bytes::BufMut;

use crate::copy::{NoRoom, put_at};

/// Writes fields in network byte order into a slice, from its start. No call panics.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    /// A writer at the start of `out`.
    #[must_use]
    pub const fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// The number of bytes that are written.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of bytes that still fit.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.out.len().saturating_sub(self.len)
    }

    /// The bytes that are written.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.out.get(..self.len).unwrap_or_default()
    }

    /// The bytes that are written, to change them in place.
    pub fn written_mut(&mut self) -> &mut [u8] {
        self.out.get_mut(..self.len).unwrap_or_default()
    }

    /// The bytes that are written, with the lifetime of the buffer.
    #[must_use]
    pub fn into_written(self) -> &'a mut [u8] {
        self.out.get_mut(..self.len).unwrap_or_default()
    }

    /// The next `n` bytes of the buffer, for the caller to fill. They count as written.
    ///
    /// # Errors
    /// [`NoRoom`] when fewer fit. No call of this type writes anything when it fails.
    pub fn reserve(&mut self, n: usize) -> Result<&mut [u8], NoRoom> {
        let end = self.len.checked_add(n).ok_or(NoRoom)?;
        // The compiler knows the length of the field, so a copy into it has no path that panics.
        let (_, free) = self.out.split_at_mut_checked(self.len).ok_or(NoRoom)?;
        let (field, _) = free.split_at_mut_checked(n).ok_or(NoRoom)?;
        self.len = end;
        Ok(field)
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// [`NoRoom`] when they don't fit.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        self.reserve(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// Writes `n` zero bytes.
    ///
    /// # Errors
    /// [`NoRoom`] when they don't fit.
    pub fn zeros(&mut self, n: usize) -> Result<(), NoRoom> {
        self.reserve(n)?.fill(0);
        Ok(())
    }

    /// Writes one byte.
    ///
    /// # Errors
    /// [`NoRoom`] at the end.
    pub fn u8(&mut self, v: u8) -> Result<(), NoRoom> {
        self.put(&[v])
    }

    /// Writes two bytes, most significant first.
    ///
    /// # Errors
    /// [`NoRoom`] when they don't fit.
    pub fn u16(&mut self, v: u16) -> Result<(), NoRoom> {
        self.put(&v.to_be_bytes())
    }

    /// Writes the low three bytes of `v`, most significant first.
    ///
    /// # Errors
    /// [`NoRoom`] when they don't fit.
    pub fn u24(&mut self, v: u32) -> Result<(), NoRoom> {
        let [_, a, b, c] = v.to_be_bytes();
        self.put(&[a, b, c])
    }

    /// Writes four bytes, most significant first.
    ///
    /// # Errors
    /// [`NoRoom`] when they don't fit.
    pub fn u32(&mut self, v: u32) -> Result<(), NoRoom> {
        self.put(&v.to_be_bytes())
    }

    /// Writes the low six bytes of `v`, most significant first.
    ///
    /// # Errors
    /// [`NoRoom`] when they don't fit.
    pub fn u48(&mut self, v: u64) -> Result<(), NoRoom> {
        let [_, _, a, b, c, d, e, f] = v.to_be_bytes();
        self.put(&[a, b, c, d, e, f])
    }

    /// Writes eight bytes, most significant first.
    ///
    /// # Errors
    /// [`NoRoom`] when they don't fit.
    pub fn u64(&mut self, v: u64) -> Result<(), NoRoom> {
        self.put(&v.to_be_bytes())
    }

    /// Overwrites bytes that are written, for lengths and checksums that are known later.
    ///
    /// # Errors
    /// [`NoRoom`] when `at..at + bytes.len()` is not all written.
    pub fn patch(&mut self, at: usize, bytes: &[u8]) -> Result<(), NoRoom> {
        put_at(self.written_mut(), at, bytes)
    }
}

/// Appends to any [`bytes::BufMut`] without a panic, for codecs that are generic over their sink.
pub trait TryPut: BufMut {
    /// Writes all of `bytes`, or nothing.
    ///
    /// # Errors
    /// [`NoRoom`] when they don't fit.
    fn try_put(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        if self.remaining_mut() < bytes.len() {
            return Err(NoRoom);
        }
        self.put_slice(bytes);
        Ok(())
    }
}

impl<B: BufMut + ?Sized> TryPut for B {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_changes_nothing() {
        let mut room = [0xAA; 3];
        let mut w = Writer::new(&mut room);
        w.u16(0x0102).unwrap();
        assert_eq!(w.u16(0x0304), Err(NoRoom));
        w.u8(3).unwrap();
        assert_eq!(w.written(), [1, 2, 3]);
        assert_eq!(w.room(), 0);
    }

    #[test]
    fn only_what_is_written_can_be_patched() {
        let mut room = [0; 8];
        let mut w = Writer::new(&mut room);
        w.u48(0x0102_0304_0506).unwrap();
        w.patch(4, &[9, 9]).unwrap();
        assert_eq!(w.patch(5, &[7, 7]), Err(NoRoom));
        assert_eq!(w.patch(usize::MAX, &[7, 7]), Err(NoRoom));
        assert_eq!(w.into_written(), [1, 2, 3, 4, 9, 9]);
    }

    #[test]
    fn any_bufmut_can_be_tried() {
        let mut room = [0u8; 2];
        let mut sink = &mut room[..];
        sink.try_put(&[1]).unwrap();
        assert_eq!(sink.try_put(&[2, 3]), Err(NoRoom));
        assert_eq!(room, [1, 0]);
    }
}
