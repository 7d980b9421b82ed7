//! The rate at which packets arrive.

/// Length of one bucket in µs, and how many there are: half a second (section 5.5: R_hat, measured over T).
const BUCKET: i64 = 50_000;
const BUCKETS: usize = 10;
/// Full buckets that are of late.
const LATE: i64 = 3;

/// The rate at which packets arrive, by the receiver's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ArrivalRate {
    bytes: [u32; BUCKETS],
    /// Number of the newest bucket.
    newest: i64,
    first: Option<i64>,
}

impl ArrivalRate {
    /// `bytes` arrived, at µs.
    pub(crate) fn packet(&mut self, arrived: i64, bytes: usize) {
        let bucket = arrived.div_euclid(BUCKET);
        if self.first.is_none() {
            (self.first, self.newest) = (Some(bucket), bucket);
        }
        let ahead = bucket.saturating_sub(self.newest);
        if ahead > 0 {
            for step in 1..=ahead.min(BUCKETS as i64) {
                if let Some(slot) = self.slot(self.newest.saturating_add(step)) {
                    *slot = 0;
                }
            }
            if ahead > BUCKETS as i64 {
                self.bytes = [0; BUCKETS];
                self.first = Some(bucket); // after a silence the rate is measured anew
            }
            self.newest = bucket;
        } else if ahead.saturating_add(BUCKETS as i64) <= 0 {
            return;
        }
        if let Some(slot) = self.slot(bucket) {
            *slot = slot.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }

    /// Bits a second, once half the window is filled; the newest bucket, not full yet, is left out.
    pub(crate) fn bits_per_second(&self) -> Option<u64> {
        let full = self.newest.saturating_sub(self.first?).clamp(0, (BUCKETS as i64).saturating_sub(1));
        if full < (BUCKETS as i64) / 2 {
            return None;
        }
        let newest = self.newest.rem_euclid(BUCKETS as i64) as usize;
        let bytes =
            self.bytes.iter().enumerate().filter(|(i, _)| *i != newest).map(|(_, b)| u64::from(*b)).sum::<u64>();
        bytes.saturating_mul(8_000_000).checked_div(full.saturating_mul(BUCKET).unsigned_abs())
    }

    /// Bits a second of the last moment, while a queue forms: what the path carries, where the longer mean has pauses of the
    /// sender in it.
    pub(crate) fn of_late(&self) -> Option<u64> {
        let mean = self.bits_per_second()?;
        let bucket = |back: i64| {
            let index = self.newest.saturating_sub(back).rem_euclid(BUCKETS as i64) as usize;
            self.bytes.get(index).map_or(0, |bytes| u64::from(*bytes))
        };
        let bytes = (1..=LATE).map(bucket).fold(0, u64::saturating_add);
        Some(bytes.saturating_mul(8_000_000).checked_div(LATE.saturating_mul(BUCKET).unsigned_abs())?.max(mean))
    }

    fn slot(&mut self, bucket: i64) -> Option<&mut u32> {
        self.bytes.get_mut(bucket.rem_euclid(BUCKETS as i64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_rate_is_measured() {
        let mut rate = ArrivalRate::default();
        for i in 0..200i64 {
            rate.packet(-3_000_000 + i * 10_000, 1_250);
            if i >= 25 {
                assert_eq!(rate.bits_per_second(), Some(1_000_000), "{i}");
            } else {
                assert_eq!(rate.bits_per_second(), None);
            }
        }
        // After a silence nothing of before counts.
        rate.packet(5_000_000, 10_000);
        assert_eq!(rate.bits_per_second(), None);
    }
}
