//! The bandwidth estimator, from the delay and the loss of packets.

use core::time::Duration;

use barertc_wire::{Count, Instant};

use crate::aimd::Aimd;
use crate::causes::LossCauses;
use crate::feedback::{PacketObserver, PacketResult};
use crate::groups::Groups;
use crate::loss::LossBased;
use crate::narrowed::Narrowed;
use crate::probe::{Outcome, Probe};
use crate::rate::ArrivalRate;
use crate::rival::Queue;
use crate::trend::{Trend, Usage};

/// The bounds of the bandwidth estimate, in bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct GccConfig {
    /// The initial estimate. The bitrate of the media is a good choice.
    pub start: u64,
    /// The smallest estimate.
    pub min: u64,
    /// The largest estimate.
    pub max: u64,
}

impl GccConfig {
    /// An estimate that starts at 2.5 Mbit/s and stays between 100 kbit/s and 20 Mbit/s.
    #[must_use]
    pub const fn new() -> Self {
        Self { start: 2_500_000, min: 100_000, max: 20_000_000 }
    }
}

impl Default for GccConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// A sender from whom this part of the estimate arrives has as much to send as that.
const FILLED: f32 = 0.75;

/// A path that carries less than this part of the estimate has become narrow, and is not only full for a moment.
const NARROW: f32 = 0.5;

/// Google Congestion Control at the sender (draft-ietf-rmcat-gcc-02). The estimate is the lowest of a delay-based rate,
/// a loss-based rate, and the rate that the receiver reports (REMB). It allocates no memory.
#[derive(Clone, Copy, Debug)]
pub struct Gcc {
    config: GccConfig,
    groups: Groups,
    trend: Trend,
    rate: ArrivalRate,
    delay_based: Aimd,
    loss_based: LossBased,
    causes: LossCauses,
    narrowed: Narrowed,
    remb: Option<u64>,
    probe: Option<Probe>,
    /// Whether over-use was seen in this message: it outweighs what came after it.
    over: bool,
    lost: u32,
    total: u32,
    /// Transport-wide feedback comes, so report blocks tell nothing new about loss.
    has_feedback: bool,
    out_of_range: Count,
}

barertc_wire::opaque_format! { [] Gcc }

/// The parts of the bandwidth estimate, in bits per second.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct GccStats {
    /// The rate by delay.
    pub delay_based: u64,
    /// The rate by loss.
    pub loss_based: u64,
    /// The rate that the receiver has reported (REMB).
    pub remb: Option<u64>,
    /// The rate at which packets arrive.
    pub arriving: Option<u64>,
    /// The fraction of packets that were lost in the last interval, from 0 to 1.
    pub fraction_lost: f32,
    /// The fraction of packets, from 0 to 1, that the path loses while no packet waits in a queue. 0 without transport-wide feedback.
    pub random_loss: f32,
    /// The state of the queue on the path.
    pub usage: Usage,
    /// Whether somebody else fills the queue, so that the delay-based rate follows loss as theirs does.
    pub competes: bool,
    /// How often a rate was not a number, infinite, or below [`GccConfig::min`], and was set to a bound.
    pub out_of_range: Count,
}

impl Gcc {
    /// Makes an estimator with the initial estimate.
    #[must_use]
    pub fn new(config: GccConfig) -> Self {
        let start = config.start as f32;
        Self {
            config,
            groups: Groups::default(),
            trend: Trend::new(),
            rate: ArrivalRate::default(),
            delay_based: Aimd::new(start),
            loss_based: LossBased::new(start),
            causes: LossCauses::default(),
            narrowed: Narrowed::new(),
            remb: None,
            probe: None,
            over: false,
            lost: 0,
            total: 0,
            has_feedback: false,
            out_of_range: Count::ZERO,
        }
    }

    /// The parts of the estimate as they are now.
    #[must_use]
    pub fn stats(&self) -> GccStats {
        GccStats {
            delay_based: self.delay_based.bitrate() as u64,
            loss_based: self.loss_based.bitrate() as u64,
            remb: self.remb,
            arriving: self.rate.bits_per_second(),
            fraction_lost: self.loss_based.fraction(),
            random_loss: self.causes.random(),
            usage: self.trend.usage(),
            competes: self.delay_based.has_rival(),
            out_of_range: self.out_of_range,
        }
    }

