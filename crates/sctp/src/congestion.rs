//! Congestion control: how many bytes may be on their way, and how fast they leave.
//!
//! Two algorithms, chosen by [`Congestion`]. [`Rfc9260`] is the standard's, and halves the window for every loss.
//! [`Paced`] follows the idea of BBR: it measures the rate at which data arrives and the shortest round trip, sends at
//! that rate, and takes loss for congestion only when a tenth or more of a round trip's data is gone.

use core::time::Duration;

use barertc_wire::Instant;

use crate::config::{Config, Congestion};

/// What an acknowledgement says about the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acked {
    pub(crate) now: Instant,
    /// Bytes acknowledged for the first time.
    pub(crate) bytes: usize,
    /// Bytes on their way before.
    pub(crate) flying_before: usize,
    /// Whether the cumulative TSN moved.
    pub(crate) cumulative: bool,
    /// In fast recovery.
    pub(crate) recovering: bool,
    /// Round trip of the newest chunk among them that was sent once.
    pub(crate) rtt: Option<Duration>,
    /// Bytes a second at which data arrived while that chunk was on its way.
    pub(crate) rate: Option<u64>,
    /// The rate says little, since there was nothing to send.
    pub(crate) limited_by_application: bool,
    /// Bytes lost for the first time.
    pub(crate) lost: usize,
}

/// The algorithm in use.
#[derive(Debug)]
pub(crate) enum Control {
    Rfc9260(Rfc9260),
    Paced(Paced),
}

impl Control {
    pub(crate) fn new(config: &Config) -> Self {
        match config.congestion {
            Congestion::Rfc9260 => Self::Rfc9260(Rfc9260::new(config)),
            Congestion::Paced => Self::Paced(Paced::new(config)),
        }
    }

    pub(crate) fn acked(&mut self, acked: &Acked) {
        match self {
            Self::Rfc9260(c) => c.acked(acked),
            Self::Paced(c) => c.acked(acked),
        }
    }

    /// The first loss since the last recovery.
    pub(crate) fn congested(&mut self) {
        match self {
            Self::Rfc9260(c) => c.congested(),
            // Judged by the round.
            Self::Paced(_) => {}
        }
    }

    pub(crate) fn timed_out(&mut self) {
        match self {
            Self::Rfc9260(c) => c.timed_out(),
            Self::Paced(c) => c.timed_out(),
        }
    }

    /// Nothing was sent for an RTO.
    pub(crate) fn idle(&mut self) {
        match self {
            Self::Rfc9260(c) => c.idle(),
            // The model of the path outlives a pause; what is sent after it is paced.
            Self::Paced(_) => {}
        }
    }

    /// Bytes that may be on their way.
    pub(crate) fn window(&self) -> usize {
        match self {
            Self::Rfc9260(c) => c.window,
            Self::Paced(c) => c.window(),
        }
    }

    /// Bytes a second at which packets may leave, when they are paced.
    pub(crate) fn pacing(&self) -> Option<u64> {
        match self {
            Self::Rfc9260(_) => None,
            Self::Paced(c) => c.pacing(),
        }
    }
}

/// Slow start and congestion avoidance (RFC 9260 section 7.2).
#[derive(Debug)]
pub(crate) struct Rfc9260 {
    window: usize,
    threshold: usize,
    partial: usize,
    mtu: usize,
}

impl Rfc9260 {
    fn new(config: &Config) -> Self {
        let mtu = usize::from(config.mtu);
        Self {
            window: mtu.saturating_mul(usize::from(config.initial_window.max(1))),
            threshold: usize::MAX,
            partial: 0,
            mtu,
        }
    }

    fn acked(&mut self, acked: &Acked) {
        // Only a window that was in use has shown that it is not too large.
        let used = acked.flying_before.saturating_add(self.mtu) > self.window;
        if acked.recovering || !acked.cumulative || !used {
            return;
        }
        if self.window <= self.threshold {
            // Section 7.2.1; L is 2, for SACKs that cover two packets.
            self.window = self.window.saturating_add(acked.bytes.min(self.mtu.saturating_mul(2)));
        } else {
            // Section 7.2.2.
            self.partial = self.partial.saturating_add(acked.bytes);
            if self.partial >= self.window {
                self.partial = self.partial.saturating_sub(self.window);
                self.window = self.window.saturating_add(self.mtu);
            }
        }
    }

    fn reduced(&self) -> usize {
        (self.window / 2).max(self.mtu.saturating_mul(4))
    }

