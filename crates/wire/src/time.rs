//! Points in time.

use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

/// A point in time, in microseconds since an origin that the caller chooses, such as boot.
///
/// The clock of the caller must be monotonic. All arithmetic saturates: a deadline that is too far away is
/// [`Instant::FAR_FUTURE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The origin of the clock.
    pub const ZERO: Self = Self(0);
    /// The latest instant.
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// The instant `micros` microseconds after the origin.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The instant `millis` milliseconds after the origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the origin.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Milliseconds since the origin, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// The time since `earlier`. It is zero when `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The earlier of two deadlines. `None` stands for no deadline.
    #[must_use]
    pub fn earliest(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

/// The number of ticks of a clock of `rate` hertz in `time`, of which whole microseconds count. It is rounded down, and saturates.
///
/// The call takes 64 bits where [`Duration::as_micros`] gives 128. A division of 128 bits takes a kilobyte of code on a 32-bit machine.
#[must_use]
pub const fn ticks(time: Duration, rate: u32) -> u64 {
    let rate = rate as u64;
    let part = (time.subsec_micros() as u64).saturating_mul(rate) / 1_000_000;
    time.as_secs().saturating_mul(rate).saturating_add(part)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(micros(rhs)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, rhs: Duration) {
        self.0 = self.0.saturating_add(micros(rhs));
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(micros(rhs)))
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, rhs: Self) -> Duration {
        self.saturating_since(rhs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Instant::ZERO - Duration::from_secs(1), Instant::ZERO);
        assert_eq!(Instant::from_micros(u64::MAX - 1) + Duration::MAX, Instant::FAR_FUTURE);
        assert_eq!(Instant::from_millis(1) - Instant::from_millis(3), Duration::ZERO);
        assert_eq!(Instant::from_millis(u64::MAX), Instant::FAR_FUTURE);
    }

    #[test]
    fn ticks_are_those_of_a_division_of_128_bits() {
        let nanos = [0, 1, 999, 1_000, 11_111, 499_999_999, 500_000_000, 999_999_999];
        for time in [0, 1, 2, 59, 3_600, 1 << 40].iter().flat_map(|secs| nanos.map(|n| Duration::new(*secs, n))) {
            for rate in [1, 100, 1_000, 8_000, 48_000, 65_536, 90_000, 1_000_000, u32::MAX] {
                let wide = time.as_micros() * u128::from(rate) / 1_000_000;
                assert_eq!(u128::from(ticks(time, rate)), wide.min(u64::MAX.into()), "{time:?} at {rate}");
            }
        }
        assert_eq!(ticks(Duration::MAX, 2), u64::MAX);
    }

    #[test]
    fn earliest_ignores_missing_deadlines() {
        let (a, b) = (Some(Instant::from_micros(1)), Some(Instant::from_micros(2)));
        assert_eq!(Instant::earliest(a, b), a);
        assert_eq!(Instant::earliest(None, b), b);
        assert_eq!(Instant::earliest(a, None), a);
        assert_eq!(Instant::earliest(None, None), None);
    }
}
