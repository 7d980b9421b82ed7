//! CUBIC (RFC 9438), paced, for paths that lose packets without being full.
//!
//! A queue that overflows was long before it did: the packets behind the lost one have waited in it, and their round
//! trips say so. So a loss counts as congestion when round trips are well above the shortest, and then it is answered as
//! any TCP does; else only when it is a tenth of what was sent. Start-up ends at the first sign of a queue, too (after
//! RFC 9406), and what leaves is spread over the round trip.

use core::time::Duration;

use barertc_wire::Instant;

use super::acked::Acked;
use super::loss::{LossEstimate, Verdict};
use crate::config::Config;
use crate::rto::part;

/// The time for which the shortest round trip counts.
const RTT_MEMORY: Duration = Duration::from_secs(10);
/// A shorter round trip is one within a machine. It counts as this one.
const SHORTEST: Duration = Duration::from_micros(100);
/// Of a round's data, the share in percent whose loss means congestion whatever the round trip says.
const LOSS: usize = 10;
/// Round trips of a round that tell its shortest (N_RTT_SAMPLE of RFC 9406).
const SAMPLES: u8 = 8;
/// Longest distance from the plateau, in milliseconds, that the cubic function is computed for.
const FARTHEST: i64 = 100_000;

/// More than fifteen fields: the variables of RFC 9438 §4.1, those of RFC 9406 §4.2, and what a reduction replaced.
#[derive(Debug)]
pub(crate) struct Paced {
    mtu: usize,
    window: usize,
    /// Below it the window doubles every round.
    threshold: usize,
    /// W_max of RFC 9438, in bytes: where the last congestion was.
    plateau: usize,
    /// When the window began to grow again, and K, the milliseconds from there to the plateau.
    epoch: Option<(Instant, i64)>,
    /// W_est of RFC 9438 §4.3: what the standard's growth would have reached.
    friendly: usize,
    /// Bytes acknowledged towards the next step of `friendly`.
    credit: usize,
    min_rtt: Option<(Duration, Instant)>,
    /// Of the last few acknowledgements.
    rtt: Duration,
    /// The shortest in this round, of how many, and in the one before: what hardware and schedulers add for a moment does
    /// not show there, and a queue does (as RFC 9406).
    least: (Duration, u8),
    least_before: Duration,
    /// The present round: when it began, and what came of its data.
    round: Instant,
    arrived: usize,
    lost: usize,
    /// No second reduction for the same queue before this.
    reduced_until: Instant,
    /// After a time-out, until something arrives.
    stunned: bool,
    losses: LossEstimate,
    /// Window, threshold and plateau as they were before a reduction that may be taken back.
    before: Option<(usize, usize, usize)>,
}

impl Paced {
    pub(super) fn new(config: &Config) -> Self {
        let mtu = usize::from(config.mtu);
        Self {
            mtu,
            window: mtu.saturating_mul(usize::from(config.initial_window.max(4))),
            threshold: usize::MAX,
            plateau: 0,
            epoch: None,
            friendly: 0,
            credit: 0,
            min_rtt: None,
            rtt: Duration::ZERO,
            least: (Duration::MAX, 0),
            least_before: Duration::ZERO,
            round: Instant::ZERO,
            arrived: 0,
            lost: 0,
            reduced_until: Instant::ZERO,
            stunned: false,
            losses: LossEstimate::new(mtu),
            before: None,
        }
    }

    const fn smallest(&self) -> usize {
        self.mtu.saturating_mul(4)
    }

    pub(super) fn window(&self) -> usize {
        if self.stunned { self.smallest() } else { self.window }
    }