    /// Section 7.2.3.
    fn congested(&mut self) {
        self.threshold = self.reduced();
        self.window = self.threshold;
        self.partial = 0;
    }

    fn timed_out(&mut self) {
        self.threshold = self.reduced();
        self.window = self.mtu;
        self.partial = 0;
    }

    fn idle(&mut self) {
        self.threshold = self.threshold.max((self.window / 4).saturating_mul(3));
        self.window = self.reduced().min(self.window);
    }
}

/// Where [`Paced`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Doubling every round until the rate stops growing.
    Startup,
    /// Emptying the queue that start-up has built.
    Drain,
    /// Eight phases of a round trip each: one asks for more, one gives back, six cruise.
    Cruise(u8),
}

/// Rounds over which the highest rate counts, twice.
const RATE_ROUNDS: u8 = 5;
/// How long a shortest round trip is believed.
const RTT_MEMORY: Duration = Duration::from_secs(10);
/// Of a round's data, the share in percent whose loss means congestion.
const LOSS: usize = 10;

/// A model of the path: the rate of its bottleneck and its shortest round trip.
#[derive(Debug)]
pub(crate) struct Paced {
    stage: Stage,
    mtu: usize,
    initial: usize,
    /// Highest rate of delivery in the last rounds and in those before, bytes a second.
    rates: [u64; 2],
    rounds: u8,
    min_rtt: Option<(Duration, Instant)>,
    /// The present round: when it began, and what came of its data.
    round: Instant,
    arrived: usize,
    lost: usize,
    /// Start-up ends when the rate has not grown by a quarter for three rounds.
    plateau: u64,
    flat: u8,
    /// Bound in percent of the model's rate, after congestion.
    bound: u64,
    /// After a time-out, until something arrives.
    stunned: bool,
}

impl Paced {
    fn new(config: &Config) -> Self {
        let mtu = usize::from(config.mtu);
        Self {
            stage: Stage::Startup,
            mtu,
            initial: mtu.saturating_mul(usize::from(config.initial_window.max(4))),
            rates: [0; 2],
            rounds: 0,
            min_rtt: None,
            round: Instant::ZERO,
            arrived: 0,
            lost: 0,
            plateau: 0,
            flat: 0,
            bound: 100,
            stunned: false,
        }
    }

    fn rate(&self) -> u64 {
        let [now, before] = self.rates;
        now.max(before)
    }