    /// Takes the fraction of packets lost of a report block, in 1/256, and how many packets it covers. It is for
    /// receivers without transport-wide feedback.
    pub fn loss_report(&mut self, now: Instant, fraction_lost: u8, packets: u32) {
        if self.has_feedback {
            return;
        }
        // Report blocks say nothing of delays, so every loss counts.
        self.loss_based.queue(true);
        self.loss_based.observe(now, f32::from(fraction_lost) / 256.0 * packets as f32, packets, 0.0);
        self.clamp();
    }

    /// Takes the receiver's own estimate (REMB), in bits per second.
    pub const fn remb(&mut self, _now: Instant, bits_per_second: u64) {
        self.remb = Some(bits_per_second);
    }

    /// Sets the round-trip time. It decides how fast the estimate reacts.
    pub const fn set_round_trip_time(&mut self, _now: Instant, round_trip_time: Duration) {
        self.delay_based.set_rtt(round_trip_time);
        self.loss_based.set_rtt(round_trip_time);
    }

    /// Says that more than the estimate is sent between `now` and `until`. Feedback on these packets then tells whether
    /// the path carries it.
    pub fn probe(&mut self, now: Instant, until: Instant) {
        self.probe = Some(Probe::new(now, until));
    }

    /// Whether the path was seen to carry much less than before, since this was asked last. What is on its way does not fit
    /// then, and most of it is lost.
    pub const fn take_narrowed(&mut self) -> bool {
        self.narrowed.take()
    }

    /// The estimate in bits per second.
    #[must_use]
    pub fn bitrate(&self) -> u64 {
        // Without feedback on single packets the delay-based rate is only the guess it began with.
        let own = if self.has_feedback {
            self.delay_based.bitrate().min(self.loss_based.bitrate())
        } else {
            self.loss_based.bitrate()
        };
        let lowest = self.remb.map_or(own as u64, |remb| remb.min(own as u64));
        lowest.clamp(self.config.min, self.config.max.max(self.config.min))
    }

    /// What is known to be carried, in bits a second. Of a sender that has less to send than the estimate, the mean over half a
    /// second has pauses in it; while a queue forms there are none.
    fn carried(&self, usage: Usage, measured: Option<f32>) -> Option<f32> {
        let pauses = measured.is_some_and(|rate| rate < FILLED * self.delay_based.bitrate());
        if usage == Usage::Over && pauses { self.rate.of_late().map(|bits| bits as f32) } else { measured }
    }

    fn clamp(&mut self) {
        let (low, high) = (self.config.min as f32, self.config.max as f32);
        for rate in [self.delay_based.bitrate(), self.loss_based.bitrate()] {
            // A comparison with what is no number is false.
            let in_range = rate >= low && rate.is_finite();
            self.out_of_range += u64::from(!in_range);
        }
        self.delay_based.clamp(low, high);
        self.loss_based.clamp(low, high);
    }
}

impl PacketObserver for Gcc {
    fn packet(&mut self, now: Instant, result: &PacketResult) {
        self.causes.packet(now, result);
        self.total = self.total.saturating_add(1);
        if let Some(probe) = &mut self.probe {
            probe.packet(result);
        }
        let Some(arrived) = result.arrived else {
            self.lost = self.lost.saturating_add(1);
            return;
        };
        self.rate.packet(arrived, result.bytes);
        self.narrowed.packet(result);
        if let Some(variation) = self.groups.packet(result) {
            self.over |= self.trend.update(&variation) == Usage::Over;
        }
    }

