//! Counters of statistics.

use core::fmt;
use core::ops::AddAssign;

/// A counter of the statistics. It stops at `u64::MAX` instead of overflowing.
///
/// ```
/// use barertc_wire::Count;
///
/// #[derive(Default)]
/// struct Statistics {
///     packets_sent: Count,
///     bytes_sent: Count,
/// }
/// let mut stats = Statistics::default();
/// stats.packets_sent += 1;
/// stats.bytes_sent += 1_200;
/// assert_eq!(stats.packets_sent, 1);
/// assert_eq!(stats.bytes_sent.get(), 1_200);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Count(u64);

impl Count {
    /// The counter at 0.
    pub const ZERO: Self = Self(0);

    /// The counter at `value`.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The value.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl AddAssign<u64> for Count {
    fn add_assign(&mut self, more: u64) {
        self.0 = self.0.saturating_add(more);
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, more: Self) {
        self.0 = self.0.saturating_add(more.0);
    }
}

impl PartialEq<u64> for Count {
    fn eq(&self, value: &u64) -> bool {
        self.0 == *value
    }
}

impl PartialOrd<u64> for Count {
    fn partial_cmp(&self, value: &u64) -> Option<core::cmp::Ordering> {
        self.0.partial_cmp(value)
    }
}

impl From<Count> for u64 {
    fn from(count: Count) -> Self {
        count.0
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stops_at_the_end() {
        let mut count = Count::new(u64::MAX - 2);
        count += 1;
        assert_eq!(count, u64::MAX - 1);
        count += Count::new(7);
        assert_eq!((count.get(), count > 7), (u64::MAX, true));
    }
}
