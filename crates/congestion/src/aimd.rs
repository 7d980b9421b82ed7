//! The rate control of delays: it rises, holds and falls with the state of the queue (draft-ietf-rmcat-gcc-02 §5.5).

use core::time::Duration;

use barertc_wire::Instant;

use crate::rival::{Queue, Rival};
use crate::trend::Usage;

use crate::math::within;

/// What over-use leaves of the measured rate (section 5.5: beta).
const BETA: f32 = 0.85;
/// Growth a second while far from the path's limit (section 5.5: eta).
const GROWTH: f32 = 0.08;
/// The estimate stays below this many times what arrives (section 5.5).
const HEADROOM: f32 = 1.5;
/// Response time on top of the round trip (section 5.5).
const RESPONSE: Duration = Duration::from_millis(100);

/// Section 5.5, figure 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Hold,
    Increase,
    Decrease,
}

/// The delay-based rate: up by little while the queue stays, down by a factor when it grows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aimd {
    bitrate: f32,
    state: State,
    updated: Option<Instant>,
    decreased: Option<Instant>,
    rtt: Duration,
    limit: Limit,
    rival: Rival,
}

/// What the path carried when it was over-used: mean and variance of the measured rates.
#[derive(Clone, Copy, Debug, Default)]
struct Limit {
    mean: Option<f32>,
    /// Of the rate relative to its mean.
    variance: f32,
}

impl Limit {
    fn learn(&mut self, rate: f32) {
        let mean = self.mean.get_or_insert(rate);
        let deviation = (rate - *mean) / mean.max(1.0);
        *mean += 0.05 * (rate - *mean);
        self.variance = within(0.95 * self.variance + 0.05 * deviation * deviation, 0.000_4, 0.025);
    }

    /// Whether `rate` is within three standard deviations of the mean; further above, the path has changed.
    fn is_near(&mut self, rate: f32) -> bool {
        let Some(mean) = self.mean else { return false };
        let deviation = (rate - mean) / mean.max(1.0);
        if deviation * deviation <= 9.0 * self.variance {
            return true;
        }
        if deviation > 0.0 {
            *self = Self::default();
        }
        false
    }
}

impl Aimd {
    pub(crate) fn new(bitrate: f32) -> Self {
        Self {
            bitrate,
            state: State::Hold,
            updated: None,
            decreased: None,
            rtt: Duration::from_millis(200),
            limit: Limit::default(),
            rival: Rival::default(),
        }
    }

    pub(crate) const fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    pub(crate) const fn bitrate(&self) -> f32 {
        self.bitrate
    }

    /// The path was seen to carry this.
    pub(crate) const fn raise(&mut self, bitrate: f32) {
        self.bitrate = self.bitrate.max(bitrate);
    }

    /// The rate lies within these bounds.
    pub(crate) const fn clamp(&mut self, low: f32, high: f32) {
        self.bitrate = within(self.bitrate, low, high);
    }

    /// Whether somebody else fills the queue.
    pub(crate) const fn has_rival(&self) -> bool {
        self.rival.is_active()
    }

    /// `measured` is what arrives, in bits a second.
    pub(crate) fn update(&mut self, now: Instant, usage: Usage, measured: Option<f32>, queue: &Queue) {
        let elapsed = self.updated.map_or(Duration::ZERO, |at| now.saturating_since(at)).min(Duration::from_secs(1));
        self.updated = Some(now);
        self.rival.follow(now, queue);
        if self.rival.is_active() {
            let rate = self.rival.rate(now, elapsed, self.rtt, queue, self.bitrate);
            let ceiling = measured.map_or(rate, |measured| HEADROOM * measured + 10_000.0);
            self.bitrate = rate.min(ceiling.max(self.bitrate));
            self.state = State::Hold;
            return;
        }
        self.state = match (self.state, usage) {
            (_, Usage::Over) => State::Decrease,
            (_, Usage::Under) => State::Hold,
            (State::Decrease, Usage::Normal) => State::Hold,
            (_, Usage::Normal) => State::Increase,
        };
        match self.state {
            State::Hold => {}
            State::Increase => self.increase(elapsed, measured),
            State::Decrease => self.decrease(now, measured),
        }
    }