    /// The window over the round trip, and some more so that pacing is never what holds the window back. Within a machine
    /// nothing is paced: the acknowledgements come faster than any timer.
    pub(super) fn pacing(&self) -> Option<u64> {
        let (shortest, _) = self.min_rtt?;
        let rtt = self.rtt.max(shortest);
        if rtt <= SHORTEST {
            return None;
        }
        let percent = if self.window < self.threshold { 200 } else { 125 };
        let micros = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX).max(1);
        (self.window as u64).saturating_mul(percent).saturating_mul(10_000).checked_div(micros)
    }

    /// One time-out is most often a chunk that was lost three times; the second in a row is a path that is gone.
    pub(super) fn timed_out(&mut self) {
        if self.stunned {
            self.window = self.smallest();
            self.threshold = self.reduced();
            self.epoch = None;
        }
        self.stunned = true;
    }

    /// Nothing was sent for a while: growth does not go on in the meantime.
    pub(super) const fn idle(&mut self) {
        self.epoch = None;
    }

    pub(super) fn acked(&mut self, acked: &Acked) {
        if acked.bytes > 0 {
            self.stunned = false;
        }
        self.arrived = self.arrived.saturating_add(acked.bytes);
        self.lost = self.lost.saturating_add(acked.lost);
        if let Some(rtt) = acked.rtt {
            let rtt = rtt.max(SHORTEST);
            if self.min_rtt.is_none_or(|(min, at)| rtt <= min || acked.now > at + RTT_MEMORY) {
                self.min_rtt = Some((rtt, acked.now));
            }
            self.least = (self.least.0.min(rtt), self.least.1.saturating_add(1));
            self.rtt = if self.rtt.is_zero() { rtt } else { part(self.rtt.saturating_mul(3).saturating_add(rtt), 4) };
        }
        if acked.lost > 0 && self.has_queue(8) {
            self.losses.explained();
            self.before = None;
            self.congested(acked.now);
        } else if self.window < self.threshold && self.has_queue(8) {
            // Full, and nothing lost yet.
            self.threshold = self.window;
        }
        if let Some((rtt, _)) = self.min_rtt
            && acked.now.saturating_since(self.round) >= rtt.max(Duration::from_millis(1))
        {
            self.end_round(acked.now);
        }
        // Only a window that was in use has shown that it is not too large.
        if acked.flying_before.saturating_add(self.mtu) > self.window && acked.now >= self.reduced_until {
            self.grow(acked.now, acked.bytes);
        }
    }

    /// Whether round trips are longer than the shortest by one part in `n`, and by two milliseconds.
    fn has_queue(&self, n: u32) -> bool {
        let margin = |min| part(min, n).saturating_add(Duration::from_millis(2));
        let standing = if self.least.1 >= SAMPLES { self.least.0 } else { self.least_before };
        self.min_rtt.is_some_and(|(min, _)| standing > min.saturating_add(margin(min)))
    }

    fn end_round(&mut self, now: Instant) {
        self.round = now;
        if self.least.1 > 0 {
            self.least_before = self.least.0;
            self.least = (Duration::MAX, 0);
        }
        let all = self.arrived.saturating_add(self.lost);
        let many = self.lost > self.mtu.saturating_mul(3) && self.lost.saturating_mul(100) > all.saturating_mul(LOSS);
        let (arrived, lost) = (core::mem::take(&mut self.arrived), core::mem::take(&mut self.lost));
        if many {
            self.losses.explained();
            self.before = None;
            self.congested(now);
            return;
        }
        match self.losses.round(arrived, lost) {
            Verdict::Usual => {}
            Verdict::Suspicious => {
                self.before = Some((self.window, self.threshold, self.plateau));
                self.congested(now);
            }
            Verdict::Unrelated => self.take_back(),
        }
    }

    /// The last reduction was for nothing.
    fn take_back(&mut self) {
        let Some((window, threshold, plateau)) = self.before.take() else { return };
        self.window = self.window.max(window);
        (self.threshold, self.plateau) = (threshold, plateau);
        self.epoch = None;
    }

    fn reduced(&self) -> usize {
        // Beta of RFC 9438 §4.6.
        (self.window / 10).saturating_mul(7).max(self.smallest())
    }

    fn congested(&mut self, now: Instant) {
        if now < self.reduced_until {
            return;
        }
        // Fast convergence (RFC 9438 §4.7): whoever shrinks leaves room for others.
        self.plateau = if self.window < self.plateau { (self.window / 100).saturating_mul(85) } else { self.window };
        self.window = self.reduced();
        self.threshold = self.window;
        self.friendly = self.window;
        self.credit = 0;
        self.epoch = None;
        self.reduced_until = now + self.rtt;
    }

    fn grow(&mut self, now: Instant, bytes: usize) {
        if self.window < self.threshold {
            self.window = self.window.saturating_add(bytes);
            return;
        }
        let (start, k) = *self.epoch.get_or_insert_with(|| {
            let gap = self.plateau.saturating_sub(self.window).checked_div(self.mtu).unwrap_or(0);
            // K = cbrt(gap / C) with C = 0.4, in milliseconds: 10^9 / 0.4 = 25 * 10^8.
            (now, i64::try_from(cube_root((gap as u64).saturating_mul(2_500_000_000))).unwrap_or(FARTHEST))
        });
        let plateau = self.plateau.max(self.threshold);
        let at = now.saturating_since(start).saturating_add(self.rtt).as_millis();
        let t = i64::try_from(at).unwrap_or(FARTHEST).saturating_sub(k).clamp(-FARTHEST, FARTHEST);
        // C (t - K)^3 segments: 0.4 / 10^9, times the bytes of one.
        let cube = t.saturating_mul(t).saturating_mul(t) / 2_500_000;
        let bytes_off = cube.saturating_mul(i64::try_from(self.mtu).unwrap_or(i64::MAX)) / 1_000;
        let bytes_off = bytes_off.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        let target = plateau.saturating_add_signed(isize::try_from(bytes_off).unwrap_or(0));
        self.standard_growth(bytes);
        let target = target.max(self.friendly).clamp(self.window, self.window.saturating_add(self.window / 2));
        let step = (target.saturating_sub(self.window) as u64).saturating_mul(bytes as u64);
        let step = step.checked_div(self.window.max(1) as u64).unwrap_or(0);
        self.window = self.window.saturating_add(usize::try_from(step).unwrap_or(0));
    }

    /// RFC 9438 §4.3: alpha is 3 (1 - 0.7) / (1 + 0.7), or 9 / 17 of a segment a round trip.
    fn standard_growth(&mut self, bytes: usize) {
        self.friendly = self.friendly.max(self.threshold);
        self.credit = self.credit.saturating_add(bytes);
        if self.credit >= self.friendly {
            self.credit = self.credit.saturating_sub(self.friendly);
            self.friendly = self.friendly.saturating_add(self.mtu.saturating_mul(9) / 17);
        }
    }
}

