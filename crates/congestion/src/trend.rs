//! The trend of delays, which tells whether a queue grows.

use crate::groups::Variation;
use crate::math::within;

/// Groups that the trend is taken over.
const WINDOW: usize = 20;
/// Smoothing of the accumulated delay.
const SMOOTHING: f32 = 0.9;
/// What the slope is multiplied with before it meets the threshold, and the most groups that count in it.
const GAIN: f32 = 4.0;
const MAX_GROUPS: f32 = 60.0;

/// Where the threshold starts and stays within, in ms (section 5.4: del_var_th).
const THRESHOLD: f32 = 12.5;
const THRESHOLD_MIN: f32 = 6.0;
const THRESHOLD_MAX: f32 = 600.0;
/// How fast it follows, upwards and downwards, per ms.
const UP: f32 = 0.0087;
const DOWN: f32 = 0.039;
/// A trend so far beyond the threshold is a spike and doesn't move it (section 5.4).
const SPIKE: f32 = 15.0;
/// Over-use must last this long, in ms (section 5.4: overuse_time_th).
const OVERUSE_TIME: f32 = 10.0;

/// A trend must have raised the delay by so many times of what it usually varies by from one group to the next.
const STANDS_OUT: f32 = 2.5;
/// How fast the usual variation is learned, a group.
const LEARN: f32 = 1.0 / 64.0;

/// The state of the queue on the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Usage {
    /// The queue stays as it is.
    #[default]
    Normal,
    /// The queue grows: more is sent than the path carries.
    Over,
    /// The queue empties.
    Under,
}

/// Tells from the trend of one-way delays what the queue does.
///
/// The draft filters delay variations with a Kalman filter (section 5.3); this is the line through the last delays that
/// browsers have put in its place, with the same adaptive threshold behind it (section 5.4). One condition is added: delays that jump
/// about have trends for a moment, most of all those of a large picture between small ones, so a trend must stand out of
/// the usual variation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trend {
    /// (arrival in ms since the first group, smoothed delay in ms)
    points: [(f32, f32); WINDOW],
    count: usize,
    first: Option<i64>,
    accumulated: f32,
    smoothed: f32,
    groups: f32,
    threshold: f32,
    updated: f32,
    over_for: f32,
    over_count: u32,
    before: f32,
    /// How much the delay varies from one group to the next, in ms.
    variation: f32,
    usage: Usage,
}

impl Trend {
    pub(crate) const fn new() -> Self {
        Self {
            points: [(0.0, 0.0); WINDOW],
            count: 0,
            first: None,
            accumulated: 0.0,
            smoothed: 0.0,
            groups: 0.0,
            threshold: THRESHOLD,
            updated: 0.0,
            over_for: 0.0,
            over_count: 0,
            before: 0.0,
            variation: 0.0,
            usage: Usage::Normal,
        }
    }

    pub(crate) const fn usage(&self) -> Usage {
        self.usage
    }

    pub(crate) fn update(&mut self, v: &Variation) -> Usage {
        let first = *self.first.get_or_insert(v.arrived);
        let at = v.arrived.saturating_sub(first) as f32 / 1_000.0;
        self.groups = (self.groups + 1.0).min(MAX_GROUPS);
        self.variation += LEARN * (v.delay.max(-v.delay) - self.variation);
        self.accumulated += v.delay;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        // Both grow for ever; a float that gets large gets coarse. Start over every ten minutes.
        if at > 600_000.0 {
            *self = Self { threshold: self.threshold, groups: self.groups, variation: self.variation, ..Self::new() };
            return self.usage;
        }
        if self.count == WINDOW {
            self.points.copy_within(1.., 0);
            self.count = WINDOW.saturating_sub(1);
        }
        if let Some(point) = self.points.get_mut(self.count) {
            *point = (at, self.smoothed);
            self.count = self.count.saturating_add(1);
        }
        let slope = if self.count == WINDOW { slope(&self.points) } else { 0.0 };
        self.detect(slope, v.sent, at);
        self.usage
    }

    fn detect(&mut self, slope: f32, sent: f32, at: f32) {
        let trend = self.groups * slope * GAIN;
        if trend > self.threshold && self.grown() > STANDS_OUT * self.variation {
            self.over_for += sent;
            self.over_count = self.over_count.saturating_add(1);
            if self.over_for > OVERUSE_TIME && self.over_count > 1 && slope >= self.before {
                (self.over_for, self.over_count, self.usage) = (0.0, 0, Usage::Over);
            }
        } else {
            (self.over_for, self.over_count) = (0.0, 0);
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.before = slope;
        self.adapt(trend.max(-trend), at);
    }

    /// How far the last delay is above the least of the window.
    fn grown(&self) -> f32 {
        let least = self.points.iter().take(self.count).fold(self.smoothed, |least, point| least.min(point.1));
        self.smoothed - least
    }

    fn adapt(&mut self, trend: f32, at: f32) {
        let elapsed = within(at - self.updated, 0.0, 100.0);
        self.updated = at;
        if trend > self.threshold + SPIKE {
            return;
        }
        let speed = if trend < self.threshold { DOWN } else { UP };
        self.threshold += speed * (trend - self.threshold) * elapsed;
        self.threshold = within(self.threshold, THRESHOLD_MIN, THRESHOLD_MAX);
    }
}

/// Slope of the line with the least squares through the points.
fn slope(points: &[(f32, f32)]) -> f32 {
    let n = points.len() as f32;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0, y + p.1));
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (mut numerator, mut denominator) = (0.0f32, 0.0f32);
    for (x, y) in points {
        numerator += (x - mean_x) * (y - mean_y);
        denominator += (x - mean_x) * (x - mean_x);
    }
    if denominator > 0.0 { numerator / denominator } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(trend: &mut Trend, from: i64, groups: i64, delay: f32) -> Usage {
        let mut usage = Usage::Normal;
        for i in 0..groups {
            usage = trend.update(&Variation { sent: 10.0, delay, arrived: (from + i) * 10_000 });
        }
        usage
    }

    #[test]
    fn a_growing_queue_is_noticed_and_an_emptying_one() {
        let mut trend = Trend::new();
        assert_eq!(run(&mut trend, 0, 50, 0.0), Usage::Normal);
        assert_eq!(run(&mut trend, 50, 25, 1.0), Usage::Over);
        assert_eq!(run(&mut trend, 75, 60, -1.0), Usage::Under);
        assert_eq!(run(&mut trend, 135, 100, 0.0), Usage::Normal);
    }

    #[test]
    fn jitter_without_a_trend_is_normal() {
        let mut trend = Trend::new();
        for i in 0..1_000i64 {
            let delay = if i % 2 == 0 { 4.0 } else { -4.0 };
            assert_eq!(trend.update(&Variation { sent: 10.0, delay, arrived: i * 10_000 }), Usage::Normal, "{i}");
        }
    }

    #[test]
    fn the_slope_of_a_line() {
        let points: std::vec::Vec<_> = (0..20).map(|i| (i as f32, 3.0 + 0.5 * i as f32)).collect();
        assert!((slope(&points) - 0.5).abs() < 1e-5);
        assert_eq!(slope(&[(1.0, 2.0); 5]), 0.0);
    }
}
