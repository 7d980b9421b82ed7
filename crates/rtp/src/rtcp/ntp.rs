//! NTP timestamps (RFC 3550 §4).

use barertc_wire::Instant;

/// Wallclock time as RTCP carries it: seconds since 1900 in 32.32 fixed point (RFC 3550 §4).
///
/// A machine without a wallclock may count from any origin (same section).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// Seconds between 1900 and 1970.
    const UNIX: u64 = 2_208_988_800;

    /// The time of this many microseconds since 1970.
    #[must_use]
    pub const fn from_unix_micros(micros: u64) -> Self {
        Self::from_micros(micros.saturating_add(Self::UNIX.saturating_mul(1_000_000)))
    }

    /// The time of the caller's clock. Its origin is unknown.
    #[must_use]
    pub const fn from_instant(now: Instant) -> Self {
        Self::from_micros(now.as_micros())
    }

    const fn from_micros(micros: u64) -> Self {
        let seconds = micros / 1_000_000;
        let fraction = ((micros % 1_000_000) << 32) / 1_000_000;
        Self((seconds << 32) | fraction)
    }

    /// The middle 32 bits, as LSR and DLSR use them: 16.16 fixed point.
    #[must_use]
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_point() {
        assert_eq!(NtpTime::from_instant(Instant::from_micros(1_500_000)), NtpTime(0x1_8000_0000));
        assert_eq!(NtpTime::from_instant(Instant::from_micros(1_500_000)).middle(), 0x1_8000);
        assert_eq!(NtpTime::from_unix_micros(0).0 >> 32, 0x83AA_7E80);
    }
}