/// The largest number whose cube is not above `n`.
fn cube_root(n: u64) -> u64 {
    let mut root = 0u64;
    for bit in (0..21).rev() {
        let next = root | 1 << bit;
        if next.saturating_mul(next).saturating_mul(next) <= n {
            root = next;
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds of 50 ms in which a whole window arrives.
    fn rounds(c: &mut Paced, now: &mut u64, rtt: u64, lost: usize, n: usize) {
        for _ in 0..n {
            *now += rtt;
            let window = c.window();
            c.acked(&Acked {
                now: Instant::from_millis(*now),
                bytes: window,
                flying_before: window,
                cumulative: true,
                recovering: false,
                rtt: Some(Duration::from_millis(rtt)),
                lost,
            });
        }
    }

    #[test]
    fn a_loss_is_congestion_only_with_a_queue() {
        let mut c = Paced::new(&Config::default());
        let mut now = 0;
        rounds(&mut c, &mut now, 50, 0, 6);
        let grown = c.window();
        assert!(grown > 300_000, "doubles every round: {grown}");
        rounds(&mut c, &mut now, 50, 3_000, 1);
        assert!(c.window() > grown, "one percent is no congestion");
        rounds(&mut c, &mut now, 90, 0, 5);
        let full = c.window();
        assert_eq!(c.threshold, c.threshold.min(full), "start-up ends at the queue");
        rounds(&mut c, &mut now, 100, 1_200, 1);
        assert!(c.window() < full / 10 * 8, "{} of {full}", c.window());
        let after = c.window();
        rounds(&mut c, &mut now, 50, 0, 400);
        assert!(c.window() > full && after < full, "and back within twenty seconds");
    }

    #[test]
    fn a_tenth_lost_is_congestion_and_two_time_outs_are_a_path_that_is_gone() {
        let mut c = Paced::new(&Config::default());
        let mut now = 0;
        rounds(&mut c, &mut now, 50, 0, 6);
        let full = c.window();
        rounds(&mut c, &mut now, 50, full / 5, 1);
        assert!(c.window() < full);
        let before = c.window();
        c.timed_out();
        assert_eq!(c.window(), 4 * c.mtu);
        rounds(&mut c, &mut now, 50, 0, 1);
        assert!(c.window() >= before, "something arrived: it was one chunk");
        c.timed_out();
        c.timed_out();
        rounds(&mut c, &mut now, 50, 0, 1);
        assert!(c.window() <= 8 * c.mtu, "from the start");
    }

    #[test]
    fn nothing_is_paced_within_a_machine() {
        for (micros, paced) in [(1, false), (99, false), (130, true), (5_000, true)] {
            let mut c = Paced::new(&Config::default());
            for n in 1..50 {
                c.acked(&Acked {
                    now: Instant::from_micros(n * micros),
                    bytes: 2_000,
                    flying_before: 4_000,
                    cumulative: true,
                    recovering: false,
                    rtt: Some(Duration::from_micros(micros)),
                    lost: 0,
                });
            }
            assert_eq!(c.pacing().is_some(), paced, "{micros} µs");
        }
    }

    #[test]
    fn roots() {
        for (n, root) in [(0, 0), (7, 1), (8, 2), (26, 2), (27, 3), (1_000_000_000, 1_000)] {
            assert_eq!(cube_root(n), root);
        }
    }
}
