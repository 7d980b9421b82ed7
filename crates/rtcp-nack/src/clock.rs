//! Relates the RTP timestamps of a stream to the time.

use core::time::Duration;

use barertc_wire::{Instant, ticks};

/// How far frames may come behind their time before the relation is taken to have changed.
const TOLERANCE: Duration = Duration::from_millis(500);

/// Delays in reports are in units of 1/65,536 s (RFC 3550 §6.4.1).
pub(crate) const NTP_RATE: u32 = 1 << 16;

/// The relation between the caller's clock and media timestamps, for sender reports.
///
/// Frames come late sometimes and never early, so the earliest one (for its timestamp) tells the relation best:
/// lip-sync then doesn't follow every hiccup of the source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MediaClock {
    rate: u32,
    anchor: Option<(Instant, u32)>,
}

impl MediaClock {
    pub(crate) const fn new(rate: u32) -> Self {
        Self { rate, anchor: None }
    }

    /// A frame of `timestamp` came at `now`.
    pub(crate) fn observe(&mut self, now: Instant, timestamp: u32) {
        let early_or_lost = self.at(now).is_none_or(|expected| {
            let late_ticks = expected.wrapping_sub(timestamp) as i32;
            let tolerance = i64::from(self.rate).saturating_mul(TOLERANCE.as_millis() as i64) / 1_000;
            late_ticks <= 0 || i64::from(late_ticks) > tolerance
        });
        // The anchor moves along, so that differences of timestamps stay far from wrapping.
        if early_or_lost {
            self.anchor = Some((now, timestamp));
        } else if let Some((at, then)) = self.anchor {
            let ticks = timestamp.wrapping_sub(then);
            self.anchor = Some((at + self.duration(ticks), timestamp));
        }
    }

    /// The timestamp of `now`.
    pub(crate) fn at(&self, now: Instant) -> Option<u32> {
        let (at, timestamp) = self.anchor?;
        let (apart, back) = if now >= at { (now - at, false) } else { (at - now, true) };
        let ticks = ticks(apart, self.rate) as u32;
        Some(if back { timestamp.wrapping_sub(ticks) } else { timestamp.wrapping_add(ticks) })
    }

    fn duration(&self, ticks: u32) -> Duration {
        let micros = u64::from(ticks).saturating_mul(1_000_000);
        Duration::from_micros(micros.checked_div(u64::from(self.rate)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_frame_sets_the_relation() {
        let mut clock = MediaClock::new(90_000);
        for frame in 0..3_000u32 {
            // 40 ms apart, wrapping, every third up to 7 ms late.
            let late = if frame % 3 == 0 { u64::from(frame % 8) } else { 0 };
            let now = Instant::from_millis(1_000 + u64::from(frame) * 40 + late);
            clock.observe(now, frame.wrapping_mul(3_600).wrapping_sub(90_000));
        }
        let expected = (2_999u32 * 3_600).wrapping_sub(90_000);
        let got = clock.at(Instant::from_millis(1_000 + 2_999 * 40)).unwrap();
        assert!((got.wrapping_sub(expected) as i32).abs() < 90, "{got} {expected}");
    }

    #[test]
    fn a_jump_is_followed() {
        let mut clock = MediaClock::new(48_000);
        clock.observe(Instant::from_millis(0), 0);
        clock.observe(Instant::from_millis(20), 0u32.wrapping_sub(480_000));
        assert_eq!(clock.at(Instant::from_millis(20)), Some(0u32.wrapping_sub(480_000)));
        clock.observe(Instant::from_millis(40), 7_000_000);
        assert_eq!(clock.at(Instant::from_millis(50)), Some(7_000_480));
    }
}
