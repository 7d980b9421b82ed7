//! Arithmetic on sequence numbers that wrap (RFC 1982, RFC 3550 appendix A.1).

/// How far `to` is ahead of `from`. It is negative when `to` is behind. Each direction has half of the numbers.
#[must_use]
pub const fn distance(from: u16, to: u16) -> i16 {
    to.wrapping_sub(from) as i16
}

/// Before the first number.
#[must_use]
pub const fn newer(a: u16, b: u16) -> bool {
    distance(b, a) > 0
}

/// Whether timestamp `a` comes after `b` by less than half of the numbers.
#[must_use]
pub const fn timestamp_newer(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) as i32 > 0
}

/// Extends 16-bit sequence numbers to 64 bits. Each result is the one that is closest to the previous one.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Unwrapper {
    last: Option<u64>,
}

impl Unwrapper {
    /// A first number is placed at this height, so that numbers slightly older than the first stay positive.
    const BASE: u64 = 1 << 32;

    /// Starts with nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// The 64-bit number of `seq`. It is not remembered.
    #[must_use]
    pub const fn peek(&self, seq: u16) -> u64 {
        match self.last {
            None => Self::BASE.wrapping_add(seq as u64),
            Some(last) => last.wrapping_add_signed(distance(last as u16, seq) as i64),
        }
    }

    /// The 64-bit number of `seq`. The next number is the closest one to it.
    pub const fn unwrap(&mut self, seq: u16) -> u64 {
        let wide = self.peek(seq);
        self.last = Some(wide);
        wide
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_holds_over_the_wrap() {
        assert!(newer(0, 65_535));
        assert!(!newer(65_535, 0));
        assert_eq!(distance(65_530, 4), 10);
        assert_eq!(distance(4, 65_530), -10);
        assert!(timestamp_newer(5, u32::MAX));
    }

    #[test]
    fn unwrapping_goes_both_ways() {
        let mut u = Unwrapper::new();
        let first = u.unwrap(3);
        assert_eq!(u.unwrap(65_535), first - 4);
        assert_eq!(u.unwrap(3), first);
        for seq in 4..=u16::MAX {
            u.unwrap(seq);
        }
        assert_eq!(u.unwrap(3), first + 65_536);
    }
}
