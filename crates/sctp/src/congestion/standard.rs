//! The standard's congestion control.

use super::acked::Acked;
use crate::config::Config;

/// Slow start and congestion avoidance (RFC 9260 §7.2).
#[derive(Debug)]
pub(crate) struct Rfc9260 {
    window: usize,
    threshold: usize,
    partial: usize,
    mtu: usize,
}

impl Rfc9260 {
    pub(super) fn new(config: &Config) -> Self {
        let mtu = usize::from(config.mtu);
        Self {
            window: mtu.saturating_mul(usize::from(config.initial_window.max(1))),
            threshold: usize::MAX,
            partial: 0,
            mtu,
        }
    }

    pub(super) fn acked(&mut self, acked: &Acked) {
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
    pub(super) fn congested(&mut self) {
        self.threshold = self.reduced();
        self.window = self.threshold;
        self.partial = 0;
    }

    pub(super) fn timed_out(&mut self) {
        self.threshold = self.reduced();
        self.window = self.mtu;
        self.partial = 0;
    }

    pub(super) fn idle(&mut self) {
        self.threshold = self.threshold.max((self.window / 4).saturating_mul(3));
        self.window = self.reduced().min(self.window);
    }

    pub(super) const fn window(&self) -> usize {
        self.window
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use barertc_wire::Instant;

    use super::*;

    fn acked(now: u64, bytes: usize, flying_before: usize, lost: usize) -> Acked {
        Acked {
            now: Instant::from_millis(now),
            bytes,
            flying_before,
            cumulative: true,
            recovering: false,
            rtt: Some(Duration::from_millis(50)),
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
}
