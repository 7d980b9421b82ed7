//! The time that certificates are judged by.

use core::fmt;

use barertc_wire::der::{GENERALIZED_TIME, UTC_TIME};

/// Seconds since 1970-01-01T00:00:00Z, leap seconds left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct UnixTime(pub u64);

const DAY: u64 = 86_400;

impl UnixTime {
    /// Midnight of a day of the years from 1970 to 9999; `None` for a day that no calendar has.
    #[must_use]
    pub fn of_date(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let before =
            *[0u64, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334].get(usize::from(month).checked_sub(1)?)?;
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if !(1970..=9999).contains(&year) || !(1..=days).contains(&day) {
            return None;
        }
        let past = u64::from(year).checked_sub(1)?;
        // Days of all years before, counted from the year 1; of those, 719,162 were before 1970.
        let whole = past.checked_mul(365)?.checked_add(past / 4)?.checked_sub(past / 100)?.checked_add(past / 400)?;
        let of_year = before.checked_add(u64::from(leap && month > 2))?.checked_add(u64::from(day))?.checked_sub(1)?;
        whole.checked_sub(719_162)?.checked_add(of_year)?.checked_mul(DAY).map(Self)
    }

    /// Reads the forms that certificates have (RFC 5280 §4.1.2.5): UTCTime with seconds, GeneralizedTime without fractions,
    /// both in UTC.
    pub(crate) fn of_der(tag: u8, text: &[u8]) -> Option<Self> {
        let (year, rest) = match tag {
            GENERALIZED_TIME => {
                let (year, rest) = text.split_first_chunk::<4>()?;
                let [high, low] = [[year[0], year[1]], [year[2], year[3]]].map(two);
                (u16::from(high?).checked_mul(100)?.checked_add(low?.into())?, rest)
            }
            UTC_TIME => {
                let (year, rest) = text.split_first_chunk::<2>()?;
                let year = u16::from(two(*year)?);
                (year.checked_add(if year < 50 { 2000 } else { 1900 })?, rest)
            }
            _ => return None,
        };
        let (digits, b"Z") = rest.split_at_checked(10)? else { return None };
        let [month, day, hour, minute, second] = *digits.as_chunks::<2>().0 else { return None };
        let [hour, minute, second] = [two(hour)?, two(minute)?, two(second)?].map(u64::from);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        // Before 1970 is before all that counts.
        let Self(midnight) = if year < 1970 { Self(0) } else { Self::of_date(year, two(month)?, two(day)?)? };
        let seconds = hour.checked_mul(60)?.checked_add(minute)?.checked_mul(60)?.checked_add(second)?;
        midnight.checked_add(seconds).map(Self)
    }
}

/// A number of two digits.
fn two([tens, ones]: [u8; 2]) -> Option<u8> {
    if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
        return None;
    }
    (tens & 15).checked_mul(10)?.checked_add(ones & 15)
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s since 1970", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (year, month, day, seconds) in [
            (1970, 1, 1, Some(0)),
            (1999, 12, 31, Some(946_598_400)),
            (2000, 2, 29, Some(951_782_400)),
            (2026, 11, 30, Some(1_795_996_800)),
            (9999, 12, 31, Some(253_402_214_400)),
            (2100, 2, 29, None),
            (2026, 2, 29, None),
            (2026, 13, 1, None),
            (2026, 0, 1, None),
            (2026, 4, 31, None),
            (1969, 12, 31, None),
        ] {
            assert_eq!(UnixTime::of_date(year, month, day), seconds.map(UnixTime), "{year}-{month}-{day}");
        }
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let read = |tag, text: &str| UnixTime::of_der(tag, text.as_bytes()).map(|time| time.0);
        assert_eq!(read(UTC_TIME, "261130101559Z"), Some(1_796_033_759));
        assert_eq!(read(UTC_TIME, "491231235959Z"), read(GENERALIZED_TIME, "20491231235959Z"));
        assert_eq!(read(UTC_TIME, "500101000000Z"), Some(0));
        assert_eq!(read(GENERALIZED_TIME, "99991231235959Z"), Some(253_402_300_799));
        for text in
            ["261130101559", "261130101559+0100", "26113010155Z", "2611301015XXZ", "261130241559Z", "2611301060Z", ""]
        {
            assert_eq!(read(UTC_TIME, text), None, "{text}");
        }
        assert_eq!(read(GENERALIZED_TIME, "20261130101559.5Z"), None);
    }
}
