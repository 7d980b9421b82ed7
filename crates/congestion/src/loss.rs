//! The bandwidth estimate from loss.

use core::time::Duration;

use barertc_wire::Instant;

use crate::math::within;

/// Loss beyond the usual by less than this lets the rate grow, by more than the other it shrinks (section 6).
const LOW: f32 = 0.02;
const HIGH: f32 = 0.10;
/// What can be usual at most: who loses more than this and [`HIGH`] sends less, whatever the cause.
const MOST: f32 = 0.10;
/// How fast the usual is learned, an interval.
const LEARN: f32 = 0.1;
/// Growth for one interval without loss.
const GROWTH: f32 = 1.05;
/// What is left of the most that arrived, after one interval with less.
const FADE: f32 = 0.97;
/// Conclusions are drawn this often, plus a round trip, and from no fewer packets.
const INTERVAL: Duration = Duration::from_millis(300);
const PACKETS: u32 = 20;

/// The loss-based rate of section 6, which takes each loss for congestion, with two exceptions.
///
/// A path that is full has a queue, and loses what doesn't fit into it: loss and delay come together. A radio loses without,
/// so what is lost while no queue grows is learned as usual for this path, up to [`MOST`], and only what is lost beyond that
/// counts. While a queue grows everything counts, and nothing is learned.
///
/// And what arrives in spite of the loss is no reason to send less than that, where the rate is more than there is to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LossBased {
    bitrate: f32,
    lost: f32,
    total: u32,
    since: Option<Instant>,
    rtt: Duration,
    fraction: f32,
    /// A queue grew in this interval.
    queue: bool,
    /// Part of packets that this path loses without a queue.
    usual: f32,
    /// The most that arrived lately: pictures are of unequal size, and so is what arrives from one moment to the next.
    arriving: f32,
}

impl LossBased {
    pub(crate) const fn new(bitrate: f32) -> Self {
        Self {
            bitrate,
            lost: 0.0,
            total: 0,
            since: None,
            rtt: Duration::from_millis(200),
            fraction: 0.0,
            queue: false,
            usual: 0.0,
            arriving: 0.0,
        }
    }

    pub(crate) const fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    pub(crate) const fn bitrate(&self) -> f32 {
        self.bitrate
    }

    /// Part of packets lost in the last interval.
    pub(crate) const fn fraction(&self) -> f32 {
        self.fraction
    }

    pub(crate) const fn clamp(&mut self, low: f32, high: f32) {
        self.bitrate = within(self.bitrate, low, high);
    }

    /// A probe of this rate lost nothing.
    pub(crate) const fn raise(&mut self, bitrate: f32) {
        self.bitrate = self.bitrate.max(bitrate);
    }

    /// A queue grows, or does not.
    pub(crate) const fn queue(&mut self, grows: bool) {
        self.queue |= grows;
    }

    /// So many packets, and so many of them lost, while `arriving` bits a second come through.
    pub(crate) fn observe(&mut self, now: Instant, lost: f32, total: u32, arriving: f32) {
        self.lost += lost;
        self.total = self.total.saturating_add(total);
        let since = *self.since.get_or_insert(now);
        if now < since + INTERVAL.saturating_add(self.rtt) || self.total < PACKETS {
            return;
        }
        self.arriving = arriving.max(self.arriving * FADE);
        self.fraction = within(self.lost / self.total as f32, 0.0, 1.0);
        let beyond = if self.queue { self.fraction } else { self.fraction - self.usual };
        if beyond > HIGH {
            let lower = self.bitrate * (1.0 - 0.5 * self.fraction);
            self.bitrate = lower.max(self.arriving.min(self.bitrate));
        } else if beyond < LOW {
            self.bitrate *= GROWTH;
        }
        if !self.queue {
            self.usual = within(self.usual + LEARN * (self.fraction - self.usual), 0.0, MOST);
        }
        (self.lost, self.total, self.since, self.queue) = (0.0, 0, Some(now), false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_beside(fraction: f32, seconds: u64, arriving: f32, queue: bool) -> f32 {
        let mut loss = LossBased::new(1_000_000.0);
        loss.set_rtt(Duration::from_millis(50));
        for t in 0..seconds * 10 {
            loss.queue(queue);
            loss.observe(Instant::from_millis(t * 100), 10.0 * fraction, 10, arriving);
        }
        loss.bitrate()
    }

    fn run(fraction: f32, seconds: u64, arriving: f32) -> f32 {
        run_beside(fraction, seconds, arriving, true)
    }

    #[test]
    fn beside_a_queue_little_loss_grows_some_holds_much_shrinks() {
        assert!(run(0.01, 10, 0.0) > 2_000_000.0);
        assert_eq!(run(0.05, 10, 0.0), 1_000_000.0);
        assert!(run(0.2, 10, 0.0) < 200_000.0);
        assert_eq!(run(0.2, 10, 700_000.0), 700_000.0);
        assert_eq!(run(0.2, 10, 2_000_000.0), 1_000_000.0);
    }

    #[test]
    fn without_a_queue_what_is_usual_lets_it_grow_and_more_does_not() {
        assert!(run_beside(0.05, 20, 0.0, false) > 2_000_000.0);
        assert!(run_beside(0.1, 30, 0.0, false) > 2_000_000.0);
        assert!(run_beside(0.25, 20, 0.0, false) < 200_000.0);
        // What comes on top of the usual is no radio's doing.
        let mut loss = LossBased::new(1_000_000.0);
        loss.set_rtt(Duration::from_millis(50));
        let mut before = 0.0;
        for t in 0..400 {
            let fraction = if t < 300 { 0.05 } else { 0.3 };
            if t == 300 {
                before = loss.bitrate();
            }
            loss.observe(Instant::from_millis(t * 100), 10.0 * fraction, 10, 0.0);
        }
        assert!(loss.bitrate() < 0.4 * before, "{} of {before}", loss.bitrate());
    }
}
