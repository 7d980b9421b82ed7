//! Serial number arithmetic (RFC 1982) on transmission sequence numbers.

/// A transmission sequence number (RFC 9260 §3.3.1); comparisons wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tsn(pub u32);

impl Tsn {
    /// The number `n` after this one.
    #[must_use]
    pub const fn add(self, n: u32) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// The number before this one.
    #[must_use]
    pub const fn prev(self) -> Self {
        Self(self.0.wrapping_sub(1))
    }

    /// How far this one lies after `earlier`, as a wrapping distance.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// Whether this one comes after `other`.
    #[must_use]
    pub const fn is_after(self, other: Self) -> bool {
        serial_after(self.0, other.0)
    }
}

/// Whether `a` comes after `b` in 32-bit serial arithmetic.
pub(crate) const fn serial_after(a: u32, b: u32) -> bool {
    let d = a.wrapping_sub(b);
    d != 0 && d < 0x8000_0000
}

/// The 32-bit number nearest to `near` whose low 16 bits are `low`: a stream sequence number made comparable with
/// the message identifiers of RFC 8260.
pub(crate) const fn unwrap16(low: u16, near: u32) -> u32 {
    // Wrapping 16-bit distance, sign-extended.
    #[allow(clippy::cast_possible_truncation)]
    let d = low.wrapping_sub(near as u16);
    near.wrapping_add(d as i16 as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_wraps() {
        assert!(Tsn(0).is_after(Tsn(u32::MAX)));
        assert!(!Tsn(u32::MAX).is_after(Tsn(0)));
        assert!(!Tsn(7).is_after(Tsn(7)));
        assert_eq!(Tsn(2).since(Tsn(u32::MAX)), 3);
    }

    #[test]
    fn sixteen_bits_unwrap_to_the_nearest() {
        assert_eq!(unwrap16(0, 0xFFFF), 0x1_0000);
        assert_eq!(unwrap16(0xFFFF, 0x1_0000), 0xFFFF);
        assert_eq!(unwrap16(5, 3), 5);
        assert_eq!(unwrap16(0xFFFF, 0), 0xFFFF_FFFF);
    }
}