    fn increase(&mut self, elapsed: Duration, measured: Option<f32>) {
        let seconds = elapsed.as_secs_f32();
        let near = measured.is_some_and(|rate| self.limit.is_near(rate));
        let grown = if near {
            // Half a packet of average size for each response time: of pictures at 30 a second, in 1,200-byte packets.
            let picture = self.bitrate / 30.0;
            let packet = (picture / (picture / 9_600.0 + 1.0)).max(1_000.0);
            let response = self.rtt.saturating_add(RESPONSE).as_secs_f32();
            self.bitrate + 0.5 * packet * (seconds / response).min(1.0) + 1_000.0 * seconds
        } else {
            self.bitrate * (1.0 + GROWTH * seconds) + 1_000.0 * seconds
        };
        // What is not used proves nothing: no further than the headroom above what arrives, but no lower for it either.
        let ceiling = measured.map_or(grown, |rate| HEADROOM * rate + 10_000.0);
        self.bitrate = grown.min(ceiling.max(self.bitrate));
    }

    /// The path was seen to carry much less than the rate, and not more than this.
    pub(crate) fn narrowed(&mut self, now: Instant, carried: f32) {
        // What is known of the path is of before.
        (self.limit, self.decreased, self.state) = (Limit::default(), None, State::Decrease);
        self.decrease(now, Some(carried));
    }

    fn decrease(&mut self, now: Instant, measured: Option<f32>) {
        // One answer to one event: the next reports tell of the time before it.
        let pause = self.rtt.clamp(Duration::from_millis(10), Duration::from_millis(200)).saturating_add(RESPONSE);
        if self.decreased.is_some_and(|at| now < at + pause) {
            return;
        }
        self.decreased = Some(now);
        let lower = match measured {
            Some(rate) => {
                if self.limit.mean.is_some_and(|mean| rate < mean * 0.7) {
                    self.limit = Limit::default();
                }
                self.limit.learn(rate);
                BETA * rate
            }
            None => BETA * self.bitrate,
        };
        self.bitrate = self.bitrate.min(lower);
        self.rival.decreased(now, measured.unwrap_or(self.bitrate));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn it_grows_by_eight_percent_a_second_and_not_beyond_its_use() {
        let mut aimd = Aimd::new(1_000_000.0);
        for t in 0..=100 {
            aimd.update(at(t * 100), Usage::Normal, Some(5_000_000.0), &Queue::default());
        }
        assert!((2_000_000.0..2_300_000.0).contains(&aimd.bitrate()), "{}", aimd.bitrate());
        for t in 100..=1_000 {
            aimd.update(at(t * 100), Usage::Normal, Some(2_000_000.0), &Queue::default());
        }
        assert!((aimd.bitrate() - 3_010_000.0).abs() < 1_000.0, "{}", aimd.bitrate());
    }

    #[test]
    fn over_use_costs_once_a_response_time() {
        let mut aimd = Aimd::new(2_000_000.0);
        aimd.set_rtt(Duration::from_millis(50));
        for t in 0..10 {
            aimd.update(at(t * 10), Usage::Over, Some(1_000_000.0), &Queue::default());
        }
        assert_eq!(aimd.bitrate(), 850_000.0);
        aimd.update(at(160), Usage::Over, Some(800_000.0), &Queue::default());
        assert_eq!(aimd.bitrate(), 680_000.0);
        // Near the known limit it grows slowly.
        for t in 20..=30 {
            aimd.update(at(t * 10), Usage::Normal, Some(980_000.0), &Queue::default());
        }
        assert!(aimd.bitrate() < 690_000.0, "{}", aimd.bitrate());
    }
}