    /// Rate times round trip: what the path itself holds.
    fn product(&self) -> usize {
        let Some((rtt, _)) = self.min_rtt else { return 0 };
        let bytes = u128::from(self.rate()).saturating_mul(rtt.as_micros()) / 1_000_000;
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    fn window(&self) -> usize {
        let least = self.mtu.saturating_mul(4);
        if self.stunned {
            return least;
        }
        if self.rate() == 0 {
            return self.initial;
        }
        // Room for two round trips, so that late acknowledgements don't stop the flow.
        let factor = if self.stage == Stage::Startup { 3 } else { 2 };
        let window = self.product().saturating_mul(factor).max(least);
        let bound = usize::try_from(self.bound).unwrap_or(100);
        if self.stage == Stage::Startup {
            window.max(self.initial)
        } else {
            (window / 100).saturating_mul(bound).max(least)
        }
    }

    fn pacing(&self) -> Option<u64> {
        let rate = self.rate();
        if rate == 0 {
            return None;
        }
        let percent = match self.stage {
            Stage::Startup => 277,
            Stage::Drain => 40,
            Stage::Cruise(0) => 125,
            Stage::Cruise(1) => 75,
            Stage::Cruise(_) => 100,
        };
        let bound = if self.stage == Stage::Startup { 100 } else { self.bound };
        Some((rate.saturating_mul(percent) / 100).saturating_mul(bound) / 100)
    }

    fn timed_out(&mut self) {
        self.stunned = true;
    }

    fn acked(&mut self, acked: &Acked) {
        if acked.bytes > 0 {
            self.stunned = false;
        }
        self.arrived = self.arrived.saturating_add(acked.bytes);
        self.lost = self.lost.saturating_add(acked.lost);
        if let Some(rtt) = acked.rtt {
            let stale = self.min_rtt.is_none_or(|(min, at)| rtt <= min || acked.now > at + RTT_MEMORY);
            if stale {
                self.min_rtt = Some((rtt.max(Duration::from_micros(100)), acked.now));
            }
        }
        if let (Some(rate), [now, _]) = (acked.rate, &mut self.rates)
            && (!acked.limited_by_application || rate > *now)
        {
            *now = (*now).max(rate);
        }
        if self.stage == Stage::Drain && acked.flying_before <= self.product() {
            self.stage = Stage::Cruise(2);
        }
        let Some((rtt, _)) = self.min_rtt else { return };
        if acked.now.saturating_since(self.round) >= rtt.max(Duration::from_millis(1)) {
            self.end_round(acked);
        }
    }

    fn end_round(&mut self, acked: &Acked) {
        self.round = acked.now;
        let all = self.arrived.saturating_add(self.lost);
        let congested =
            self.lost > self.mtu.saturating_mul(3) && self.lost.saturating_mul(100) > all.saturating_mul(LOSS);
        (self.arrived, self.lost) = (0, 0);
        self.bound =
            if congested { (self.bound.saturating_mul(7) / 10).max(30) } else { self.bound.saturating_add(5).min(100) };
        if acked.limited_by_application {
            return;
        }
        let rate = self.rate();
        match self.stage {
            Stage::Startup => {
                if rate > self.plateau.saturating_add(self.plateau / 4) {
                    (self.plateau, self.flat) = (rate, 0);
                } else {
                    self.flat = self.flat.saturating_add(1);
                }
                if self.flat >= 3 || congested {
                    self.stage = Stage::Drain;
                }
            }
            Stage::Drain => self.stage = Stage::Cruise(2),
            Stage::Cruise(phase) => self.stage = Stage::Cruise(phase.wrapping_add(1) & 7),
        }
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds >= RATE_ROUNDS && self.stage != Stage::Startup {
            self.rounds = 0;
            let [now, before] = &mut self.rates;
            *before = *now;
            *now = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acked(now: u64, bytes: usize, flying_before: usize, lost: usize) -> Acked {
        Acked {
            now: Instant::from_millis(now),
            bytes,
            flying_before,
            cumulative: true,
            recovering: false,
            rtt: Some(Duration::from_millis(50)),
            rate: Some(1_000_000),
            limited_by_application: false,
            lost,
        }
    }

    #[test]
    fn the_standard_halves_for_a_loss_and_starts_anew_after_a_time_out() {
        let config = Config::default();
        let mtu = usize::from(config.mtu);
        let mut c = Rfc9260::new(&config);
        let start = c.window;
        c.acked(&acked(1, 2 * mtu, start, 0));
        assert_eq!(c.window, start + 2 * mtu, "slow start");
        c.acked(&acked(1, 2 * mtu, start / 2, 0));
        assert_eq!(c.window, start + 2 * mtu, "a window that is not used does not grow");
        c.congested();
        assert_eq!(c.window, (start + 2 * mtu) / 2);
        c.acked(&acked(1, mtu, c.window, 0));
        let halved = c.window;
        assert!(halved > c.threshold, "slow start goes as far as the threshold");
        let mut acks = 0;
        while c.window == halved {
            c.acked(&acked(1, mtu, c.window, 0));
            acks += 1;
        }
        assert_eq!((acks, c.window), (halved.div_ceil(mtu), halved + mtu), "one packet a round trip");
        c.timed_out();
        assert_eq!(c.window, mtu);
    }

    #[test]
    fn the_model_takes_a_tenth_of_loss_and_no_more() {
        let config = Config { congestion: Congestion::Paced, ..Config::default() };
        let mut c = Paced::new(&config);
        let mut now = 0;
        let mut rounds = |c: &mut Paced, lost: usize, n: usize| {
            for _ in 0..n {
                now += 50;
                c.acked(&acked(now, 50_000, 50_000, lost));
            }
        };
        rounds(&mut c, 0, 20);
        assert!(matches!(c.stage, Stage::Cruise(_)));
        assert_eq!((c.product(), c.window()), (50_000, 100_000), "1 MB/s for 50 ms, and the same again");
        rounds(&mut c, 4_000, 20);
        assert_eq!(c.window(), 100_000, "7 percent of loss is weather");
        rounds(&mut c, 20_000, 4);
        assert!(c.window() < 50_000, "29 percent is a queue that overflows");
        c.timed_out();
        assert_eq!(c.window(), 4 * usize::from(config.mtu));
        rounds(&mut c, 0, 30);
        assert_eq!(c.window(), 100_000);
    }
}
