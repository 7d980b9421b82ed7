use core::time::Duration;

use barertc_wire::Instant;

use super::within;

/// Below this part the rate may grow, above the other it shrinks (section 6).
const LOW: f32 = 0.02;
const HIGH: f32 = 0.10;
/// Growth for one interval without loss.
const GROWTH: f32 = 1.05;
/// What is left of the most that arrived, after one interval with less.
const FADE: f32 = 0.97;
/// Conclusions are drawn this often, plus a round trip, and from no fewer packets.
const INTERVAL: Duration = Duration::from_millis(300);
const PACKETS: u32 = 20;

/// The loss-based rate of section 6; but what arrives in spite of the loss is no reason to send less than that, where the
/// rate is more than there is to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct LossBased {
    bitrate: f32,
    lost: f32,
    total: u32,
    since: Option<Instant>,
    rtt: Duration,
    fraction: f32,
    /// The most that arrived lately: pictures are of unequal size, and so is what arrives from one moment to the next.
    arriving: f32,
}

impl LossBased {
    pub(super) const fn new(bitrate: f32) -> Self {
        Self {
            bitrate,
            lost: 0.0,
            total: 0,
            since: None,
            rtt: Duration::from_millis(200),
            fraction: 0.0,
            arriving: 0.0,
        }
    }

    pub(super) const fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    pub(super) const fn bitrate(&self) -> f32 {
        self.bitrate
    }

    /// Part of packets lost in the last interval.
    pub(super) const fn fraction(&self) -> f32 {
        self.fraction
    }

    pub(super) const fn clamp(&mut self, low: f32, high: f32) {
        self.bitrate = within(self.bitrate, low, high);
    }

    /// So many packets, and so many of them lost, while `arriving` bits a second come through.
    pub(super) fn observe(&mut self, now: Instant, lost: f32, total: u32, arriving: f32) {
        self.lost += lost;
        self.total = self.total.saturating_add(total);
        let since = *self.since.get_or_insert(now);
        if now < since + INTERVAL.saturating_add(self.rtt) || self.total < PACKETS {
            return;
        }
        self.arriving = arriving.max(self.arriving * FADE);
        self.fraction = within(self.lost / self.total as f32, 0.0, 1.0);
        if self.fraction > HIGH {
            let lower = self.bitrate * (1.0 - 0.5 * self.fraction);
            self.bitrate = lower.max(self.arriving.min(self.bitrate));
        } else if self.fraction < LOW {
            self.bitrate *= GROWTH;
        }
        (self.lost, self.total, self.since) = (0.0, 0, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(fraction: f32, seconds: u64, arriving: f32) -> f32 {
        let mut loss = LossBased::new(1_000_000.0);
        loss.set_rtt(Duration::from_millis(50));
        for t in 0..seconds * 10 {
            loss.observe(Instant::from_millis(t * 100), 10.0 * fraction, 10, arriving);
        }
        loss.bitrate()
    }

    #[test]
    fn little_loss_grows_some_holds_much_shrinks() {
        assert!(run(0.01, 10, 0.0) > 2_000_000.0);
        assert_eq!(run(0.05, 10, 0.0), 1_000_000.0);
        assert!(run(0.2, 10, 0.0) < 200_000.0);
        assert_eq!(run(0.2, 10, 700_000.0), 700_000.0);
        assert_eq!(run(0.2, 10, 2_000_000.0), 1_000_000.0);
    }
}
