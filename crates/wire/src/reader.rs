//! Reads bytes from the network.

use core::fmt;

use bytes::Buf;

/// The input ended before the field did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Truncated;

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("input ends before the field does")
    }
}

impl core::error::Error for Truncated {}

/// Reads fields in network byte order from the front of a slice. No call panics.
///
/// The slices that it returns have the lifetime of the input: a parsed message borrows from the datagram. A `Reader` is
/// a [`bytes::Buf`] too, for codecs that are generic over their source.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `input`.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// The number of bytes that are not read yet.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything has been read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The bytes that are not read yet. They stay unread.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads the next `n` bytes.
    ///
    /// # Errors
    /// [`Truncated`] when fewer are left. The reader then stays where it is; this holds for every read of this type.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], Truncated> {
        let (head, tail) = self.rest.split_at_checked(n).ok_or(Truncated)?;
        self.rest = tail;
        Ok(head)
    }

    /// Reads the next `N` bytes as an array.
    ///
    /// # Errors
    /// [`Truncated`] when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or(Truncated)?;
        self.rest = tail;
        Ok(*head)
    }

    /// Reads the next `n` bytes, as a reader of their own.
    ///
    /// # Errors
    /// [`Truncated`] when fewer are left.
    pub fn sub(&mut self, n: usize) -> Result<Reader<'a>, Truncated> {
        self.take(n).map(Reader::new)
    }

    /// Skips `n` bytes.
    ///
    /// # Errors
    /// [`Truncated`] when fewer are left.
    pub fn skip(&mut self, n: usize) -> Result<(), Truncated> {
        self.take(n).map(drop)
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// [`Truncated`] at the end.
    pub fn u8(&mut self) -> Result<u8, Truncated> {
        self.array::<1>().map(|[b]| b)
    }

    /// Reads two bytes, most significant first.
    ///
    /// # Errors
    /// [`Truncated`] when fewer are left.
    pub fn u16(&mut self) -> Result<u16, Truncated> {
        self.array().map(u16::from_be_bytes)
    }

    /// Reads three bytes, most significant first.
    ///
    /// # Errors
    /// [`Truncated`] when fewer are left.
    pub fn u24(&mut self) -> Result<u32, Truncated> {
        self.array::<3>().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// Reads four bytes, most significant first.
    ///
    /// # Errors
    /// [`Truncated`] when fewer are left.
    pub fn u32(&mut self) -> Result<u32, Truncated> {
        self.array().map(u32::from_be_bytes)
    }

    /// Reads six bytes, most significant first.
    ///
    /// # Errors
    /// [`Truncated`] when fewer are left.
    pub fn u48(&mut self) -> Result<u64, Truncated> {
        self.array::<6>().map(|[a, b, c, d, e, f]| u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// Reads eight bytes, most significant first.
    ///
    /// # Errors
    /// [`Truncated`] when fewer are left.
    pub fn u64(&mut self) -> Result<u64, Truncated> {
        self.array().map(u64::from_be_bytes)
    }
}

impl Buf for Reader<'_> {
    fn remaining(&self) -> usize {
        self.rest.len()
    }

    fn chunk(&self) -> &[u8] {
        self.rest
    }

    fn advance(&mut self, cnt: usize) {
        // The trait asks for a panic past the end; the end itself is as good, and cannot be reached by `try_get_*`.
        self.rest = self.rest.get(cnt..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_read_consumes_nothing() {
        let mut r = Reader::new(&[1, 2, 3]);
        assert_eq!(r.u32(), Err(Truncated));
        assert_eq!(r.u24(), Ok(0x01_02_03));
        assert_eq!(r.u8(), Err(Truncated));
        assert!(r.is_empty());
    }

    #[test]
    fn wide_fields_are_big_endian() {
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];
        let mut r = Reader::new(&bytes);
        assert_eq!(r.u48(), Ok(0x0001_0203_0405));
        assert_eq!(r.u64(), Ok(0x0607_0809_0a0b_0c0d));
    }

    #[test]
    fn it_is_a_bytes_buf() {
        let mut r = Reader::new(&[0x12, 0x34, 0x56]);
        assert_eq!(r.try_get_u16().unwrap(), 0x1234);
        assert!(r.try_get_u16().is_err());
        assert_eq!(Reader::remaining(&r), 1);
    }
}
