//! How much of a stream is lost, and measures against it that do not flutter.

use core::time::Duration;

use barertc_wire::Instant;

/// The share of lost packets is looked at this often; it counts at once when it grows and fades slowly when it shrinks.
const INTERVAL: Duration = Duration::from_millis(500);
const PACKETS: u32 = 50;
const FADE: f32 = 0.92;
/// A measure that is not needed ends after this time.
const NEEDLESS: Duration = Duration::from_secs(5);

/// Share of the packets of a stream that are lost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LossEstimate {
    sent: u32,
    lost: u32,
    since: Option<Instant>,
    fraction: f32,
}

impl LossEstimate {
    pub(crate) const fn new() -> Self {
        Self { sent: 0, lost: 0, since: None, fraction: 0.0 }
    }

    /// A packet was lost, for the first time.
    pub(crate) const fn lost(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }

    /// A packet was sent, for the first time.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.sent = self.sent.saturating_add(1);
        let since = *self.since.get_or_insert(now);
        if now >= since + INTERVAL && self.sent >= PACKETS {
            self.look(self.lost as f32 / self.sent as f32);
            (self.sent, self.lost, self.since) = (0, 0, Some(now));
        }
    }

    /// A receiver reports this share of an interval.
    pub(crate) fn reported(&mut self, fraction: f32) {
        self.look(fraction);
    }

    /// The share, 0 to 1.
    pub(crate) const fn fraction(&self) -> f32 {
        self.fraction
    }

    fn look(&mut self, fraction: f32) {
        // More is lost of what was sent before than was sent since.
        let fraction = fraction.clamp(0.0, 1.0);
        // A burst is no trend: growth is taken by half.
        let grown = 0.5 * (self.fraction + fraction);
        self.fraction = if fraction > self.fraction { grown } else { fraction.max(self.fraction * FADE) };
    }
}

/// A measure that begins at once, and ends when it has not been needed for five seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hysteresis {
    on: bool,
    needless: Option<Instant>,
}

impl Hysteresis {
    pub(crate) const fn new() -> Self {
        Self { on: false, needless: None }
    }

    /// On from `on` of the loss on, off when it has been below `off` for a while.
    pub(crate) fn follow(&mut self, now: Instant, loss: f32, on: f32, off: f32) {
        if loss >= off {
            self.needless = None;
            self.on |= loss >= on;
        } else if now >= *self.needless.get_or_insert(now) + NEEDLESS {
            self.on = false;
        }
    }

    pub(crate) const fn is_on(&self) -> bool {
        self.on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_begins_at_once_and_ends_after_a_while() {
        let mut measure = Hysteresis::new();
        let mut at = |ms: u64, loss: f32| {
            measure.follow(Instant::from_millis(ms), loss, 0.01, 0.005);
            measure.is_on()
        };
        assert!(!at(0, 0.009) && at(10, 0.01) && at(20, 0.006));
        assert!(at(1_000, 0.0) && at(5_000, 0.004));
        // Needed in between: the time begins anew.
        assert!(at(5_500, 0.006) && at(6_000, 0.0) && at(10_900, 0.0));
        assert!(!at(11_000, 0.0) && !at(12_000, 0.006));
    }

    #[test]
    fn the_share_grows_by_half_and_fades() {
        let mut loss = LossEstimate::new();
        let mut second = |from: u64, every: u64| {
            for n in 0..100 {
                if every > 0 && n % every == 0 {
                    loss.lost();
                }
                loss.sent(Instant::from_millis(from + n * 10));
            }
            loss.fraction()
        };
        assert_eq!(second(0, 0), 0.0);
        let first = second(1_000, 10);
        assert!((0.04..0.09).contains(&first), "{first}");
        assert!((0.08..0.11).contains(&second(2_000, 10)));
        let faded = second(3_000, 0);
        assert!(faded > 0.05, "{faded}");
    }
}