    fn feedback_done(&mut self, now: Instant) {
        self.has_feedback = true;
        self.causes.look(now);
        let usage = if self.over { Usage::Over } else { self.trend.usage() };
        let measured = self.rate.bits_per_second().map(|bits| bits as f32);
        let (wait, least) = self.causes.waits();
        let queue = Queue { wait, least, dropped: self.causes.take_congested() };
        // Somebody else's queue tells what is left beside them, and not what the path carries.
        let carried = self.narrowed.carries().filter(|_| !self.delay_based.has_rival());
        let known = self.carried(usage, measured);
        // Of a burst into a path that is not used otherwise, the mean has only a part.
        let known =
            known.map(|known| if usage == Usage::Over { carried.map_or(known, |c| known.max(c)) } else { known });
        self.delay_based.update(now, usage, known, &queue);
        if let Some(carried) = carried.filter(|carried| *carried < NARROW * self.delay_based.bitrate()) {
            self.delay_based.narrowed(now, carried);
            self.narrowed.answered();
        }
        self.loss_based.queue(usage == Usage::Over);
        self.loss_based.observe(now, self.lost as f32, self.total, measured.unwrap_or(0.0));
        if let Some(probe) = self.probe.take_if(|probe| probe.is_over(now)) {
            match probe.outcome() {
                Some(Outcome::AtLeast(bitrate)) => {
                    self.delay_based.raise(bitrate);
                    // Who sends little learns in no other way, and not for many intervals, that losses are over.
                    if !probe.has_lost() {
                        self.loss_based.raise(bitrate);
                    }
                }
                Some(Outcome::Just(bitrate)) => self.delay_based.clamp(0.0, bitrate),
                None => {}
            }
        }
        (self.over, self.lost, self.total) = (false, 0, 0);
        self.clamp();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(arrived: i64) -> PacketResult {
        PacketResult { sequence: 0, sent: Instant::from_millis(10), bytes: 1_200, arrived: Some(arrived) }
    }

    #[test]
    fn a_path_that_becomes_much_narrower_is_followed_with_the_next_report() {
        let mut gcc = Gcc::new(GccConfig::default());
        let (mut sent, mut arrived) = (0, 7_000_000);
        for report in 0..11 {
            for _ in 0..if report < 10 { 20 } else { 6 } {
                (sent, arrived) = (sent + 5, arrived + if report < 10 { 5_000 } else { 20_000 });
                let sent = Instant::from_millis(sent);
                gcc.packet(sent, &PacketResult { sequence: 0, sent, bytes: 1_200, arrived: Some(arrived) });
            }
            gcc.feedback_done(Instant::from_millis(100 + 100 * report));
            assert_eq!(gcc.take_narrowed(), report == 10, "{report}");
            let bounds = if report < 10 { 2_400_000..3_000_000 } else { 400_000..410_000 };
            assert!(bounds.contains(&gcc.bitrate()), "{report}: {}", gcc.bitrate());
        }
        assert!(!gcc.take_narrowed());
    }

    #[test]
    fn a_rate_that_is_no_number_is_clamped_and_reported() {
        let config = GccConfig { start: 1_000_000, min: 100_000, max: 5_000_000 };
        for broken in [f32::NAN, f32::NEG_INFINITY, 0.0, -1.0] {
            let mut gcc = Gcc::new(config);
            gcc.packet(Instant::ZERO, &result(20_000));
            gcc.feedback_done(Instant::from_millis(50));
            assert_eq!(gcc.stats().out_of_range, 0);
            (gcc.delay_based, gcc.loss_based) = (Aimd::new(broken), LossBased::new(broken));
            gcc.feedback_done(Instant::from_millis(100));
            assert_eq!(gcc.bitrate(), config.min, "{broken}");
            assert!(gcc.stats().out_of_range >= 1, "{broken}");
            // It goes on from there.
            let reported = gcc.stats().out_of_range;
            gcc.feedback_done(Instant::from_millis(150));
            assert_eq!((gcc.bitrate() >= config.min, gcc.stats().out_of_range), (true, reported), "{broken}");
        }
        let mut gcc = Gcc::new(config);
        gcc.feedback_done(Instant::ZERO);
        (gcc.delay_based, gcc.loss_based) = (Aimd::new(f32::INFINITY), LossBased::new(f32::INFINITY));
        gcc.feedback_done(Instant::from_millis(100));
        assert_eq!(gcc.bitrate(), config.max);
        assert!(gcc.stats().out_of_range >= 1);
    }
}
