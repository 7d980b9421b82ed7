//! A token bucket: it bounds how often something is done.

use core::time::Duration;

use barertc_wire::Instant;

/// A token bucket in bytes. It may go into debt by one packet: a packet that starts while there are tokens is sent as a
/// whole.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TokenBucket {
    bytes_per_second: u32,
    burst: u32,
    /// Bytes × 10⁶, negative in debt.
    tokens: i64,
    updated: Option<Instant>,
}

const UNIT: i64 = 1_000_000;

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub const fn new(bytes_per_second: u32, burst: u32) -> Self {
        Self { bytes_per_second, burst, tokens: (burst as i64).saturating_mul(UNIT), updated: None }
    }

    /// Whether something may be sent now.
    pub fn ready(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens > 0
    }

    /// Says that `bytes` were sent.
    pub fn take(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX).saturating_mul(UNIT);
        self.tokens = self.tokens.saturating_sub(bytes);
    }

    /// When something may be sent again.
    #[must_use]
    pub fn ready_at(&self) -> Instant {
        let Some(updated) = self.updated else { return Instant::ZERO };
        if self.tokens > 0 {
            return updated;
        }
        if self.bytes_per_second == 0 {
            return Instant::FAR_FUTURE;
        }
        // tokens + rate · t > 0, t in µs
        let debt = self.tokens.unsigned_abs();
        let micros = debt.checked_div(u64::from(self.bytes_per_second)).unwrap_or(u64::MAX).saturating_add(1);
        updated + Duration::from_micros(micros)
    }

    /// Changes the rate and the depth.
    pub fn set(&mut self, now: Instant, bytes_per_second: u32, burst: u32) {
        self.refill(now);
        self.bytes_per_second = bytes_per_second;
        self.burst = burst;
        self.tokens = self.tokens.min(i64::from(burst).saturating_mul(UNIT));
    }

    /// Adds the tokens of the time until now.
    pub(crate) fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_since(*self.updated.get_or_insert(now));
        let micros = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
        let most = i64::from(self.burst).saturating_mul(UNIT);
        self.tokens = self.tokens.saturating_add(micros.saturating_mul(i64::from(self.bytes_per_second))).min(most);
        self.updated = self.updated.max(Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_holds_over_time() {
        let mut bucket = TokenBucket::new(100_000, 3_000);
        let (mut now, mut sent) = (Instant::ZERO, 0usize);
        while now < Instant::from_millis(10_000) {
            while bucket.ready(now) {
                bucket.take(1_200);
                sent += 1_200;
            }
            let at = bucket.ready_at();
            assert!(at > now);
            now = at;
            assert!(bucket.ready(now));
        }
        assert!((1_000_000..=1_006_000).contains(&sent), "{sent}");
    }

    #[test]
    fn without_a_rate_it_never_comes_back() {
        let mut bucket = TokenBucket::new(0, 1);
        assert!(bucket.ready(Instant::ZERO));
        bucket.take(1);
        assert_eq!(bucket.ready_at(), Instant::FAR_FUTURE);
    }
}
